"""Temporal Schedules as followers of `backup_schedules`: the only writer of them.

Owns how a row looks in Temporal and how Temporal's refusals are told apart. It must not know
PostgreSQL. Nothing here carries tenant text: ids, notes and summaries are plain in Temporal (D6).
"""

import asyncio
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import ScheduleOverlapPolicy as RawOverlapPolicy
from temporalio.api.schedule.v1 import SchedulePatch, TriggerImmediatelyRequest
from temporalio.api.workflowservice.v1 import PatchScheduleRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleCalendarSpec,
    ScheduleDescription,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
)
from temporalio.common import (
    Priority,
    SearchAttributePair,
    TypedSearchAttributes,
)
from temporalio.service import RPCError, RPCStatusCode

from contracts.operations import FRONT_DOOR_WORKFLOW, TASK_QUEUE, OperationRequest
from contracts.search_attributes import OPERATION_TYPE, TENANT_ID, WORKSPACE_ID
from domain import schedules
from domain.operation_types import OperationType, label_of
from storage.schedules import StoredSchedule

_T = TypeVar("_T")
_TYPE = OperationType.BACKUP_SCHEDULED
# The front door only admits and starts: it lives this long only while no worker is up, and a
# backup that is a day late would stand beside the next one.
_FRONT_DOOR_TIMEOUT = timedelta(days=1)
# `rpc_timeout` is per attempt and the SDK repeats (temporal.md 2), hence both.
_ATTEMPT_TIMEOUT = timedelta(seconds=5)
_CALL_TIMEOUT = timedelta(seconds=15)
_UNREACHABLE = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
)


class TemporalScheduleError(Exception):
    """Temporal did not do what the row asks for."""


class TemporalUnreachableError(TemporalScheduleError):
    """Temporal could not be reached or is overloaded; the same call will do later."""

    def __init__(self) -> None:
        super().__init__("Temporal could not be reached")


class TemporalRefusedError(TemporalScheduleError):
    """Temporal answered and refused, for example because its search attributes are missing."""

    def __init__(self, status: str) -> None:
        super().__init__(f"Temporal refused the schedule ({status.lower()})")


def temporal_schedule_id(backup_schedule_id: UUID) -> str:
    """Return the id of the Temporal Schedule (architecture section 4)."""
    return f"backup_schedule:{backup_schedule_id}"


class TemporalSchedules:
    """Adapter to the schedules of one namespace; every method may be repeated."""

    def __init__(self, *, client: Client, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._task_queue = task_queue

    async def apply(self, stored: StoredSchedule) -> None:
        """Make the Temporal Schedule equal the row, whether it exists or not."""
        await _reach(self._create_or_update(stored))

    async def remove(self, backup_schedule_id: UUID) -> None:
        """Delete the Temporal Schedule; a missing one is fine."""
        handle = self._client.get_schedule_handle(temporal_schedule_id(backup_schedule_id))
        await _reach(_unless_missing(handle.delete(rpc_timeout=_ATTEMPT_TIMEOUT)))

    async def describe(self, backup_schedule_id: UUID) -> ScheduleDescription | None:
        """Return what Temporal has, or None."""
        handle = self._client.get_schedule_handle(temporal_schedule_id(backup_schedule_id))
        return await _reach(_unless_missing(handle.describe(rpc_timeout=_ATTEMPT_TIMEOUT)))

    async def trigger_slot(self, backup_schedule_id: UUID, scheduled_for: datetime) -> None:
        """Fire one chosen slot now, as if it were due (temporal.md 1.1)."""
        moment = Timestamp()
        moment.FromDatetime(scheduled_for)
        request = PatchScheduleRequest(
            namespace=self._client.namespace,
            schedule_id=temporal_schedule_id(backup_schedule_id),
            patch=SchedulePatch(
                trigger_immediately=TriggerImmediatelyRequest(
                    overlap_policy=RawOverlapPolicy.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
                    scheduled_time=moment,
                )
            ),
            identity=self._client.identity,
            request_id=str(uuid4()),
        )
        await _reach(
            self._client.workflow_service.patch_schedule(
                request, retry=True, timeout=_ATTEMPT_TIMEOUT
            )
        )

    async def backfill(self, backup_schedule_id: UUID, after: datetime, until: datetime) -> None:
        """Fire every slot in (after, until] that Temporal has no execution of at the moment."""
        handle = self._client.get_schedule_handle(temporal_schedule_id(backup_schedule_id))
        period = ScheduleBackfill(
            start_at=after, end_at=until, overlap=ScheduleOverlapPolicy.ALLOW_ALL
        )
        await _reach(handle.backfill(period, rpc_timeout=_ATTEMPT_TIMEOUT))

    async def _create_or_update(self, stored: StoredSchedule) -> None:
        schedule_id = temporal_schedule_id(stored.id)
        schedule = self._schedule(stored)
        attributes = _attributes(stored)
        try:
            await self._client.create_schedule(
                schedule_id, schedule, search_attributes=attributes, rpc_timeout=_ATTEMPT_TIMEOUT
            )
        except ScheduleAlreadyRunningError:
            update = ScheduleUpdate(schedule, attributes)
            handle = self._client.get_schedule_handle(schedule_id)
            await handle.update(lambda _: update, rpc_timeout=_ATTEMPT_TIMEOUT)

    def _schedule(self, stored: StoredSchedule) -> Schedule:
        definition = stored.definition
        return Schedule(
            action=ScheduleActionStartWorkflow(
                FRONT_DOOR_WORKFLOW,
                _request(stored).model_dump(mode="json", exclude_unset=True),
                id=f"request:{temporal_schedule_id(stored.id)}",
                task_queue=self._task_queue,
                execution_timeout=_FRONT_DOOR_TIMEOUT,
                typed_search_attributes=_attributes(stored),
                static_summary=label_of(_TYPE),
                priority=Priority(fairness_key=str(stored.tenant_id)),
            ),
            spec=_due_times(definition.spec, definition.jitter),
            # Overlap is decided by admission, which also sees runs started by hand (D2).
            policy=SchedulePolicy(
                overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=definition.catchup_window
            ),
            state=ScheduleState(
                note=f"TenantOps revision {stored.revision}", paused=not stored.is_enabled
            ),
        )


def _request(stored: StoredSchedule) -> OperationRequest:
    return OperationRequest(
        type=_TYPE.value,
        workspace_id=stored.workspace_id,
        tenant_id=stored.tenant_id,
        inputs={"backup_schedule_id": str(stored.id)},
    )


def _attributes(stored: StoredSchedule) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(OPERATION_TYPE, _TYPE.value),
            SearchAttributePair(TENANT_ID, str(stored.tenant_id)),
            SearchAttributePair(WORKSPACE_ID, str(stored.workspace_id)),
        ]
    )


def _due_times(spec: schedules.ScheduleSpec, jitter: timedelta) -> ScheduleSpec:
    """Return the spec for Temporal, which fires at every slot of `domain.schedules`.

    Without `skip` the server fires once more an hour later on the autumn day, if the hour after the
    chosen one comes twice (measured: 01:30 in Vienna also fires at 02:30). West of Greenwich a
    repeated wall clock time still fires twice; the second is no slot, and admission refuses it.
    """
    hour, minute = spec.time_of_day.hour, spec.time_of_day.minute
    days = [ScheduleRange(0, 6)]
    if spec.days_of_week is not None:
        # Temporal counts from Sunday = 0.
        days = [ScheduleRange(day % 7) for day in sorted(spec.days_of_week)]
    due = ScheduleCalendarSpec(
        hour=[ScheduleRange(hour)], minute=[ScheduleRange(minute)], day_of_week=days
    )
    every_hour, every_minute = [ScheduleRange(0, 23)], [ScheduleRange(0, 59)]
    return ScheduleSpec(
        calendars=[due],
        skip=[
            ScheduleCalendarSpec(hour=_all_but(hour, 23), minute=every_minute),
            ScheduleCalendarSpec(hour=every_hour, minute=_all_but(minute, 59)),
        ],
        time_zone_name=spec.timezone,
        jitter=jitter or None,
    )


def _all_but(value: int, last: int) -> list[ScheduleRange]:
    below = [ScheduleRange(0, value - 1)] if value > 0 else []
    above = [ScheduleRange(value + 1, last)] if value < last else []
    return below + above


async def _unless_missing(call: Awaitable[_T]) -> _T | None:
    try:
        return await call
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _reach(call: Awaitable[_T]) -> _T:
    """Await a call to Temporal; raises TemporalScheduleError without Temporal's own text."""
    try:
        async with asyncio.timeout(_CALL_TIMEOUT.total_seconds()):
            return await call
    except RPCError as error:
        if error.status in _UNREACHABLE:
            raise TemporalUnreachableError from None
        raise TemporalRefusedError(error.status.name) from None
    except (TimeoutError, RuntimeError):
        # A lazy client that cannot connect raises RuntimeError.
        raise TemporalUnreachableError from None
