"""What must be true before an operation is admitted, and again when its work begins (row 51).

The same code answers both times: at admission with the request, at begin with the run's context.
What a request means for its schedule is `schedule_scopes`'.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.operations import OperationRequest
from domain.operation_types import OperationType, definition
from services.admission.admission_inputs import (
    AdmissionInputs,
    RetryInputs,
    RunNowInputs,
    ScheduledBackupInputs,
)
from services.admission.authority import (
    Denial,
    Initiator,
    InitiatorKind,
    service_denied,
    service_initiator,
)
from services.schedules.schedule_scopes import ScheduleScopes, Scope, may_run
from storage.admissions import ConnectionRow, TenantRow, lock_read_connections, tenant_row
from storage.runs import RunRecord

CREDENTIALS_KEPT_HERE = ("client_secret", "certificate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An authorized request with everything that its run will remember."""

    initiator: Initiator
    # Inputs from which the run's identity is taken.
    identity_source: dict[str, Any]
    context: dict[str, Any]
    # Why the run ends blocked although it is authorized; None when it may start.
    blocking_reason: str | None = None
    # Schedule whose running backup would make this slot an overlap.
    overlap_schedule_id: UUID | None = None
    retried_from: UUID | None = None


class Prerequisites:
    """Reads and locks, in D2's order, what decides about a request."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._scopes = ScheduleScopes(clock=clock)

    async def prepare(
        self,
        connection: AsyncConnection,
        request: OperationRequest,
        operation_type: OperationType,
        inputs: AdmissionInputs,
        schedule_id: str | None,
        scheduled_at: datetime | None,
    ) -> Prepared | Denial:
        """Return the prepared request, or why it may not be made at all."""
        assert request.tenant_id is not None  # noqa: S101 - startable types have a tenant
        principal = await _principal(connection, request, operation_type)
        if isinstance(principal, Denial):
            return principal
        origin = (schedule_id, scheduled_at)
        scope = await self._scope(connection, request, inputs, principal, origin)
        if isinstance(scope, Denial):
            return scope
        tenant = await tenant_row(connection, request.workspace_id, request.tenant_id)
        if tenant is None:
            return Denial("not_found", ("tenant_id",))
        connections = await lock_read_connections(connection, request.tenant_id)
        return _prepared(scope, tenant, connections)

    async def recheck(self, connection: AsyncConnection, run: RunRecord) -> str | None:
        """Return why an admitted run may not begin after all, or None (behaviour row 51)."""
        if run.tenant_id is None:
            return None
        # The schedule's lock comes first, also for a run that will be refused for another reason.
        if not await may_run(connection, run.workspace_id, run.tenant_id, run.context):
            return "execution_prerequisite_invalid"
        if (denied := await _initiator_denied(connection, run)) is not None:
            return denied
        tenant = await tenant_row(connection, run.workspace_id, run.tenant_id)
        if tenant is None:
            return "tenant_missing"
        pinned = run.context.get("provider_connection_id")
        connections = await lock_read_connections(connection, run.tenant_id)
        # The accepted run keeps its connection, whatever is the default now (row 32).
        chosen = next((row for row in connections if str(row.id) == pinned), None)
        return blocking_reason(tenant, chosen)

    async def _scope(
        self,
        connection: AsyncConnection,
        request: OperationRequest,
        inputs: AdmissionInputs,
        principal: Initiator | None,
        origin: tuple[str | None, datetime | None],
    ) -> Scope | Denial:
        if isinstance(inputs, ScheduledBackupInputs):
            return await self._scopes.scheduled(connection, request, inputs, principal, origin)
        if principal is None:
            return Denial("initiator_missing", ("principal",))
        if isinstance(inputs, RetryInputs):
            return await self._scopes.retry(connection, request, inputs, principal)
        if isinstance(inputs, RunNowInputs):
            return await self._scopes.run_now(connection, request, inputs, principal)
        return Scope(initiator=principal)


async def _principal(
    connection: AsyncConnection, request: OperationRequest, operation_type: OperationType
) -> Initiator | Denial | None:
    """Return who asks, entitled to it; None when nobody is named."""
    if request.principal is None:
        return None
    found = await service_initiator(connection, request.workspace_id, request.principal)
    if isinstance(found, Denial):
        return found
    is_entitled = definition(operation_type).start_capability in found.capabilities
    return found if is_entitled else Denial("missing_capability", ("principal",))


async def _initiator_denied(connection: AsyncConnection, run: RunRecord) -> str | None:
    initiator = run.context.get("initiator")
    if not isinstance(initiator, dict):
        return "initiator_missing"
    match InitiatorKind(initiator["kind"]):
        case InitiatorKind.SERVICE:
            actor = UUID(str(initiator["id"]))
            needed = definition(OperationType(run.type)).start_capability
            return await service_denied(connection, run.workspace_id, actor, needed)
        case InitiatorKind.SCHEDULE:
            # Its authority was looked at with the schedule itself; a pause stops fires, not runs.
            is_own = initiator["id"] == run.context.get("backup_schedule_id")
            return None if is_own else "execution_prerequisite_invalid"
        case InitiatorKind.USER:
            # Users come with the hub's sessions; until then nobody can be one.
            return "initiator_not_entitled"


def _prepared(scope: Scope, tenant: TenantRow, connections: list[ConnectionRow]) -> Prepared:
    chosen = next((row for row in connections if row.is_default), None)
    context = scope.context | {
        "initiator": scope.initiator.as_context(),
        "target_scope": {"entra_tenant_id": tenant.entra_tenant_id},
    }
    if chosen is not None:
        context["provider_connection_id"] = str(chosen.id)
    return Prepared(
        initiator=scope.initiator,
        identity_source=scope.identity_source,
        context=context,
        blocking_reason=blocking_reason(tenant, chosen),
        overlap_schedule_id=scope.overlap_schedule_id,
        retried_from=scope.retried_from,
    )


def blocking_reason(tenant: TenantRow, chosen: ConnectionRow | None) -> str | None:
    """Return why work on this tenant through this connection cannot run now, or None."""
    if tenant.lifecycle != "active":
        return "tenant_not_operable"
    if chosen is None:
        return "provider_connection_missing"
    if chosen.is_disabled or chosen.entra_tenant_id != tenant.entra_tenant_id:
        return "provider_connection_invalid"
    if chosen.credential_kind in CREDENTIALS_KEPT_HERE and not chosen.has_credential:
        return "provider_credential_missing"
    if chosen.is_circuit_open:
        return chosen.last_reason_code or "provider_credential_invalid"
    return None
