"""A product of its own for each test or module, on the session's PostgreSQL and Temporal."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, Profile
from devstack.postgres import EmbeddedPostgres
from tests.end_to_end.product import Product, running_product

Run = Callable[..., AbstractAsyncContextManager[Product]]


@pytest.fixture(scope="module")
def graph_config() -> GraphConfig:
    """Overridden by modules that need another tenant."""
    return GraphConfig(profile=Profile.S, tenants=1, budget_scale=0)


@pytest.fixture(scope="session")
def run_product(
    postgres_server: EmbeddedPostgres,
    migrated_template: str,
    maintenance_connection: asyncpg.Connection,
    temporal_address: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """Run a product on a fresh database: `async with run_product(config, NAME="value")`."""

    @asynccontextmanager
    async def run(config: GraphConfig, **settings: str) -> AsyncIterator[Product]:
        name = f"test_{uuid4().hex}"
        await maintenance_connection.execute(
            f'CREATE DATABASE "{name}" TEMPLATE "{migrated_template}" STRATEGY FILE_COPY'
        )
        key: Path = tmp_path_factory.mktemp("keys") / "root.key"
        url = postgres_server.dsn(name, scheme="postgresql+asyncpg")
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TEMPORAL_ADDRESS", temporal_address)
            async with running_product(url, config, key, **settings) as product:
                yield product
        await maintenance_connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    return run


@pytest_asyncio.fixture(loop_scope="session")
async def product(run_product: Run, graph_config: GraphConfig) -> AsyncIterator[Product]:
    """The running product with one workspace, its tenants and their read connections."""
    async with run_product(graph_config) as product:
        yield product


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_product(run_product: Run, graph_config: GraphConfig) -> AsyncIterator[Product]:
    """A product for all tests of a module; each test begins with a backup of its own."""
    async with run_product(graph_config) as product:
        yield product
