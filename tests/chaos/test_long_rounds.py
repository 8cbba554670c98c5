"""Twenty kills in the backup of a large tenant: the long form of the six in every full run."""

from pathlib import Path

import pytest

from devstack.graph_service import GraphConfig, Profile, running_graph
from tests.end_to_end.kill_comparison import assert_round_leaves_the_same, make_twin
from tests.end_to_end.kill_ground import killable_servers
from tests.end_to_end.kill_rounds import Kill, kill_postgres, kill_temporal, kill_worker

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]

KILLS = 20
SEED = 1066
SECONDS = 300.0


@pytest.mark.parametrize("kill", [kill_worker, kill_postgres, kill_temporal])
async def test_large_backup_under_twenty_kills_leaves_what_an_undisturbed_one_leaves(
    server_directory: Path, tmp_path: Path, kill: Kill
) -> None:
    config = GraphConfig(profile=Profile.L, tenants=1, budget_scale=0)
    with killable_servers(server_directory / f"chaos-{kill.__name__}") as servers:
        async with running_graph(config) as graph:
            twin = await make_twin(servers, graph, tmp_path, seconds=SECONDS)
            await assert_round_leaves_the_same(
                servers, graph, tmp_path, twin, kill, kills=KILLS, seed=SEED, seconds=SECONDS
            )
