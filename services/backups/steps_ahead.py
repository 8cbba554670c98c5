"""The steps of a listing in their order, each prepared while the one before it is being written.

Owns how far the preparation may run ahead, and that nothing goes on when the writing stops. What a
step is, how it is prepared and how it is written are the business of others.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final, NamedTuple

from services.backups.capture_pages import PreparedStep
from services.backups.capture_records import CaptureStep

# One that is being written and one after it; each holds its objects in memory (P6).
_STEPS_IN_HAND: Final = 2

Steps = AsyncGenerator[CaptureStep, None]
Prepare = Callable[[CaptureStep], Awaitable[PreparedStep]]


class ReadyStep(NamedTuple):
    """A step that only has to be written."""

    step: CaptureStep
    prepared: PreparedStep


async def prepared_ahead(steps: Steps, prepare: Prepare) -> AsyncGenerator[ReadyStep, None]:
    """Yield the steps, each prepared; it counts as stored when the next one is asked for.

    An error of `steps` or `prepare` is raised after the steps before it were yielded. Closing this
    (`contextlib.aclosing`) cancels what runs ahead, closes `steps` and waits for both.
    """
    ahead = _Ahead(steps, prepare)
    producer = asyncio.create_task(ahead.produce())
    try:
        while (ready := await ahead.ready.get()) is not None:
            yield ready
            ahead.ready.task_done()
            ahead.room.release()
        await producer
    finally:
        producer.cancel()
        await asyncio.gather(producer, return_exceptions=True)


class _Ahead:
    """Prepares steps as long as there is room; None in the queue ends it."""

    def __init__(self, steps: Steps, prepare: Prepare) -> None:
        self.ready: asyncio.Queue[ReadyStep | None] = asyncio.Queue()
        self.room = asyncio.Semaphore(_STEPS_IN_HAND)
        self._steps = steps
        self._prepare = prepare

    async def produce(self) -> None:
        before = frozenset[str]()
        try:
            async with aclosing(self._steps):
                await self.room.acquire()
                async for step in self._steps:
                    ids = frozenset(item.object_id for item in step.objects)
                    # What comes again is compared with what the step before makes of it.
                    if not ids.isdisjoint(before):
                        await self.ready.join()
                    self.ready.put_nowait(ReadyStep(step, await self._prepare(step)))
                    before = ids
                    await self.room.acquire()
        finally:
            self.ready.put_nowait(None)
