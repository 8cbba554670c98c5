"""What a backup request brings along from its schedule: authority, slot, selection.

Locks the schedule first (D2) and keeps `next_run_at` true: it names the first slot that no request
has come for yet, so one that stays in the past tells that the schedule does not fire.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.operations import OperationRequest
from domain.identity import utc_minute
from domain.resource_types.registry import selected_keys
from domain.schedules import Frequency, ScheduleSpec, has_come, is_slot, next_slot
from services.admission.admission_inputs import (
    RetryInputs,
    RunNowInputs,
    ScheduledBackupInputs,
    slot_of,
)
from services.admission.authority import Denial, Initiator, schedule_initiator
from storage.admissions import ScheduleRow, lock_schedule, move_next_run
from storage.run_lookup import find_run

_INACTIVE = "execution_prerequisite_invalid"
_SCHEDULE_FIELD = "inputs.backup_schedule_id"
_RUN_FIELD = "inputs.operation_run_id"
_SLOT_FIELD = "inputs.scheduled_for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Who acts, and what the inputs say about the run."""

    initiator: Initiator
    # Inputs from which the run's identity is taken.
    identity_source: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    # Schedule whose running backup would make this slot an overlap.
    overlap_schedule_id: UUID | None = None
    retried_from: UUID | None = None


class ScheduleScopes:
    """Reads what a request means for its schedule; a foreign schedule answers as a missing one."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    async def scheduled(
        self,
        connection: AsyncConnection,
        request: OperationRequest,
        inputs: ScheduledBackupInputs,
        principal: Initiator | None,
        origin: tuple[str | None, datetime | None],
    ) -> Scope | Denial:
        """Return the scope of one slot; `origin` is the Temporal Schedule and its fire time.

        Whoever asks, the schedule is not archived, the minute is one of its own and has come. Only
        a principal may start a slot of a paused schedule (decision 0002).
        """
        schedule_id, fired_at = origin
        slot = slot_of(inputs, fired_at)
        schedule = await _locked(connection, request, inputs.backup_schedule_id)
        if schedule is None:
            return Denial("not_found", (_SCHEDULE_FIELD,))
        # A schedule's authority is its active row (D13).
        is_silent = principal is None and not schedule.is_enabled
        if schedule.is_archived or is_silent:
            return Denial(_INACTIVE, (_SCHEDULE_FIELD,))
        spec = _spec(schedule)
        is_fired = schedule_id == f"backup_schedule:{schedule.id}"
        if not _is_own_minute(spec, slot, is_fired=is_fired) or not has_come(slot, self._clock()):
            return Denial("input_invalid", (_SLOT_FIELD,))
        if schedule.is_enabled:
            await move_next_run(connection, schedule.id, slot, next_slot(spec, slot))
        minute = utc_minute(slot)
        return Scope(
            initiator=principal or schedule_initiator(schedule.id, f"Schedule {schedule.name}"),
            identity_source={"backup_schedule_id": str(schedule.id), "scheduled_for": minute},
            context=_context(schedule) | {"scheduled_for": minute, "trigger": "scheduled"},
            overlap_schedule_id=schedule.id,
        )

    async def run_now(
        self,
        connection: AsyncConnection,
        request: OperationRequest,
        inputs: RunNowInputs,
        principal: Initiator,
    ) -> Scope | Denial:
        """Return the scope of a backup that somebody wants now, paused schedule or not."""
        context: dict[str, Any] = {}
        if inputs.backup_schedule_id is not None:
            schedule = await _locked(connection, request, inputs.backup_schedule_id)
            if schedule is None or schedule.is_archived:
                return Denial("not_found", (_SCHEDULE_FIELD,))
            context = _context(schedule)
        if inputs.policy_types is not None:
            context["policy_types"] = list(inputs.policy_types)
        return Scope(initiator=principal, context=context | {"trigger": "run_now"})

    async def retry(
        self,
        connection: AsyncConnection,
        request: OperationRequest,
        inputs: RetryInputs,
        principal: Initiator,
    ) -> Scope | Denial:
        """Return the scope of a completed backup that is done anew, with its selection."""
        earlier = await find_run(connection, inputs.operation_run_id)
        if (
            earlier is None
            or (earlier.workspace_id, earlier.tenant_id)
            != (request.workspace_id, request.tenant_id)
            or not earlier.type.startswith("backup_schedule.")
        ):
            return Denial("not_found", (_RUN_FIELD,))
        if earlier.status.is_active:
            return Denial(_INACTIVE, (_RUN_FIELD,))
        if not await may_run(connection, request.workspace_id, request.tenant_id, earlier.context):
            return Denial(_INACTIVE, (_RUN_FIELD,))
        kept = ("backup_schedule_id", "policy_types", "schedule_name")
        context = {key: earlier.context[key] for key in kept if key in earlier.context}
        return Scope(
            initiator=principal,
            context=context | {"trigger": "retry"},
            retried_from=earlier.id,
        )


async def may_run(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID | None, context: Any
) -> bool:
    """Lock the schedule that a run's context names and tell whether it may still run.

    An archived schedule is never executed (behaviour section 5); a run without one may.
    """
    schedule_id = context.get("backup_schedule_id")
    if schedule_id is None or tenant_id is None:
        return True
    schedule = await lock_schedule(connection, workspace_id, tenant_id, UUID(str(schedule_id)))
    return schedule is not None and not schedule.is_archived


async def _locked(
    connection: AsyncConnection, request: OperationRequest, backup_schedule_id: UUID
) -> ScheduleRow | None:
    assert request.tenant_id is not None  # noqa: S101 - backups have a tenant
    return await lock_schedule(
        connection, request.workspace_id, request.tenant_id, backup_schedule_id
    )


def _is_own_minute(spec: ScheduleSpec, slot: datetime, *, is_fired: bool) -> bool:
    """Tell whether a minute belongs to a schedule.

    Its own slots, and any minute at which somebody with access to the namespace triggered it; but
    not the second coming of a repeated wall clock time, at which Temporal fires again.
    """
    if is_slot(spec, slot):
        return True
    local = slot.astimezone(ZoneInfo(spec.timezone)).time()
    return is_fired and local != spec.time_of_day


def _context(schedule: ScheduleRow) -> dict[str, Any]:
    context: dict[str, Any] = {"backup_schedule_id": str(schedule.id)}
    selection = selected_keys(
        schedule.policy_types, include_foundations=schedule.include_foundations
    )
    if selection is not None:
        context["policy_types"] = list(selection)
    return context


def _spec(schedule: ScheduleRow) -> ScheduleSpec:
    return ScheduleSpec(
        timezone=schedule.timezone,
        frequency=Frequency(schedule.frequency),
        time_of_day=schedule.time_of_day,
        days_of_week=None if schedule.days_of_week is None else tuple(schedule.days_of_week),
    )
