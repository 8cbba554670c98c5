"""Waiting for what happens soon, without guessing how long."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

Answer = TypeVar("Answer")


@overload
async def eventually(
    probe: Callable[[], Awaitable[Answer]], *, seconds: float = 10.0, interval: float = 0.02
) -> Answer: ...
@overload
async def eventually(
    probe: Callable[[], Answer], *, seconds: float = 10.0, interval: float = 0.02
) -> Answer: ...
async def eventually(
    probe: Callable[[], Answer | Awaitable[Answer]],
    *,
    seconds: float = 10.0,
    interval: float = 0.02,
) -> Answer:
    """Call `probe` until its answer is truthy and raises no AssertionError; return that answer.

    At the deadline the last AssertionError is raised, or one that shows the last answer.
    """
    deadline = time.monotonic() + seconds
    while True:
        failure: AssertionError | None = None
        answer = None
        try:
            found = probe()
            answer = await found if inspect.isawaitable(found) else found
        except AssertionError as error:
            failure = error
        if failure is None and answer:
            return answer
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"still {answer!r} after {seconds:g} s")
        await asyncio.sleep(interval)
