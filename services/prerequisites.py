"""What must be true before an operation is admitted, and again when its work begins (row 51).

The same code answers both times: at admission with the request, at begin with the run's context.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.operations import OperationRequest
from domain.identity import utc_minute
from domain.operation_types import OperationType, definition
from domain.schedules import Frequency, ScheduleSpec, is_slot
from services.admission_inputs import (
    AdmissionInputs,
    RetryInputs,
    RunNowInputs,
    ScheduledBackupInputs,
    slot_of,
)
from services.authority import (
    Denial,
    Initiator,
    InitiatorKind,
    schedule_initiator,
    service_denied,
    service_initiator,
)
from storage.admissions import (
    ConnectionRow,
    ScheduleRow,
    TenantRow,
    lock_read_connections,
    lock_schedule,
    tenant_row,
)
from storage.run_lookup import find_run
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


@dataclass(slots=True)
class _Scope:
    """What a type's inputs bring along, gathered before the common checks."""

    initiator: Initiator | Denial
    identity_source: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    schedule: ScheduleRow | None = None
    retried_from: UUID | None = None


class Prerequisites:
    """Reads and locks, in D2's order, what decides about a request."""

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
        scope = await self._scope(connection, request, inputs, schedule_id, scheduled_at)
        if isinstance(scope, Denial):
            return scope
        if isinstance(scope.initiator, Denial):
            return scope.initiator
        if definition(operation_type).start_capability not in scope.initiator.capabilities:
            return Denial("missing_capability", ("principal",))
        tenant = await tenant_row(connection, request.workspace_id, request.tenant_id)
        if tenant is None:
            return Denial("not_found", ("tenant_id",))
        connections = await lock_read_connections(connection, request.tenant_id)
        return _prepared(scope, tenant, connections, operation_type)

    async def recheck(self, connection: AsyncConnection, run: RunRecord) -> str | None:
        """Return why an admitted run may not begin after all, or None (behaviour row 51)."""
        if run.tenant_id is None:
            return None
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
        schedule_id: str | None,
        scheduled_at: datetime | None,
    ) -> _Scope | Denial:
        principal = await self._principal(connection, request)
        if isinstance(inputs, ScheduledBackupInputs):
            return await _scheduled(
                connection, request, inputs, principal, schedule_id, scheduled_at
            )
        if principal is None:
            return Denial("initiator_missing", ("principal",))
        scope = _Scope(initiator=principal)
        if isinstance(inputs, RetryInputs):
            return await self._retry(connection, request, inputs, scope)
        if isinstance(inputs, RunNowInputs):
            return await _run_now(connection, request, inputs, scope)
        return scope

    async def _principal(
        self, connection: AsyncConnection, request: OperationRequest
    ) -> Initiator | Denial | None:
        if request.principal is None:
            return None
        return await service_initiator(connection, request.workspace_id, request.principal)

    async def _retry(
        self,
        connection: AsyncConnection,
        request: OperationRequest,
        inputs: RetryInputs,
        scope: _Scope,
    ) -> _Scope | Denial:
        earlier = await find_run(connection, inputs.operation_run_id)
        is_foreign = earlier is None or earlier.tenant_id != request.tenant_id
        if earlier is None or is_foreign or not earlier.type.startswith("backup_schedule."):
            return Denial("not_found", ("inputs.operation_run_id",))
        if earlier.status.is_active:
            return Denial("execution_prerequisite_invalid", ("inputs.operation_run_id",))
        kept = ("backup_schedule_id", "policy_types", "schedule_name")
        scope.context = {key: earlier.context[key] for key in kept if key in earlier.context}
        scope.context["trigger"] = "retry"
        scope.retried_from = earlier.id
        return scope


async def _scheduled(
    connection: AsyncConnection,
    request: OperationRequest,
    inputs: ScheduledBackupInputs,
    principal: Initiator | Denial | None,
    schedule_id: str | None,
    scheduled_at: datetime | None,
) -> _Scope | Denial:
    assert request.tenant_id is not None  # noqa: S101 - backups have a tenant
    slot = slot_of(inputs, scheduled_at)
    schedule = await lock_schedule(connection, request.tenant_id, inputs.backup_schedule_id)
    if schedule is None:
        return Denial("not_found", ("inputs.backup_schedule_id",))
    initiator = principal
    if initiator is None:
        # A schedule's authority is its active row, for a slot of its own: one that its Temporal
        # Schedule fired, or a minute that its rule names (D13).
        is_fired = schedule_id == f"backup_schedule:{schedule.id}"
        if not schedule.is_enabled or schedule.is_archived:
            return Denial("execution_prerequisite_invalid", ("inputs.backup_schedule_id",))
        if not _is_own_minute(_spec(schedule), slot, is_fired=is_fired):
            return Denial("initiator_missing", ("principal", "inputs.scheduled_for"))
        initiator = schedule_initiator(schedule.id, f"Schedule {schedule.name}")
    minute = utc_minute(slot)
    return _Scope(
        initiator=initiator,
        identity_source={"backup_schedule_id": str(schedule.id), "scheduled_for": minute},
        context=_schedule_context(schedule) | {"scheduled_for": minute, "trigger": "scheduled"},
        schedule=schedule,
    )


async def _run_now(
    connection: AsyncConnection, request: OperationRequest, inputs: RunNowInputs, scope: _Scope
) -> _Scope | Denial:
    assert request.tenant_id is not None  # noqa: S101 - backups have a tenant
    if inputs.backup_schedule_id is not None:
        schedule = await lock_schedule(connection, request.tenant_id, inputs.backup_schedule_id)
        if schedule is None or schedule.is_archived:
            return Denial("not_found", ("inputs.backup_schedule_id",))
        scope.context = _schedule_context(schedule)
    if inputs.policy_types is not None:
        scope.context["policy_types"] = list(inputs.policy_types)
    scope.context["trigger"] = "run_now"
    return scope


async def _initiator_denied(connection: AsyncConnection, run: RunRecord) -> str | None:
    initiator = run.context.get("initiator")
    if not isinstance(initiator, dict):
        return "initiator_missing"
    actor = UUID(str(initiator["id"]))
    match InitiatorKind(initiator["kind"]):
        case InitiatorKind.SERVICE:
            needed = definition(OperationType(run.type)).start_capability
            return await service_denied(connection, run.workspace_id, actor, needed)
        case InitiatorKind.SCHEDULE:
            assert run.tenant_id is not None  # noqa: S101 - schedules belong to tenants
            schedule = await lock_schedule(connection, run.tenant_id, actor)
            is_gone = schedule is None or schedule.is_archived
            return "execution_prerequisite_invalid" if is_gone else None
        case InitiatorKind.USER:
            # Users come with the hub's sessions; until then nobody can be one.
            return "initiator_not_entitled"


def _is_own_minute(spec: ScheduleSpec, slot: datetime, *, is_fired: bool) -> bool:
    """Tell whether a schedule may act for this minute by itself.

    Its own slots, and any minute at which somebody with access to the namespace triggered it; but
    not the second coming of a repeated wall clock time, at which Temporal fires again.
    """
    if is_slot(spec, slot):
        return True
    local = slot.astimezone(ZoneInfo(spec.timezone)).time()
    return is_fired and local != spec.time_of_day


def _schedule_context(schedule: ScheduleRow) -> dict[str, Any]:
    context: dict[str, Any] = {"backup_schedule_id": str(schedule.id)}
    if schedule.policy_types is not None:
        context["policy_types"] = list(schedule.policy_types)
    return context


def _spec(schedule: ScheduleRow) -> ScheduleSpec:
    return ScheduleSpec(
        timezone=schedule.timezone,
        frequency=Frequency(schedule.frequency),
        time_of_day=schedule.time_of_day,
        days_of_week=None if schedule.days_of_week is None else tuple(schedule.days_of_week),
    )


def _prepared(
    scope: _Scope,
    tenant: TenantRow,
    connections: list[ConnectionRow],
    operation_type: OperationType,
) -> Prepared:
    assert isinstance(scope.initiator, Initiator)  # noqa: S101 - denials returned before
    chosen = next((row for row in connections if row.is_default), None)
    context = scope.context | {
        "initiator": scope.initiator.as_context(),
        "target_scope": {"entra_tenant_id": tenant.entra_tenant_id},
    }
    if chosen is not None:
        context["provider_connection_id"] = str(chosen.id)
    is_slot_of_schedule = operation_type is OperationType.BACKUP_SCHEDULED
    return Prepared(
        initiator=scope.initiator,
        identity_source=scope.identity_source,
        context=context,
        blocking_reason=blocking_reason(tenant, chosen),
        overlap_schedule_id=scope.schedule.id if scope.schedule and is_slot_of_schedule else None,
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
