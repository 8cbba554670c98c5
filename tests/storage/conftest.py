"""Databases of these suites: migrated, or empty."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from devstack.postgres import EmbeddedPostgres
from storage.engine import create_engine


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_engine(
    postgres_server: EmbeddedPostgres,
    migrated_template: str,
    maintenance_connection: asyncpg.Connection,
) -> AsyncIterator[AsyncEngine]:
    """One database for every test that undoes what it did; a clone for each would take longer."""
    name = "shared_by_storage_tests"
    await maintenance_connection.execute(f'CREATE DATABASE {name} TEMPLATE "{migrated_template}"')
    engine = create_engine(postgres_server.dsn(name))
    yield engine
    await engine.dispose()
    await maintenance_connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def connection(shared_engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Connection with an open transaction, undone at the end."""
    async with shared_engine.connect() as connection:
        yield connection


@pytest.fixture
async def empty_database_url(
    postgres_server: EmbeddedPostgres, maintenance_connection: asyncpg.Connection
) -> AsyncIterator[str]:
    name = f"empty_{uuid.uuid4().hex}"
    await maintenance_connection.execute(f'CREATE DATABASE "{name}" STRATEGY FILE_COPY')
    yield postgres_server.dsn(name)
    await maintenance_connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
