"""Clients of one process share what they may share."""

import dataclasses

from graph.budgets import LocalBudgets
from graph.clouds import GraphEndpoint
from graph.connections import ConnectionTarget, GraphConnections
from graph.credentials import ClientSecret
from tests.graph.conftest import IDENTITY, SECRET
from tests.graph.scripted_graph import Reply, ScriptedGraph

PATH = "/deviceManagement/assignmentFilters"


async def test_clients_of_one_target_share_token_and_connection(
    graph: ScriptedGraph, endpoint: GraphEndpoint
) -> None:
    graph.on(f"/beta{PATH}", Reply({}))
    target = ConnectionTarget(
        endpoint=endpoint, identity=IDENTITY, secret=ClientSecret(SECRET), revision="1"
    )
    async with GraphConnections(budgets=LocalBudgets()) as connections:
        await connections.client(target).get("beta", PATH)
        await connections.client(target).get("beta", PATH)
        assert len(graph.token_requests) == 1
        assert len({seen.connection for seen in graph.seen}) == 1
        await connections.client(dataclasses.replace(target, revision="2")).get("beta", PATH)
    assert len(graph.token_requests) == 2
    assert SECRET not in repr(target)
