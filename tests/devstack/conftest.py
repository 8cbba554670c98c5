"""Throw-away stacks and the processes that they may not leave behind."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import psutil
import pytest

from devstack.configuration import PROJECT, PartName, PortName, StackConfiguration
from devstack.postgres_cluster import PostgresCluster
from devstack.stack import Stack
from devstack.state import StackState

ANY_PORTS = dict.fromkeys(PortName, 0)
SOMEBODY_ELSES_TEMPORAL = {PartName.TEMPORAL: "temporal.invalid:7233"}
SOMEBODY_ELSES_GRAPH = {PartName.GRAPH: "https://graph.invalid"}

NewStack = Callable[..., Stack]
Owner = Callable[[str], "subprocess.Popen[str]"]


def processes_of(directory: Path) -> list[psutil.Process]:
    """Living processes that work in, or were told of, a directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            place = str(directory)
            if process.cwd().startswith(place) or any(place in part for part in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def left_files(directory: Path) -> list[str]:
    """Sockets, locks and pid files below a directory."""
    names = ("lock", "supervisor.lock", "state.json", "postmaster.pid", "socket_directory")
    return [
        str(path)
        for path in directory.rglob("*")
        if path.is_socket() or path.name in names or ".s.PGSQL" in path.name
    ]


@pytest.fixture(scope="session")
def spare_cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Initialized cluster that each test takes and gives back: initdb and copies cost a second."""
    directory = tmp_path_factory.mktemp("spare") / "postgres"
    PostgresCluster(directory).prepare(is_durable=False)
    return directory


@pytest.fixture
def directory(spare_cluster: Path, tmp_path: Path) -> Iterator[Path]:
    """Directory of an initialized, stopped PostgreSQL; tables of earlier tests may be in it."""
    taken = tmp_path / "stack" / "postgres"
    taken.parent.mkdir()
    spare_cluster.rename(taken)
    yield taken
    taken.rename(spare_cluster)


@pytest.fixture
def configuration(directory: Path) -> StackConfiguration:
    """PostgreSQL alone, on a free port and initialized: the stack that starts fastest."""
    return StackConfiguration(
        state_directory=directory.parent,
        ports=ANY_PORTS,
        external=SOMEBODY_ELSES_TEMPORAL | SOMEBODY_ELSES_GRAPH,
    )


@pytest.fixture
def new_stack(configuration: StackConfiguration) -> Iterator[NewStack]:
    """Factory of stacks in one state directory: fields of the configuration may be replaced."""

    def make(environment: dict[str, str] | None = None, **changes: object) -> Stack:
        changed = replace(configuration, **changes)  # type: ignore[arg-type] # names are fields
        return Stack(changed, environment=environment or {})

    yield make
    make().stop()


@pytest.fixture
def stack(new_stack: NewStack) -> Stack:
    """Stack with PostgreSQL, not started yet; stopped at the end."""
    return new_stack()


@pytest.fixture
def running(stack: Stack) -> StackState:
    """State of `stack`, started."""
    return stack.start()


@pytest.fixture
def pair(new_stack: NewStack) -> Stack:
    """Stack with PostgreSQL and Temporal, not started yet; stopped at the end."""
    return new_stack(external=SOMEBODY_ELSES_GRAPH)


@pytest.fixture
def running_pair(pair: Stack) -> StackState:
    """State of `pair`, started."""
    return pair.start()


async def query(stack: Stack, statement: str) -> object:
    """Run one statement in the stack's database and return the first value."""
    url = stack.environment()["DATABASE_URL"].replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def keep_answer(stack: Stack) -> None:
    """Commit something that has to be there later."""
    await query(stack, "DROP TABLE IF EXISTS kept")
    await query(stack, "CREATE TABLE kept AS SELECT 42 AS answer")


async def assert_answer_kept(stack: Stack) -> None:
    """Read what `keep_answer` committed."""
    assert await query(stack, "SELECT answer FROM kept") == 42


@pytest.fixture
def owner() -> Iterator[Owner]:
    """Start Python code as a process of its own that prints one line when it is ready."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
