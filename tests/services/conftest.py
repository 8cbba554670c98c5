"""A database for each test, and one that suites share whose tests have a tenant of their own."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from devstack.postgres import EmbeddedPostgres
from storage.engine import create_engine
from tests.services.admitting import Desk
from tests.services.run_ground import RunGround, lay_ground


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Engine on a migrated database of the test's own."""
    engine = create_engine(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def desk(engine: AsyncEngine) -> Desk:
    """Admission on that database."""
    return Desk(engine)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_engine(
    postgres_server: EmbeddedPostgres,
    migrated_template: str,
    maintenance_connection: asyncpg.Connection,
) -> AsyncIterator[AsyncEngine]:
    """Engine on one migrated database; a clone for each test would take longer than the tests."""
    name = "shared_by_service_tests"
    await maintenance_connection.execute(f'CREATE DATABASE {name} TEMPLATE "{migrated_template}"')
    engine = create_engine(postgres_server.dsn(name))
    yield engine
    await engine.dispose()
    await maintenance_connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def ground(shared_engine: AsyncEngine) -> RunGround:
    """Workspace, tenant and run service that no other test touches."""
    return await lay_ground(shared_engine)
