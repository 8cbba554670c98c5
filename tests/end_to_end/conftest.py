"""A product of its own for each test, on the session's PostgreSQL and Temporal."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devstack.graph_service import GraphConfig, Profile
from tests.end_to_end.product import Product, running_product


@pytest.fixture
def graph_config() -> GraphConfig:
    """Overridden by tests that need another tenant."""
    return GraphConfig(profile=Profile.S, tenants=1, budget_scale=0)


@pytest.fixture
async def product(
    database_url: str,
    temporal_address: str,
    graph_config: GraphConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Product]:
    """The running product with one workspace, its tenants and their read connections."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    async with running_product(database_url, graph_config, tmp_path / "root.key") as product:
        yield product
