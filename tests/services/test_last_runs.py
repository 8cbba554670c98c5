"""What a schedule's row says of its last run, and that no two locks of it wait for each other."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Row, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.admission import AdmissionCall
from contracts.runs import BeginCall, CompleteCall, Ending, OwnedRun
from domain.runs import RunOutcome
from storage.run_lookup import find_run
from storage.runs import Owner, RunRecord
from storage.schedules import change_schedule, lock_schedule
from storage.tables import backup_schedules, provider_connections
from tests.eventually import eventually
from tests.services.admitting import Desk, Ground, add_ground, gate_of, now

RUN_NOW = "backup_schedule.run_now"
RETRY = "backup_schedule.retry"


@pytest.fixture
async def ground(engine: AsyncEngine) -> Ground:
    return await add_ground(engine)


async def admitted(desk: Desk, request: Any) -> RunRecord:
    call = AdmissionCall(request=request, default_key=str(uuid4()))
    decision = (await desk.admission.admit_call(call)).decision
    assert decision.operation_run_id is not None, decision
    run = await find_run(desk.engine, decision.operation_run_id)
    assert run is not None
    return run


def now_request(ground: Ground) -> Any:
    return ground.request(RUN_NOW, {"backup_schedule_id": str(ground.schedule_id)})


async def last_run(desk: Desk, ground: Ground) -> tuple[datetime | None, str | None]:
    row = await schedule_row(desk, ground)
    return row.last_run_at, row.last_run_status


async def schedule_row(desk: Desk, ground: Ground) -> Row[Any]:
    async with desk.engine.connect() as connection:
        query = select(*backup_schedules.c).where(backup_schedules.c.id == ground.schedule_id)
        return (await connection.execute(query)).one()


def owner_of(run: RunRecord) -> Owner:
    return Owner(run.workflow_id, "first")


def owned(run: RunRecord) -> OwnedRun:
    return OwnedRun(operation_run_id=run.id, first_execution_run_id="first")


async def end(desk: Desk, run: RunRecord, outcome: RunOutcome = RunOutcome.SUCCEEDED) -> None:
    await desk.runs.begin(run.id, owner_of(run))
    await desk.runs.complete(run.id, owner_of(run), outcome)


async def test_run_of_a_schedule_is_its_last_once_it_has_ended(desk: Desk, ground: Ground) -> None:
    run = await admitted(desk, ground.slot())
    assert await last_run(desk, ground) == (None, None)
    await end(desk, run, RunOutcome.PARTIALLY_SUCCEEDED)
    assert await last_run(desk, ground) == (run.created_at, "partially_succeeded")


async def test_runs_by_hand_and_retries_of_a_schedule_are_its_runs(
    desk: Desk, ground: Ground
) -> None:
    by_hand = await admitted(desk, now_request(ground))
    await desk.runs.fail_run(by_hand.id, "worker_error")
    assert await last_run(desk, ground) == (by_hand.created_at, "failed")
    retry = await admitted(desk, ground.request(RETRY, {"operation_run_id": str(by_hand.id)}))
    await end(desk, retry)
    assert await last_run(desk, ground) == (retry.created_at, "succeeded")


async def test_older_run_that_ends_later_is_not_the_last(desk: Desk, ground: Ground) -> None:
    older, newer = [await admitted(desk, now_request(ground)) for _ in range(2)]
    await end(desk, newer)
    await desk.runs.fail_run(older.id, "worker_error")
    assert await last_run(desk, ground) == (newer.created_at, "succeeded")


async def test_skipped_slot_is_the_last_run_also_when_the_running_one_ends(
    desk: Desk, ground: Ground
) -> None:
    running = await admitted(desk, now_request(ground))
    skipped = await admitted(desk, ground.slot())
    await end(desk, running)
    assert await last_run(desk, ground) == (skipped.created_at, "blocked")


async def test_run_blocked_at_admission_is_the_last(desk: Desk, ground: Ground) -> None:
    async with desk.engine.begin() as connection:
        await connection.execute(update(provider_connections).values(disabled_at=now()))
    run = await admitted(desk, ground.slot())
    assert await last_run(desk, ground) == (run.created_at, "blocked")


async def test_ended_run_leaves_revision_and_other_schedules(desk: Desk, ground: Ground) -> None:
    other = await add_ground(desk.engine)
    before = await schedule_row(desk, ground)
    await end(desk, await admitted(desk, ground.slot()))
    await end(desk, await admitted(desk, ground.request(RUN_NOW)))
    after = await schedule_row(desk, ground)
    assert (after.revision, after.updated_at) == (before.revision, before.updated_at)
    assert await last_run(desk, other) == (None, None)


async def test_ending_that_is_undone_leaves_the_schedule(desk: Desk, ground: Ground) -> None:
    run = await admitted(desk, ground.slot())
    async with desk.engine.connect() as connection:
        await desk.runs.fail_run(run.id, "worker_error", within=connection)
        await connection.rollback()
    assert await last_run(desk, ground) == (None, None)


async def test_last_run_of_many_that_end_at_once_is_the_newest(desk: Desk, ground: Ground) -> None:
    runs = [await admitted(desk, now_request(ground)) for _ in range(12)]
    await asyncio.gather(*(desk.runs.fail_run(run.id, "worker_error") for run in runs))
    assert await last_run(desk, ground) == (runs[-1].created_at, "failed")


@pytest.mark.parametrize("written", ["nonsense", "-" * 36, 7, None], ids=repr)
async def test_run_with_anything_for_a_schedule_ends(
    desk: Desk, ground: Ground, written: Any
) -> None:
    run = await admitted(desk, now_request(ground))
    await desk.runs.add_context(run.id, {"backup_schedule_id": written})
    await end(desk, run)
    assert await last_run(desk, ground) == (None, None)


Act = Callable[[Desk, RunRecord], Awaitable[object]]

ENDINGS: dict[str, Act] = {
    "complete": lambda desk, run: desk.runs.complete(run.id, owner_of(run), RunOutcome.FAILED),
    "complete from results": lambda desk, run: desk.runs.complete_from_results(
        run.id, owner_of(run)
    ),
    "fail": lambda desk, run: desk.runs.fail_run(run.id, "worker_error", owner=owner_of(run)),
    "block": lambda desk, run: desk.runs.block(run.id, "slot_missed", owner=owner_of(run)),
    "cancel": lambda desk, run: desk.runs.cancel(run.id, owner=owner_of(run)),
    "gate": lambda desk, run: gate_of(desk).complete(
        CompleteCall(run=owned(run), ending=Ending.WORKED), run.workflow_id
    ),
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
async def test_ending_waits_for_its_schedule_before_it_holds_its_run(
    desk: Desk, ground: Ground, ending: Act
) -> None:
    run = await admitted(desk, ground.slot())
    await desk.runs.begin(run.id, owner_of(run))
    async with desk.engine.begin() as connection:
        # As admission and begin do: the schedule, then the run.
        query = select(backup_schedules.c.id).where(backup_schedules.c.id == ground.schedule_id)
        await connection.execute(query.with_for_update(key_share=True))
        ended = asyncio.create_task(_of(ending(desk, run)))
        await eventually(lambda: _is_somebody_waiting(desk.engine))
        await connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        await connection.execute(
            text("SELECT id FROM operation_runs WHERE id = :id FOR UPDATE"), {"id": run.id}
        )
    await ended
    assert (await last_run(desk, ground))[0] == run.created_at


async def _of(ending: Awaitable[object]) -> None:
    await ending


async def _is_somebody_waiting(engine: AsyncEngine) -> bool:
    query = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with engine.connect() as connection:
        return bool(await connection.scalar(query))


@pytest.mark.long
async def test_admission_begin_end_and_edits_at_once_never_deadlock(
    desk: Desk, ground: Ground
) -> None:
    gate = gate_of(desk)
    seen: list[RunRecord] = []

    async def life(number: int) -> None:
        run = await admitted(desk, now_request(ground))
        seen.append(run)
        begin = BeginCall(run=owned(run), workflow_type="BackupWorkflow")
        complete = CompleteCall(run=owned(run), ending=Ending.CANCELLED)
        acts = (
            gate.begin(begin, run.workflow_id),
            gate.complete(complete, run.workflow_id),
            desk.admission.fail_dispatch(run.id),
            admitted(desk, ground.slot(f"2026-10-{number % 20 + 1:02}T02:00Z")),
            edit(desk, ground),
        )
        await asyncio.gather(*acts)

    for _ in range(4):
        await asyncio.gather(*(life(number) for number in range(10)))
    stored = [await find_run(desk.engine, run.id) for run in seen]
    assert all(run is not None and not run.status.is_active for run in stored)
    assert (await last_run(desk, ground))[0] == await newest_end(desk)


async def edit(desk: Desk, ground: Ground) -> None:
    async with desk.engine.begin() as connection:
        place = (ground.tenancy.workspace_id, ground.schedule_id)
        assert await lock_schedule(connection, *place) is not None
        await change_schedule(connection, ground.schedule_id, now(), {"name": "Edited"})


async def newest_end(desk: Desk) -> datetime:
    async with desk.engine.connect() as connection:
        newest: datetime | None = await connection.scalar(
            text("SELECT max(created_at) FROM operation_runs WHERE status = 'completed'")
        )
    assert newest is not None
    return newest
