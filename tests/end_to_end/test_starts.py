"""Starting through every door at once: one run, one execution with effect, one decision (D2, D3)."""

from collections import Counter
from itertools import cycle, islice
from uuid import UUID

from domain.runs import RunOutcome
from tests.end_to_end.doors import (
    Decision,
    Door,
    completed,
    effects_of,
    gather_starts,
    only_run_id,
    runs_of,
    through_front_door,
    through_service,
)
from tests.end_to_end.product import Product
from tests.end_to_end.slots import add_schedule, slot_request

SYNC = "directory_role_definitions.sync"
SLOT = "backup_schedule.scheduled"
NOW = "backup_schedule.run_now"
DOORS: tuple[Door, ...] = (through_service, through_front_door)


async def test_hundred_equal_slots_through_all_doors_leave_one_run_and_one_effect(
    product: Product,
) -> None:
    request = slot_request(product, await add_schedule(product))
    starts = [
        door(product, request, f"start-{number}")
        for number, door in enumerate(islice(cycle(DOORS), 100))
    ]
    decisions = await gather_starts(starts)

    run_id = only_run_id(decisions)
    assert Counter(decision["decision"] for decision in decisions)["accepted"] == 1
    run = await completed(product, run_id)
    assert [found.id for found in await runs_of(product, SLOT)] == [run_id]
    assert run.outcome is RunOutcome.SUCCEEDED
    assert await effects_of(await product.services.temporal(), run) == [run.first_execution_run_id]


async def test_hundred_equal_syncs_through_all_doors_leave_one_effect_for_each_run(
    product: Product,
) -> None:
    request = product.request(SYNC)
    starts = [
        door(product, request, f"start-{number}")
        for number, door in enumerate(islice(cycle(DOORS), 100))
    ]
    decisions = await gather_starts(starts)

    await assert_each_run_has_one_effect(product, decisions)


async def assert_each_run_has_one_effect(product: Product, decisions: list[Decision]) -> None:
    """A sync may be admitted again once it is completed; each run still has its one execution."""
    named = {UUID(decision["operation_run_id"]) for decision in decisions}
    accepted = [decision for decision in decisions if decision["decision"] == "accepted"]
    assert len(accepted) == len({decision["operation_run_id"] for decision in accepted})
    for run_id in named:
        assert (await completed(product, run_id)).outcome is RunOutcome.SUCCEEDED
    runs = await runs_of(product, SYNC)
    assert {run.id for run in runs} == named == {UUID(d["operation_run_id"]) for d in accepted}
    effects = await effects_of(await product.services.temporal(), runs[0])
    assert sorted(effects) == sorted(str(run.first_execution_run_id) for run in runs)
