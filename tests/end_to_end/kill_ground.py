"""The product on servers that a test kills: the worker, PostgreSQL and Temporal are processes.

Graph runs in the test's event loop, so that a test counts what it served.
"""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from devstack.graph_service import GraphService
from devstack.ports import choose_port
from devstack.postgres import EmbeddedPostgres
from devstack.temporal_server import TemporalOptions, TemporalServer
from services.assembly import open_services
from services.contents.root_keys import generate_root_key
from storage.migrate import upgrade
from tests.conftest import product_search_attributes
from tests.end_to_end.product import Product, add_accounts, product_settings
from tests.end_to_end.worker_process import WorkerProcess, worker_processes
from tests.eventually import eventually

# Below the range from which the system takes ports of outgoing connections: while a server is away,
# nobody may get its port.
FIRST_PORT = 20_000
PORTS = 10_000


@dataclass(frozen=True, slots=True)
class Servers:
    """A durable PostgreSQL and a Temporal with its file, each at one address for ever."""

    postgres: EmbeddedPostgres
    temporal: TemporalServer


@dataclass(frozen=True, slots=True)
class Ground:
    """A product in a database of its own, whose worker is a process that is not started yet."""

    servers: Servers
    product: Product
    worker: WorkerProcess


@contextmanager
def killable_servers(directory: Path) -> Iterator[Servers]:
    """Run servers of its own in `directory`."""
    port = choose_port(FIRST_PORT + 2 * os.getpid() % PORTS)
    other = choose_port(port + 1, taken=frozenset({port}))
    options = TemporalOptions(
        port=other, has_ui=False, search_attributes=product_search_attributes()
    )
    with (
        EmbeddedPostgres(directory / "postgres", port=port) as postgres,
        TemporalServer(directory / "temporal", options) as temporal,
    ):
        yield Servers(postgres, temporal)


@asynccontextmanager
async def open_ground(
    servers: Servers, graph: GraphService, directory: Path
) -> AsyncIterator[Ground]:
    """Make a product of every tenant of `graph`; two of them know nothing of each other."""
    name = f"ground_{uuid4().hex}"
    servers.postgres.create_database(name)
    url = servers.postgres.dsn(name, scheme="postgresql+asyncpg")
    await upgrade(url)
    key = directory / f"{name}.key"
    key.write_text(generate_root_key())
    settings = product_settings(url, graph, key)
    address = servers.temporal.address
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TEMPORAL_ADDRESS", address)
        async with (
            open_services(settings, application_name="tests") as services,
            worker_processes(settings, address, directory / f"{name}.log") as worker,
        ):
            workspace_id, tenants = await add_accounts(services, graph)
            yield Ground(servers, Product(services, graph, workspace_id, tenants), worker)


async def kill_server(server: EmbeddedPostgres | TemporalServer) -> None:
    """Kill a server and every process of it at once."""
    assert server.pid is not None
    process = psutil.Process(server.pid)
    family = [process, *process.children(recursive=True)]
    for member in family:
        # Those that the first kill took along are gone.
        with suppress(psutil.NoSuchProcess):
            member.send_signal(signal.SIGKILL)
    await eventually(lambda: server.pid is None)
