"""Budgets from end to end: types that ask for much at once finish, and no window is overrun (D10).

All other tests raise the limits fifty times; here the worker keeps to the real ones. The local
Graph of those backups refuses nothing, so whatever fails to finish stands in its own way.
"""

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from devstack.graph_service import GraphConfig, GraphService, Profile, running_graph
from graph.client import GraphClient
from graph.clouds import custom_endpoint
from graph.credentials import AppIdentity
from services.connections.graph_budgets import GraphBudgets
from storage.engine import create_engine
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import failures_of, objects_of, tombstones_of
from tests.end_to_end.truth import ids_of, path_of
from tests.graph.real_clients import real_client

# The real limits, and a deadline well above what they ask for.
REAL = {"TENANTOPS_GRAPH_BUDGET_SCALE": "1", "TENANTOPS_BACKUP_DEADLINE": "90s"}
SETTINGS = 150


def grow_templates(graph: GraphService) -> int:
    """Give each administrative template many settings; return the requests that it takes."""
    requests = 0
    for object_id in ids_of(graph, "adminTemplate"):
        document = graph.control.get_object(0, path_of("adminTemplate"), object_id)
        values: list[Any] = document["definitionValues"]
        grown = [copy.deepcopy(values[n % len(values)]) for n in range(SETTINGS)]
        document["definitionValues"] = [{**value, "id": str(uuid4())} for value in grown]
        graph.control.replace_object(0, path_of("adminTemplate"), object_id, document)
        requests += SETTINGS
    return requests


def requests_of(product: Product, path: str) -> int:
    """Return what Graph was asked below a path, each item of a batch for itself."""
    by_path: dict[str, int] = product.graph.control.counters()["by_path"]
    return sum(count for name, count in by_path.items() if name.startswith(f"GET {path}"))


@pytest.mark.long
@pytest.mark.alone
async def test_many_deleted_conditional_access_policies_are_all_asked_for(run_product: Run) -> None:
    counts = {"conditionalAccessPolicies": 16}
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=counts)
    async with run_product(config, **REAL) as product:
        await product.backup("caPolicy")
        gone = ids_of(product.graph, "caPolicy")[:12]
        for object_id in gone:
            product.graph.control.delete_object(0, path_of("caPolicy"), object_id)
        product.graph.control.reset_counters()

        run = await product.finished(
            await product.start("backup_schedule.run_now", {"policy_types": ["caPolicy"]}), 100
        )

        assert (run.outcome, failures_of(run)) == ("succeeded", {})
        assert await tombstones_of(product) == {("caPolicy", object_id) for object_id in gone}
        # One list and one request for each deleted policy: nothing is asked for twice.
        assert requests_of(product, path_of("caPolicy")) == 1 + len(gone)


@pytest.mark.long
@pytest.mark.alone
async def test_templates_with_many_settings_are_read_at_the_first_try(run_product: Run) -> None:
    counts = {"groupPolicyConfigurations": 4}
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=counts)
    async with run_product(config, **REAL) as product:
        needed = grow_templates(product.graph)
        product.graph.control.reset_counters()
        # A Graph that does not expand what is nested is asked for it value by value.
        values = f"{path_of('adminTemplate')}/*/definitionValues"
        product.graph.control.add_fault(path=values, status=400, times=4)

        run = await product.finished(
            await product.start("backup_schedule.run_now", {"policy_types": ["adminTemplate"]}), 100
        )

        assert (run.outcome, failures_of(run)) == ("succeeded", {})
        stored = await objects_of(product, run)
        assert set(stored["adminTemplate"]) == set(ids_of(product.graph, "adminTemplate"))
        # Besides: the list, and a few reads and pages for each template.
        assert needed < requests_of(product, path_of("adminTemplate")) < 1.2 * needed


@asynccontextmanager
async def process(
    graph: GraphService, database_url: str, scale: float
) -> AsyncIterator[GraphClient]:
    """What a worker process has: a client, and budgets through a pool of its own."""
    tenant = graph.tenants[0]
    endpoint = custom_endpoint(
        authority=graph.authority_url, graph_root=graph.root_url, ca_file=graph.ca_file
    )
    identity = AppIdentity(tenant.tenant_id, tenant.read_app.client_id)
    engine = create_engine(database_url)
    budgets = GraphBudgets(engine=engine, scale=scale).source()
    async with real_client(endpoint, budgets, identity, tenant.read_app.secret) as client:
        yield client
    await engine.dispose()


@pytest.mark.long
@pytest.mark.alone
async def test_graph_that_hung_is_not_asked_for_more_than_its_limit_afterwards(
    database_url: str,
) -> None:
    scale = 100
    config = GraphConfig(profile=Profile.S, tenants=1, budget_scale=scale)
    async with running_graph(config) as graph, AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(process(graph, database_url, scale)) for _ in range(2)
        ]
        for client in processes:
            await client.get("beta", path_of("caPolicy"))
        graph.control.set_latency_ms(1_500)
        asyncio.get_running_loop().call_later(1, graph.control.set_latency_ms, 0)
        asked = [client.get("beta", path_of("caPolicy")) for client in processes * 90]
        await asyncio.gather(*asked)
        counters = graph.control.counters(0)
    assert counters["overruns"] == 0
    assert counters["sub_requests"] == 182
