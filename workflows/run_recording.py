"""The one place that begins and ends runs, for every operation workflow.

A workflow hands in its run and its work. Recording takes the run (only its owner works, D3), waits
for its turn, does the work, and ends the run whatever happened: result, failure of a part, bug or
cancel. What runs no code at all (terminate, timeout, a cancel before the first task) is closed by
the sweep (D12).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    TimeoutError,  # noqa: A004 - Temporal's own: an activity ran out of its time
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from activities.run_recording import RunRecordingActivities
    from contracts.runs import (
        BeginCall,
        BeginVerdict,
        BegunRun,
        CompleteCall,
        Ending,
        OperationResult,
        OperationRunRequest,
        OwnedRun,
    )
    from contracts.search_attributes import outcome_update
    from workflows.cancellation import finish_despite_cancel
    from workflows.policies import (
        COMPLETING_TIMEOUT,
        LOCAL_RETRY_THRESHOLD,
        RECORDING_RETRY,
        RECORDING_TIMEOUT,
        TURN_RETRY,
        TURN_TIMEOUT,
    )

Work = Callable[[OwnedRun, BegunRun], Awaitable[None]]

WORKER_ERROR = "worker_error"
# Attempts are bounded by the run's deadline alone (workflows.policies).
OUT_OF_TIME = "deadline_exceeded"
# What begin_run answers, for good, to an execution that was started for a wrong run.
NOT_OURS = frozenset({"not_found", "input_invalid"})


async def record_run(request: OperationRunRequest, work: Work) -> OperationResult:
    """Own the run of `request`, do `work` once it is running, and end it.

    Raises what `work` raised, after it is recorded; a cancel stays a cancel. An execution that does
    not own the run returns `had_effect=False`; one that was started for a run that is unknown or of
    another workflow raises, and changes nothing.
    """
    run = OwnedRun(
        operation_run_id=request.operation_run_id,
        first_execution_run_id=workflow.info().first_execution_run_id,
    )
    broken: BaseException | None = None
    begun: BegunRun | None = None
    try:
        begun = await _begin_in_turn(run)
        if begun.verdict is not BeginVerdict.OWNER:
            return _result(run, begun.outcome, had_effect=False)
        await work(run, begun)
    except (Exception, asyncio.CancelledError) as error:
        # Not GeneratorExit and the like: an execution that leaves memory has not ended.
        if begun is None and _is_not_ours(error):
            raise
        broken = error
    outcome = await _end(run, broken)
    if broken is not None:
        raise broken
    return _result(run, outcome, had_effect=True)


async def _begin_in_turn(run: OwnedRun) -> BegunRun:
    begun = await _begin(run)
    while begun.verdict is BeginVerdict.WAITING:
        await workflow.execute_activity_method(
            RunRecordingActivities.await_turn,
            run,
            start_to_close_timeout=TURN_TIMEOUT,
            retry_policy=TURN_RETRY,
            summary="waits for the run ahead",
        )
        begun = await _begin(run)
    return begun


async def _begin(run: OwnedRun) -> BegunRun:
    call = BeginCall(run=run, workflow_type=workflow.info().workflow_type)
    return await workflow.execute_local_activity_method(
        RunRecordingActivities.begin_run,
        call,
        start_to_close_timeout=RECORDING_TIMEOUT,
        retry_policy=RECORDING_RETRY,
        local_retry_threshold=LOCAL_RETRY_THRESHOLD,
    )


async def _end(run: OwnedRun, broken: BaseException | None) -> str:
    ending, reason_code = _ending(broken)
    call = CompleteCall(run=run, ending=ending, reason_code=reason_code)
    completed, _ = await finish_despite_cancel(
        workflow.execute_local_activity_method(
            RunRecordingActivities.complete_run,
            call,
            start_to_close_timeout=COMPLETING_TIMEOUT,
            retry_policy=RECORDING_RETRY,
            local_retry_threshold=LOCAL_RETRY_THRESHOLD,
        )
    )
    workflow.upsert_search_attributes([outcome_update(completed.outcome)])
    return completed.outcome


def _ending(broken: BaseException | None) -> tuple[Ending, str | None]:
    if broken is None:
        # An activity that never heartbeats can end well although a cancel was asked for.
        is_cancelled = workflow.cancellation_reason() is not None
        return (Ending.CANCELLED if is_cancelled else Ending.WORKED), None
    if is_cancelled_exception(broken):
        return Ending.CANCELLED, None
    return Ending.BROKE, _reason_code(broken)


def _reason_code(broken: BaseException) -> str:
    cause = broken.cause if isinstance(broken, ActivityError) else broken
    if isinstance(cause, ApplicationError) and cause.type:
        return cause.type
    return OUT_OF_TIME if isinstance(cause, TimeoutError) else WORKER_ERROR


def _is_not_ours(error: BaseException) -> bool:
    # Nothing to end: the row does not exist, and recording creates none (behaviour row 28), or it
    # is the run of another workflow (D3).
    return _reason_code(error) in NOT_OURS


def _result(run: OwnedRun, outcome: str | None, *, had_effect: bool) -> OperationResult:
    return OperationResult(
        operation_run_id=run.operation_run_id, outcome=outcome, had_effect=had_effect
    )


def remaining(begun: BegunRun) -> timedelta:
    """Return the time until the run's deadline, never less than a second."""
    if begun.deadline_at is None:
        return timedelta(hours=1)
    return until(begun.deadline_at)


def until(moment: datetime) -> timedelta:
    """Return the time until a moment, never less than a second."""
    return max(moment - workflow.now(), timedelta(seconds=1))
