"""Kill -9 in the middle of a backup, again and again: nothing is lost, doubled or counted twice.

Worker, PostgreSQL and Temporal are real processes of this module. A twin that nobody killed shows
what has to be there in the end (D3, D4).
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, GraphService, Profile, running_graph
from tests.end_to_end.kill_ground import Servers, killable_servers, open_ground
from tests.end_to_end.kill_rounds import (
    Kill,
    Undisturbed,
    disturbed_run,
    kill_postgres,
    kill_temporal,
    kill_worker,
    moments,
    undisturbed_run,
)
from tests.end_to_end.remains import Remains, remains_of
from tests.end_to_end.truth import PLACES, ids_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

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
) -> tuple[Undisturbed, Remains]:
    """What a run leaves that nobody disturbed, and what it needed."""
    async with open_ground(servers, graph, tmp_path_factory.mktemp("twin")) as ground:
        done = await undisturbed_run(ground, SECONDS)
        return done, await remains_of(ground.product, done.run)


@pytest.mark.parametrize("kill", [kill_worker, kill_postgres, kill_temporal])
async def test_backup_under_kills_leaves_what_an_undisturbed_one_leaves(
    servers: Servers,
    graph: GraphService,
    twin: tuple[Undisturbed, Remains],
    tmp_path: Path,
    kill: Kill,
) -> None:
    undisturbed, expected = twin
    async with open_ground(servers, graph, tmp_path) as ground:
        at = moments(undisturbed.requests, KILLS, SEED)
        run = await disturbed_run(ground, kill, at, SECONDS)
        found = await remains_of(ground.product, run)

    assert found == expected
    assert expected.outcome == "succeeded"
    assert {key: set(ids) for key, ids in found.documents.items()} == {
        key: set(ids_of(graph, key)) for key in PLACES
    }
    assert found.rows["operation_run_steps"] == found.rows["run_leases"] == 0
    assert found.rows["operation_runs"] == found.rows["backup_sets"] == 1
