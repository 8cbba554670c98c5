"""What a backup says of objects that it cannot read as before: never more than it knows (D5)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, GraphService, Profile
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import (
    changes_of,
    objects_of,
    results_of,
    select,
    set_of,
    tombstones_of,
)
from tests.end_to_end.truth import ids_of, path_of
from tests.eventually import eventually

COUNTS = {"mobileApps": 6, "deviceHealthScripts": 6}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_product(run_product: Run) -> AsyncIterator[Product]:
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=COUNTS)
    async with run_product(config) as product:
        yield product


def store_app(graph: GraphService) -> str:
    """Make the first app one of the store's, which belongs only while it is assigned."""
    object_id = ids_of(graph, "mobileApp")[0]
    values = {"appAvailability": "global", "isAssigned": True, "assignments": [ASSIGNMENT]}
    change(graph, "mobileApp", object_id, **values)
    return object_id


ASSIGNMENT = {
    "id": "5f0e8a9e-0000-4000-8000-000000000001",
    "intent": "available",
    "target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"},
}


def change(graph: GraphService, key: str, object_id: str, **values: Any) -> None:
    document = graph.control.get_object(0, path_of(key), object_id)
    graph.control.replace_object(0, path_of(key), object_id, {**document, **values})


async def test_app_that_is_not_assigned_any_more_is_updated_and_stays(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    app = store_app(graph)
    await product.backup("mobileApp")

    change(graph, "mobileApp", app, isAssigned=False, assignments=[])
    unassigned = await product.backup("mobileApp")
    quiet = await product.backup("mobileApp")

    assert (unassigned.outcome, quiet.outcome) == ("succeeded", "succeeded")
    assert await changes_of(product, unassigned) == {("mobileApp", app, "updated")}
    assert await changes_of(product, quiet) == set()
    assert app in (await objects_of(product, quiet))["mobileApp"]
    graph.control.delete_object(0, path_of("mobileApp"), app)
    gone = await product.backup("mobileApp")
    assert await changes_of(product, gone) == {("mobileApp", app, "deleted")}
    assert ("mobileApp", app) in await tombstones_of(product)


def lost(graph: GraphService, key: str, object_id: str) -> None:
    """Let an object's own path answer 404 although the list has it."""
    graph.control.add_fault(path=f"{path_of(key)}/{object_id}", kind="status", status=404)


async def test_listed_object_that_is_not_found_fails_and_stays(shared_product: Product) -> None:
    product, graph = shared_product, shared_product.graph
    await product.backup("remediation")
    object_id = ids_of(graph, "remediation")[0]
    lost(graph, "remediation", object_id)

    run = await product.backup("remediation")

    graph.control.clear_faults()
    result = (await results_of(product, run))["remediation"]
    assert run.outcome == "partially_succeeded"
    assert (result["failed"], result["skipped"]) == (1, 0)
    assert result["reason_counts"] == {"object_listed_not_found": 1}
    status = "SELECT status FROM backup_sets WHERE id = :set"
    assert (await select(product, status, set=set_of(run)))[0]["status"] == "partial"
    assert await changes_of(product, run) == set()
    again = await product.backup("remediation")
    assert (again.outcome, await changes_of(product, again)) == ("succeeded", set())


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "new"])
async def test_object_deleted_while_it_is_read_is_no_failure(
    shared_product: Product, *, is_known: bool
) -> None:
    product, graph = shared_product, shared_product.graph
    await product.backup("remediation")
    if is_known:
        object_id = ids_of(graph, "remediation")[0]
    else:
        object_id = graph.control.insert_object(0, path_of("remediation"))
    lost(graph, "remediation", object_id)
    # The second look at the list waits, so that the object is gone by then.
    values = {"kind": "status", "status": 429, "retry_after": "1", "skip": 1, "times": 1}
    graph.control.add_fault(path=path_of("remediation"), **values)
    decision = await product.start("backup_schedule.run_now", {"policy_types": ["remediation"]})
    await eventually(lambda: graph.control.list_faults()[1]["struck"] == 1)
    graph.control.delete_object(0, path_of("remediation"), object_id)

    run = await product.finished(decision)

    graph.control.clear_faults()
    assert run.outcome == "succeeded"
    assert run.summary_counts["skipped"] == 0
    deleted = {("remediation", object_id, "deleted")} if is_known else set()
    assert await changes_of(product, run) == deleted
