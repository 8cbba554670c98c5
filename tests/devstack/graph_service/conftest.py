"""A local Graph without throttling for reading tests, and a client that speaks to it."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, GraphService, running_graph
from tests.devstack.graph_service.graph_client import GraphClient

ClientFactory = Callable[..., AbstractAsyncContextManager[GraphClient]]


@pytest_asyncio.fixture(scope="session")
async def graph() -> AsyncIterator[GraphService]:
    """Shared by tests that leave nothing behind: faults and counters are theirs to clear."""
    async with running_graph(GraphConfig(budget_scale=0)) as service:
        yield service


@pytest_asyncio.fixture(scope="session")
async def client(graph: GraphService) -> AsyncIterator[GraphClient]:
    """Speaks as the write app of tenant 0."""
    async with GraphClient(graph, app="write") as opened:
        yield opened


@pytest_asyncio.fixture
async def fresh() -> AsyncIterator[GraphService]:
    """A service of its own for tests that change tenants."""
    async with running_graph(GraphConfig(budget_scale=0)) as service:
        yield service


@pytest.fixture
def connect() -> ClientFactory:
    """Opens a client for any service, tenant and app."""

    @asynccontextmanager
    async def opened(
        service: GraphService, *, tenant: int = 0, app: str = "write"
    ) -> AsyncIterator[GraphClient]:
        async with GraphClient(service, tenant=tenant, app=app) as client:
            yield client

    return opened


@pytest.fixture
def trust(graph: GraphService) -> ssl.SSLContext:
    """Trusts the certificate authority of the shared service."""
    return ssl.create_default_context(cafile=str(graph.ca_file))
