"""What a backup says of objects that it cannot read as before: never more than it knows (D5)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from devstack.graph_service import GraphConfig, GraphService, Profile
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import changes_of, objects_of, tombstones_of
from tests.end_to_end.truth import ids_of, path_of

COUNTS = {"mobileApps": 6}


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
