"""Kill -9 in the middle of a backup, again and again: nothing is lost, doubled or counted twice.

Worker, PostgreSQL and Temporal are real processes of this module. A twin that nobody killed shows
what has to be there in the end (D3, D4).
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, GraphService, Profile, running_graph
from tests.end_to_end.kill_comparison import Twin, assert_round_leaves_the_same, make_twin
from tests.end_to_end.kill_ground import Servers, killable_servers
from tests.end_to_end.kill_rounds import Kill, kill_postgres, kill_temporal, kill_worker

pytestmark = [pytest.mark.long, pytest.mark.alone, pytest.mark.timeout(300)]

KILLS = 6
SEED = 2024
SECONDS = 120.0


@pytest.fixture(scope="module")
def servers(server_directory: Path) -> Iterator[Servers]:
    with killable_servers(server_directory / "kills") as servers:
        yield servers


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def graph() -> AsyncIterator[GraphService]:
    config = GraphConfig(profile=Profile.M, tenants=1, budget_scale=0)
    async with running_graph(config) as service:
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def twin(
    servers: Servers, graph: GraphService, tmp_path_factory: pytest.TempPathFactory
) -> Twin:
    return await make_twin(servers, graph, tmp_path_factory.mktemp("twin"), seconds=SECONDS)


@pytest.mark.parametrize("kill", [kill_worker, kill_postgres, kill_temporal])
async def test_backup_under_six_kills_leaves_what_an_undisturbed_one_leaves(
    servers: Servers, graph: GraphService, twin: Twin, tmp_path: Path, kill: Kill
) -> None:
    await assert_round_leaves_the_same(
        servers, graph, tmp_path, twin, kill, kills=KILLS, seed=SEED, seconds=SECONDS
    )
