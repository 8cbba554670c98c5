"""What reading costs: requests to Graph for an object, type by type (performance.md, P4).

Counted by the local Graph, where every item of a batch counts as Graph counts it.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devstack.graph_service.config import GraphConfig, Profile
from devstack.graph_service.service import GraphService, running_graph
from domain.resource_types.registry import RESOURCE_TYPES, backup_types
from graph.client import GraphClient
from tests.graph.test_local_graph import TENANT, client_of, read_all

# Requests for one object beside those of the list, where the list does not hold all of it.
ITEM = 1.0
# What costs more than its own read, and why; the figures are those of profile M.
DEAR = {
    "adminTemplate": 3.5,  # definition values, and empty presentation values are not believed
    "intuneRole": 2.5,  # members and scopes only stand on each assignment's own path
    "inventoryPolicy": 2.0,  # assignments are not known to expand along with settings
    "brandingProfile": 3.0,  # three pictures
    # The default, the partners, each partner's synchronization, and, where there is none, the
    # partner itself: a 404 of one that has gone meanwhile says nothing.
    "crossTenantAccess": 9.0,
}
FREE = 0.0


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def medium() -> AsyncIterator[GraphService]:
    config = GraphConfig(profile=Profile.M, budget_scale=0, tenants=1)
    async with running_graph(config) as running:
        yield running


async def cost_of(service: GraphService, client: GraphClient, key: str) -> tuple[int, int]:
    """Return the objects of a type and the requests that reading them took."""
    service.control.reset_counters()
    found = await read_all(client, key)
    return len(found), service.control.counters(TENANT)["sub_requests"]


def allowed(key: str, objects: int) -> float:
    """Return the most requests for so many objects of a type: the pages of its list, and theirs."""
    entry = RESOURCE_TYPES[key]
    own_reads = [one for one in entry.follow_ups if not one.expanded and not one.only_if_positive]
    each = ITEM if entry.item is not None or own_reads else FREE
    pages = 1 + objects // 25
    return pages + DEAR.get(key, each) * objects + (2 if key == "mobileApp" else 0)


@pytest.mark.long
async def test_backup_of_profile_m_takes_less_than_one_request_for_an_object(
    medium: GraphService,
) -> None:
    listed = [entry.key for entry in backup_types() if not entry.by_reference]
    async with client_of(medium) as client:
        costs = {key: await cost_of(medium, client, key) for key in listed}
    objects = sum(count for count, _ in costs.values())
    requests = sum(taken for _, taken in costs.values())
    dear = {key: cost for key, cost in costs.items() if cost[1] > allowed(key, cost[0])}
    assert dear == {}
    assert objects > 800
    assert requests / objects <= 0.9
