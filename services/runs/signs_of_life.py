"""Keeps the row of a long run fresh for as long as its work gets on (behaviour rows 54 and 107).

Temporal's heartbeats tell Temporal that a worker lives; the row tells people, also in lists, that
the run is not silent. Work that does not get on leaves no sign.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from services.runs.run_errors import NotOwnerError, RunAlreadyClosedError

logger = logging.getLogger(__name__)

# Far below the shortest silence that makes a run suspect, and few writes for a night's backup.
INTERVAL_SECONDS = 60.0


@asynccontextmanager
async def signs_of_life(
    steps: Callable[[], object], record: Callable[[], Awaitable[None]]
) -> AsyncIterator[None]:
    """Call `record` at once, and each minute in which `steps` changed, while the body runs.

    A record that fails is tried again with the next one: the work finds out by itself.
    """
    task = asyncio.create_task(_record(steps, record))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _record(steps: Callable[[], object], record: Callable[[], Awaitable[None]]) -> None:
    told: object = None
    while True:
        if (reached := steps()) != told:
            try:
                await record()
                told = reached
            except (NotOwnerError, RunAlreadyClosedError):
                return
            except Exception as error:  # noqa: BLE001 - PostgreSQL is away; a sign is no work
                logger.warning("no sign of life was written: %s", type(error).__name__)
        await asyncio.sleep(INTERVAL_SECONDS)
