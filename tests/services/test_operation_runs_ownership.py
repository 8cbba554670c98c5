"""Who may write to a run: its owner, in the states from which the write is legal."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.failures import Failure
from domain.operation_types import OperationType
from domain.runs import IllegalTransitionError, RunOutcome, RunStatus
from services.runs.operation_runs import (
    NotOwnerError,
    OperationRunService,
    Owner,
    RunAlreadyClosedError,
    RunMismatchError,
    UnknownRunError,
)
from tests.services.run_ground import RunGround, owner_of

Write = Callable[[OperationRunService, UUID, Owner], Awaitable[Any]]
FAILURE = Failure("type.failed", "provider_throttled", "groups")
WRITES: dict[str, Write] = {
    "update": lambda runs, run_id, owner: runs.update_run(run_id, owner),
    "increment": lambda runs, run_id, owner: runs.increment_summary_counts(
        run_id, owner, "step", {"total": 1}
    ),
    "append": lambda runs, run_id, owner: runs.append_failures(run_id, owner, [FAILURE]),
    "progress": lambda runs, run_id, owner: runs.record_progress(run_id, owner),
    "complete": lambda runs, run_id, owner: runs.complete(run_id, owner, RunOutcome.SUCCEEDED),
    "results": lambda runs, run_id, owner: runs.complete_from_results(run_id, owner),
    "accounted": lambda runs, run_id, owner: runs.complete_when_accounted(run_id, owner),
    "fail": lambda runs, run_id, owner: runs.fail_run(run_id, "worker_error", owner=owner),
    "block": lambda runs, run_id, owner: runs.block(run_id, "tenant_missing", owner=owner),
    "cancel": lambda runs, run_id, owner: runs.cancel(run_id, owner=owner),
}
writes = pytest.mark.parametrize("write", WRITES.values(), ids=list(WRITES))


async def test_begin_takes_a_queued_run_and_stamps_its_start_once(ground: RunGround) -> None:
    run = await ground.created()
    started_at = ground.clock.move(minutes=1)
    begun = await ground.runs.begin(run.id, owner_of(run), OperationType.BACKUP_RUN_NOW)
    assert (begun.is_owner, begun.run.status) == (True, RunStatus.RUNNING)
    assert begun.run.owner == owner_of(run)
    ground.clock.move(minutes=1)
    again = await ground.runs.begin(run.id, owner_of(run))
    assert again.is_owner
    assert again.run.started_at == started_at


async def test_begin_by_another_execution_is_told_that_it_is_not_the_owner(
    ground: RunGround,
) -> None:
    run, _ = await ground.running()
    other = await ground.runs.begin(run.id, owner_of(run, "second"))
    assert (other.is_owner, other.run) == (False, run)


async def test_begin_by_hundred_executions_has_one_owner(ground: RunGround) -> None:
    run = await ground.created()
    begun = await asyncio.gather(
        *(ground.runs.begin(run.id, owner_of(run, str(number))) for number in range(100))
    )
    (winner,) = [result for result in begun if result.is_owner]
    assert (await ground.stored(run.id)).owner == winner.run.owner


async def test_begin_of_a_completed_run_owns_nothing(ground: RunGround) -> None:
    run, owner = await ground.running()
    ended = await ground.runs.complete(run.id, owner, RunOutcome.SUCCEEDED)
    again = await ground.runs.begin(run.id, owner)
    assert (again.is_owner, again.run) == (False, ended)


async def test_begin_of_an_unknown_run_creates_none(ground: RunGround) -> None:
    with pytest.raises(UnknownRunError):
        await ground.runs.begin(uuid4(), Owner("backup_schedule.run_now:x", "first"))
    assert await ground.count() == 0


async def test_begin_by_a_workflow_of_another_id_is_refused(ground: RunGround) -> None:
    run = await ground.created()
    with pytest.raises(RunMismatchError):
        await ground.runs.begin(run.id, Owner("inventory.sync:other", "first"))
    assert await ground.stored(run.id) == run


async def test_begin_as_another_type_is_refused(ground: RunGround) -> None:
    run = await ground.created()
    with pytest.raises(RunMismatchError):
        await ground.runs.begin(run.id, owner_of(run), OperationType.RESTORE_EXECUTE)
    assert await ground.stored(run.id) == run


@pytest.mark.parametrize("is_held_by_begin", [True, False])
async def test_claim_records_the_owner_and_leaves_the_run_queued(
    ground: RunGround, is_held_by_begin: bool
) -> None:
    run = await ground.created()
    owner = owner_of(run)
    if is_held_by_begin:
        claimed = await ground.runs.begin(run.id, owner, hold=True)
    else:
        claimed = await ground.runs.claim(run.id, owner)
    assert (claimed.is_owner, claimed.run.status) == (True, RunStatus.QUEUED)
    assert (claimed.run.owner, claimed.run.started_at) == (owner, None)
    assert not (await ground.runs.claim(run.id, owner_of(run, "second"))).is_owner
    assert not (await ground.runs.begin(run.id, owner_of(run, "second"))).is_owner
    assert (await ground.runs.begin(run.id, owner)).run.status is RunStatus.RUNNING


async def test_claim_of_a_running_run_by_its_owner_leaves_it_running(ground: RunGround) -> None:
    run, owner = await ground.running()
    claimed = await ground.runs.claim(run.id, owner)
    assert (claimed.is_owner, claimed.run.status) == (True, RunStatus.RUNNING)


async def test_claim_of_an_undone_transaction_is_undone(ground: RunGround) -> None:
    run = await ground.created()
    async with ground.engine.connect() as connection:
        await ground.runs.claim(run.id, owner_of(run), within=connection)
        await connection.rollback()
    assert await ground.stored(run.id) == run


@writes
async def test_write_by_another_execution_is_refused(ground: RunGround, write: Write) -> None:
    run, _ = await ground.running()
    with pytest.raises(NotOwnerError):
        await write(ground.runs, run.id, owner_of(run, "second"))
    assert await ground.stored(run.id) == run


@writes
async def test_write_by_another_workflow_is_refused(ground: RunGround, write: Write) -> None:
    run, _ = await ground.running()
    with pytest.raises(NotOwnerError):
        await write(ground.runs, run.id, Owner("inventory.sync:other", "first"))
    assert await ground.stored(run.id) == run


@writes
async def test_write_to_an_unknown_run_is_refused(ground: RunGround, write: Write) -> None:
    with pytest.raises(UnknownRunError):
        await write(ground.runs, uuid4(), Owner("x", "first"))


@writes
async def test_write_to_a_run_closed_by_another_is_refused(ground: RunGround, write: Write) -> None:
    run = await ground.created()
    ended = await ground.runs.fail_undispatched(run.id)
    with pytest.raises(RunAlreadyClosedError):
        await write(ground.runs, run.id, owner_of(run))
    assert await ground.stored(run.id) == ended


@pytest.mark.parametrize("name", ["increment", "update", "append"])
async def test_work_before_begin_is_refused(ground: RunGround, name: str) -> None:
    run = await ground.created()
    owner = owner_of(run)
    held = await ground.runs.claim(run.id, owner)
    with pytest.raises(IllegalTransitionError):
        await WRITES[name](ground.runs, run.id, owner)
    assert await ground.stored(run.id) == held.run


async def test_progress_stamps_a_sign_of_life_also_while_waiting(ground: RunGround) -> None:
    run = await ground.created()
    owner = owner_of(run)
    await ground.runs.claim(run.id, owner)
    seen_at = ground.clock.move(minutes=3)
    await ground.runs.record_progress(run.id, owner)
    assert (await ground.stored(run.id)).progress_at == seen_at


async def test_update_moves_forward_and_stamps_times_once(ground: RunGround) -> None:
    run = await ground.created()
    owner = owner_of(run)
    started_at = ground.clock.move(minutes=1)
    running = await ground.runs.update_run(run.id, owner, status=RunStatus.RUNNING)
    assert (running.status, running.started_at) == (RunStatus.RUNNING, started_at)
    completed_at = ground.clock.move(minutes=1)
    ended = await ground.runs.update_run(
        run.id, owner, status=RunStatus.COMPLETED, outcome=RunOutcome.SUCCEEDED
    )
    assert ended.completed_at == completed_at
    assert completed_at - started_at == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (RunStatus.QUEUED, None),
        (RunStatus.RUNNING, RunOutcome.SUCCEEDED),
        (RunStatus.COMPLETED, None),
        (RunStatus.COMPLETED, RunOutcome.PENDING),
        (None, RunOutcome.FAILED),
    ],
)
async def test_update_to_an_illegal_state_is_refused(
    ground: RunGround, status: RunStatus | None, outcome: RunOutcome | None
) -> None:
    run, owner = await ground.running()
    with pytest.raises(IllegalTransitionError):
        await ground.runs.update_run(run.id, owner, status=status, outcome=outcome)
    assert await ground.stored(run.id) == run
