"""The one writer of status and outcome of operation runs (behaviour rows 38 to 44, D3, D4).

Every public method is one transaction, its own or the caller's (`within`). Writes are fenced: they
name the owner and the states from which they are legal, and what does not match changes nothing.
Nothing here decides what the outcome is; `domain.outcome` does.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Never
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.counts import normalize_counts
from domain.failures import Failure, merge_failures, parse_failures
from domain.operation_types import OperationType
from domain.outcome import compute_outcome, outcome_of_counts
from domain.outcome import failures as failures_of_results
from domain.outcome import summary_counts as counts_of_results
from domain.reasons import next_step_links, normalize_reason_code
from domain.runs import (
    IllegalTransitionError,
    RunOutcome,
    RunStatus,
    check_transition,
    source_statuses,
)
from services.runs.new_runs import BeginResult, EnsureDecision, EnsuredRun, NewRun
from services.runs.run_creation import RunCreation
from services.runs.run_errors import (
    AdmissionKeyTakenError,
    ContextTooLargeError,
    NotOwnerError,
    RunAlreadyClosedError,
    RunContentionError,
    RunMismatchError,
    RunScopeError,
    UnknownRunError,
)
from storage import runs as sql
from storage.runs import Owner, RunRecord, run_record, type_result
from storage.schedule_runs import lock_schedule_of_run, note_ended_run
from storage.statements import Statements, as_json, fetch_within

__all__ = [
    "AdmissionKeyTakenError",
    "BeginResult",
    "ContextTooLargeError",
    "EnsureDecision",
    "EnsuredRun",
    "NewRun",
    "NotOwnerError",
    "OperationRunService",
    "Owner",
    "RunAlreadyClosedError",
    "RunChanges",
    "RunContentionError",
    "RunMismatchError",
    "RunRecord",
    "RunScopeError",
    "UnknownRunError",
]

logger = logging.getLogger(__name__)

# A context holds ids, a selection and links; a list of objects belongs elsewhere.
_CONTEXT_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class RunChanges:
    """What a write sets besides the state.

    Counts and failures replace what is stored, None leaves it; the context is added to.
    """

    counts: Mapping[str, object] | None = None
    failures: Sequence[Failure] | None = None
    context_additions: Mapping[str, object] = field(default_factory=dict)

    @property
    def counts_json(self) -> str | None:
        """Normalized counts for the statement."""
        return None if self.counts is None else as_json(normalize_counts(self.counts))

    @property
    def failures_json(self) -> str | None:
        """Bounded failures for the statement."""
        if self.failures is None:
            return None
        return as_json([failure.to_json() for failure in merge_failures((), self.failures)])


@dataclass(frozen=True, slots=True)
class _Ending:
    context_additions: Mapping[str, object] = field(default_factory=dict)
    is_reconciled: bool = False


class OperationRunService:
    """Creates, begins, counts and ends runs; safe for any number of concurrent callers."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._statements = Statements(engine)
        self._creation = RunCreation(statements=self._statements, clock=clock)
        self._clock = clock
        self._new_id = new_id

    async def ensure_run(self, new: NewRun, *, within: AsyncConnection | None = None) -> EnsuredRun:
        """Return the run of an identity, inserted as `queued` when there is none.

        Raises RunScopeError, AdmissionKeyTakenError, ContextTooLargeError or RunContentionError.
        """
        run_id = self._new_id()
        _check_size(run_id, new.context)
        return await self._creation.ensure(new, run_id, within)

    async def find(
        self, run_id: UUID, *, within: AsyncConnection | None = None
    ) -> RunRecord | None:
        """Return a run, or None when there is none; whoever may not see it asks no further."""
        rows = await self._statements.fetch(within, sql.SELECT_RUN, run_id)
        return run_record(rows[0]) if rows else None

    async def dispatch_or_fail(self, run_id: UUID, start: Callable[[], Awaitable[object]]) -> bool:
        """Start the workflow of a queued run; on failure end the run (behaviour row 29).

        Returns False when nothing started: the run ended `failed` with `queue.dispatch_failed`. A
        run that an execution took meanwhile is left as it is, whatever the caller saw of the start.
        """
        try:
            await start()
        except Exception as error:  # noqa: BLE001 - whatever it is, no queued row may stay behind
            logger.warning("dispatch of %s failed: %s", run_id, type(error).__name__)
            return (await self.fail_undispatched(run_id)).owner is not None
        return True

    async def fail_undispatched(
        self, run_id: UUID, *, within: AsyncConnection | None = None
    ) -> RunRecord:
        """End a queued run that no execution has taken; any other is returned as it is."""
        failure = Failure("queue.dispatch_failed", "queue.dispatch_failed")
        try:
            return await self._end_with(run_id, None, RunOutcome.FAILED, failure, _Ending(), within)
        except (NotOwnerError, RunAlreadyClosedError):
            run = await self.find(run_id, within=within)
            if run is None:
                raise UnknownRunError(run_id) from None
            return run

    async def claim(
        self, run_id: UUID, owner: Owner, *, within: AsyncConnection | None = None
    ) -> BeginResult:
        """Record the owner of a run that stays queued, waiting for its turn; see `begin`."""
        if within is not None:
            # The same transaction may go on and end the run.
            await lock_schedule_of_run(within, run_id)
        return await self._take(sql.CLAIM_RUN, run_id, owner, None, within)

    async def begin(
        self,
        run_id: UUID,
        owner: Owner,
        operation_type: OperationType | None = None,
        *,
        hold: bool = False,
        within: AsyncConnection | None = None,
    ) -> BeginResult:
        """Take the run and move it to `running`; with `hold` it stays queued (`claim`).

        Taken only when queued or already this owner's, so it may be called again after a kill.
        `is_owner` is False when another execution has it or it is completed. Raises
        UnknownRunError, and RunMismatchError when workflow id or type are not the row's; nothing
        is created (row 28).
        """
        statement = sql.CLAIM_RUN if hold else sql.BEGIN_RUN
        return await self._take(statement, run_id, owner, operation_type, within)

    async def update_run(
        self,
        run_id: UUID,
        owner: Owner,
        *,
        status: RunStatus | None = None,
        outcome: RunOutcome | None = None,
        changes: RunChanges | None = None,
        within: AsyncConnection | None = None,
    ) -> RunRecord:
        """Set any of status, outcome, counts, failures and context at once (behaviour row 39).

        `started_at` and `completed_at` are stamped once. Raises IllegalTransitionError,
        RunAlreadyClosedError, NotOwnerError or UnknownRunError.
        """
        changes = changes or RunChanges()
        async with self._statements.transaction(within) as connection:
            run = await self._locked(connection, run_id)
            target, becomes = status or run.status, outcome or RunOutcome.PENDING
            if target is not run.status or becomes is not RunOutcome.PENDING:
                check_transition(run.status, target, becomes)
            if target is RunStatus.COMPLETED and run.status.is_active:
                return await self._complete(run_id, owner, becomes, changes, within=connection)
            if target is RunStatus.RUNNING and run.status is RunStatus.QUEUED:
                taken = await self.begin(run_id, owner, within=connection)
                if not taken.is_owner:
                    raise NotOwnerError(run_id)
            return await self._write(connection, run_id, owner, changes)

    async def add_context(
        self,
        run_id: UUID,
        additions: Mapping[str, object],
        *,
        within: AsyncConnection | None = None,
    ) -> RunRecord:
        """Add to the context of an active run; equal keys are replaced.

        Needs no owner: admission and the line of waiting runs write here too. Raises
        RunAlreadyClosedError, UnknownRunError or ContextTooLargeError.
        """
        _check_size(run_id, additions)
        rows = await self._statements.fetch(
            within, sql.ADD_CONTEXT, run_id, as_json(additions), self._clock()
        )
        return run_record(rows[0]) if rows else await self._refuse(within, run_id, None)

    async def increment_summary_counts(
        self,
        run_id: UUID,
        owner: Owner,
        step_key: str,
        deltas: Mapping[str, object],
        *,
        within: AsyncConnection | None = None,
    ) -> bool:
        """Add deltas exactly once for a step key; False when the step was counted before (D4).

        Unknown keys are dropped (row 41). Raises as `update_run` does.
        """
        now = self._clock()
        mine = (run_id, owner.workflow_id, owner.first_execution_run_id)
        async with self._statements.transaction(within) as connection:
            if not await fetch_within(connection, sql.INSERT_STEP, *mine, step_key, now):
                if await fetch_within(connection, sql.SELECT_STEP, *mine, step_key):
                    return False
                await self._refuse(connection, run_id, owner)
            added = as_json(normalize_counts(deltas))
            if not await fetch_within(connection, sql.ADD_COUNTS, *mine, added, now):
                await self._refuse(connection, run_id, owner)
            return True

    async def append_failures(
        self,
        run_id: UUID,
        owner: Owner,
        failures: Iterable[Failure],
        *,
        within: AsyncConnection | None = None,
    ) -> RunRecord:
        """Add failures to the bounded list, existing ones kept (row 40). Raises as `update_run`."""
        async with self._statements.transaction(within) as connection:
            run = await self._locked(connection, run_id)
            merged = merge_failures(parse_failures(run.failure_summary), failures)
            return await self._write(connection, run_id, owner, RunChanges(failures=merged))

    async def record_progress(
        self, run_id: UUID, owner: Owner, *, within: AsyncConnection | None = None
    ) -> None:
        """Stamp a sign of life, also while waiting for the turn. Raises as `update_run` does."""
        mine = (run_id, owner.workflow_id, owner.first_execution_run_id)
        if not await self._statements.fetch(within, sql.RECORD_PROGRESS, *mine, self._clock()):
            await self._refuse(within, run_id, owner)

    async def complete(  # noqa: PLR0913 - all that ends a run is one write
        self,
        run_id: UUID,
        owner: Owner,
        outcome: RunOutcome,
        counts: Mapping[str, object] | None = None,
        failures: Sequence[Failure] | None = None,
        *,
        context_additions: Mapping[str, object] | None = None,
        within: AsyncConnection | None = None,
    ) -> RunRecord:
        """End a run and release its turns. Counts and failures replace the stored ones.

        Safe to repeat: a run that this owner has ended already is returned as it was stored, with
        whatever outcome it has. Raises NotOwnerError, RunAlreadyClosedError (ended without an
        owner), UnknownRunError or IllegalTransitionError.
        """
        changes = RunChanges(counts, failures, context_additions or {})
        return await self._complete(run_id, owner, outcome, changes, within=within)

    async def complete_from_results(
        self,
        run_id: UUID,
        owner: Owner,
        *,
        outcome: RunOutcome | None = None,
        further_failures: Sequence[Failure] = (),
        context_additions: Mapping[str, object] | None = None,
        within: AsyncConnection | None = None,
    ) -> RunRecord:
        """End a run with outcome, counts and failures computed from its results (D5).

        `outcome` overrides the computed one for a run that was cancelled or broke; its counts are
        those of the results all the same. Repeatable and raising as `complete`.
        """
        async with self._statements.transaction(within) as connection:
            rows = await fetch_within(connection, sql.SELECT_RESULTS, run_id)
            results = [type_result(row) for row in rows]
            failures = merge_failures(failures_of_results(results), further_failures)
            counts = counts_of_results(results)
            changes = RunChanges(counts, failures, context_additions or {})
            computed = outcome or compute_outcome(results)
            return await self._complete(run_id, owner, computed, changes, within=connection)

    async def complete_when_accounted(
        self, run_id: UUID, owner: Owner, *, within: AsyncConnection | None = None
    ) -> RunRecord | None:
        """End a bulk run once every item is processed; None while some are not (row 43).

        Raises as `complete`.
        """
        async with self._statements.transaction(within) as connection:
            run = await self._locked(connection, run_id)
            outcome = outcome_of_counts(run.summary_counts)
            if run.status.is_active and outcome is RunOutcome.PENDING:
                return None
            outcome = outcome if run.status.is_active else run.outcome
            return await self._complete(run_id, owner, outcome, RunChanges(), within=connection)

    async def fail_run(
        self,
        run_id: UUID,
        reason_code: str,
        *,
        owner: Owner | None = None,
        code: str = "run.failed",
        is_reconciled: bool = False,
        within: AsyncConnection | None = None,
    ) -> RunRecord:
        """End a run as `failed`, keeping counts and failures that were recorded.

        Without an owner only a run that nobody has taken is ended. `is_reconciled` marks a closing
        by the sweep, which passes the owner that it read (D1). Raises as `complete` does.
        """
        failure = Failure(code, normalize_reason_code(reason_code))
        ending = _Ending(is_reconciled=is_reconciled)
        return await self._end_with(run_id, owner, RunOutcome.FAILED, failure, ending, within)

    async def block(
        self,
        run_id: UUID,
        reason_code: str,
        *,
        owner: Owner | None = None,
        next_steps: Sequence[Mapping[str, str]] | None = None,
        is_reconciled: bool = False,
        within: AsyncConnection | None = None,
    ) -> RunRecord:
        """End a run as `blocked`; its context says why and what to do (behaviour row 50).

        `next_steps` are `{label, url}`; None takes those of the reason catalog. Owner, mark and
        errors as in `fail_run`.
        """
        code = normalize_reason_code(reason_code)
        async with self._statements.transaction(within) as connection:
            run = await self._locked(connection, run_id)
            known = {**run.context, "operation_run_id": str(run_id)}
            steps = next_step_links(code, known) if next_steps is None else list(next_steps)
            ending = _Ending({"reason_code": code, "next_steps": steps}, is_reconciled)
            failure = Failure("run.blocked", code)
            return await self._end_with(
                run_id, owner, RunOutcome.BLOCKED, failure, ending, connection
            )

    async def cancel(
        self,
        run_id: UUID,
        *,
        owner: Owner | None = None,
        is_reconciled: bool = False,
        within: AsyncConnection | None = None,
    ) -> RunRecord:
        """End a run as `cancelled`; owner, mark and errors as in `fail_run`."""
        failure = Failure("run.cancelled", "cancelled_by_operator")
        ending = _Ending(is_reconciled=is_reconciled)
        return await self._end_with(run_id, owner, RunOutcome.CANCELLED, failure, ending, within)

    async def _take(
        self,
        statement: str,
        run_id: UUID,
        owner: Owner,
        operation_type: OperationType | None,
        within: AsyncConnection | None,
    ) -> BeginResult:
        rows = await self._statements.fetch(
            within,
            statement,
            run_id,
            owner.workflow_id,
            owner.first_execution_run_id,
            self._clock(),
            None if operation_type is None else operation_type.value,
        )
        if rows:
            return BeginResult(is_owner=True, run=run_record(rows[0]))
        run = await self.find(run_id, within=within)
        if run is None:
            raise UnknownRunError(run_id)
        if run.workflow_id != owner.workflow_id or operation_type not in (None, run.type):
            raise RunMismatchError(run_id)
        return BeginResult(is_owner=False, run=run)

    async def _write(
        self, connection: AsyncConnection, run_id: UUID, owner: Owner, changes: RunChanges
    ) -> RunRecord:
        _check_size(run_id, changes.context_additions)
        rows = await fetch_within(
            connection,
            sql.UPDATE_RUN,
            run_id,
            owner.workflow_id,
            owner.first_execution_run_id,
            changes.counts_json,
            changes.failures_json,
            as_json(changes.context_additions),
            self._clock(),
        )
        return run_record(rows[0]) if rows else await self._refuse(connection, run_id, owner)

    async def _end_with(
        self,
        run_id: UUID,
        owner: Owner | None,
        outcome: RunOutcome,
        failure: Failure,
        ending: _Ending,
        within: AsyncConnection | None,
    ) -> RunRecord:
        async with self._statements.transaction(within) as connection:
            run = await self._locked(connection, run_id)
            merged = merge_failures(parse_failures(run.failure_summary), [failure])
            changes = RunChanges(None, merged, ending.context_additions)
            return await self._complete(
                run_id,
                owner,
                outcome,
                changes,
                is_reconciled=ending.is_reconciled,
                within=connection,
            )

    async def _complete(
        self,
        run_id: UUID,
        owner: Owner | None,
        outcome: RunOutcome,
        changes: RunChanges,
        *,
        is_reconciled: bool = False,
        within: AsyncConnection | None = None,
    ) -> RunRecord:
        _check_size(run_id, changes.context_additions)
        check_transition(RunStatus.RUNNING, RunStatus.COMPLETED, outcome)
        async with self._statements.transaction(within) as connection:
            await lock_schedule_of_run(connection, run_id)
            rows = await fetch_within(
                connection,
                sql.COMPLETE_RUN,
                run_id,
                None if owner is None else owner.workflow_id,
                None if owner is None else owner.first_execution_run_id,
                outcome.value,
                changes.counts_json,
                changes.failures_json,
                as_json(changes.context_additions),
                self._clock(),
                is_reconciled,
                [status.value for status in source_statuses(RunStatus.COMPLETED)],
            )
            if rows:
                ended = run_record(rows[0])
                await note_ended_run(connection, ended)
                return ended
            run = await self.find(run_id, within=connection)
            if run is not None and owner is not None and run.owner == owner:
                return run
            return await self._refuse(connection, run_id, owner)

    async def _refuse(
        self, within: AsyncConnection | None, run_id: UUID, owner: Owner | None
    ) -> Never:
        """Say why a guarded write matched nothing."""
        run = await self.find(run_id, within=within)
        if run is None:
            raise UnknownRunError(run_id)
        if run.status is RunStatus.COMPLETED:
            raise RunAlreadyClosedError(run_id)
        if run.owner != owner:
            raise NotOwnerError(run_id)
        # Mine, and not begun: a write of work before `begin`.
        raise IllegalTransitionError(run.status, RunStatus.RUNNING, run.outcome)

    async def _locked(self, connection: AsyncConnection, run_id: UUID) -> RunRecord:
        await lock_schedule_of_run(connection, run_id)
        rows = await fetch_within(connection, sql.LOCK_RUN, run_id)
        if not rows:
            raise UnknownRunError(run_id)
        return run_record(rows[0])


def _check_size(run_id: UUID, context: Mapping[str, object]) -> None:
    if len(orjson.dumps(context)) > _CONTEXT_BYTES:
        raise ContextTooLargeError(run_id)
