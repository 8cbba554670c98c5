"""The local Graph as a part of a stack."""

import os
import signal
import ssl
import urllib.request
from collections.abc import Callable

import pytest

from devstack.configuration import GraphOptions, PartName
from devstack.graph_server import GraphServer
from devstack.stack import Stack
from devstack.state import StackState
from tests.devstack.conftest import SOMEBODY_ELSES_TEMPORAL, processes_of
from tests.eventually import eventually

pytestmark = pytest.mark.skipif(not GraphServer.is_available(), reason="no local Graph here")


@pytest.fixture
def graph_stack(new_stack: Callable[..., Stack]) -> Stack:
    """PostgreSQL and a small local Graph."""
    return new_stack(external=SOMEBODY_ELSES_TEMPORAL, graph=GraphOptions(profile="S", tenants=1))


@pytest.fixture
def running_graph(graph_stack: Stack) -> StackState:
    return graph_stack.start()


def health(stack: Stack) -> int:
    variables = stack.environment()
    trust = ssl.create_default_context(cafile=variables["TENANTOPS_CA_BUNDLE"])
    url = f"{variables['TENANTOPS_GRAPH_ROOT']}/healthz"
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=trust), urllib.request.ProxyHandler({})
    )
    with opener.open(url) as answer:
        return int(answer.status)


def test_graph_part_started_answers_with_its_certificate(
    graph_stack: Stack, running_graph: StackState
) -> None:
    assert health(graph_stack) == 200
    variables = graph_stack.environment()
    assert variables["TENANTOPS_AUTHORITY_HOST"] == variables["TENANTOPS_GRAPH_ROOT"]
    assert variables["TENANTOPS_GRAPH_BUDGET_SCALE"] == "1"


@pytest.mark.long
@pytest.mark.alone
async def test_graph_part_killed_comes_back_at_the_same_address(
    graph_stack: Stack, running_graph: StackState
) -> None:
    process = running_graph.parts[PartName.GRAPH].process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    await eventually(lambda: not process.is_alive())
    assert graph_stack.start().ports == running_graph.ports
    assert health(graph_stack) == 200


@pytest.mark.long
@pytest.mark.alone
async def test_graph_part_supervisor_killed_ends_too(
    graph_stack: Stack, running_graph: StackState
) -> None:
    assert running_graph.supervisor is not None
    running_graph.supervisor.send(signal.SIGKILL)
    await eventually(lambda: not processes_of(graph_stack.directory))
