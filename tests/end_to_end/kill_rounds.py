"""Rounds of kill -9 during one backup, at moments that a seed chooses.

A moment is a number of requests that Graph has served for the run. All are below what an
undisturbed run needs, and a killed one needs no fewer: so each kill falls within the run.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from contracts.operations import OperationDecision
from domain.runs import RunStatus
from storage.runs import RunRecord
from tests.end_to_end.kill_ground import Ground, kill_server
from tests.end_to_end.stored import select
from tests.eventually import eventually

logger = logging.getLogger(__name__)

BACKUP = "backup_schedule.run_now"
# Of the requests of an undisturbed run; the rest keeps the last kill within the run.
LAST_MOMENT = 0.9
GLANCE_SECONDS = 0.005
# The longest pause between two attempts, the worker's start and the reading itself.
PATIENCE_SECONDS = 120.0
# Work that goes on while Temporal is away; there is none when a phase has just ended.
BLIND_REQUESTS = 20
STILL_SECONDS = 3.0

Kill = Callable[[Ground, RunRecord], Awaitable[None]]


def moments(requests: int, kills: int, seed: int) -> list[int]:
    """Return the moments of a round: one somewhere in each of as many equal parts of the run."""
    part = requests * LAST_MOMENT / kills
    draw = random.Random(seed)
    return [int(part * (number + draw.random())) + 1 for number in range(kills)]


async def undisturbed_run(ground: Ground, seconds: float) -> tuple[RunRecord, int]:
    """Back up with one worker, leave it in peace, and count the requests that it took."""
    await ground.worker.start()
    started, before = time.monotonic(), served(ground)
    run = await ground.product.finished(await ground.product.start(BACKUP), seconds)
    requests = served(ground) - before
    ground.worker.stop()
    logger.info("undisturbed: %d requests in %.1f s", requests, time.monotonic() - started)
    return run, requests


async def disturbed_run(ground: Ground, kill: Kill, at: Sequence[int], seconds: float) -> RunRecord:
    """Back up and kill at each moment; holds that the run was running each time."""
    await ground.worker.start()
    started, before = time.monotonic(), served(ground)
    decision = await ground.product.start(BACKUP)
    latest = before
    for number, moment in enumerate(at, start=1):
        # Work beside a killed server may have passed the next moment already.
        await served_at_least(ground, max(before + moment, latest + 1))
        latest = served(ground)
        await kill(ground, await run_of(ground, decision))
        assert (await run_of(ground, decision)).status is RunStatus.RUNNING, f"kill {number}"
        logger.info("kill %d after %d requests: %s", number, latest - before, await place(ground))
    run = await ground.product.finished(decision, seconds)
    ground.worker.stop()
    spent = time.monotonic() - started
    logger.info("%d kills: %d requests in %.1f s", len(at), served(ground) - before, spent)
    return run


def served(ground: Ground) -> int:
    """Return how many requests Graph has served, each item of a batch as one."""
    return int(ground.product.graph.control.counters(0)["sub_requests"])


async def served_at_least(ground: Ground, requests: int) -> None:
    """Wait until Graph has served so many requests."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while served(ground) < requests:
        ground.worker.assert_running()
        assert time.monotonic() < deadline, f"no request for long: {ground.worker.output}"
        await asyncio.sleep(GLANCE_SECONDS)


async def run_of(ground: Ground, decision: OperationDecision) -> RunRecord:
    """Return a run as it is now."""
    assert decision.operation_run_id is not None, decision
    run = await ground.product.services.runs.find(decision.operation_run_id)
    assert run is not None
    return run


async def place(ground: Ground) -> str:
    """Return how far a run is."""
    found = (await select(ground.product, PLACE))[0]
    return f"{found['done']} types, {found['steps']} open steps, {found['versions']} versions"


PLACE = """
    SELECT (SELECT count(*) FROM operation_run_results WHERE state = 'done') AS done,
        (SELECT count(*) FROM operation_run_steps) AS steps,
        (SELECT count(*) FROM policy_versions) AS versions
"""


async def kill_worker(ground: Ground, run: RunRecord) -> None:
    """Kill the worker; another one takes its place."""
    ground.worker.kill()
    ground.worker.launch()


async def kill_postgres(ground: Ground, run: RunRecord) -> None:
    """Kill PostgreSQL, let the worker run into it, and start it again."""
    attempts = await attempts_of(ground, run)
    await kill_server(ground.servers.postgres)

    async def has_failed() -> bool:
        return await attempts_of(ground, run) > attempts

    await eventually(has_failed, seconds=PATIENCE_SECONDS)
    ground.servers.postgres.start()


async def kill_temporal(ground: Ground, run: RunRecord) -> None:
    """Kill Temporal, let the worker work without it as far as it can, and start it again."""
    before = served(ground)
    await kill_server(ground.servers.temporal)
    latest, since = served(ground), time.monotonic()
    while latest < before + BLIND_REQUESTS and time.monotonic() < since + STILL_SECONDS:
        await asyncio.sleep(GLANCE_SECONDS)
        if served(ground) > latest:
            latest, since = served(ground), time.monotonic()
    logger.info("%d requests without Temporal", latest - before)
    ground.servers.temporal.start()


async def attempts_of(ground: Ground, run: RunRecord) -> int:
    """Return how often the open activities of a run were tried."""
    client = await ground.product.services.temporal()
    description = await client.get_workflow_handle(run.workflow_id).describe()
    return sum(found.attempt for found in description.raw_description.pending_activities)
