"""Begin and end of a run: who owns it, may it still work, whose turn is it, what came of it.

The counterpart of `workflows.run_recording`; every method is one transaction that may run twice,
because a local activity is executed again after a kill (D4).
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.runs import (
    BeginCall,
    BeginVerdict,
    BegunRun,
    CompleteCall,
    CompletedRun,
    ContextPlan,
    Ending,
    LanePlan,
    OwnedRun,
)
from domain.failures import Failure
from domain.operation_types import BACKUP_TYPES, OperationType, definition
from domain.references import may_refer_to_groups
from domain.resource_types.directory import GROUP
from domain.resource_types.registry import (
    RESOURCE_TYPES,
    backup_types,
    is_by_reference,
    resource_type,
)
from domain.runs import RunOutcome, RunStatus
from services.admission.prerequisites import Prerequisites
from services.admission.start_plans import Deadlines
from services.backups.captures import CaptureService
from services.runs.operation_runs import OperationRunService
from services.runs.run_errors import NotOwnerError, RunAlreadyClosedError, UnknownRunError
from storage.admissions import run_ahead
from storage.captures import select_results
from storage.run_lookup import find_run
from storage.runs import Owner, RunRecord

CANCELLED = "cancelled_by_operator"
# Enough to read the groups of a large tenant with patience.
_LONGEST_RESERVE = timedelta(minutes=10)


class WrongWorkflowError(Exception):
    """A workflow asked for a run of another type; it ends without effect."""

    reason_code = "input_invalid"


@dataclass(frozen=True, slots=True)
class RunAhead:
    """Another run of the same line, and when to look again."""

    run_id: UUID
    look_again_after: timedelta


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What a run is told when it begins."""

    deadlines: Deadlines
    heartbeat_timeout: timedelta = timedelta(seconds=40)
    # Longest pause between two looks at the line.
    longest_turn_pause: timedelta = timedelta(seconds=15)
    # Whether backups look who changed what.
    reads_events: bool = False


class RunGate:
    """Begins and ends runs on behalf of their workflows."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        runs: OperationRunService,
        prerequisites: Prerequisites,
        captures: CaptureService,
        policy: GatePolicy,
    ) -> None:
        self._engine = engine
        self._runs = runs
        self._prerequisites = prerequisites
        self._captures = captures
        self._policy = policy

    async def begin(self, call: BeginCall, workflow_id: str) -> BegunRun:
        """Take the run for this execution and say what to do with it.

        Rights, tenant and connection are checked again before the run is `running` (behaviour row
        51); a refusal ends it `blocked` without side effects. Raises UnknownRunError (row 28) and
        WrongWorkflowError.
        """
        owner = _owner(call.run, workflow_id)
        run_id = call.run.operation_run_id
        async with self._engine.begin() as connection:
            found = await find_run(connection, run_id)
            if found is None:
                raise UnknownRunError(run_id)
            refusal = None
            if found.status is RunStatus.QUEUED:
                # Admission locks schedule and connection before it meets the run; the other order
                # here would be a deadlock with every start that arrives while a run begins.
                refusal = await self._prerequisites.recheck(connection, found)
                refusal = refusal or _unreadable_selection(found)
            claimed = await self._runs.claim(run_id, owner, within=connection)
            run = claimed.run
            if definition(OperationType(run.type)).workflow_type != call.workflow_type:
                raise WrongWorkflowError
            if not claimed.is_owner or run.status is RunStatus.COMPLETED:
                return BegunRun(verdict=BeginVerdict.NOT_OWNER, outcome=run.outcome)
            if run.status is RunStatus.RUNNING:
                return self._begun(run)
            return await self._begin_queued(connection, run, owner, refusal)

    async def ahead_of(self, run: OwnedRun, workflow_id: str, attempt: int) -> RunAhead | None:
        """Return the run just ahead, or None when it is this run's turn; a sign of life as well."""
        async with self._engine.begin() as connection:
            # Ended meanwhile, it is told so when it asks to begin.
            with suppress(NotOwnerError, RunAlreadyClosedError):
                await self._runs.record_progress(
                    run.operation_run_id, _owner(run, workflow_id), within=connection
                )
            ahead = await run_ahead(connection, run.operation_run_id)
        if ahead is None:
            return None
        pause = min(timedelta(seconds=attempt), self._policy.longest_turn_pause)
        return RunAhead(ahead, pause)

    async def complete(self, call: CompleteCall, workflow_id: str) -> CompletedRun:
        """End the run; its outcome follows from what was recorded (D5). Twice is harmless."""
        owner = _owner(call.run, workflow_id)
        run_id = call.run.operation_run_id
        async with self._engine.begin() as connection:
            run = await find_run(connection, run_id)
            if run is None:
                raise UnknownRunError(run_id)
            if run.status is RunStatus.COMPLETED:
                return CompletedRun(outcome=run.outcome)
            # A cancel may come before the run was taken at all.
            claimed = await self._runs.claim(run_id, owner, within=connection)
            if not claimed.is_owner:
                return CompletedRun(outcome=run.outcome)
            completed = await self._end(connection, run, owner, call)
            return CompletedRun(outcome=completed.outcome)

    async def _begin_queued(
        self, connection: AsyncConnection, run: RunRecord, owner: Owner, refusal: str | None
    ) -> BegunRun:
        if refusal is not None:
            blocked = await self._runs.block(run.id, refusal, owner=owner, within=connection)
            return BegunRun(verdict=BeginVerdict.NOT_OWNER, outcome=blocked.outcome)
        ahead = await run_ahead(connection, run.id)
        if ahead is not None:
            waiting = {"waiting_for": str(ahead)}
            await self._runs.add_context(run.id, waiting, within=connection)
            return BegunRun(verdict=BeginVerdict.WAITING)
        begun = await self._runs.begin(run.id, owner, within=connection)
        if run.type in BACKUP_TYPES:
            assert run.tenant_id is not None  # noqa: S101 - backups have a tenant
            await self._captures.open_types(
                run.id,
                owner,
                run.workspace_id,
                run.tenant_id,
                selected_types(run),
                within=connection,
            )
        return self._begun(begun.run)

    def _begun(self, run: RunRecord) -> BegunRun:
        assert run.started_at is not None  # noqa: S101 - a running run has begun
        operation_type = OperationType(run.type)
        is_backup = operation_type in BACKUP_TYPES
        types = selected_types(run) if is_backup else ()
        context = context_plan(types, reads_events=self._policy.reads_events and is_backup)
        working_time = self._policy.deadlines.of(operation_type)
        deadline_at = run.started_at + working_time
        return BegunRun(
            verdict=BeginVerdict.OWNER,
            deadline_at=deadline_at,
            lanes_end_at=None if context is None else deadline_at - context_reserve(working_time),
            heartbeat_timeout_seconds=self._policy.heartbeat_timeout.total_seconds(),
            lanes=lane_plans(types),
            context=context,
        )

    async def _end(
        self, connection: AsyncConnection, run: RunRecord, owner: Owner, call: CompleteCall
    ) -> RunRecord:
        match call.ending:
            case Ending.CANCELLED:
                return await self._cancel(connection, run, owner)
            case Ending.WORKED:
                return await self._end_by_results(connection, run, owner, None)
            case Ending.BROKE:
                return await self._end_by_results(connection, run, owner, call.reason_code)
            case _:
                assert_never(call.ending)

    async def _cancel(self, connection: AsyncConnection, run: RunRecord, owner: Owner) -> RunRecord:
        """End a cancelled run; what it had done until then is counted and stays (decision 0003)."""
        if run.status is RunStatus.QUEUED:
            return await self._runs.cancel(run.id, owner=owner, within=connection)
        return await self._runs.complete_from_results(
            run.id,
            owner,
            outcome=RunOutcome.CANCELLED,
            further_failures=[Failure("run.cancelled", CANCELLED)],
            context_additions=await self._closed(
                connection, run, owner, CANCELLED, RunOutcome.CANCELLED
            ),
            within=connection,
        )

    async def _end_by_results(
        self, connection: AsyncConnection, run: RunRecord, owner: Owner, reason_code: str | None
    ) -> RunRecord:
        """Compute the outcome from what was recorded; what a broken part left open is closed.

        Without any result there is nothing to compute from but the reason.
        """
        is_empty = reason_code is not None and not await select_results(connection, run.id)
        if run.status is RunStatus.QUEUED or is_empty:
            return await self._runs.fail_run(
                run.id, reason_code or "worker_error", owner=owner, within=connection
            )
        additions = await self._closed(connection, run, owner, reason_code or "deadline_exceeded")
        return await self._runs.complete_from_results(
            run.id, owner, context_additions=additions, within=connection
        )

    async def _closed(
        self,
        connection: AsyncConnection,
        run: RunRecord,
        owner: Owner,
        open_reason: str,
        outcome: RunOutcome | None = None,
    ) -> dict[str, str]:
        """Close what a backup left open and make its set; return what the context gets."""
        if run.type not in BACKUP_TYPES:
            return {}
        set_id = await self._captures.complete_backup(
            run.id, owner, open_reason=open_reason, outcome=outcome, within=connection
        )
        return {} if set_id is None else {"backup_set_id": str(set_id)}


def selected_types(run: RunRecord) -> tuple[str, ...]:
    """Return the resource types that a backup reads: its selection, or all there are.

    Groups come along with any type that can refer to them (decision 0005).
    """
    selection = run.context.get("policy_types")
    if not isinstance(selection, list):
        return tuple(entry.key for entry in backup_types())
    keys = tuple(str(key) for key in selection)
    known = [RESOURCE_TYPES[key] for key in keys if key in RESOURCE_TYPES]
    needs_groups = GROUP.key not in keys and any(may_refer_to_groups(entry) for entry in known)
    return (*keys, GROUP.key) if needs_groups else keys


def _unreadable_selection(run: RunRecord) -> str | None:
    """Return why a backup cannot read its selection: a type that this version does not have."""
    if run.type in BACKUP_TYPES and not RESOURCE_TYPES.keys() >= set(selected_types(run)):
        return "input_invalid"
    return None


def lane_plans(keys: Sequence[str]) -> tuple[LanePlan, ...]:
    """Group types by throttle lane: one activity each (D11)."""
    lanes: dict[str, list[str]] = {}
    for key in keys:
        if not is_by_reference(key):
            lanes.setdefault(resource_type(key).lane.value, []).append(key)
    return tuple(LanePlan(lane=lane, resource_types=tuple(types)) for lane, types in lanes.items())


def context_plan(keys: Sequence[str], *, reads_events: bool) -> ContextPlan | None:
    """Return what is read after the lanes; None when there is nothing, so no activity."""
    types = tuple(key for key in keys if is_by_reference(key))
    if not types and not reads_events:
        return None
    return ContextPlan(resource_types=types, reads_events=reads_events)


def context_reserve(working_time: timedelta) -> timedelta:
    """Return what the lanes leave of a run's time to its context.

    A type that fails for good is tried until the lanes end; it must not cost the context as well.
    """
    return min(_LONGEST_RESERVE, working_time / 10)


def _owner(run: OwnedRun, workflow_id: str) -> Owner:
    return Owner(workflow_id, run.first_execution_run_id)
