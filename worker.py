"""The worker process: settings → services → activities → Temporal worker.

SIGTERM and SIGINT drain it: no new work is taken, and what runs gets time to reach its next
durable cursor. A kill at any line is survived by the next worker.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.admission import AdmissionActivities
from activities.backup import BackupActivities
from activities.directory_role_definitions import DirectoryRoleDefinitionsActivities
from activities.run_recording import RunRecordingActivities
from services.assembly import Services, open_services
from services.contents.root_keys import EncryptionKeyUnavailableError, RootKeyOutageError
from services.contents.tenant_keys import lost_root_keys
from services.process.logs import configure_logging
from services.process.process_exit import run_and_exit
from services.process.process_memory import return_freed_memory
from services.runs.search_attributes import register_and_verify
from settings import load_settings_or_stop
from storage.engine import open_connections
from workflows.backup import BackupWorkflow
from workflows.directory_role_definitions import DirectoryRoleDefinitionsSyncWorkflow
from workflows.request_operation import RequestOperationWorkflow

logger = logging.getLogger(__name__)

WORKFLOWS: tuple[type, ...] = (
    RequestOperationWorkflow,
    BackupWorkflow,
    DirectoryRoleDefinitionsSyncWorkflow,
)

# Pure packages: the sandbox need not import them anew for every run (D11).
_PASSED_THROUGH = ("activities", "contracts", "domain", "pydantic", "pydantic_core", "rfc8785")
# A page of a slow tenant; a step that is cut is read again.
_DRAIN = timedelta(seconds=30)
# After a killed worker its sticky queue delays the next workflow task for this long
# (temporal.md 6; ten seconds by default).
_STICKY_TIMEOUT = timedelta(seconds=3)
# Longest time for which a heartbeat's details and a cancel may wait.
_HEARTBEAT_THROTTLE = timedelta(seconds=10)
# Container objects between two young collections; 700 by default.
_ALLOCATIONS = 20_000


def activities_of(services: Services) -> Sequence[Callable[..., Any]]:
    """Return every activity, bound to its services."""
    admission = AdmissionActivities(
        admission=services.admission, starts=services.starts, waiting=services.waiting
    )
    recording = RunRecordingActivities(gate=services.gate, starts=services.starts)
    backup = BackupActivities(reading=services.reading, context=services.context_reading)
    roles = DirectoryRoleDefinitionsActivities(roles=services.roles)
    return (
        admission.admit,
        admission.fail_dispatch,
        admission.is_started,
        admission.await_outcome,
        recording.begin_run,
        recording.await_turn,
        recording.complete_run,
        backup.read_lane,
        backup.read_context,
        roles.sync_role_definitions,
    )


def make_worker(client: Client, services: Services, *, identity: str | None = None) -> Worker:
    """Return the worker on the configured task queue; it runs when awaited."""
    return Worker(
        client,
        task_queue=services.settings.task_queue,
        workflows=WORKFLOWS,
        activities=activities_of(services),
        identity=identity,
        graceful_shutdown_timeout=_DRAIN,
        sticky_queue_schedule_to_start_timeout=_STICKY_TIMEOUT,
        max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        # A bug in a workflow fails its run, where people see it, instead of trying for ever.
        workflow_failure_exception_types=[Exception],
        workflow_runner=SandboxedWorkflowRunner(
            restrictions=SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH)
        ),
    )


async def run_worker(services: Services, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then drain.

    Raises when search attributes are not as needed, or the root key is not that of the database.
    """
    client = await services.temporal()
    await _reach_database(services)
    await register_and_verify(client)
    worker = make_worker(client, services)
    # In a task of its own: a fatal error cancels whoever runs the worker (temporal.md 9).
    serving = asyncio.create_task(worker.run())
    stopping = asyncio.create_task(stop.wait())
    logger.info("worker serves", extra={"task_queue": services.settings.task_queue})
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await worker.shutdown()
    await serving
    logger.info("worker drained")


async def _reach_database(services: Services) -> None:
    """Verify the root keys, and open the connections that the lanes of a backup need at once.

    Activities are tried again until PostgreSQL is back; a worker need not. The root keys come
    first: a server that refuses the last of so many connections must not keep them unverified.
    """
    try:
        lost = await lost_root_keys(services.engine, services.root_keys)
    except (SQLAlchemyError, OSError, RootKeyOutageError) as error:
        logger.warning("root key not verified", exc_info=error)
        return
    for root_key_id in lost:
        logger.error("root key not at hand", extra={"root_key_id": root_key_id})
    try:
        for engine in (services.engine, services.budget_engine):
            await open_connections(engine)
    except (SQLAlchemyError, OSError) as error:
        logger.warning("connections not opened ahead", exc_info=error)


async def _serve() -> None:
    settings = load_settings_or_stop()
    configure_logging(settings.log_level)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with open_services(settings, application_name="tenantops worker") as services:
            await run_worker(services, stop)
    except EncryptionKeyUnavailableError as error:
        raise SystemExit(f"TenantOps cannot start: {error}") from None


def _spare_the_collector() -> None:
    """Keep what was imported out of garbage collections, and have fewer of them.

    Documents are trees that need no collector; looking through every module for the sake of them
    took a tenth of a backup's time (P4).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)


def main() -> None:
    """Run the worker until it is drained; what `tenantops worker` does."""
    return_freed_memory()
    _spare_the_collector()
    asyncio.run(_serve())


if __name__ == "__main__":
    run_and_exit(main)
