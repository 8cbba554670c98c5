"""What a backup costs Temporal does not grow with the tenant (D11): counted, and written down."""

from pathlib import Path
from uuid import uuid4

import pytest

from contracts.operations import OperationDecision
from devstack.graph_service import GraphConfig, Profile
from tests.end_to_end.actions import Cost, cost_of
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product, history_of

FIGURES = Path(__file__).parents[2] / "docs/figures/backup-events.md"
# All three throttle lanes that a backup reads, and its context: four activities.
TYPES = (
    "settingsCatalog",
    "deviceConfiguration",
    "updateRings",
    "caPolicy",
    "namedLocation",
    "domain",
)
FIFTY = {
    "configurationPolicies": 20,
    "deviceConfigurations": 15,
    "conditionalAccessPolicies": 8,
    "namedLocations": 5,
    "domains": 2,
}
MOST_EVENTS = 50
MOST_ACTIONS = 12
FIVE_THOUSAND = {key: 100 * count for key, count in FIFTY.items()}


async def costs_of_a_backup(product: Product) -> tuple[Cost, Cost, int]:
    """Back up through the front door; return its cost, the operation's, and the objects."""
    client = await product.services.temporal()
    inputs = {"policy_types": list(TYPES)}
    request = product.request("backup_schedule.run_now", inputs).model_dump(mode="json")
    door = f"front-door-{uuid4()}"
    decision = await client.execute_workflow(
        "RequestOperationWorkflow",
        request,
        id=door,
        task_queue=product.services.settings.task_queue,
        result_type=OperationDecision,
    )
    run = await product.finished(decision, seconds=110)
    assert run.outcome == "succeeded", run.failure_summary
    await client.get_workflow_handle(run.workflow_id).result()
    door_cost = cost_of(await history_of(client, door))
    return (
        door_cost,
        cost_of(await history_of(client, run.workflow_id)),
        run.summary_counts["total"],
    )


def figures(objects: int) -> list[int]:
    """Return the numbers of a row of the documented table."""
    rows = [line.strip("| ").split("|") for line in FIGURES.read_text().splitlines()]
    found = [cells for cells in rows if cells[0].strip() == f"{objects:,}"]
    assert len(found) == 1
    return [int(cell) for cell in found[0][1:]]


@pytest.mark.parametrize(
    "counts",
    [FIFTY, pytest.param(FIVE_THOUSAND, marks=[pytest.mark.long, pytest.mark.alone])],
    ids=["50", "5,000"],
)
async def test_backup_costs_as_many_events_as_the_figures_say(
    run_product: Run, counts: dict[str, int]
) -> None:
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=counts)
    async with run_product(config) as product:
        door, backup, objects = await costs_of_a_backup(product)

    events = [door.events, backup.events, door.events + backup.events]
    actions = [door.actions, backup.actions, door.actions + backup.actions]
    documented = figures(objects)
    assert objects == sum(counts.values())
    assert actions == documented[3:]
    # Lanes that end together share a workflow task: three events fewer for each that joins.
    joined = [[documented[0], documented[1] - 3 * n, documented[2] - 3 * n] for n in range(3)]
    assert events in joined
    assert events[2] <= MOST_EVENTS
    assert actions[2] <= MOST_ACTIONS


def test_figures_do_not_grow_with_the_tenant() -> None:
    assert figures(50) == figures(5_000)
