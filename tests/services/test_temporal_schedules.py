from datetime import UTC, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import Client, ScheduleOverlapPolicy

from contracts.converter import data_converter
from domain.schedule_definitions import ScheduleDefinition
from domain.schedules import Frequency, ScheduleSpec, is_slot, occurrences
from services.schedules.temporal_schedules import TemporalSchedules, temporal_schedule_id
from storage.schedules import StoredSchedule

START = datetime(2026, 9, 1, 0, 0, 30, tzinfo=UTC)
END = START + timedelta(days=800)
CHANGING_HOURS = [
    pytest.param("Europe/Vienna", time(2, 30), id="vienna: the changed hour"),
    pytest.param("Europe/Vienna", time(1, 30), id="vienna: the hour before it"),
    pytest.param("Europe/Vienna", time(3), id="vienna: the hour after it"),
    pytest.param("Europe/London", time(0, 30), id="london: the hour before it"),
    pytest.param("Australia/Sydney", time(2, 30), id="southern summer: the changed hour"),
    pytest.param("Australia/Sydney", time(1, 30), id="southern summer: the hour before it"),
    pytest.param("Australia/Lord_Howe", time(1), id="half an hour: before it"),
    pytest.param("Australia/Lord_Howe", time(2, 15), id="half an hour: in the gap"),
    pytest.param("Africa/Casablanca", time(2, 30), id="casablanca: ramadan"),
    pytest.param("UTC", time(2, 30), id="no summer time"),
]
WESTERN_REPEATS = [
    pytest.param("America/New_York", time(1, 30), id="new york"),
    pytest.param("America/Santiago", time(23, 30), id="southern summer, before midnight"),
    pytest.param("America/St_Johns", time(1, 15), id="half-hour offset"),
    pytest.param("Atlantic/Azores", time(0), id="azores at midnight"),
]


@pytest_asyncio.fixture(scope="session")
async def client(temporal_address: str) -> Client:
    return await Client.connect(temporal_address, data_converter=data_converter())


@pytest.fixture
def temporal(client: Client) -> TemporalSchedules:
    return TemporalSchedules(client=client)


def stored(spec: ScheduleSpec) -> StoredSchedule:
    moment = datetime(2026, 9, 1, tzinfo=UTC)
    return StoredSchedule(
        id=uuid4(),
        workspace_id=uuid4(),
        tenant_id=uuid4(),
        definition=ScheduleDefinition(name="Nightly", spec=spec),
        is_enabled=False,
        revision=1,
        synced_revision=0,
        deleted_at=None,
        next_run_at=None,
        last_run_at=None,
        last_run_status=None,
        created_at=moment,
        updated_at=moment,
    )


async def fire_times(
    client: Client, temporal: TemporalSchedules, spec: ScheduleSpec
) -> list[datetime]:
    """Return what the real server answers for the schedule as the adapter writes it."""
    row = stored(spec)
    await temporal.apply(row)
    request = ListScheduleMatchingTimesRequest(
        namespace="default", schedule_id=temporal_schedule_id(row.id)
    )
    request.start_time.FromDatetime(START)
    request.end_time.FromDatetime(END)
    answer = await client.workflow_service.list_schedule_matching_times(request)
    await temporal.remove(row.id)
    return [moment.ToDatetime(tzinfo=UTC) for moment in answer.start_time]


@pytest.mark.parametrize(("zone", "at"), CHANGING_HOURS)
async def test_apply_server_fires_exactly_at_the_slots(
    client: Client, temporal: TemporalSchedules, zone: str, at: time
) -> None:
    spec = ScheduleSpec(zone, Frequency.DAILY, at)
    assert await fire_times(client, temporal, spec) == list(occurrences(spec, START, END))


async def test_apply_weekly_schedule_server_fires_exactly_at_the_slots(
    client: Client, temporal: TemporalSchedules
) -> None:
    spec = ScheduleSpec("Europe/Vienna", Frequency.WEEKLY, time(2, 30), (7, 3))
    assert await fire_times(client, temporal, spec) == list(occurrences(spec, START, END))


@pytest.mark.parametrize(("zone", "at"), WESTERN_REPEATS)
async def test_apply_western_time_that_comes_twice_fires_again_but_is_no_second_slot(
    client: Client, temporal: TemporalSchedules, zone: str, at: time
) -> None:
    spec = ScheduleSpec(zone, Frequency.DAILY, at)
    fired = await fire_times(client, temporal, spec)
    extra = [moment for moment in fired if not is_slot(spec, moment)]
    assert set(fired) - set(extra) == set(occurrences(spec, START, END))
    local = [moment.astimezone(ZoneInfo(zone)) for moment in extra]
    assert len(extra) >= 2
    assert all(moment.time() == at and moment.fold == 1 for moment in local)


async def test_apply_policies_leave_overlap_to_admission_and_notes_to_us(
    temporal: TemporalSchedules,
) -> None:
    row = stored(ScheduleSpec("UTC", Frequency.DAILY, time(2)))
    await temporal.apply(row)
    description = await temporal.describe(row.id)
    assert description is not None
    policy = description.schedule.policy
    assert policy.overlap is ScheduleOverlapPolicy.ALLOW_ALL
    assert not policy.pause_on_failure
    assert description.schedule.action is not None


async def test_remove_missing_schedule_is_fine(temporal: TemporalSchedules) -> None:
    await temporal.remove(uuid4())
    assert await temporal.describe(uuid4()) is None
