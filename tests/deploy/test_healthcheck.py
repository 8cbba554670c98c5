"""The health check of the image, against real servers and a real worker on this host."""

import asyncio
import os
import sys
import uuid
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from tests.devstack.timer_workflow import TwoTimersWorkflow

PROJECT = Path(__file__).parents[2]


async def check(database_url: str, temporal_address: str, task_queue: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROJECT / "deploy" / "image" / "healthcheck.py")),
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
            "DATABASE_URL": database_url,
            "TEMPORAL_ADDRESS": temporal_address,
            "TENANTOPS_TASK_QUEUE": task_queue,
        },
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_worker_that_polls_is_healthy(database_url: str, temporal_address: str) -> None:
    queue = f"health-{uuid.uuid4().hex}"
    client = await Client.connect(temporal_address)
    async with Worker(client, task_queue=queue, workflows=[TwoTimersWorkflow]):
        assert await check(database_url, temporal_address, queue) == (0, "")


async def test_host_without_a_worker_is_unhealthy(database_url: str, temporal_address: str) -> None:
    code, said = await check(database_url, temporal_address, f"health-{uuid.uuid4().hex}")

    assert (code, said.strip()) == (1, "the worker of this container does not ask for work")


async def test_unreachable_database_is_unhealthy_and_stays_unnamed(temporal_address: str) -> None:
    code, said = await check("postgresql://a:hidden@127.0.0.1:1/x", temporal_address, "health")

    assert code == 1
    assert "hidden" not in said
