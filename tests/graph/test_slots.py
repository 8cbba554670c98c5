"""Slots before budget: a Graph that hangs is not flooded afterwards, and no area holds another."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from domain.resource_types.shape import ServiceArea
from graph.budgets import BudgetKey, Lease, LeasingBudgets, LocalBudgets, Unused
from graph.client import GraphClient
from graph.clouds import GraphEndpoint
from graph.paging import JsonObject
from tests.eventually import eventually
from tests.graph.conftest import unlimited
from tests.graph.real_clients import real_client
from tests.graph.scripted_graph import Reply, ScriptedGraph

INTUNE = "/deviceManagement/assignmentFilters"
ACCESS = "/identity/conditionalAccess/policies"
# Microsoft's limit in this test, for a second, and the part of it that is leased.
LIMIT, LEASED = 60, 45
STALL_SECONDS = 1.5


class Bucket:
    """A lease function like that of services, which several processes would ask."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self.largest = max(per_second // 8, 1)
        self.units = float(self.largest)
        self.filled_at = time.monotonic()

    async def lease(self, _key: BudgetKey, wanted: int, _unused: Unused) -> Lease:
        await asyncio.sleep(0)
        now = time.monotonic()
        grown = self.units + (now - self.filled_at) * self.per_second
        self.units, self.filled_at = min(grown, self.largest), now
        granted = min(wanted, int(self.units))
        self.units -= granted
        return Lease(granted, 0.1, retry_after=1 / self.per_second)


class ClosedAccess:
    """A budget source without a unit for conditional access until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def acquire(self, key: BudgetKey, cost: int) -> None:
        if key.service_area is ServiceArea.CONDITIONAL_ACCESS:
            await self.opened.wait()

    async def report_throttled(self, key: BudgetKey, retry_after: float) -> None:
        raise AssertionError("nothing is throttled here")


def most_in_a_second(graph: ScriptedGraph) -> int:
    """Return how many requests arrived in the worst second."""
    times = [seen.at for seen in graph.seen]
    return max(sum(start <= at < start + 1 for at in times) for start in times)


async def read_during_a_stall(graph: ScriptedGraph, clients: list[GraphClient]) -> None:
    """Ask for far more than the stall lets through, and wait for all the answers."""
    graph.on(f"/beta{INTUNE}", Reply({"value": []}))
    for client in clients:
        await client.token_roles()
    graph.stall(STALL_SECONDS)
    asked = [clients[n % len(clients)].get("beta", INTUNE) for n in range(140)]
    await asyncio.gather(*asked)


@pytest.mark.long
@pytest.mark.parametrize("processes", [1, 2])
async def test_stall_of_graph_is_followed_by_no_burst(
    graph: ScriptedGraph, endpoint: GraphEndpoint, processes: int
) -> None:
    bucket = Bucket(LEASED)
    shared = [LeasingBudgets(bucket.lease) for _ in range(processes)]
    async with AsyncExitStack() as stack:
        # Two clients, of one process or of two.
        clients = [
            await stack.enter_async_context(real_client(endpoint, shared[n % processes]))
            for n in range(2)
        ]
        await read_during_a_stall(graph, clients)
    assert len(graph.seen) == 140
    assert most_in_a_second(graph) <= LIMIT


async def test_areas_have_slots_of_their_own_and_conditional_access_one(
    graph: ScriptedGraph, endpoint: GraphEndpoint
) -> None:
    graph.on(f"/beta{INTUNE}", Reply({"value": []}))
    graph.on(f"/beta{ACCESS}", Reply({"value": []}))
    async with real_client(endpoint, LocalBudgets(limits=unlimited)) as client:
        await client.token_roles()
        graph.gate.clear()
        tasks = [asyncio.create_task(client.get("beta", ACCESS)) for _ in range(4)]
        tasks += [asyncio.create_task(client.get("beta", INTUNE)) for _ in range(20)]
        await eventually(lambda: len(graph.seen) == 9)
        assert graph.paths().count(f"/beta{ACCESS}") == 1
        graph.gate.set()
        await asyncio.gather(*tasks)
    assert len(graph.seen) == 24


async def test_area_without_budget_does_not_keep_another_waiting(
    graph: ScriptedGraph, endpoint: GraphEndpoint
) -> None:
    graph.on(f"/beta{INTUNE}", Reply({"value": []}))
    graph.on(f"/beta{ACCESS}", Reply({"value": []}))
    budgets = ClosedAccess()
    async with real_client(endpoint, budgets) as client:
        waiting = [asyncio.create_task(client.get("beta", ACCESS)) for _ in range(20)]
        async with asyncio.timeout(5):
            await asyncio.gather(*[client.get("beta", INTUNE) for _ in range(20)])
        assert graph.paths().count(f"/beta{ACCESS}") == 0
        budgets.opened.set()
        await asyncio.gather(*waiting)


async def test_cancelled_requests_leave_their_slots_to_others(
    graph: ScriptedGraph, endpoint: GraphEndpoint
) -> None:
    graph.on(f"/beta{INTUNE}", Reply({"value": []}))
    async with real_client(endpoint, LocalBudgets(limits=unlimited)) as client:
        graph.gate.clear()
        # Eight are on their way, the others wait for a slot.
        tasks = [asyncio.create_task(client.get("beta", INTUNE)) for _ in range(20)]
        await eventually(lambda: len(graph.seen) == 8)
        await cancel(tasks)
        graph.gate.set()
        async with asyncio.timeout(5):
            await asyncio.gather(*[client.get("beta", INTUNE) for _ in range(20)])


async def test_requests_that_are_cancelled_before_their_budget_leave_their_slots(
    graph: ScriptedGraph, endpoint: GraphEndpoint
) -> None:
    graph.on(f"/beta{ACCESS}", Reply({"value": []}))
    budgets = ClosedAccess()
    async with real_client(endpoint, budgets) as client:
        await client.token_roles()
        tasks = [asyncio.create_task(client.get("beta", ACCESS)) for _ in range(20)]
        await asyncio.sleep(0)
        await cancel(tasks)
        budgets.opened.set()
        async with asyncio.timeout(5):
            await client.get("beta", ACCESS)
    assert len(graph.seen) == 1


async def cancel(tasks: list[asyncio.Task[JsonObject]]) -> None:
    """Cancel tasks and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
