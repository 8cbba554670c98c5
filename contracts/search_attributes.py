"""Search attributes of every execution (D12): six of the ten keywords that a namespace has."""

from uuid import UUID

from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    SearchAttributeUpdate,
    TypedSearchAttributes,
)

from contracts.admission import StartPlan
from contracts.operations import OperationRequest
from domain.operation_types import resolve_type

OPERATION_TYPE = SearchAttributeKey.for_keyword("OperationType")
OPERATION_OUTCOME = SearchAttributeKey.for_keyword("OperationOutcome")
TENANT_ID = SearchAttributeKey.for_keyword("TenantId")
WORKSPACE_ID = SearchAttributeKey.for_keyword("WorkspaceId")
OPERATION_RUN_ID = SearchAttributeKey.for_keyword("OperationRunId")
RUN_IDENTITY_HASH = SearchAttributeKey.for_keyword("RunIdentityHash")

SEARCH_ATTRIBUTES: tuple[SearchAttributeKey[str], ...] = (
    OPERATION_TYPE,
    OPERATION_OUTCOME,
    TENANT_ID,
    WORKSPACE_ID,
    OPERATION_RUN_ID,
    RUN_IDENTITY_HASH,
)

# Set by Temporal on executions that a schedule started; the nominal time, before jitter.
SCHEDULED_START_TIME = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
SCHEDULED_BY_ID = SearchAttributeKey.for_keyword("TemporalScheduledById")


def run_attributes(plan: StartPlan) -> TypedSearchAttributes:
    """Return the attributes with which the workflow of `plan` starts."""
    pairs = [
        SearchAttributePair(OPERATION_TYPE, plan.operation_type),
        SearchAttributePair(WORKSPACE_ID, str(plan.workspace_id)),
        SearchAttributePair(OPERATION_RUN_ID, str(plan.operation_run_id)),
        SearchAttributePair(RUN_IDENTITY_HASH, plan.run_identity_hash),
        SearchAttributePair(OPERATION_OUTCOME, "pending"),
    ]
    if plan.tenant_id is not None:
        pairs.append(SearchAttributePair(TENANT_ID, str(plan.tenant_id)))
    return TypedSearchAttributes(pairs)


def request_updates(request: OperationRequest, run_id: UUID) -> list[SearchAttributeUpdate[str]]:
    """Return the updates that show which run a request became."""
    updates = [
        OPERATION_TYPE.value_set(resolve_type(request.type) or request.type),
        WORKSPACE_ID.value_set(str(request.workspace_id)),
        OPERATION_RUN_ID.value_set(str(run_id)),
    ]
    if request.tenant_id is not None:
        updates.append(TENANT_ID.value_set(str(request.tenant_id)))
    return updates


def outcome_update(outcome: str) -> SearchAttributeUpdate[str]:
    """Return the update that shows a run's outcome in the Temporal UI."""
    return OPERATION_OUTCOME.value_set(outcome)
