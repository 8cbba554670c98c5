"""A local Graph with a tenant for each test, and visitors to it."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, GraphService, running_graph
from tests.services.trial.visitor import Visitor

_TENANTS = 60
_NUMBERS = count()


@pytest_asyncio.fixture(scope="session")
async def tenants() -> AsyncIterator[GraphService]:
    """A local Graph of many small tenants, without budgets, whose codes may be polled quickly."""
    async with running_graph(GraphConfig(tenants=_TENANTS, budget_scale=0)) as service:
        service.control.set_device_codes(interval_s=0.05)
        yield service


@pytest.fixture
def visitor(tenants: GraphService, tmp_path: Path) -> Iterator[Visitor]:
    """A person of a tenant that no other test touches."""
    yield Visitor(tenants, next(_NUMBERS), tmp_path / "trial")
    tenants.control.clear_faults()
