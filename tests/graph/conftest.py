"""A scripted Graph for each test, and clients to it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from graph.budgets import BudgetKey, LocalBudgets
from graph.client import ClientSettings, GraphClient
from graph.clouds import GraphEndpoint, custom_endpoint
from graph.credentials import AppIdentity, ClientSecret, open_credential
from graph.request_costs import AreaLimit
from graph.tokens import TokenSource
from graph.transport import Transport, TransportSettings
from tests.graph.certificates import ServerTrust, make_trust
from tests.graph.clocks import FakeClock
from tests.graph.scripted_graph import ScriptedGraph, serving

TENANT = "11111111-1111-4111-8111-111111111111"
APP = "22222222-2222-4222-8222-222222222222"
IDENTITY = AppIdentity(TENANT, APP)
SECRET = "Qx78Q~hT3v.dK1nR7-aaBbCcDdEeFfGg1234ab"


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> ServerTrust:
    return make_trust(tmp_path_factory.mktemp("trust"))


@pytest_asyncio.fixture
async def graph(trust: ServerTrust) -> AsyncIterator[ScriptedGraph]:
    async with serving(trust) as running:
        yield running


@pytest.fixture
def endpoint(graph: ScriptedGraph, trust: ServerTrust) -> GraphEndpoint:
    return endpoint_of(graph, trust.ca_file)


@pytest.fixture
def clock() -> FakeClock:
    # Tokens carry real times, so the clock starts at the real now.
    clock = FakeClock()
    clock.start = datetime.now(UTC)
    return clock


@dataclass
class Opened:
    """A client and what it is made of."""

    client: GraphClient
    tokens: TokenSource
    budgets: LocalBudgets


Opener = Callable[[], Opened]


@pytest_asyncio.fixture
async def opened(endpoint: GraphEndpoint, clock: FakeClock) -> AsyncIterator[Opened]:
    """A client with a fake clock and budgets that never end."""
    async with Transport(endpoint, TransportSettings(largest_body=1_000_000)) as transport:
        tokens = TokenSource(
            lambda: open_credential(endpoint, IDENTITY, ClientSecret(SECRET)),
            endpoint.scope,
            pacing=clock.pacing(),
        )
        budgets = LocalBudgets(limits=unlimited, pacing=clock.pacing())
        client = GraphClient(
            identity=IDENTITY,
            transport=transport,
            tokens=tokens,
            budgets=budgets,
            settings=ClientSettings(pacing=clock.pacing()),
        )
        yield Opened(client, tokens, budgets)
        await tokens.close()


@pytest.fixture
def client(opened: Opened) -> GraphClient:
    return opened.client


def unlimited(_key: BudgetKey) -> AreaLimit:
    return AreaLimit(1_000_000, 1)


def endpoint_of(graph: ScriptedGraph, ca_file: Path) -> GraphEndpoint:
    return custom_endpoint(authority=graph.root, graph_root=graph.root, ca_file=ca_file)
