"""Slots of real Temporal Schedules: one run ever, whoever fires them (D2, D3, behaviour row 36)."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from temporalio.client import WorkflowExecution, WorkflowExecutionStatus

from devstack.ports import any_free_port
from domain.operation_types import OperationType
from domain.runs import RunOutcome, RunStatus
from services.schedules.schedule_sync import SyncState
from services.schedules.temporal_schedules import TemporalSchedules, temporal_schedule_id
from storage.runs import RunRecord
from tests.end_to_end.doors import (
    assert_owners_alone_had_effects,
    gather_starts,
    runs_of,
    through_command,
    through_front_door,
    through_service,
)
from tests.end_to_end.product import ACTOR, Product
from tests.end_to_end.slots import add_schedule, last_slot, slot_request
from tests.end_to_end.stored import results_of
from tests.eventually import eventually

SLOT = OperationType.BACKUP_SCHEDULED
NOW = OperationType.BACKUP_RUN_NOW
DAY = timedelta(days=1)
SLOW_MS = 400.0


async def fires_of(product: Product, schedule_id: UUID) -> list[WorkflowExecution]:
    """Return every execution of the front door that a schedule made, when all are closed."""
    client = await product.services.temporal()
    action = f"request:{temporal_schedule_id(schedule_id)}"
    query = f'WorkflowType = "RequestOperationWorkflow" AND WorkflowId STARTS_WITH "{action}"'
    return [found async for found in client.list_workflows(query)]


async def decisions_of(product: Product, schedule_id: UUID, count: int) -> list[dict[str, Any]]:
    """Return what the front door answered to the fires of a schedule, once there are `count`."""

    async def closed() -> list[WorkflowExecution]:
        fires = await fires_of(product, schedule_id)
        assert len(fires) >= count
        assert all(fire.status is WorkflowExecutionStatus.COMPLETED for fire in fires)
        return fires

    client = await product.services.temporal()
    fires = await eventually(closed, seconds=30)
    return [
        await client.get_workflow_handle(fire.id, run_id=fire.run_id).result() for fire in fires
    ]


async def only_slot_run(product: Product) -> RunRecord:
    """Return the one run of a slot, completed."""

    async def run() -> RunRecord:
        runs = await runs_of(product, SLOT)
        assert len(runs) == 1
        assert runs[0].status is RunStatus.COMPLETED
        return runs[0]

    return await eventually(run, seconds=30)


async def trigger(product: Product, schedule_id: UUID, slot: datetime) -> None:
    schedules = await product.services.schedules()
    await schedules.trigger_slot(ACTOR, product.workspace_id, schedule_id, slot)


async def backfill(product: Product, schedule_id: UUID, slot: datetime) -> None:
    schedules = await product.services.schedules()
    minute = timedelta(minutes=1)
    await schedules.backfill(ACTOR, product.workspace_id, schedule_id, slot - minute, slot)


async def by_hand(product: Product, schedule_id: UUID, slot: datetime, name: str) -> list[Any]:
    """Start a slot through every door that takes one."""
    request = slot_request(product, schedule_id, slot.isoformat())
    doors = (through_service, through_front_door, through_command)
    return await gather_starts([door(product, request, f"{name}-{door}") for door in doors])


async def test_slot_fired_triggered_backfilled_and_started_by_hand_leaves_one_run(
    product: Product,
) -> None:
    schedule_id = await add_schedule(product)
    slot = await last_slot(product, schedule_id)

    await trigger(product, schedule_id, slot)
    await backfill(product, schedule_id, slot)
    at_once = await by_hand(product, schedule_id, slot, "at-once")
    run = await only_slot_run(product)
    fires = len(await decisions_of(product, schedule_id, 1))
    # Once more after completion: Temporal runs the closed slot again (measured), we do not.
    for more in (1, 2):
        await backfill(product, schedule_id, slot)
        await decisions_of(product, schedule_id, fires + more)
    await trigger(product, schedule_id, slot)
    decisions = await decisions_of(product, schedule_id, fires + 3)
    later = await by_hand(product, schedule_id, slot, "later")

    assert (await only_slot_run(product)).id == run.id
    assert run.outcome is RunOutcome.SUCCEEDED
    answers = Counter(decision["decision"] for decision in [*at_once, *decisions, *later])
    assert answers["accepted"] == 1
    assert set(answers) <= {"accepted", "already_active", "already_ran"}
    assert answers["already_ran"] >= 3 + len(later)
    await assert_owners_alone_had_effects(product, [run])


async def test_slot_backs_up_foundations_and_shows_as_the_last_run_of_its_schedule(
    product: Product,
) -> None:
    schedule_id = await add_schedule(product)
    schedules = await product.services.schedules()
    before = await schedules.show(product.workspace_id, schedule_id)
    await trigger(product, schedule_id, await last_slot(product, schedule_id))
    run = await only_slot_run(product)
    after = await schedules.show(product.workspace_id, schedule_id)

    assert (after.last_run_at, after.last_run_status) == (run.created_at, "succeeded")
    assert (after.next_run_at, after.revision) == (before.next_run_at, before.revision)
    read = {"admxFile", "authContext", "authStrength", "filter", "group", "intuneRole"}
    read |= {"notificationTemplate", "scopeTag"}
    assert set(await results_of(product, run)) == read


async def test_slot_that_meets_a_backup_of_its_schedule_is_skipped_with_a_run(
    product: Product,
) -> None:
    schedule_id = await add_schedule(product)
    slot = await last_slot(product, schedule_id)
    product.graph.control.set_latency_ms(SLOW_MS)
    running = await product.start(NOW, {"backup_schedule_id": str(schedule_id)})
    await trigger(product, schedule_id, slot)
    decisions = await decisions_of(product, schedule_id, 1)
    product.graph.control.set_latency_ms(0)
    skipped = await only_slot_run(product)

    assert (await product.finished(running)).outcome is RunOutcome.SUCCEEDED
    assert [decision["decision"] for decision in decisions] == ["overlap_skipped"]
    assert (skipped.outcome, skipped.context["reason_code"]) == ("blocked", "overlap_skipped")
    assert skipped.started_at is None


@pytest.mark.long
async def test_two_slots_at_once_are_one_backup_and_one_overlap(product: Product) -> None:
    schedule_id = await add_schedule(product)
    slot = await last_slot(product, schedule_id)
    product.graph.control.set_latency_ms(SLOW_MS)
    for fired in (slot, slot - DAY):
        await trigger(product, schedule_id, fired)
    decisions = await decisions_of(product, schedule_id, 2)
    product.graph.control.set_latency_ms(0)

    async def outcomes() -> Counter[RunOutcome]:
        return Counter(run.outcome for run in await runs_of(product, SLOT))

    assert Counter(d["decision"] for d in decisions) == {"accepted": 1, "overlap_skipped": 1}
    expected = {RunOutcome.SUCCEEDED: 1, RunOutcome.BLOCKED: 1}

    async def ended() -> bool:
        assert await outcomes() == expected
        return True

    await eventually(ended, seconds=30)


@pytest.mark.long
async def test_skipped_slot_stays_skipped_after_the_backup_ended(product: Product) -> None:
    schedule_id = await add_schedule(product)
    slot = await last_slot(product, schedule_id)
    product.graph.control.set_latency_ms(SLOW_MS)
    running = await product.start(NOW, {"backup_schedule_id": str(schedule_id)})
    await trigger(product, schedule_id, slot)
    await decisions_of(product, schedule_id, 1)
    product.graph.control.set_latency_ms(0)
    await product.finished(running)
    answers = await by_hand(product, schedule_id, slot, "later")

    assert {answer["decision"] for answer in answers} == {"already_ran"}
    assert (await only_slot_run(product)).outcome is RunOutcome.BLOCKED


@pytest.mark.parametrize("is_archived", [False, True], ids=["paused", "archived"])
async def test_schedule_that_is_off_runs_nothing_although_temporal_fires(
    product: Product, monkeypatch: pytest.MonkeyPatch, *, is_archived: bool
) -> None:
    schedule_id = await add_schedule(product)
    slot = await last_slot(product, schedule_id)
    with monkeypatch.context() as cut_off:
        # Temporal cannot be told, so its schedule still fires.
        cut_off.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{any_free_port()}")
        service = await product.services.schedules()
        turn_off = service.archive if is_archived else service.pause
        saved = await turn_off(ACTOR, product.workspace_id, schedule_id)
    await TemporalSchedules(client=await product.services.temporal()).trigger_slot(
        schedule_id, slot
    )
    decisions = await decisions_of(product, schedule_id, 1)

    assert saved.sync is SyncState.TEMPORAL_UNREACHABLE
    assert [decision["reason_code"] for decision in decisions] == ["execution_prerequisite_invalid"]
    assert await runs_of(product, SLOT) == []


@pytest.mark.long
@pytest.mark.alone
async def test_slot_that_temporal_fired_by_itself_leaves_one_run_whoever_comes_after(
    product: Product,
) -> None:
    due = datetime.now(UTC) + timedelta(seconds=65)
    slot = due.replace(second=0, microsecond=0)
    schedule_id = await add_schedule(product, at=slot.time())
    await decisions_by_itself(product, schedule_id)
    run = await only_slot_run(product)
    await trigger(product, schedule_id, slot)
    await decisions_of(product, schedule_id, 2)
    for more in (3, 4):
        await backfill(product, schedule_id, slot)
        await decisions_of(product, schedule_id, more)
    later = await by_hand(product, schedule_id, slot, "later")

    answers = Counter(d["decision"] for d in await decisions_of(product, schedule_id, 4))
    assert answers == {"accepted": 1, "already_ran": 3}
    assert {answer["decision"] for answer in later} == {"already_ran"}
    assert (await only_slot_run(product)).id == run.id
    assert run.context["scheduled_for"] == slot.strftime("%Y-%m-%dT%H:%MZ")
    assert run.context["initiator"]["kind"] == "schedule"
    await assert_owners_alone_had_effects(product, [run])


async def decisions_by_itself(product: Product, schedule_id: UUID) -> None:
    """Wait until Temporal fired the schedule without being asked."""

    async def has_fired() -> bool:
        return bool(await fires_of(product, schedule_id))

    await eventually(has_fired, seconds=100, interval=0.5)
