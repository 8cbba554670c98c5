"""Signs of life of a long activity: they carry allow-listed progress and bring cancellation."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from temporalio import activity

from contracts.progress import Progress


@asynccontextmanager
async def heartbeats(
    heartbeat_timeout_seconds: float, progress: Callable[[], Progress]
) -> AsyncIterator[None]:
    """Heartbeat in the background for as long as the body runs.

    Three signs within one timeout, and never more often than the ten seconds that D11 asks for
    unless the timeout is shorter. The details are what the Temporal UI shows as live progress.
    """
    interval = min(10.0, heartbeat_timeout_seconds / 3)
    task = asyncio.create_task(_beat(interval, progress))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _beat(interval: float, progress: Callable[[], Progress]) -> None:
    while True:
        activity.heartbeat(progress())
        await asyncio.sleep(interval)
