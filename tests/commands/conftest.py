"""The command line as people call it, on the session's servers, in this process or its own."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from devstack.postgres import EmbeddedPostgres
from services.contents.root_keys import generate_root_key
from tests.commands.running import product_of_module
from tests.commands.terminal import Terminal
from tests.end_to_end.product import Product

ENTRA_ID = "6f1c7a52-9c3e-4c7f-8e57-0a6d2b1c9f10"


@pytest.fixture
def terminal(database_url: str, temporal_address: str, tmp_path: Path) -> Terminal:
    """A terminal on an empty, migrated database and the session's Temporal; nobody works there."""
    return Terminal(
        {
            "DATABASE_URL": database_url,
            "TEMPORAL_ADDRESS": temporal_address,
            "TENANTOPS_ROOT_KEY": generate_root_key(),
            "TENANTOPS_TASK_QUEUE": f"commands-{uuid4()}",
            "TENANTOPS_DEVSTACK_DIR": str(tmp_path / "no-stack"),
        }
    )


@pytest_asyncio.fixture(loop_scope="session")
async def settled(terminal: Terminal) -> Terminal:
    """A terminal with a workspace, a principal that may do everything, and a tenant."""
    await terminal("workspace", "create", "Fabrikam")
    await terminal("principal", "add", "ops", "--role", "owner")
    await terminal("tenant", "add", "Contoso", ENTRA_ID)
    return terminal


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(
    postgres_server: EmbeddedPostgres,
    migrated_template: str,
    maintenance_connection: asyncpg.Connection,
    temporal_address: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Product]:
    """Worker, Graph and services with one tenant, for the tests of one module."""
    async with product_of_module(
        postgres_server,
        maintenance_connection,
        migrated_template,
        temporal_address,
        tmp_path_factory.mktemp("keys"),
    ) as running:
        yield running


@pytest.fixture
def office(product: Product, temporal_address: str, tmp_path: Path) -> Terminal:
    """A terminal on the running product."""
    settings = product.services.settings
    return Terminal(
        {
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "TEMPORAL_ADDRESS": temporal_address,
            "TENANTOPS_ROOT_KEY_FILE": str(settings.root_key_file),
            "TENANTOPS_GRAPH_ROOT": str(settings.graph_root),
            "TENANTOPS_AUTHORITY_HOST": str(settings.authority_host),
            "TENANTOPS_CA_BUNDLE": str(settings.ca_bundle),
            "TENANTOPS_GRAPH_BUDGET_SCALE": "50",
            "TENANTOPS_TASK_QUEUE": settings.task_queue,
            "TENANTOPS_DEVSTACK_DIR": str(tmp_path / "no-stack"),
        }
    )


@pytest.fixture
def held(product: Product) -> Iterator[Callable[[], None]]:
    """Graph throttles the assignment filters until the function is called."""
    control = product.graph.control
    path = "/deviceManagement/assignmentFilters"
    control.add_fault(kind="status", path=path, status=429, retry_after="1")
    yield control.clear_faults
    control.clear_faults()


@pytest.fixture
def denied(product: Product) -> Iterator[None]:
    """Graph refuses the assignment filters."""
    path = "/deviceManagement/assignmentFilters"
    product.graph.control.add_fault(kind="status", path=path, status=403, code="Forbidden")
    yield
    product.graph.control.clear_faults()
