# ruff: noqa: INP001 - a script of the image, not a package
"""Health of the worker in this container: PostgreSQL answers, and this very worker asks for work.

Exit code 0 or 1. `tenantops doctor` looks at the whole system instead, Microsoft included, which
says little about one worker and is too much for every minute.
"""

import asyncio
import socket
import sys
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from services.process.process_exit import run_and_exit
from services.process.temporal_client import connect
from settings import Settings, load_settings_or_stop
from storage.engine import create_engine

# A poll lasts up to a minute; two missed ones are a worker that hangs.
LONGEST_SILENCE = timedelta(minutes=3)
PATIENCE = timedelta(seconds=20)


async def main() -> None:
    """Check both; raises SystemExit with a sentence when one is wrong."""
    settings = load_settings_or_stop()
    async with asyncio.timeout(PATIENCE.total_seconds()):
        await ask_postgres(settings)
        await find_poller(settings)


async def ask_postgres(settings: Settings) -> None:
    """Run one statement."""
    address = settings.database_url.get_secret_value()
    engine = create_engine(address, pool_size=1, application_name="tenantops healthcheck")
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    finally:
        await engine.dispose()


async def find_poller(settings: Settings) -> None:
    """Find a worker of this host among those that polled the task queue lately."""
    client = await connect()
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=settings.task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    oldest = datetime.now(UTC) - LONGEST_SILENCE  # noqa: TID251 - a process of its own: its clock
    for poller in answer.pollers:
        polled_at = poller.last_access_time.ToDatetime(tzinfo=UTC)
        if poller.identity.endswith(f"@{socket.gethostname()}") and polled_at > oldest:
            return
    raise SystemExit("the worker of this container does not ask for work")


def report() -> None:
    """Say what is wrong in one line, without the texts of errors: they may hold secrets."""
    try:
        asyncio.run(main())
    except Exception as error:  # noqa: BLE001 - any failure is the answer
        sys.exit(f"unhealthy: {type(error).__name__}")


if __name__ == "__main__":
    run_and_exit(report)
