"""What is measured, running: PostgreSQL, Temporal, local Graphs and workers, each a process.

The product is started as it is in production: settings from the environment, `python -m worker`,
operations begun through its services.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import asyncpg

from bench.running import UnfitRunError
from devstack.configuration import GraphOptions
from devstack.graph_server import GraphServer
from devstack.graph_service import GraphService
from devstack.graph_service.control_http import ControlClient
from devstack.postgres import EmbeddedPostgres
from devstack.temporal_server import TemporalOptions, TemporalServer
from services.assembly import Services, open_services
from services.contents.root_keys import generate_root_key
from services.runs.search_attributes import needed_attributes
from storage.migrate import upgrade
from storage.runs import RunRecord
from tests.end_to_end.product import Product, Tenant, add_accounts, product_settings
from tests.end_to_end.worker_process import WorkerProcess, environment_of

BACKUP = "backup_schedule.run_now"
# No target is about refusals unless it says so.
UNLIMITED = "1000"


@dataclass(frozen=True, slots=True)
class App:
    """Credentials of an app registration of the local Graph."""

    client_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class GraphTenant:
    """A tenant of the local Graph."""

    tenant_id: str
    number: int
    read_app: App


@dataclass(slots=True)
class LocalGraph:
    """A local Graph in a process of its own."""

    root_url: str
    ca_file: Path
    tenants: list[GraphTenant]
    pid: int
    control: ControlClient

    @property
    def authority_url(self) -> str:
        return self.root_url

    async def call(self, method: str, **arguments: Any) -> Any:
        """Call the Graph's control."""
        return await self.control.call(method, **arguments)

    async def counted(self) -> dict[str, Any]:
        """Return what was counted since the counters were reset."""
        found: dict[str, Any] = await self.call("counters")
        return found


@asynccontextmanager
async def local_graph(
    directory: Path,
    *,
    profile: str = "none",
    counts: Mapping[str, int] | None = None,
    tenants: int = 1,
    budget_scale: float = 0.0,
    latency_ms: float = 0.0,
) -> AsyncIterator[LocalGraph]:
    """Run a local Graph; budget_scale 0 never throttles, 1 has Microsoft's limits."""
    state = directory / f"graph-{uuid4().hex[:8]}"
    more = [f"--count={key}={count}" for key, count in (counts or {}).items()]
    options = GraphOptions(
        profile=profile,
        tenants=tenants,
        budget_scale=budget_scale,
        arguments=(*more, f"--latency-ms={latency_ms:g}"),
    )
    server = GraphServer(state, options)
    server.launch()
    try:
        server.wait_ready()
        assert server.pid is not None
        async with ControlClient(root_url=server.url, state_dir=state) as control:
            found = [
                GraphTenant(row["tenant_id"], row["number"], App(**row["apps"]["read"]))
                for row in await control.call("list_tenants")
            ]
            yield LocalGraph(server.url, server.certificate_authority, found, server.pid, control)
    finally:
        server.stop()


@dataclass(slots=True)
class Ground:
    """The servers of a measurement; `directory` holds all their files."""

    directory: Path
    postgres: EmbeddedPostgres
    temporal: TemporalServer


@asynccontextmanager
async def open_ground() -> AsyncIterator[Ground]:
    """Run PostgreSQL (durable) and Temporal (in memory) in a directory that goes away."""
    directory = Path(tempfile.mkdtemp(prefix="tenantops-bench-"))
    options = TemporalOptions(
        has_ui=False, is_persistent=False, search_attributes=needed_attributes()
    )
    try:
        with (
            EmbeddedPostgres(directory / "postgres") as postgres,
            TemporalServer(directory / "temporal", options) as temporal,
        ):
            yield Ground(directory, postgres, temporal)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@dataclass(slots=True)
class Stand:
    """A product with a database of its own and its workers."""

    ground: Ground
    product: Product
    database: str
    environment: dict[str, str]
    workers: list[WorkerProcess] = field(default_factory=list)
    worker_pids: list[int] = field(default_factory=list)

    @property
    def services(self) -> Services:
        return self.product.services

    async def add_worker(self, module: str = "worker") -> None:
        """Start one more worker and wait until it serves."""
        log = self.ground.directory / f"{self.database}-{len(self.workers)}.log"
        worker = WorkerProcess(self.environment, log)
        self.workers.append(worker)
        await worker.start(module)
        assert worker._child is not None  # noqa: SLF001 - tests' class, whose pid we need
        self.worker_pids.append(worker._child.pid)  # noqa: SLF001

    async def backup(
        self, tenant: Tenant | None = None, *types: str, seconds: float = 3_600.0
    ) -> RunRecord:
        """Back up a tenant to the end; an incomplete backup is no measurement."""
        inputs = {"policy_types": list(types)} if types else {}
        run = await self.product.finished(await self.product.start(BACKUP, inputs, tenant), seconds)
        if run.outcome != "succeeded":
            raise UnfitRunError(f"the backup ended as {run.outcome}: {run.failure_summary}")
        return run

    async def select(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        """Read from the product's database over a connection of our own."""
        connection = await asyncpg.connect(self.ground.postgres.dsn(self.database))
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()


@asynccontextmanager
async def open_stand(
    ground: Ground, graph: LocalGraph, *, workers: int = 1, **settings: str
) -> AsyncIterator[Stand]:
    """Make a product of every tenant of a Graph, with fresh workers."""
    name = f"bench_{uuid4().hex[:12]}"
    ground.postgres.create_database(name)
    url = ground.postgres.dsn(name, scheme="postgresql+asyncpg")
    await upgrade(url)
    key = ground.directory / f"{name}.key"
    key.write_text(generate_root_key())
    changes = {
        "TENANTOPS_GRAPH_BUDGET_SCALE": UNLIMITED,
        "TENANTOPS_HEARTBEAT_TIMEOUT": "40s",
        **settings,
    }
    # It has all that is asked of a local Graph here: addresses, certificate, tenants.
    twin = cast("GraphService", graph)
    configured = product_settings(url, twin, key, **changes)
    address = ground.temporal.address
    os.environ["TEMPORAL_ADDRESS"] = address
    environment = environment_of(configured, address) | settings
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(
            open_services(configured, application_name="bench")
        )
        workspace_id, tenants = await add_accounts(services, twin)
        product = Product(services, twin, workspace_id, tenants)
        stand = Stand(ground, product, name, environment)
        stack.push_async_callback(_stop, stand)
        for _ in range(workers):
            await stand.add_worker()
        yield stand
    ground.postgres.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


async def _stop(stand: Stand) -> None:
    for worker in stand.workers:
        await asyncio.to_thread(worker.stop)


def seconds_of(run: RunRecord) -> float:
    """Return how long a run took, from its row to its completion, whoever waited for it."""
    assert run.completed_at is not None
    return round((run.completed_at - run.created_at).total_seconds(), 3)


def seconds_since(began: datetime, run: RunRecord) -> float:
    """Return the seconds from a moment of this machine's clock to the completion of a run.

    Unlike `seconds_of` they include the admission, and unlike a wait no polling for the end.
    """
    assert run.completed_at is not None
    return round((run.completed_at - began).total_seconds(), 3)


def set_id_of(run: RunRecord) -> UUID:
    """Return the backup set of a run."""
    return UUID(str(run.context["backup_set_id"]))
