"""Slots at admission: whose, when, and of what (D3, D13; decisions 0002 and 0004)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.admission import AdmissionCall
from contracts.operations import Decision, OperationDecision
from domain.resource_types.registry import backup_types
from storage.run_lookup import find_run
from storage.runs import RunRecord
from storage.tables import backup_schedules
from tests.services.admitting import Desk, Ground, add_ground, now

DAY = timedelta(days=1)
FOUNDATIONS = {
    "admxFile",
    "authContext",
    "authStrength",
    "filter",
    "group",
    "intuneRole",
    "notificationTemplate",
    "scopeTag",
}


@pytest.fixture
async def ground(engine: AsyncEngine) -> Ground:
    return await add_ground(engine)


async def admit(desk: Desk, request: Any, **origin: Any) -> OperationDecision:
    call = AdmissionCall(request=request, default_key=str(uuid4()), **origin)
    return (await desk.admission.admit_call(call)).decision


async def set_schedule(desk: Desk, ground: Ground, **values: Any) -> None:
    async with desk.engine.begin() as connection:
        await connection.execute(
            update(backup_schedules)
            .where(backup_schedules.c.id == ground.schedule_id)
            .values(**values)
        )


async def next_run_at(desk: Desk, ground: Ground) -> datetime | None:
    async with desk.engine.connect() as connection:
        query = select(backup_schedules.c.next_run_at).where(
            backup_schedules.c.id == ground.schedule_id
        )
        found: datetime | None = await connection.scalar(query)
        return found


async def run_of(desk: Desk, decision: OperationDecision) -> RunRecord:
    assert decision.operation_run_id is not None
    run = await find_run(desk.engine, decision.operation_run_id)
    assert run is not None
    return run


def fired(ground: Ground, at: datetime) -> dict[str, Any]:
    """Return what the front door passes on when Temporal fires the schedule."""
    inputs = {"backup_schedule_id": str(ground.schedule_id)}
    request = ground.request("backup_schedule.scheduled", inputs, principal=None)
    schedule_id = f"backup_schedule:{ground.schedule_id}"
    return {"request": request, "schedule_id": schedule_id, "scheduled_at": at}


def next_time(days: int = 1) -> datetime:
    return (now() + days * DAY).replace(hour=2, minute=0, second=0, microsecond=0)


@pytest.mark.parametrize("principal", ["nightly-jobs", None], ids=["principal", "schedule"])
async def test_slot_still_to_come_is_refused_and_runs_at_its_time(
    desk: Desk, ground: Ground, principal: str | None
) -> None:
    slot = next_time()
    decision = await admit(desk, ground.slot(slot.isoformat(), principal=principal))
    assert (decision.decision, decision.reason_code) == (Decision.BLOCKED, "input_invalid")
    assert decision.fields == ("inputs.scheduled_for",)
    assert await desk.run_count() == 0
    desk.clock = lambda: slot
    assert (await admit(desk, **fired(ground, slot))).decision is Decision.ACCEPTED


async def test_slot_still_to_come_that_temporal_fired_is_refused_and_runs_at_its_time(
    desk: Desk, ground: Ground
) -> None:
    slot = next_time()
    early = await admit(desk, **fired(ground, slot))
    assert (early.reason_code, early.fields) == ("input_invalid", ("inputs.scheduled_for",))
    desk.clock = lambda: slot
    assert (await admit(desk, **fired(ground, slot))).decision is Decision.ACCEPTED


async def test_slot_of_a_clock_a_little_ahead_is_accepted(desk: Desk, ground: Ground) -> None:
    slot = next_time()
    desk.clock = lambda: slot - timedelta(minutes=1)
    assert (await admit(desk, **fired(ground, slot))).decision is Decision.ACCEPTED


@pytest.mark.parametrize("principal", ["nightly-jobs", None], ids=["principal", "schedule"])
async def test_minute_that_is_no_slot_is_refused_whoever_asks(
    desk: Desk, ground: Ground, principal: str | None
) -> None:
    decision = await admit(desk, ground.slot("2026-11-22T13:37Z", principal=principal))
    assert (decision.reason_code, decision.fields) == ("input_invalid", ("inputs.scheduled_for",))


async def test_slot_of_an_archived_schedule_is_refused_for_a_principal_too(
    desk: Desk, ground: Ground
) -> None:
    await set_schedule(desk, ground, deleted_at=now())
    decision = await admit(desk, ground.slot())
    assert decision.reason_code == "execution_prerequisite_invalid"
    assert decision.fields == ("inputs.backup_schedule_id",)


async def test_slot_of_a_paused_schedule_is_started_by_a_principal(
    desk: Desk, ground: Ground
) -> None:
    await set_schedule(desk, ground, is_enabled=False)
    assert (await admit(desk, ground.slot())).decision is Decision.ACCEPTED
    assert await next_run_at(desk, ground) is None


async def test_schedule_of_another_workspace_answers_as_a_missing_one(
    desk: Desk, ground: Ground
) -> None:
    other = await add_ground(desk.engine)
    await set_schedule(desk, other, deleted_at=now())
    foreign = other.slot(workspace_id=str(ground.tenancy.workspace_id))
    decision = await admit(desk, foreign)
    assert (decision.reason_code, decision.fields) == ("not_found", ("inputs.backup_schedule_id",))


async def test_retry_for_an_archived_schedule_is_refused(desk: Desk, ground: Ground) -> None:
    run = await run_of(desk, await admit(desk, ground.slot()))
    await desk.runs.fail_run(run.id, "worker_error")
    await set_schedule(desk, ground, deleted_at=now())
    inputs = {"operation_run_id": str(run.id)}
    decision = await admit(desk, ground.request("backup_schedule.retry", inputs))
    assert decision.reason_code == "execution_prerequisite_invalid"


async def test_slot_moves_the_next_run_to_the_slot_after_it(desk: Desk, ground: Ground) -> None:
    slot = next_time(0) - DAY
    await set_schedule(desk, ground, next_run_at=slot)
    await admit(desk, **fired(ground, slot))
    assert await next_run_at(desk, ground) == slot + DAY


async def test_earlier_slot_leaves_a_missed_one_the_next(desk: Desk, ground: Ground) -> None:
    missed = datetime(2026, 11, 21, 2, tzinfo=UTC)
    await set_schedule(desk, ground, next_run_at=missed)
    await admit(desk, ground.slot("2026-11-20T02:00Z"))
    assert await next_run_at(desk, ground) == missed


async def test_refused_slot_leaves_the_next_run(desk: Desk, ground: Ground) -> None:
    due = next_time()
    await set_schedule(desk, ground, next_run_at=due)
    await admit(desk, **fired(ground, due))
    assert await next_run_at(desk, ground) == due


SELECTIONS: dict[str, tuple[Sequence[str] | None, bool, set[str] | None]] = {
    "all": (None, True, None),
    "all but foundations": (None, False, {entry.key for entry in backup_types()} - FOUNDATIONS),
    "named and foundations": (["deviceConfiguration"], True, {"deviceConfiguration", *FOUNDATIONS}),
    "named alone": (["deviceConfiguration"], False, {"deviceConfiguration"}),
    "foundation named by itself": (["filter", "caPolicy"], False, {"filter", "caPolicy"}),
}


@pytest.mark.parametrize(("types", "foundations", "expected"), SELECTIONS.values(), ids=SELECTIONS)
async def test_selection_of_a_schedule_is_stored_with_its_foundations(
    desk: Desk,
    ground: Ground,
    types: Sequence[str] | None,
    expected: set[str] | None,
    *,
    foundations: bool,
) -> None:
    await set_schedule(desk, ground, policy_types=types, include_foundations=foundations)
    by_hand = {"backup_schedule_id": str(ground.schedule_id)}
    slot = await run_of(desk, await admit(desk, ground.slot()))
    now_ = await run_of(desk, await admit(desk, ground.request("backup_schedule.run_now", by_hand)))
    stored = None if expected is None else sorted(expected)
    assert slot.context.get("policy_types") == now_.context.get("policy_types") == stored


async def test_types_of_a_run_now_are_read_as_they_are_named(desk: Desk, ground: Ground) -> None:
    inputs = {"backup_schedule_id": str(ground.schedule_id), "policy_types": ["caPolicy"]}
    decision = await admit(desk, ground.request("backup_schedule.run_now", inputs))
    assert (await run_of(desk, decision)).context["policy_types"] == ["caPolicy"]


async def test_retry_keeps_the_selection_of_its_run(desk: Desk, ground: Ground) -> None:
    await set_schedule(desk, ground, policy_types=["caPolicy"])
    run = await run_of(desk, await admit(desk, ground.slot()))
    await desk.runs.fail_run(run.id, "worker_error")
    await set_schedule(desk, ground, policy_types=["mobileApp"])
    retry = ground.request("backup_schedule.retry", {"operation_run_id": str(run.id)})
    again = await run_of(desk, await admit(desk, retry))
    assert set(again.context["policy_types"]) == {"caPolicy", *FOUNDATIONS}
