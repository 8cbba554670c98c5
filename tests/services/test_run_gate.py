"""What a workflow is told when it asks to begin, and while it waits for its turn."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.admission import AdmissionCall
from contracts.runs import BeginCall, BeginVerdict, OwnedRun
from domain.runs import RunOutcome, RunStatus
from services.runs.run_gate import context_reserve
from storage.run_lookup import find_run
from storage.runs import RunRecord
from storage.tables import operation_runs
from tests.services.admitting import Desk, Ground, add_ground, gate_of

BACKUP = "BackupWorkflow"


@pytest.fixture
async def ground(engine: AsyncEngine) -> Ground:
    return await add_ground(engine)


async def admitted(
    desk: Desk, ground: Ground, resource_type: str = "filter"
) -> tuple[RunRecord, BeginCall]:
    """Return a new backup, and the question of its workflow."""
    request = ground.request("backup_schedule.run_now", {"policy_types": [resource_type]})
    call = AdmissionCall(request=request, default_key=str(uuid4()))
    run_id = (await desk.admission.admit_call(call)).decision.operation_run_id
    assert run_id is not None
    owned = OwnedRun(operation_run_id=run_id, first_execution_run_id=str(uuid4()))
    return await stored(desk, run_id), BeginCall(run=owned, workflow_type=BACKUP)


async def stored(desk: Desk, run_id: UUID) -> RunRecord:
    run = await find_run(desk.engine, run_id)
    assert run is not None
    return run


async def test_selection_that_this_version_cannot_read_blocks_the_run(
    desk: Desk, ground: Ground
) -> None:
    run, call = await admitted(desk, ground)
    of_the_future = {**run.context, "policy_types": ["filter", "quantumPolicy"]}
    async with desk.engine.begin() as connection:
        await connection.execute(update(operation_runs).values(context=of_the_future))

    begun = await gate_of(desk).begin(call, run.workflow_id)

    assert (begun.verdict, begun.outcome) == (BeginVerdict.NOT_OWNER, RunOutcome.BLOCKED)
    assert (await stored(desk, run.id)).context["reason_code"] == "input_invalid"


async def test_run_that_waits_shows_signs_of_life(desk: Desk, ground: Ground) -> None:
    gate = gate_of(desk)
    first, begin_first = await admitted(desk, ground)
    second, begin_second = await admitted(desk, ground)
    await gate.begin(begin_first, first.workflow_id)
    begun = await gate.begin(begin_second, second.workflow_id)
    before = await stored(desk, second.id)

    ahead = await gate.ahead_of(begin_second.run, second.workflow_id, attempt=1)

    assert begun.verdict is BeginVerdict.WAITING
    assert ahead is not None
    assert ahead.run_id == first.id
    after = await stored(desk, second.id)
    assert after.status is RunStatus.QUEUED
    assert before.progress_at is not None
    assert after.progress_at is not None
    assert after.progress_at > before.progress_at


async def test_run_that_ended_while_it_waited_is_told_when_it_begins(
    desk: Desk, ground: Ground
) -> None:
    gate = gate_of(desk)
    run, call = await admitted(desk, ground)
    await desk.runs.cancel(run.id)

    assert await gate.ahead_of(call.run, run.workflow_id, attempt=1) is None
    begun = await gate.begin(call, run.workflow_id)
    assert (begun.verdict, begun.outcome) == (BeginVerdict.NOT_OWNER, RunOutcome.CANCELLED)


async def test_lanes_end_before_the_run_if_groups_are_read_after_them(
    desk: Desk, ground: Ground
) -> None:
    run, call = await admitted(desk, ground, "scopeTag")

    begun = await gate_of(desk).begin(call, run.workflow_id)
    again = await gate_of(desk).begin(call, run.workflow_id)

    assert begun.context is not None
    assert begun.deadline_at is not None
    assert begun.lanes_end_at == begun.deadline_at - timedelta(minutes=10)
    assert again == begun


async def test_lanes_end_with_the_run_if_nothing_is_read_after_them(
    desk: Desk, ground: Ground
) -> None:
    run, call = await admitted(desk, ground)

    begun = await gate_of(desk).begin(call, run.workflow_id)

    assert (begun.context, begun.lanes_end_at) == (None, None)


def test_reserve_of_a_short_run_is_a_tenth_of_it() -> None:
    assert context_reserve(timedelta(minutes=5)) == timedelta(seconds=30)
