"""Real servers for every suite: one PostgreSQL and one Temporal dev server a session.

Nothing is left behind: SIGTERM ends pytest as Ctrl-C does, and the servers end with this process.
"""

import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import FrameType

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from devstack.locks import DirectoryLock
from devstack.postgres import EmbeddedPostgres
from devstack.temporal_server import TemporalOptions, TemporalServer

TEMPLATE = "template_migrated"
SERVER_DIRECTORY_PREFIX = "tenantops-tests-"
PLENTY_OF_MEMORY = 4 * 1024**3
YOUNG_SECONDS = 60
# A developer's shell may point at a running stack or at real servers; tests touch neither.
FOREIGN_VARIABLES = ("DATABASE_URL", "TEMPORAL_", "TENANTOPS_", "AZURE_")


def pytest_configure(config: pytest.Config) -> None:
    """Forget the shell's servers, let SIGTERM run the finalizers, and heed Ctrl-C.

    A shell starts background jobs with SIGINT ignored, and the processes of tests inherit that.
    """
    for name in [name for name in os.environ if name.startswith(FOREIGN_VARIABLES)]:
        del os.environ[name]
    # A machine that does other work as well is slow, and not wrong.
    settings.register_profile(
        "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("patient")
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """Directory of the session's servers; those of killed sessions are swept first."""
    place = fastest_directory()
    for abandoned in place.glob(f"{SERVER_DIRECTORY_PREFIX}*"):
        sweep(abandoned)
    directory = Path(tempfile.mkdtemp(prefix=SERVER_DIRECTORY_PREFIX, dir=place))
    lock = DirectoryLock(directory / "session.lock")
    assert lock.acquire()
    yield directory
    lock.release()
    shutil.rmtree(directory)


def fastest_directory() -> Path:
    """Memory when there is plenty: cloning a database is ten times faster than on a busy disk."""
    memory = Path("/dev/shm")
    is_usable = "TMPDIR" not in os.environ and os.access(memory, os.W_OK)
    if is_usable and shutil.disk_usage(memory).free > PLENTY_OF_MEMORY:
        return memory
    return Path(tempfile.gettempdir())


def sweep(abandoned: Path) -> None:
    """Remove the directory of a session that lives no more."""
    # A session that has just begun may not have its lock yet.
    is_young = time.time() - abandoned.stat().st_mtime < YOUNG_SECONDS
    lock = DirectoryLock(abandoned / "session.lock")
    if not is_young and lock.acquire():
        shutil.rmtree(abandoned, ignore_errors=True)
        lock.release()


@pytest.fixture(scope="session")
def postgres_server(server_directory: Path) -> Iterator[EmbeddedPostgres]:
    """Throw-away PostgreSQL 18 of this session, without fsync."""
    server = EmbeddedPostgres(server_directory / "postgres", durable=False)
    server.start()
    yield server
    server.stop(immediately=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_template(postgres_server: EmbeddedPostgres) -> str:
    """Name of a database at the newest migration, to be cloned."""
    # Late: suites without a database need not import SQLAlchemy and Alembic.
    from storage.migrate import upgrade

    postgres_server.create_database(TEMPLATE)
    await upgrade(postgres_server.dsn(TEMPLATE, scheme="postgresql+asyncpg"))
    return TEMPLATE


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def maintenance_connection(
    postgres_server: EmbeddedPostgres,
) -> AsyncIterator[asyncpg.Connection]:
    """Connection of the superuser that clones and drops databases."""
    connection = await asyncpg.connect(postgres_server.dsn("postgres"))
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def database_url(
    postgres_server: EmbeddedPostgres,
    migrated_template: str,
    maintenance_connection: asyncpg.Connection,
) -> AsyncIterator[str]:
    """URL (`postgresql+asyncpg://…`) of a fresh migrated database for this test alone."""
    name = f"test_{uuid.uuid4().hex}"
    # Copying files beats copying through the log when nothing is synced to disk.
    await maintenance_connection.execute(
        f'CREATE DATABASE "{name}" TEMPLATE "{migrated_template}" STRATEGY FILE_COPY'
    )
    yield postgres_server.dsn(name, scheme="postgresql+asyncpg")
    await maintenance_connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def temporal_server(server_directory: Path) -> Iterator[TemporalServer]:
    """Temporal dev server of this session: in memory, fast timers, search attributes set."""
    server = TemporalServer(
        server_directory / "temporal",
        TemporalOptions(
            has_ui=False, is_persistent=False, search_attributes=product_search_attributes()
        ),
    )
    server.start()
    yield server
    server.stop(immediately=True)


def product_search_attributes() -> dict[str, str]:
    """Name → type of the attributes that the product sets (D12)."""
    from temporalio.common import SearchAttributeIndexedValueType

    from contracts.search_attributes import SEARCH_ATTRIBUTES

    names = {
        kind.name: kind.name.title().replace("_", "") for kind in SearchAttributeIndexedValueType
    }
    return {key.name: names[key.indexed_value_type.name] for key in SEARCH_ATTRIBUTES}


@pytest.fixture(scope="session")
def temporal_address(temporal_server: TemporalServer) -> str:
    """Host and port of the session's Temporal server (`TEMPORAL_ADDRESS`)."""
    return temporal_server.address
