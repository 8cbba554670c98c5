"""Reading the types of one throttle lane: several at a time, patient, and bounded by the deadline.

A type that Graph throttles steps aside while the others go on. When only patience is left, the
activity gives its slot back and returns after the wait (D10); at the deadline open types are
closed with the last reason they met, so that no run waits for ever.
"""

import asyncio
import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.progress import Progress
from contracts.runs import LaneCall, LaneResult
from domain.outcome import PermissionState
from domain.provider_errors import Disposition
from domain.resource_types.registry import resource_type
from domain.resource_types.shape import Lane, ServiceArea
from graph.client import GraphClient
from graph.errors import (
    GraphCredentialRefusedError,
    GraphError,
    GraphPermissionDeniedError,
)
from graph.tasks import gather
from services.backups.capture_records import Delay, TypeProgress
from services.backups.captures import CaptureService
from services.backups.early_reading import read_early
from services.backups.type_reading import ReadingRun, TypeReading
from services.connections.graph_access import GraphAccess
from services.contents.root_keys import EncryptionKeyUnavailableError
from services.runs.operation_runs import OperationRunService
from services.runs.run_errors import NotOwnerError, RunAlreadyClosedError, UnknownRunError
from services.runs.signs_of_life import signs_of_life
from storage.run_lookup import find_run
from storage.runs import Owner

logger = logging.getLogger(__name__)

# Types read at once in a lane; their requests share the client's slots and the tenant's budget.
TYPES_AT_ONCE = 6
# A wait up to this stays in the slot; a longer one gives it back (D10).
LONGEST_WAIT_IN_SLOT = timedelta(seconds=10)
# The connection is looked at again no more often than this, however short the steps are.
CHECK_EVERY_SECONDS = 1.0
# Pause before a type is tried again after an outage that named no time.
OUTAGE_PAUSE = timedelta(seconds=5)
# A type whose reading breaks this often in one attempt, for no reason of Graph's, is given up.
MOST_BREAKS = 3
WORKER_ERROR = "worker_error"


class RunLostError(Exception):
    """The run is no longer this execution's: completed, cancelled or taken. Nothing was written."""

    reason_code = "invalid_state"


class SlotGivenBackError(Exception):
    """Graph asks for patience: come back after `retry_after` seconds."""

    def __init__(self, reason_code: str, retry_after: float) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code
        self.retry_after = retry_after


class LaneReading:
    """Opens readers of lanes."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        runs: OperationRunService,
        captures: CaptureService,
        access: GraphAccess,
        clock: Callable[[], datetime],
    ) -> None:
        self.engine = engine
        self.runs = runs
        self.captures = captures
        self.access = access
        self.clock = clock

    def open(self, call: LaneCall, workflow_id: str) -> "LaneReader":
        """Return the reader of one activity attempt."""
        return LaneReader(self, call, Owner(workflow_id, call.run.first_execution_run_id))


class LaneReader:
    """One attempt at a lane; what earlier attempts stored is not read again."""

    def __init__(self, ground: LaneReading, call: LaneCall, owner: Owner) -> None:
        self._ground = ground
        self._call = call
        self._owner = owner
        self._run_id = call.run.operation_run_id
        self._connection_id: UUID | None = None
        self._reading: str | None = None
        self._done = 0
        self._objects = 0
        self._postponed = 0
        self._broken: dict[str, int] = {}
        self._checked_at = -math.inf

    def progress(self) -> Progress:
        """Return what the Temporal UI shows: type keys and counts only."""
        return Progress(
            resource_type=self._reading,
            types_done=self._done,
            types_total=len(self._call.plan.resource_types),
            objects=self._objects,
        )

    async def read(self) -> LaneResult:
        """Read every open type of the lane, or give the slot back.

        Raises SlotGivenBackError and RunLostError.
        """
        try:
            return await self._read()
        except (NotOwnerError, RunAlreadyClosedError):
            raise RunLostError from None

    async def _read(self) -> LaneResult:
        run = await find_run(self._ground.engine, self._run_id)
        if run is None or run.tenant_id is None:
            raise UnknownRunError(self._run_id)
        reading_run = ReadingRun(
            id=run.id, owner=self._owner, workspace_id=run.workspace_id, tenant_id=run.tenant_id
        )
        self._connection_id = UUID(str(run.context["provider_connection_id"]))
        try:
            async with (
                signs_of_life(self._steps, self._record_progress),
                self._ground.access.client(self._connection_id) as client,
            ):
                await self._work(client, reading_run)
        except GraphCredentialRefusedError as refused:
            await self._close_open(refused)
        return await self._result()

    async def _work(self, client: GraphClient, run: ReadingRun) -> None:
        await self._read_types(client, run)
        if self._call.plan.lane == Lane.DIRECTORY:
            await self._read_early(client, run)

    async def _read_early(self, client: GraphClient, run: ReadingRun) -> None:
        """Use the time until the other lanes end: what they refer to is of this lane's limit."""
        remaining = self._call.deadline_at - self._ground.clock()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(remaining.total_seconds(), 0)):
                await read_early(
                    lambda: self._ground.captures.progress(self._run_id),
                    lambda key: self._reading_of(client, run, key),
                    patience_seconds=LONGEST_WAIT_IN_SLOT.total_seconds(),
                )

    def _steps(self) -> object:
        return self._done, self._objects, self._postponed

    async def _record_progress(self) -> None:
        await self._ground.runs.record_progress(self._run_id, self._owner)

    async def _read_types(self, client: GraphClient, run: ReadingRun) -> None:
        while open_types := await self._open_types():
            if self._is_too_late(open_types):
                await self._close_late(open_types)
                return
            due = {key: entry for key, entry in open_types.items() if self._is_due(entry)}
            if due:
                await self._read_due(client, run, due)
            else:
                await self._wait(open_types)

    async def _read_due(
        self, client: GraphClient, run: ReadingRun, due: dict[str, TypeProgress]
    ) -> None:
        slots = asyncio.Semaphore(TYPES_AT_ONCE)
        # Areas have budgets of their own: apps need not wait for the settings catalog.
        bulk: defaultdict[ServiceArea, asyncio.Lock] = defaultdict(asyncio.Lock)

        async def read_one(key: str) -> None:
            # A bulky type waits for its turn outside of the slots that others can use.
            entry = resource_type(key)
            turn = bulk[entry.service_area] if entry.is_bulky else nullcontext()
            async with turn, slots:
                self._reading = key
                await self._read_type(client, run, key, due[key])

        remaining = self._call.deadline_at - self._ground.clock()
        # At the deadline the loop above closes what is open.
        is_lost = False
        locked: BaseException | None = None
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(remaining.total_seconds()):
                    # What takes longest begins first.
                    await gather([read_one(key) for key in sorted(due, key=_is_light)])
        except* (NotOwnerError, RunAlreadyClosedError):
            is_lost = True
        except* EncryptionKeyUnavailableError as errors:
            locked = _first(errors)
        if is_lost:
            raise RunLostError
        if locked is not None:
            # True of every type alike: the lane ends, and none of its types is blamed.
            raise locked

    async def _read_type(
        self, client: GraphClient, run: ReadingRun, key: str, progress: TypeProgress
    ) -> None:
        try:
            await self._reading_of(client, run, key).read(progress)
            self._done += 1
        except (
            GraphCredentialRefusedError,
            NotOwnerError,
            RunAlreadyClosedError,
            EncryptionKeyUnavailableError,
        ):
            raise
        except GraphError as error:
            if error.disposition is Disposition.RETRYABLE:
                await self._step_aside(key, error)
            else:
                await self._close(key, error)
        except Exception as error:  # noqa: BLE001 - a defect with one type must not keep the others
            await self._survive(key, error)

    def _reading_of(self, client: GraphClient, run: ReadingRun, key: str) -> TypeReading:
        return TypeReading(
            captures=self._ground.captures,
            client=client,
            run=run,
            resource_type=resource_type(key),
            at_cursor=self._at_cursor,
        )

    async def _at_cursor(self, objects: int) -> None:
        """Count, and stop if somebody disabled the connection meanwhile."""
        self._objects += objects
        now = time.monotonic()
        if now - self._checked_at < CHECK_EVERY_SECONDS:
            return
        self._checked_at = now
        assert self._connection_id is not None  # noqa: S101 - set before anything is read
        await self._ground.access.check(self._connection_id)

    async def _step_aside(self, key: str, error: GraphError) -> None:
        """Note when to go on and why not now: for the next attempt, and for the deadline."""
        pause = OUTAGE_PAUSE
        if error.retry_after is not None:
            pause = timedelta(seconds=error.retry_after)
        delay = Delay(
            until=self._ground.clock() + pause,
            reason_code=error.reason_code.value,
            http_status=error.http_status,
            request_id=error.request_id,
        )
        await self._postpone(key, delay)

    async def _survive(self, key: str, error: Exception) -> None:
        """Set a type aside that broke for no reason of Graph's; give it up when it breaks again.

        What PostgreSQL refuses for a moment passes; a defect of ours would return for ever. While
        PostgreSQL is away this raises as well, and the whole activity is tried again.
        """
        logger.error("reading a type broke", extra={"resource_type": key}, exc_info=error)
        self._broken[key] = self._broken.get(key, 0) + 1
        if self._broken[key] < MOST_BREAKS:
            until = self._ground.clock() + OUTAGE_PAUSE
            await self._postpone(key, Delay(until=until, reason_code=WORKER_ERROR))
            return
        await self._ground.captures.close_type(
            self._run_id, self._owner, key, reason_code=WORKER_ERROR
        )

    async def _postpone(self, key: str, delay: Delay) -> None:
        await self._ground.captures.postpone_type(self._run_id, self._owner, key, delay)
        self._postponed += 1
        logger.info(
            "type steps aside", extra={"resource_type": key, "reason_code": delay.reason_code}
        )

    def _is_due(self, progress: TypeProgress) -> bool:
        return progress.next_attempt_at is None or progress.next_attempt_at <= self._ground.clock()

    def _is_too_late(self, open_types: dict[str, TypeProgress]) -> bool:
        """Whether nothing that is open may go on before the deadline."""
        deadline = self._call.deadline_at
        waits = [progress.next_attempt_at for progress in open_types.values()]
        return self._ground.clock() >= deadline or all(
            at is not None and at >= deadline for at in waits
        )

    async def _wait(self, open_types: dict[str, TypeProgress]) -> None:
        """Wait for the first type that may go on, in the slot or outside of it."""
        waiting = [
            (progress.next_attempt_at, progress.reason_code or "provider_unavailable")
            for progress in open_types.values()
            if progress.next_attempt_at is not None
        ]
        at, reason_code = min(waiting)
        pause = at - self._ground.clock()
        if pause > LONGEST_WAIT_IN_SLOT:
            raise SlotGivenBackError(reason_code, pause.total_seconds())
        await asyncio.sleep(max(pause.total_seconds(), 0.01))

    async def _open_types(self) -> dict[str, TypeProgress]:
        progress = await self._ground.captures.progress(self._run_id)
        planned = self._call.plan.resource_types
        return {key: progress[key] for key in planned if not progress[key].is_done}

    async def _close_open(self, error: GraphError) -> None:
        for key in await self._open_types():
            await self._close(key, error)

    async def _close_late(self, open_types: dict[str, TypeProgress]) -> None:
        """Close what the deadline finds open, each type with the cause that it waited for."""
        for key, progress in open_types.items():
            await self._ground.captures.close_type(
                self._run_id,
                self._owner,
                key,
                reason_code=progress.reason_code or "deadline_exceeded",
                http_status=progress.http_status,
                request_id=progress.request_id,
            )

    async def _close(self, key: str, error: GraphError) -> None:
        is_denied = isinstance(error, GraphPermissionDeniedError)
        await self._ground.captures.close_type(
            self._run_id,
            self._owner,
            key,
            reason_code=error.reason_code.value,
            http_status=error.http_status,
            request_id=error.request_id,
            missing_scopes=error.missing_scopes,
            permission_state=PermissionState.DENIED if is_denied else PermissionState.UNKNOWN,
        )

    async def _result(self) -> LaneResult:
        planned = set(self._call.plan.resource_types)
        results = await self._ground.captures.results(self._run_id)
        complete = [entry.listing_complete for entry in results if entry.resource_type in planned]
        return LaneResult(
            types_complete=sum(complete),
            types_incomplete=len(complete) - sum(complete),
            objects=self._objects,
        )


def _is_light(key: str) -> bool:
    return not resource_type(key).is_bulky


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
