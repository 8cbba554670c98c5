"""How runs come to exist: once, whoever asks and however many at once."""

import asyncio
from collections import Counter
from uuid import uuid4

import pytest

from domain.operation_types import OperationType
from domain.runs import RunOutcome, RunStatus
from services.runs.operation_runs import (
    AdmissionKeyTakenError,
    ContextTooLargeError,
    EnsureDecision,
    RunRecord,
    RunScopeError,
    UnknownRunError,
)
from tests.services.run_ground import (
    SLOT,
    SYNC,
    RunGround,
    lay_ground,
    owner_of,
    whole,
)

RUN_NOW = OperationType.BACKUP_RUN_NOW
SCHEDULED = OperationType.BACKUP_SCHEDULED
RECONCILE = OperationType.OPERATION_RUNS_RECONCILE


async def finished(ground: RunGround, run: RunRecord) -> RunRecord:
    owner = owner_of(run)
    await ground.runs.begin(run.id, owner)
    return await ground.runs.complete(run.id, owner, RunOutcome.SUCCEEDED)


async def test_new_run_is_queued_with_everything_that_admission_knows(ground: RunGround) -> None:
    context = {"provider_connection_id": str(uuid4()), "target_scope": {"entra_tenant_id": "e"}}
    new = ground.new(SYNC, context=context)
    run = whole(await ground.runs.ensure_run(new))
    assert (run.status, run.outcome) == (RunStatus.QUEUED, RunOutcome.PENDING)
    assert (run.workspace_id, run.tenant_id) == (new.workspace_id, new.tenant_id)
    assert (run.initiator_name, run.user_id) == ("Ada", None)
    assert (run.context, run.summary_counts, run.failure_summary) == (context, {}, [])
    assert run.workflow_id == f"{SYNC}:{new.identity_hash}"
    assert run.created_at == run.updated_at == ground.clock()
    assert (run.started_at, run.completed_at, run.owner) == (None, None, None)


async def test_hundred_parallel_starts_of_a_tenant_identity_leave_one_run(
    ground: RunGround,
) -> None:
    answers = await asyncio.gather(*(ground.runs.ensure_run(ground.new()) for _ in range(100)))
    decisions = Counter(answer.decision for answer in answers)
    assert decisions == {EnsureDecision.CREATED: 1, EnsureDecision.ALREADY_ACTIVE: 99}
    assert len({answer.run_id for answer in answers}) == await ground.count() == 1


async def test_hundred_parallel_starts_of_a_workspace_identity_leave_one_run(
    ground: RunGround,
) -> None:
    requests = [ground.new(RECONCILE, tenant_id=None) for _ in range(100)]
    answers = await asyncio.gather(*(ground.runs.ensure_run(new) for new in requests))
    assert len({answer.run_id for answer in answers}) == await ground.count() == 1
    assert {whole(answer).tenant_id for answer in answers} == {None}


async def test_hundred_parallel_fires_of_a_slot_leave_one_run(ground: RunGround) -> None:
    requests = [ground.new(SCHEDULED, SLOT) for _ in range(100)]
    answers = await asyncio.gather(*(ground.runs.ensure_run(new) for new in requests))
    decisions = Counter(answer.decision for answer in answers)
    assert decisions == {EnsureDecision.CREATED: 1, EnsureDecision.ALREADY_ACTIVE: 99}
    assert await ground.count() == 1


async def test_slot_that_ran_never_runs_again(ground: RunGround) -> None:
    first = whole(await ground.runs.ensure_run(ground.new(SCHEDULED, SLOT)))
    ended = await finished(ground, first)
    again = await ground.runs.ensure_run(
        ground.new(SCHEDULED, {**SLOT, "scheduled_for": "2026-11-23T03:00:41+01:00"})
    )
    assert (again.decision, again.run) == (EnsureDecision.ALREADY_RAN, ended)
    assert await ground.count() == 1


async def test_slot_whose_run_was_pruned_never_runs_again(ground: RunGround) -> None:
    first = whole(await ground.runs.ensure_run(ground.new(SCHEDULED, SLOT)))
    await finished(ground, first)
    async with ground.engine.begin() as connection:
        statement = "DELETE FROM operation_runs WHERE id = $1"
        await connection.exec_driver_sql(statement, (first.id,))
    again = await ground.runs.ensure_run(ground.new(SCHEDULED, SLOT))
    assert (again.decision, again.run, again.run_id) == (
        EnsureDecision.ALREADY_RAN,
        None,
        first.id,
    )
    assert await ground.count() == 0


async def test_another_slot_of_the_schedule_is_another_run(ground: RunGround) -> None:
    await ground.runs.ensure_run(ground.new(SCHEDULED, SLOT))
    next_slot = {**SLOT, "scheduled_for": "2026-11-23T02:01Z"}
    other = await ground.runs.ensure_run(ground.new(SCHEDULED, next_slot))
    assert other.decision is EnsureDecision.CREATED


async def test_sync_after_completion_is_a_new_run(ground: RunGround) -> None:
    first = whole(await ground.runs.ensure_run(ground.new()))
    await finished(ground, first)
    second = await ground.runs.ensure_run(ground.new())
    assert second.decision is EnsureDecision.CREATED
    assert second.run_id != first.id
    assert whole(second).workflow_id == first.workflow_id


async def test_every_click_on_run_now_is_a_run(ground: RunGround) -> None:
    answers = await asyncio.gather(
        *(ground.runs.ensure_run(ground.new(RUN_NOW)) for _ in range(20))
    )
    assert {answer.decision for answer in answers} == {EnsureDecision.CREATED}
    assert await ground.count() == 20


async def test_retry_is_a_new_run_and_leaves_the_old_one(ground: RunGround) -> None:
    old = await finished(ground, await ground.created(RUN_NOW))
    retry = await ground.created(OperationType.BACKUP_RETRY, retried_from=old.id)
    assert retry.retried_from == old.id
    assert await ground.stored(old.id) == old


async def test_second_starter_gets_the_run_of_the_first_initiator(ground: RunGround) -> None:
    first = whole(await ground.runs.ensure_run(ground.new(initiator_name="Ada")))
    second = await ground.runs.ensure_run(ground.new(initiator_name="Grace"))
    assert (second.decision, second.run) == (EnsureDecision.ALREADY_ACTIVE, first)


@pytest.mark.parametrize("operation_type", [RUN_NOW, SYNC])
async def test_same_key_and_identity_again_gives_the_same_run(
    ground: RunGround, operation_type: OperationType
) -> None:
    new = ground.new(operation_type)
    first = whole(await ground.runs.ensure_run(new))
    assert (await ground.runs.ensure_run(new)).decision is EnsureDecision.ALREADY_ACTIVE
    await finished(ground, first)
    again = await ground.runs.ensure_run(new)
    assert (again.decision, again.run_id) == (EnsureDecision.ALREADY_RAN, first.id)


@pytest.mark.parametrize("inputs", [None, SLOT], ids=["sync", "slot"])
async def test_key_of_another_identity_is_refused(
    ground: RunGround, inputs: dict[str, object] | None
) -> None:
    taken = await ground.created(RUN_NOW, key="key")
    new = ground.new(SYNC if inputs is None else SCHEDULED, inputs, key="key")
    with pytest.raises(AdmissionKeyTakenError) as caught:
        await ground.runs.ensure_run(new)
    assert caught.value.run_id == taken.id
    assert await ground.count() == 1


async def test_slot_refused_for_its_key_may_still_run_under_another(ground: RunGround) -> None:
    await ground.created(RUN_NOW, key="key")
    with pytest.raises(AdmissionKeyTakenError):
        await ground.runs.ensure_run(ground.new(SCHEDULED, SLOT, key="key"))
    again = await ground.runs.ensure_run(ground.new(SCHEDULED, SLOT))
    assert again.decision is EnsureDecision.CREATED


@pytest.mark.parametrize("operation_type", [RUN_NOW, SCHEDULED])
async def test_tenant_of_another_workspace_is_refused(
    ground: RunGround, operation_type: OperationType
) -> None:
    foreign = await lay_ground(ground.engine)
    new = ground.new(operation_type, SLOT, tenant_id=foreign.tenancy.tenant_id)
    with pytest.raises(RunScopeError):
        await ground.runs.ensure_run(new)


async def test_context_beyond_its_size_is_refused(ground: RunGround) -> None:
    with pytest.raises(ContextTooLargeError):
        await ground.runs.ensure_run(ground.new(context={"x": "y" * 70_000}))
    assert await ground.count() == 0


@pytest.mark.parametrize("operation_type", [RUN_NOW, SCHEDULED])
async def test_run_of_a_transaction_that_is_undone_never_was(
    ground: RunGround, operation_type: OperationType
) -> None:
    new = ground.new(operation_type, SLOT)
    async with ground.engine.connect() as connection:
        await ground.runs.ensure_run(new, within=connection)
        await connection.rollback()
    assert await ground.count() == 0
    assert (await ground.runs.ensure_run(new)).decision is EnsureDecision.CREATED


async def test_slot_waits_for_the_transaction_that_is_creating_it(ground: RunGround) -> None:
    async with ground.engine.connect() as connection:
        first = await ground.runs.ensure_run(ground.new(SCHEDULED, SLOT), within=connection)
        second = asyncio.create_task(ground.runs.ensure_run(ground.new(SCHEDULED, SLOT)))
        done, _ = await asyncio.wait([second], timeout=0.1)
        assert not done
        await connection.commit()
    assert (await second).run_id == first.run_id


async def test_identities_that_end_while_others_start_never_raise(ground: RunGround) -> None:
    async def start_and_end() -> EnsureDecision:
        answer = await ground.runs.ensure_run(ground.new())
        if answer.decision is EnsureDecision.CREATED:
            await finished(ground, whole(answer))
        return answer.decision

    decisions = Counter(await asyncio.gather(*(start_and_end() for _ in range(60))))
    assert await ground.count() == decisions[EnsureDecision.CREATED]


async def test_dispatch_that_works_leaves_the_run_queued(ground: RunGround) -> None:
    run = await ground.created()
    started: list[bool] = []

    async def start() -> None:
        started.append(True)

    assert await ground.runs.dispatch_or_fail(run.id, start)
    assert started == [True]
    assert await ground.stored(run.id) == run


async def test_dispatch_that_fails_ends_the_run_without_the_text_of_the_error(
    ground: RunGround, caplog: pytest.LogCaptureFixture
) -> None:
    run = await ground.created()

    async def start() -> None:
        raise RuntimeError("Bearer secret-token")

    assert not await ground.runs.dispatch_or_fail(run.id, start)
    ended = await ground.stored(run.id)
    assert (ended.status, ended.outcome) == (RunStatus.COMPLETED, RunOutcome.FAILED)
    (failure,) = ended.failure_summary
    assert (failure["code"], failure["reason_code"]) == ("queue.dispatch_failed",) * 2
    assert "secret" not in str(ended) + caplog.text


async def test_dispatch_that_fails_after_the_run_began_leaves_it(ground: RunGround) -> None:
    run = await ground.created()

    async def start() -> None:
        await ground.runs.begin(run.id, owner_of(run))
        raise TimeoutError

    assert await ground.runs.dispatch_or_fail(run.id, start)
    assert (await ground.stored(run.id)).status is RunStatus.RUNNING


async def test_dispatch_that_fails_after_the_run_was_claimed_leaves_it(ground: RunGround) -> None:
    run = await ground.created()

    async def start() -> None:
        await ground.runs.claim(run.id, owner_of(run))
        raise TimeoutError

    assert await ground.runs.dispatch_or_fail(run.id, start)
    assert (await ground.stored(run.id)).status is RunStatus.QUEUED


async def test_dispatch_that_is_cancelled_leaves_the_run_to_the_next_try(
    ground: RunGround,
) -> None:
    run = await ground.created()
    dispatch = asyncio.create_task(ground.runs.dispatch_or_fail(run.id, asyncio.Event().wait))
    done, _ = await asyncio.wait([dispatch], timeout=0.05)
    assert not done
    dispatch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dispatch
    assert await ground.stored(run.id) == run


async def test_fail_undispatched_twice_is_harmless(ground: RunGround) -> None:
    run = await ground.created()
    first = await ground.runs.fail_undispatched(run.id)
    ground.clock.move(hours=1)
    assert await ground.runs.fail_undispatched(run.id) == first


async def test_unknown_run_is_not_created_by_anything(ground: RunGround) -> None:
    with pytest.raises(UnknownRunError):
        await ground.runs.fail_undispatched(uuid4())
    assert await ground.runs.find(uuid4()) is None
    assert await ground.count() == 0
