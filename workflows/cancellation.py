"""Finishing what must not be torn apart when a cancel arrives."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Value = TypeVar("Value")


async def finish_despite_cancel(work: Coroutine[Any, Any, Value]) -> tuple[Value, bool]:
    """Run `work` to its end; return its value and whether a cancel arrived meanwhile.

    Cancelling a workflow raises at its main coroutine's await. The shield keeps the inner task,
    and awaiting it again keeps the workflow open until the task is done.
    """
    task = asyncio.ensure_future(work)
    is_cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            is_cancelled = True
    return task.result(), is_cancelled
