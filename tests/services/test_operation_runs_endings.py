"""How runs end: once, for good, with what the results say."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from domain.failures import Failure
from domain.reasons import reason
from domain.runs import IllegalTransitionError, RunOutcome, RunStatus
from services.runs.operation_runs import (
    NotOwnerError,
    OperationRunService,
    RunAlreadyClosedError,
    RunRecord,
)
from tests.services.run_ground import RunGround, owner_of


async def test_complete_stores_outcome_counts_failures_and_context(ground: RunGround) -> None:
    run, owner = await ground.running(context={"a": 1})
    failure = Failure("type.failed", "provider_throttled", "groups", 2)
    ended_at = ground.clock.move(minutes=5)
    ended = await ground.runs.complete(
        run.id,
        owner,
        RunOutcome.PARTIALLY_SUCCEEDED,
        {"total": 3, "bogus": 1},
        [failure],
        context_additions={"backup_set_id": "b"},
    )
    assert (ended.status, ended.outcome) == (RunStatus.COMPLETED, RunOutcome.PARTIALLY_SUCCEEDED)
    assert (ended.completed_at, ended.reconciled_at) == (ended_at, None)
    assert (ended.summary_counts, ended.failure_summary) == ({"total": 3}, [failure.to_json()])
    assert ended.context == {"a": 1, "backup_set_id": "b"}
    assert await ground.stored(run.id) == ended


async def test_complete_without_counts_keeps_what_was_counted(ground: RunGround) -> None:
    run, owner = await ground.running()
    await ground.runs.increment_summary_counts(run.id, owner, "step", {"total": 4})
    ended = await ground.runs.complete(run.id, owner, RunOutcome.SUCCEEDED)
    assert ended.summary_counts == {"total": 4}


async def test_complete_again_returns_what_was_stored_first(ground: RunGround) -> None:
    run, owner = await ground.running()
    first = await ground.runs.complete(run.id, owner, RunOutcome.SUCCEEDED, {"total": 1})
    ground.clock.move(hours=1)
    again = await ground.runs.complete(run.id, owner, RunOutcome.FAILED, {"total": 9})
    assert again == first == await ground.stored(run.id)


async def test_complete_by_many_at_once_ends_once(ground: RunGround) -> None:
    run, owner = await ground.running()
    outcomes = [RunOutcome.SUCCEEDED, RunOutcome.FAILED, RunOutcome.CANCELLED] * 10
    ended = await asyncio.gather(
        *(ground.runs.complete(run.id, owner, outcome) for outcome in outcomes)
    )
    assert len({record.outcome for record in ended}) == 1
    assert ended[0].outcome is (await ground.stored(run.id)).outcome


async def test_complete_as_pending_is_refused(ground: RunGround) -> None:
    run, owner = await ground.running()
    with pytest.raises(IllegalTransitionError):
        await ground.runs.complete(run.id, owner, RunOutcome.PENDING)


async def test_complete_releases_the_turns_of_the_run_only(ground: RunGround) -> None:
    (first, owner), (second, _) = await ground.running(), await ground.running()
    await ground.add_lease(first.id)
    await ground.add_lease(second.id)
    await ground.runs.complete(first.id, owner, RunOutcome.SUCCEEDED)
    assert await ground.lease_count() == 1


async def test_complete_of_an_undone_transaction_keeps_run_and_turn(ground: RunGround) -> None:
    run, owner = await ground.running()
    await ground.add_lease(run.id)
    async with ground.engine.connect() as connection:
        await ground.runs.complete(run.id, owner, RunOutcome.SUCCEEDED, within=connection)
        await connection.rollback()
    assert await ground.stored(run.id) == run
    assert await ground.lease_count() == 1


async def test_results_decide_outcome_counts_and_failures(ground: RunGround) -> None:
    run, owner = await ground.running()
    await ground.runs.increment_summary_counts(run.id, owner, "step", {"total": 999})
    await ground.add_result(run.id, "groups", expected=3, captured=1, unchanged=2, created=1)
    await ground.add_result(
        run.id,
        "namedLocation",
        listing_complete=False,
        reason_code="provider_permission_denied",
        permission_state="denied",
    )
    ended = await ground.runs.complete_from_results(run.id, owner)
    assert ended.outcome is RunOutcome.PARTIALLY_SUCCEEDED
    assert (ended.summary_counts["total"], ended.summary_counts["succeeded"]) == (3, 3)
    assert [(entry["resource_type"], entry["reason_code"]) for entry in ended.failure_summary] == [
        ("namedLocation", "provider_permission_denied")
    ]


async def test_results_of_a_broken_run_keep_their_counts(ground: RunGround) -> None:
    run, owner = await ground.running()
    await ground.add_result(run.id, "groups", expected=3, captured=3)
    failure = Failure("run.failed", "worker_error")
    ended = await ground.runs.complete_from_results(
        run.id, owner, outcome=RunOutcome.FAILED, further_failures=[failure]
    )
    assert (ended.outcome, ended.summary_counts["captured"]) == (RunOutcome.FAILED, 3)
    assert ended.failure_summary == [failure.to_json()]


async def test_results_that_are_completed_twice_change_nothing(ground: RunGround) -> None:
    run, owner = await ground.running()
    await ground.add_result(run.id, "groups", expected=1, captured=1)
    first = await ground.runs.complete_from_results(run.id, owner)
    await ground.add_result(run.id, "late", expected=9, captured=9)
    assert await ground.runs.complete_from_results(run.id, owner) == first


async def test_no_results_at_all_succeed_with_zero(ground: RunGround) -> None:
    run, owner = await ground.running()
    ended = await ground.runs.complete_from_results(run.id, owner)
    assert (ended.outcome, set(ended.summary_counts.values())) == (RunOutcome.SUCCEEDED, {0})


async def test_bulk_run_ends_once_when_every_item_is_accounted(ground: RunGround) -> None:
    run, owner = await ground.running()
    await ground.runs.increment_summary_counts(run.id, owner, "plan", {"total": 3})

    async def work(number: int) -> bool:
        deltas = {"processed": 1, "failed" if number == 0 else "succeeded": 1}
        await ground.runs.increment_summary_counts(run.id, owner, f"item {number}", deltas)
        return await ground.runs.complete_when_accounted(run.id, owner) is not None

    ended = await asyncio.gather(*(work(number) for number in range(3)))
    assert any(ended)
    assert (await ground.stored(run.id)).outcome is RunOutcome.PARTIALLY_SUCCEEDED


async def test_bulk_run_with_items_left_goes_on(ground: RunGround) -> None:
    run, owner = await ground.running()
    await ground.runs.increment_summary_counts(run.id, owner, "plan", {"total": 3, "failed": 2})
    assert await ground.runs.complete_when_accounted(run.id, owner) is None


async def test_fail_adds_its_cause_and_keeps_what_was_recorded(ground: RunGround) -> None:
    run, owner = await ground.running()
    known = Failure("type.failed", "provider_throttled", "groups")
    await ground.runs.append_failures(run.id, owner, [known])
    ended = await ground.runs.fail_run(run.id, "worker_error", owner=owner)
    assert ended.outcome is RunOutcome.FAILED
    assert ended.failure_summary == [
        known.to_json(),
        Failure("run.failed", "worker_error").to_json(),
    ]


async def test_fail_with_text_instead_of_a_code_stores_the_unknown_code(
    ground: RunGround,
) -> None:
    run = await ground.created()
    ended = await ground.runs.fail_run(run.id, "Bearer secret-token")
    assert ended.failure_summary[0]["reason_code"] == "unknown_error"
    assert "secret" not in str(ended)


async def test_block_says_why_and_what_to_do(ground: RunGround) -> None:
    connection_id = str(uuid4())
    run = await ground.created(context={"provider_connection_id": connection_id})
    ended = await ground.runs.block(run.id, "provider_credential_expired")
    assert (ended.status, ended.outcome) == (RunStatus.COMPLETED, RunOutcome.BLOCKED)
    assert ended.started_at is None
    assert ended.context["reason_code"] == "provider_credential_expired"
    assert ended.context["next_steps"] == [
        {"label": "Replace the credential", "url": f"/connections/{connection_id}"}
    ]
    assert ended.failure_summary[0]["message"] == reason("provider_credential_expired").explanation


async def test_block_takes_next_steps_of_its_caller(ground: RunGround) -> None:
    run = await ground.created()
    steps = [{"label": "Open the other run", "url": "/operations/x"}]
    ended = await ground.runs.block(run.id, "overlap_skipped", next_steps=steps)
    assert ended.context["next_steps"] == steps


async def test_block_in_the_creating_transaction_leaves_no_queued_row(ground: RunGround) -> None:
    async with ground.engine.begin() as connection:
        ensured = await ground.runs.ensure_run(ground.new(), within=connection)
        await ground.runs.block(ensured.run_id, "provider_connection_missing", within=connection)
    assert (await ground.stored(ensured.run_id)).outcome is RunOutcome.BLOCKED


async def test_block_by_the_owner_of_a_waiting_run_ends_it(ground: RunGround) -> None:
    run = await ground.created()
    owner = owner_of(run)
    await ground.runs.claim(run.id, owner)
    ended = await ground.runs.block(run.id, "tenant_not_operable", owner=owner)
    assert (ended.outcome, ended.started_at) == (RunOutcome.BLOCKED, None)


async def test_cancel_ends_the_run_cancelled_and_keeps_its_counts(ground: RunGround) -> None:
    run, owner = await ground.running()
    await ground.runs.increment_summary_counts(run.id, owner, "step", {"total": 4})
    ended = await ground.runs.cancel(run.id, owner=owner)
    assert (ended.outcome, ended.summary_counts) == (RunOutcome.CANCELLED, {"total": 4})
    assert ended.failure_summary[0]["reason_code"] == "cancelled_by_operator"


ENDINGS: dict[str, Callable[[OperationRunService, UUID], Awaitable[RunRecord]]] = {
    "fail": lambda runs, run_id: runs.fail_run(run_id, "worker_error"),
    "block": lambda runs, run_id: runs.block(run_id, "tenant_missing"),
    "cancel": lambda runs, run_id: runs.cancel(run_id),
}


@pytest.mark.parametrize("ending", list(ENDINGS))
async def test_ending_without_owner_leaves_a_run_that_somebody_took(
    ground: RunGround, ending: str
) -> None:
    run, _ = await ground.running()
    with pytest.raises(NotOwnerError):
        await ENDINGS[ending](ground.runs, run.id)
    assert await ground.stored(run.id) == run


async def test_sweep_closes_with_the_owner_that_it_read_and_leaves_its_mark(
    ground: RunGround,
) -> None:
    run, _ = await ground.running()
    swept_at = ground.clock.move(hours=1)
    ended = await ground.runs.fail_run(
        run.id, "execution_lost", owner=run.owner, is_reconciled=True
    )
    assert (ended.outcome, ended.reconciled_at) == (RunOutcome.FAILED, swept_at)


async def test_sweep_that_closes_again_changes_nothing(ground: RunGround) -> None:
    run = await ground.created()
    first = await ground.runs.fail_run(run.id, "execution_lost", is_reconciled=True)
    with pytest.raises(RunAlreadyClosedError):
        await ground.runs.fail_run(run.id, "execution_lost", is_reconciled=True)
    assert await ground.stored(run.id) == first


async def test_ending_frees_the_identity_for_the_next_run(ground: RunGround) -> None:
    first = await ground.runs.ensure_run(ground.new())
    await ground.runs.fail_undispatched(first.run_id)
    assert (await ground.runs.ensure_run(ground.new())).run_id != first.run_id
