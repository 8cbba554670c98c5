"""A worker's memory does not grow with the tenant: it holds pages and steps, never a tenant."""

import logging
import time
from pathlib import Path

import pytest

from devstack.graph_service import GraphConfig, Profile, running_graph
from tests.end_to_end.kill_ground import killable_servers, open_ground
from tests.end_to_end.kill_rounds import BACKUP

logger = logging.getLogger(__name__)

MOST_GROWTH = 1.3
# scale.md gives a stress tenant 45 minutes with Microsoft; here it takes one.
SECONDS = 300.0


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.timeout(420)
async def test_worker_takes_hardly_more_memory_for_a_stress_tenant(server_directory: Path) -> None:
    directory = server_directory / "memory"
    small, few = await peak_of_a_backup(directory / "small", Profile.S)
    large, many = await peak_of_a_backup(directory / "stress", Profile.STRESS)

    assert many > 40 * few
    assert large <= MOST_GROWTH * small, f"{large / small:.2f}"


async def peak_of_a_backup(directory: Path, profile: Profile) -> tuple[int, int]:
    """Back up one tenant with a fresh worker; return its peak in bytes, and the objects."""
    directory.mkdir(parents=True)
    config = GraphConfig(profile=profile, tenants=1, budget_scale=0)
    with killable_servers(directory) as servers:
        async with running_graph(config) as graph, open_ground(servers, graph, directory) as ground:
            await ground.worker.start()
            started = time.monotonic()
            run = await ground.product.finished(await ground.product.start(BACKUP), SECONDS)
            spent, peak = time.monotonic() - started, ground.worker.peak_memory()
    assert run.outcome == "succeeded", run.failure_summary
    objects = run.summary_counts["total"]
    logger.info("%s: %d objects, %.1f s, peak %.1f MB", profile, objects, spent, peak / 2**20)
    return peak, objects
