"""The front door: one way to start an operation, for schedules and for services in any language.

Admission decides in PostgreSQL; the admitted operation runs as a child workflow whose ID is the
run's identity, and outlives this workflow (D2). A kill between the two is healed by replay: the
admission key is this execution's first run id, so the same decision comes again.
"""

from datetime import timedelta

from pydantic import JsonValue
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue, WorkflowIDReusePolicy
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.admission import AdmissionActivities
    from contracts.admission import AdmissionCall, Admitted, RunReference, RunState, StartPlan
    from contracts.operations import (
        FRONT_DOOR_WORKFLOW,
        Decision,
        OperationDecision,
        OperationRequest,
    )
    from contracts.runs import OperationRunRequest
    from contracts.search_attributes import (
        SCHEDULED_BY_ID,
        SCHEDULED_START_TIME,
        outcome_update,
        request_updates,
        run_attributes,
    )
    from domain.runs import RunOutcome
    from workflows.cancellation import finish_despite_cancel
    from workflows.policies import (
        LOCAL_RETRY_THRESHOLD,
        RECORDING_RETRY,
        RECORDING_TIMEOUT,
        START_ATTEMPTS,
        START_PAUSE,
        WORK_RETRY,
    )

ENDED_AT_ADMISSION = frozenset(
    {Decision.BLOCKED, Decision.OVERLAP_SKIPPED, Decision.DISPATCH_FAILED}
)
# Without an argument there is no request, which is a wrong one.
_NOTHING = RawValue(Payload())

Child = workflow.ChildWorkflowHandle[OperationRunRequest, None]


@workflow.defn(name=FRONT_DOOR_WORKFLOW)
class RequestOperationWorkflow:
    """Takes an `OperationRequest` as JSON and answers with an `OperationDecision`."""

    @workflow.run
    async def run(self, request: RawValue = _NOTHING) -> OperationDecision:
        """Return the decision; with `"wait": true` only when the run is completed.

        Anything but one JSON value is refused as `input_invalid`, as a wrong request is.
        """
        call = _readable_call(request)
        (admitted, child), is_cancelled = await finish_despite_cancel(_admit_and_start(call))
        decision = admitted.decision
        _show_what_ended_here(call, decision)
        has_run = decision.decision in (Decision.ACCEPTED, Decision.ALREADY_ACTIVE)
        if admitted.wait and has_run and not is_cancelled:
            return await _with_outcome(decision, child)
        return decision


def _show_what_ended_here(call: AdmissionCall, decision: OperationDecision) -> None:
    """Let operators find, by outcome, what no execution of an operation will show them."""
    if decision.decision not in ENDED_AT_ADMISSION:
        return
    updates = [outcome_update(decision.outcome or RunOutcome.BLOCKED)]
    if decision.operation_run_id is not None:
        # The request is valid then, and its caller may act for the tenant.
        request = OperationRequest.model_validate(call.request)
        updates += request_updates(request, decision.operation_run_id)
    workflow.upsert_search_attributes(updates)


def _readable_call(request: RawValue) -> AdmissionCall:
    """Return the call for what a caller sent; without a request when that is no readable JSON."""
    converter = workflow.payload_converter()
    try:
        call = _call(converter.from_payload(request.payload))
        # Parsers refuse deep nesting, and the activity gets it a level deeper than we did.
        converter.from_payload(converter.to_payload(call), AdmissionCall)
    except Exception:  # noqa: BLE001 - whatever others sent, they get an answer
        return _call(None)
    return call


def _call(request: JsonValue) -> AdmissionCall:
    info = workflow.info()
    return AdmissionCall(
        request=request,
        default_key=info.first_execution_run_id,
        schedule_id=info.typed_search_attributes.get(SCHEDULED_BY_ID),
        scheduled_at=info.typed_search_attributes.get(SCHEDULED_START_TIME),
    )


async def _admit_and_start(call: AdmissionCall) -> tuple[Admitted, Child | None]:
    admitted = await workflow.execute_local_activity_method(
        AdmissionActivities.admit,
        call,
        start_to_close_timeout=RECORDING_TIMEOUT,
        retry_policy=RECORDING_RETRY,
        local_retry_threshold=LOCAL_RETRY_THRESHOLD,
    )
    if admitted.start is None:
        return admitted, None
    return await _start(admitted, admitted.start)


async def _start(admitted: Admitted, plan: StartPlan) -> tuple[Admitted, Child | None]:
    """Start the child, or wait for an ID that its predecessor is about to release (D3)."""
    for attempt in range(START_ATTEMPTS):
        try:
            return admitted, await _start_child(plan)
        except WorkflowAlreadyStartedError:
            # A strict identity that exists is this very run, started by another request.
            if plan.is_strict or await _is_started(plan):
                return admitted, None
        await workflow.sleep(START_PAUSE * (attempt + 1))
    failed = await workflow.execute_local_activity_method(
        AdmissionActivities.fail_dispatch,
        RunReference(operation_run_id=plan.operation_run_id),
        start_to_close_timeout=RECORDING_TIMEOUT,
        retry_policy=RECORDING_RETRY,
    )
    return admitted.model_copy(update={"decision": failed, "start": None}), None


async def _start_child(plan: StartPlan) -> Child:
    reuse = WorkflowIDReusePolicy
    return await workflow.start_child_workflow(
        plan.workflow_type,
        OperationRunRequest(operation_run_id=plan.operation_run_id),
        id=plan.workflow_id,
        id_reuse_policy=reuse.REJECT_DUPLICATE if plan.is_strict else reuse.ALLOW_DUPLICATE,
        parent_close_policy=ParentClosePolicy.ABANDON,
        cancellation_type=ChildWorkflowCancellationType.ABANDON,
        execution_timeout=timedelta(seconds=plan.execution_timeout_seconds),
        search_attributes=run_attributes(plan),
        static_summary=plan.summary,
        static_details=plan.details,
    )


async def _is_started(plan: StartPlan) -> bool:
    return await workflow.execute_local_activity_method(
        AdmissionActivities.is_started,
        RunReference(operation_run_id=plan.operation_run_id),
        start_to_close_timeout=RECORDING_TIMEOUT,
        retry_policy=RECORDING_RETRY,
    )


async def _with_outcome(decision: OperationDecision, child: Child | None) -> OperationDecision:
    assert decision.operation_run_id is not None  # noqa: S101 - accepted or active: a run exists
    if child is not None:
        try:
            await child
        except ChildWorkflowError:
            # Failed, cancelled or ended by Temporal: the run's row says what became of it.
            workflow.logger.info("the operation did not end well; its run says how")
    state: RunState = await workflow.execute_activity_method(
        AdmissionActivities.await_outcome,
        RunReference(operation_run_id=decision.operation_run_id),
        start_to_close_timeout=timedelta(days=1),
        heartbeat_timeout=timedelta(seconds=40),
        retry_policy=WORK_RETRY,
        summary="waits for the outcome",
    )
    return decision.model_copy(update={"outcome": state.outcome})
