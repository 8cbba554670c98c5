"""Counts, failures and context: exactly once, bounded, and never lost."""

import asyncio
from collections import Counter

import pytest

from domain.failures import FAILURE_LIMIT, TRUNCATED_CODE, Failure
from services.runs.operation_runs import ContextTooLargeError, RunAlreadyClosedError, RunChanges
from tests.services.run_ground import RunGround


async def test_fifty_concurrent_increments_give_exactly_fifty(ground: RunGround) -> None:
    run, owner = await ground.running()
    counted = await asyncio.gather(
        *(
            ground.runs.increment_summary_counts(run.id, owner, f"step {number}", {"total": 1})
            for number in range(50)
        )
    )
    assert counted == [True] * 50
    assert (await ground.stored(run.id)).summary_counts == {"total": 50}


async def test_step_that_is_repeated_counts_once(ground: RunGround) -> None:
    run, owner = await ground.running()
    counted = await asyncio.gather(
        *(
            ground.runs.increment_summary_counts(run.id, owner, "groups:0:1", {"items": 25})
            for _ in range(20)
        )
    )
    assert Counter(counted) == {True: 1, False: 19}
    assert (await ground.stored(run.id)).summary_counts == {"items": 25}


async def test_increments_add_to_what_is_there_and_drop_unknown_keys(ground: RunGround) -> None:
    run, owner = await ground.running()
    for step, deltas in (
        ("one", {"total": 2, "failed": 1}),
        ("two", {"total": 3, "bogus": 9, "skipped": -1, "created": "4"}),
        ("three", {}),
    ):
        assert await ground.runs.increment_summary_counts(run.id, owner, step, deltas)
    assert (await ground.stored(run.id)).summary_counts == {"total": 5, "failed": 1}


async def test_increment_of_an_undone_transaction_may_be_counted_again(
    ground: RunGround,
) -> None:
    run, owner = await ground.running()
    async with ground.engine.connect() as connection:
        await ground.runs.increment_summary_counts(
            run.id, owner, "step", {"total": 1}, within=connection
        )
        await connection.rollback()
    assert await ground.runs.increment_summary_counts(run.id, owner, "step", {"total": 1})
    assert (await ground.stored(run.id)).summary_counts == {"total": 1}


async def test_same_step_of_two_runs_counts_in_both(ground: RunGround) -> None:
    for run, owner in (await ground.running(), await ground.running()):
        assert await ground.runs.increment_summary_counts(run.id, owner, "step", {"total": 1})


async def test_failures_are_added_and_existing_ones_kept(ground: RunGround) -> None:
    run, owner = await ground.running()
    first = Failure("type.failed", "provider_throttled", "groups")
    second = Failure("type.blocked", "provider_permission_denied", "namedLocation")
    await ground.runs.append_failures(run.id, owner, [first])
    stored = await ground.runs.append_failures(run.id, owner, [second])
    assert stored.failure_summary == [first.to_json(), second.to_json()]


async def test_failures_appended_at_once_are_all_counted(ground: RunGround) -> None:
    run, owner = await ground.running()
    failure = Failure("type.failed", "provider_throttled", "groups")
    await asyncio.gather(
        *(ground.runs.append_failures(run.id, owner, [failure]) for _ in range(20))
    )
    (entry,) = (await ground.stored(run.id)).failure_summary
    assert entry["count"] == 20


async def test_failures_beyond_the_limit_are_counted_in_the_last_entry(ground: RunGround) -> None:
    run, owner = await ground.running()
    many = [Failure("type.failed", "provider_throttled", f"type{n}") for n in range(250)]
    stored = await ground.runs.append_failures(run.id, owner, many)
    assert len(stored.failure_summary) == FAILURE_LIMIT
    last = stored.failure_summary[-1]
    assert (last["code"], last["count"]) == (TRUNCATED_CODE, 250 - FAILURE_LIMIT + 1)


async def test_update_replaces_counts_and_failures_and_adds_context(ground: RunGround) -> None:
    run, owner = await ground.running(context={"backup_schedule_id": "s", "phase": "one"})
    failure = Failure("type.failed", "provider_throttled")
    stored = await ground.runs.update_run(
        run.id,
        owner,
        changes=RunChanges({"total": 2, "bogus": 1}, [failure], {"phase": "two"}),
    )
    assert stored.summary_counts == {"total": 2}
    assert stored.failure_summary == [failure.to_json()]
    assert stored.context == {"backup_schedule_id": "s", "phase": "two"}


async def test_update_of_nothing_keeps_what_is_stored(ground: RunGround) -> None:
    run, owner = await ground.running()
    await ground.runs.increment_summary_counts(run.id, owner, "step", {"total": 1})
    stored = await ground.runs.update_run(run.id, owner)
    assert (stored.summary_counts, stored.context) == ({"total": 1}, run.context)


async def test_context_is_added_to_a_queued_run_by_whoever_admits_it(ground: RunGround) -> None:
    run = await ground.created(context={"a": 1})
    stored = await ground.runs.add_context(run.id, {"waiting_for": "other"})
    assert stored.context == {"a": 1, "waiting_for": "other"}


async def test_context_of_a_completed_run_is_not_added_to(ground: RunGround) -> None:
    run = await ground.created()
    await ground.runs.fail_undispatched(run.id)
    with pytest.raises(RunAlreadyClosedError):
        await ground.runs.add_context(run.id, {"a": 1})


async def test_context_beyond_its_size_is_refused(ground: RunGround) -> None:
    run, owner = await ground.running()
    large = {"x": "y" * 70_000}
    with pytest.raises(ContextTooLargeError):
        await ground.runs.add_context(run.id, large)
    with pytest.raises(ContextTooLargeError):
        await ground.runs.update_run(run.id, owner, changes=RunChanges(context_additions=large))
    assert (await ground.stored(run.id)).context == {}


async def test_bulk_context_survives_a_round_trip(ground: RunGround) -> None:
    context = {
        "selection": {"ids_hash": "ab" * 32, "count": 3},
        "idempotency": {"nonce": "n"},
        "target_scope": {"entra_tenant_id": ground.tenancy.entra_tenant_id},
    }
    run = await ground.created(context=context)
    assert (await ground.stored(run.id)).context == context
