"""Reading the types of one throttle lane of a trial: several at a time, and patient to a deadline.

The same manners as a backup's lane (D10): a type that Graph throttles steps aside while the others
go on, and one that cannot be read does not keep the others.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from domain.provider_errors import Disposition
from domain.resource_types.shape import Lane, ResourceType
from graph.errors import GraphCredentialRefusedError, GraphError
from graph.retry import Pacing
from services.trial.type_readings import TypeEnding, TypeReading

logger = logging.getLogger(__name__)

_TYPES_AT_ONCE = 4
# Pause before a type is tried again after an outage that named no time, in seconds.
_OUTAGE_PAUSE = 5.0
_WORKER_ERROR = "worker_error"

AtEnd = Callable[[ResourceType, TypeEnding], None]
AtWait = Callable[[str, str], None]


@dataclass(slots=True)
class _Waiting:
    """A type that stepped aside: when it may go on, and why not now."""

    due_at: float
    error: GraphError


class LaneReading:
    """Reads types to their ends, each once.

    deadline: by `pacing.monotonic`. at_end: called with each type's ending, as soon as it is known.
    at_wait: called with type and reason code when one steps aside.
    """

    def __init__(
        self,
        readings: Sequence[TypeReading],
        *,
        deadline: float,
        at_end: AtEnd,
        at_wait: AtWait,
        pacing: Pacing | None = None,
    ) -> None:
        self._open = {reading.resource_type.key: reading for reading in readings}
        self._waiting: dict[str, _Waiting] = {}
        self._deadline = deadline
        self._at_end = at_end
        self._at_wait = at_wait
        self._pacing = pacing or Pacing()

    async def read(self) -> None:
        """Read until every type has ended; raises what is no fault of Graph, such as OSError."""
        try:
            while self._open:
                now = self._pacing.monotonic()
                due = [key for key in self._open if self._due_at(key) <= now]
                if now >= self._deadline:
                    self._close_all()
                elif due:
                    await self._read_due(due)
                else:
                    await self._pacing.sleep(self._next_pause(now))
        except GraphCredentialRefusedError as refused:
            self._close_all(refused)

    async def _read_due(self, due: Sequence[str]) -> None:
        slots, bulk = asyncio.Semaphore(_TYPES_AT_ONCE), asyncio.Lock()

        async def read_one(key: str) -> None:
            # A bulky type waits for its turn outside of the slots that others can use.
            turn = bulk if self._open[key].resource_type.is_bulky else nullcontext()
            async with turn, slots:
                await self._read_type(key)

        left = self._deadline - self._pacing.monotonic()
        # At the deadline the loop above closes what is open.
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                await run_all([read_one(key) for key in due])

    async def _read_type(self, key: str) -> None:
        reading = self._open[key]
        self._waiting.pop(key, None)
        try:
            self._end(key, await reading.read())
        except GraphCredentialRefusedError:
            raise
        except GraphError as error:
            if error.disposition is Disposition.RETRYABLE:
                pause = _OUTAGE_PAUSE if error.retry_after is None else error.retry_after
                self._waiting[key] = _Waiting(self._pacing.monotonic() + pause, error)
                self._at_wait(key, error.reason_code.value)
            else:
                self._end(key, reading.unfinished(error.reason_code.value, error.http_status))
        except OSError:
            raise
        except Exception as error:
            # A defect with one type must not keep the others.
            logger.exception("reading a type broke", extra={"resource_type": key}, exc_info=error)
            self._end(key, reading.unfinished(_WORKER_ERROR))

    def _end(self, key: str, ending: TypeEnding) -> None:
        self._at_end(self._open.pop(key).resource_type, ending)

    def _due_at(self, key: str) -> float:
        return self._waiting[key].due_at if key in self._waiting else 0.0

    def _next_pause(self, now: float) -> float:
        first = min([self._deadline, *(waiting.due_at for waiting in self._waiting.values())])
        return max(first - now, 0.01)

    def _close_all(self, error: GraphError | None = None) -> None:
        """Close what is open with the cause that it waits for, or with this error."""
        for key, reading in list(self._open.items()):
            cause = error or (self._waiting[key].error if key in self._waiting else None)
            code = "deadline_exceeded" if cause is None else cause.reason_code.value
            status = None if cause is None else cause.http_status
            self._end(key, reading.unfinished(code, status))


async def run_all(coroutines: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all to their end; the first error stops the others and is raised by itself."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def by_lane(readings: Sequence[TypeReading]) -> list[list[TypeReading]]:
    """Return the readings of each throttle lane that has any."""
    lanes = {lane: [one for one in readings if one.resource_type.lane is lane] for lane in Lane}
    return [of_lane for of_lane in lanes.values() if of_lane]
