import asyncio
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, ScheduleDescription
from temporalio.service import RPCError
from uuid_utils.compat import uuid7

from contracts.converter import data_converter
from domain.schedule_definitions import ScheduleDefinition
from domain.schedules import DstEffect, Frequency, InvalidScheduleError, ScheduleSpec
from services.schedules.schedule_errors import (
    NotASlotError,
    ScheduleArchivedError,
    ScheduleChangedError,
    ScheduleHasHistoryError,
    ScheduleNotArchivedError,
    ScheduleNotFoundError,
    SchedulePausedError,
    ScheduleStillInTemporalError,
    SlotNotDueError,
    TenantNotActiveError,
)
from services.schedules.schedule_sync import SyncState
from services.schedules.schedules import ScheduleService
from services.schedules.temporal_schedules import TemporalSchedules
from storage.tables import audit_log, operation_runs
from tests.eventually import eventually
from tests.services.tenancy import EDITOR, Tenancy, add_tenancy, audited, now

NIGHTLY = ScheduleDefinition(
    name="Nightly",
    spec=ScheduleSpec("Europe/Vienna", Frequency.DAILY, time(2, 30)),
    policy_types=("settingsCatalog",),
    retention_keep_last=30,
    jitter=timedelta(minutes=2),
)
SLOT = datetime(2026, 9, 1, 0, 30, tzinfo=UTC)


@pytest.fixture
async def tenancy(engine: AsyncEngine) -> Tenancy:
    return await add_tenancy(engine)


@pytest_asyncio.fixture(scope="session")
async def client(temporal_address: str) -> Client:
    return await Client.connect(temporal_address, data_converter=data_converter())


@pytest.fixture
def temporal(client: Client) -> TemporalSchedules:
    return TemporalSchedules(client=client)


@pytest.fixture
async def unreachable(unused_tcp_port: int) -> TemporalSchedules:
    client = await Client.connect(f"127.0.0.1:{unused_tcp_port}", lazy=True)
    return TemporalSchedules(client=client)


def service_on(engine: AsyncEngine, temporal: TemporalSchedules) -> ScheduleService:
    return ScheduleService(engine=engine, temporal=temporal, clock=now, new_id=uuid7)


@pytest.fixture
def service(engine: AsyncEngine, temporal: TemporalSchedules) -> ScheduleService:
    return service_on(engine, temporal)


async def described(temporal: TemporalSchedules, schedule_id: Any) -> ScheduleDescription:
    description = await temporal.describe(schedule_id)
    assert description is not None
    return description


async def test_create_row_and_temporal_schedule_agree(
    service: ScheduleService, temporal: TemporalSchedules, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    assert saved.sync is SyncState.SYNCED
    assert saved.schedule.is_synced
    assert saved.schedule.definition == NIGHTLY
    schedule = (await described(temporal, saved.schedule.id)).schedule
    assert schedule.spec.time_zone_name == "Europe/Vienna"
    assert schedule.spec.jitter == timedelta(minutes=2)
    assert schedule.policy.catchup_window == timedelta(minutes=15)
    assert schedule.state.note == "TenantOps revision 1"
    assert not schedule.state.paused


async def test_create_next_run_is_the_next_slot(service: ScheduleService, tenancy: Tenancy) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    next_run_at = saved.schedule.next_run_at
    assert next_run_at is not None
    assert timedelta(0) < next_run_at - now() <= timedelta(hours=25)


async def test_create_change_is_audited_with_its_actor(
    engine: AsyncEngine, service: ScheduleService, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    async with engine.connect() as connection:
        row = (await connection.execute(select(audit_log))).one()
    assert (row.action, row.actor_name) == ("backup_schedule.create", "editor")
    assert row.resource_id == str(saved.schedule.id)
    assert row.tenant_id == tenancy.tenant_id


@pytest.mark.parametrize("lifecycle", ["draft", "onboarding", "archived"])
async def test_create_tenant_not_active_is_refused(
    engine: AsyncEngine, service: ScheduleService, lifecycle: str
) -> None:
    other = await add_tenancy(engine, lifecycle)
    with pytest.raises(TenantNotActiveError):
        await service.create(EDITOR, other.workspace_id, other.tenant_id, NIGHTLY)


async def test_create_tenant_of_another_workspace_answers_as_missing(
    engine: AsyncEngine, service: ScheduleService, tenancy: Tenancy
) -> None:
    other = await add_tenancy(engine)
    with pytest.raises(ScheduleNotFoundError):
        await service.create(EDITOR, tenancy.workspace_id, other.tenant_id, NIGHTLY)


async def test_create_unknown_policy_type_is_named(
    service: ScheduleService, tenancy: Tenancy
) -> None:
    wrong = replace(NIGHTLY, policy_types=("settingsCatalogue",))
    with pytest.raises(InvalidScheduleError, match="use keys such as settingsCatalog"):
        await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, wrong)


async def test_update_new_definition_reaches_temporal(
    service: ScheduleService, temporal: TemporalSchedules, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    weekly = replace(NIGHTLY, spec=ScheduleSpec("UTC", Frequency.WEEKLY, time(5), (7, 1)))
    saved = await service.update(EDITOR, tenancy.workspace_id, saved.schedule.id, weekly)
    assert saved.schedule.revision == saved.schedule.synced_revision == 2
    schedule = (await described(temporal, saved.schedule.id)).schedule
    days = [entry.start for entry in schedule.spec.calendars[0].day_of_week]
    assert (schedule.spec.time_zone_name, days) == ("UTC", [1, 0])
    assert schedule.state.note == "TenantOps revision 2"


async def test_update_equal_definition_makes_no_revision(
    engine: AsyncEngine, service: ScheduleService, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    saved = await service.update(EDITOR, tenancy.workspace_id, saved.schedule.id, NIGHTLY)
    assert saved.schedule.revision == 1
    assert await audited(engine) == ["backup_schedule.create"]


async def test_update_revision_moved_on_is_refused(
    service: ScheduleService, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    renamed = replace(NIGHTLY, name="Renamed")
    await service.update(EDITOR, tenancy.workspace_id, saved.schedule.id, renamed)
    with pytest.raises(ScheduleChangedError) as caught:
        await service.update(
            EDITOR, tenancy.workspace_id, saved.schedule.id, NIGHTLY, expected_revision=1
        )
    assert caught.value.revision == 2


async def test_update_concurrent_editors_take_turns(
    engine: AsyncEngine, service: ScheduleService, temporal: TemporalSchedules, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    schedule_id = saved.schedule.id
    names = [replace(NIGHTLY, name=f"Name {number}") for number in range(8)]
    await asyncio.gather(
        *(service.update(EDITOR, tenancy.workspace_id, schedule_id, entry) for entry in names)
    )
    stored = await service.show(tenancy.workspace_id, schedule_id)
    assert stored.revision == stored.synced_revision == 9
    schedule = (await described(temporal, schedule_id)).schedule
    assert schedule.state.note == "TenantOps revision 9"
    assert len(await audited(engine)) == 9


async def test_pause_and_resume_reach_temporal(
    service: ScheduleService, temporal: TemporalSchedules, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    paused = await service.pause(EDITOR, tenancy.workspace_id, saved.schedule.id)
    assert paused.schedule.next_run_at is None
    assert (await described(temporal, saved.schedule.id)).schedule.state.paused
    resumed = await service.resume(EDITOR, tenancy.workspace_id, saved.schedule.id)
    assert resumed.schedule.next_run_at is not None
    assert not (await described(temporal, saved.schedule.id)).schedule.state.paused


async def test_pause_twice_changes_once(
    engine: AsyncEngine, service: ScheduleService, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    for _ in range(2):
        await service.pause(EDITOR, tenancy.workspace_id, saved.schedule.id)
    assert await audited(engine) == ["backup_schedule.create", "backup_schedule.pause"]


async def test_archive_schedule_leaves_temporal_and_takes_no_changes(
    service: ScheduleService, temporal: TemporalSchedules, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    archived = await service.archive(EDITOR, tenancy.workspace_id, saved.schedule.id)
    assert archived.schedule.is_archived
    assert archived.sync is SyncState.SYNCED
    assert await temporal.describe(saved.schedule.id) is None
    with pytest.raises(ScheduleArchivedError):
        await service.resume(EDITOR, tenancy.workspace_id, saved.schedule.id)


async def test_list_schedules_archived_one_is_shown_when_asked_for(
    service: ScheduleService, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    await service.archive(EDITOR, tenancy.workspace_id, saved.schedule.id)
    assert await service.list_schedules(tenancy.workspace_id) == []
    found = await service.list_schedules(
        tenancy.workspace_id, tenancy.tenant_id, include_archived=True
    )
    assert [entry.id for entry in found] == [saved.schedule.id]


@pytest.mark.parametrize("is_enabled", [True, False])
async def test_restore_schedule_keeps_its_enabled_flag(
    service: ScheduleService, temporal: TemporalSchedules, tenancy: Tenancy, *, is_enabled: bool
) -> None:
    saved = await service.create(
        EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY, is_enabled=is_enabled
    )
    await service.archive(EDITOR, tenancy.workspace_id, saved.schedule.id)
    restored = await service.restore(EDITOR, tenancy.workspace_id, saved.schedule.id)
    assert restored.schedule.is_enabled is is_enabled
    paused = (await described(temporal, saved.schedule.id)).schedule.state.paused
    assert paused is not is_enabled


async def test_delete_active_schedule_is_refused(
    service: ScheduleService, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    with pytest.raises(ScheduleNotArchivedError):
        await service.delete(EDITOR, tenancy.workspace_id, saved.schedule.id)


async def test_delete_archived_schedule_without_history_is_gone(
    engine: AsyncEngine, service: ScheduleService, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    await service.archive(EDITOR, tenancy.workspace_id, saved.schedule.id)
    await service.delete(EDITOR, tenancy.workspace_id, saved.schedule.id)
    with pytest.raises(ScheduleNotFoundError):
        await service.show(tenancy.workspace_id, saved.schedule.id)
    assert (await audited(engine))[-1] == "backup_schedule.delete"


async def test_delete_schedule_with_a_run_is_refused(
    engine: AsyncEngine, service: ScheduleService, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    await service.archive(EDITOR, tenancy.workspace_id, saved.schedule.id)
    async with engine.begin() as connection:
        await connection.execute(insert(operation_runs).values(run_of(saved.schedule.id, tenancy)))
    with pytest.raises(ScheduleHasHistoryError):
        await service.delete(EDITOR, tenancy.workspace_id, saved.schedule.id)


def run_of(schedule_id: Any, tenancy: Tenancy) -> dict[str, Any]:
    return {
        "id": uuid4(),
        "workspace_id": tenancy.workspace_id,
        "tenant_id": tenancy.tenant_id,
        "initiator_name": "Nightly",
        "type": "backup_schedule.scheduled",
        "status": "completed",
        "outcome": "succeeded",
        "completed_at": now(),
        "run_identity_hash": "0" * 64,
        "context": {"backup_schedule_id": str(schedule_id)},
        "workflow_id": "w",
        "admission_key": "k",
    }


async def test_delete_temporal_down_keeps_the_row(
    engine: AsyncEngine,
    service: ScheduleService,
    unreachable: TemporalSchedules,
    tenancy: Tenancy,
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    await service.archive(EDITOR, tenancy.workspace_id, saved.schedule.id)
    with pytest.raises(ScheduleStillInTemporalError):
        await service_on(engine, unreachable).delete(
            EDITOR, tenancy.workspace_id, saved.schedule.id
        )
    assert (await service.show(tenancy.workspace_id, saved.schedule.id)).is_archived
    assert "backup_schedule.delete" not in await audited(engine)


async def test_create_temporal_down_saves_the_row_and_sync_pending_mends_it(
    engine: AsyncEngine,
    service: ScheduleService,
    temporal: TemporalSchedules,
    unreachable: TemporalSchedules,
    tenancy: Tenancy,
) -> None:
    cut_off = service_on(engine, unreachable)
    saved = await cut_off.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    assert saved.sync is SyncState.TEMPORAL_UNREACHABLE
    assert not saved.schedule.is_synced
    assert await service.sync_pending() == {saved.schedule.id: SyncState.SYNCED}
    assert await temporal.describe(saved.schedule.id) is not None
    assert await service.sync_pending() == {}


async def test_archive_temporal_down_is_mended_by_removing_the_temporal_schedule(
    engine: AsyncEngine,
    service: ScheduleService,
    temporal: TemporalSchedules,
    unreachable: TemporalSchedules,
    tenancy: Tenancy,
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    cut_off = service_on(engine, unreachable)
    await cut_off.archive(EDITOR, tenancy.workspace_id, saved.schedule.id)
    assert await temporal.describe(saved.schedule.id) is not None
    await service.sync_pending()
    assert await temporal.describe(saved.schedule.id) is None


async def test_sync_pending_temporal_down_stops_at_the_first(
    engine: AsyncEngine, unreachable: TemporalSchedules, tenancy: Tenancy
) -> None:
    cut_off = service_on(engine, unreachable)
    for _ in range(2):
        await cut_off.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    states = await cut_off.sync_pending()
    assert list(states.values()) == [SyncState.TEMPORAL_UNREACHABLE]


async def test_create_temporal_refuses_saves_the_row_and_says_so(
    engine: AsyncEngine, temporal_address: str, tenancy: Tenancy
) -> None:
    elsewhere = await Client.connect(temporal_address, namespace="missing", lazy=True)
    service = service_on(engine, TemporalSchedules(client=elsewhere))
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    assert saved.sync is SyncState.TEMPORAL_REFUSED


async def test_sync_repeated_at_the_same_time_leaves_one_temporal_schedule(
    service: ScheduleService, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    states = await asyncio.gather(*(service.sync(saved.schedule.id) for _ in range(5)))
    assert set(states) == {SyncState.SYNCED}


async def test_show_schedule_of_another_workspace_answers_as_missing(
    engine: AsyncEngine, service: ScheduleService, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    other = await add_tenancy(engine)
    with pytest.raises(ScheduleNotFoundError):
        await service.show(other.workspace_id, saved.schedule.id)
    with pytest.raises(ScheduleNotFoundError):
        await service.pause(EDITOR, other.workspace_id, saved.schedule.id)


async def test_trigger_slot_time_between_slots_is_refused_with_the_next(
    service: ScheduleService, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    with pytest.raises(NotASlotError, match="2026-09-01T00:30Z"):
        await service.trigger_slot(
            EDITOR, tenancy.workspace_id, saved.schedule.id, SLOT - timedelta(minutes=1)
        )


async def test_trigger_slot_starts_the_front_door_for_that_slot(
    service: ScheduleService, client: Client, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    await service.trigger_slot(EDITOR, tenancy.workspace_id, saved.schedule.id, SLOT)
    name = f"request:backup_schedule:{saved.schedule.id}-2026-09-01T00:30:00Z"
    handle = client.get_workflow_handle(name)
    history = await eventually_started(handle)
    started = history.events[0].workflow_execution_started_event_attributes
    assert started.workflow_type.name == "RequestOperationWorkflow"
    assert started.task_queue.name == "tenant-operations"
    assert (await data_converter().decode(started.input.payloads))[0] == {
        "type": "backup_schedule.scheduled",
        "workspace_id": str(tenancy.workspace_id),
        "tenant_id": str(tenancy.tenant_id),
        "inputs": {"backup_schedule_id": str(saved.schedule.id)},
    }
    attributes = started.search_attributes.indexed_fields
    assert {"OperationType", "TenantId", "WorkspaceId"} <= set(attributes)


async def eventually_started(handle: Any) -> Any:
    async def fetch() -> Any:
        try:
            return await handle.fetch_history()
        except RPCError as error:
            raise AssertionError from error

    return await eventually(fetch)


async def test_backfill_every_slot_of_the_period_fires_once(
    service: ScheduleService, client: Client, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    until = SLOT + timedelta(days=3)
    await service.backfill(EDITOR, tenancy.workspace_id, saved.schedule.id, SLOT, until)
    query = f'TemporalScheduledById="backup_schedule:{saved.schedule.id}"'
    await eventually_counted(client, query, 3)


async def eventually_counted(
    client: Client, query: str, count: int, *, seconds: float = 10
) -> None:
    async def probe() -> Any:
        return (await client.count_workflows(query)).count == count

    await eventually(probe, seconds=seconds)


async def test_slots_to_come_are_neither_triggered_nor_backfilled(
    service: ScheduleService, client: Client, engine: AsyncEngine, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    place = (EDITOR, tenancy.workspace_id, saved.schedule.id)
    to_come = saved.schedule.next_run_at
    assert to_come is not None
    with pytest.raises(SlotNotDueError, match="would be missing at their time"):
        await service.trigger_slot(*place, to_come)
    with pytest.raises(SlotNotDueError, match="fire slots up to"):
        await service.backfill(*place, SLOT, to_come)
    query = f'TemporalScheduledById="backup_schedule:{saved.schedule.id}"'
    assert (await client.count_workflows(query)).count == 0
    assert await audited(engine) == ["backup_schedule.create"]


async def test_paused_schedule_says_that_it_fires_nothing(
    service: ScheduleService, tenancy: Tenancy
) -> None:
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, NIGHTLY)
    place = (EDITOR, tenancy.workspace_id, saved.schedule.id)
    await service.pause(*place)
    with pytest.raises(SchedulePausedError):
        await service.trigger_slot(*place, SLOT)
    with pytest.raises(SchedulePausedError):
        await service.backfill(*place, SLOT, SLOT + timedelta(days=1))


async def test_warnings_time_in_the_changed_hour_is_announced(service: ScheduleService) -> None:
    effects = {entry.effect for entry in service.warnings(NIGHTLY)}
    assert effects == {DstEffect.SKIPPED, DstEffect.REPEATED}


@pytest.mark.long
@pytest.mark.alone
async def test_create_schedule_really_fires_at_its_minute(
    service: ScheduleService, client: Client, tenancy: Tenancy
) -> None:
    due = now() + timedelta(seconds=65)
    spec = ScheduleSpec("UTC", Frequency.DAILY, time(due.hour, due.minute))
    soon = replace(NIGHTLY, spec=spec, jitter=timedelta(0))
    saved = await service.create(EDITOR, tenancy.workspace_id, tenancy.tenant_id, soon)
    name = f"request:backup_schedule:{saved.schedule.id}-{due:%FT%R}:00Z"
    await eventually_counted(client, f'WorkflowId="{name}"', 1, seconds=90)
