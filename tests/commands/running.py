"""The running product for the tests of one module that start work from outside of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from devstack.graph_service import GraphConfig, Profile
from devstack.postgres import EmbeddedPostgres
from tests.end_to_end.product import Product, running_product

SMALL = GraphConfig(profile=Profile.S, tenants=1, budget_scale=0)


@asynccontextmanager
async def product_of_module(
    server: EmbeddedPostgres,
    maintenance: asyncpg.Connection,
    template: str,
    temporal_address: str,
    folder: Path,
    config: GraphConfig = SMALL,
) -> AsyncIterator[Product]:
    """Run worker, Graph and services with one small tenant on a database of its own."""
    name = f"test_{uuid4().hex}"
    await maintenance.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    url = server.dsn(name, scheme="postgresql+asyncpg")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TEMPORAL_ADDRESS", temporal_address)
        async with running_product(url, config, folder / "root.key") as running:
            yield running
    await maintenance.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
