"""A stack as its user sees it: started, started again, stopped, with ports and external servers."""

import base64
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from devstack.configuration import PartName, PortName, StackConfiguration
from devstack.ports import any_free_port, is_port_free
from devstack.processes import ProcessIdentity
from devstack.stack import Stack, StackStartError
from devstack.state import PartState, PartStatus, StackPhase, StackState, StateFiles
from tests.devstack.conftest import (
    ANY_PORTS,
    SOMEBODY_ELSES_GRAPH,
    NewStack,
    assert_answer_kept,
    keep_answer,
    left_files,
    processes_of,
    query,
)
from tests.eventually import eventually


async def test_stack_started_twice_is_one_stack(pair: Stack, running_pair: StackState) -> None:
    assert running_pair.is_whole
    assert pair.start() == running_pair
    assert await query(pair, "SELECT current_database()") == "tenantops"
    assert pair.environment()["TEMPORAL_ADDRESS"] == running_pair.parts[PartName.TEMPORAL].address
    assert pair.environment()["TEMPORAL_NAMESPACE"] == "default"


def test_stack_started_keeps_secrets_out_of_its_state(stack: Stack, running: StackState) -> None:
    password = (stack.directory / "postgres" / "password").read_text()
    assert password in stack.environment()["DATABASE_URL"]
    assert password not in running.to_json()
    assert password not in repr(stack.environment())


def test_stack_started_makes_the_root_key_once(stack: Stack, running: StackState) -> None:
    key = Path(stack.environment()["TENANTOPS_ROOT_KEY_FILE"])
    text = key.read_text()
    assert len(base64.b64decode(text)) == 32
    assert key.stat().st_mode & 0o777 == 0o600
    stack.stop()
    stack.start()
    assert key.read_text() == text


@pytest.mark.long
@pytest.mark.alone
async def test_stack_stopped_leaves_nothing_and_returns_with_its_data(
    pair: Stack, running_pair: StackState
) -> None:
    await keep_answer(pair)
    variables = dict(pair.environment())
    assert pair.stop()
    assert not pair.stop()
    assert processes_of(pair.directory) == []
    assert left_files(pair.directory) == []
    assert all(is_port_free(port) for port in running_pair.ports.values())
    pair.start()
    assert dict(pair.environment()) == variables
    await assert_answer_kept(pair)


@pytest.mark.long
@pytest.mark.alone
def test_stack_start_reports_each_step(stack: Stack) -> None:
    seen: list[StackState] = []
    stack.start(seen.append)
    assert seen[-1].is_whole
    assert any(state.phase is StackPhase.STARTING for state in seen)


def test_stack_started_by_several_at_once_is_one_stack(new_stack: NewStack) -> None:
    with ThreadPoolExecutor(4) as pool:
        states = list(pool.map(lambda _: new_stack().start(), range(4)))
    assert len({state.supervisor for state in states}) == 1
    # Not even one that is still starting, and would take over once the stack is stopped.
    working = processes_of(new_stack().directory)
    supervisors = [process.pid for process in working if "devstack" in process.cmdline()]
    assert supervisors == [states[0].supervisor and states[0].supervisor.pid]


@pytest.mark.long
@pytest.mark.alone
def test_stack_started_afresh_initializes_everything(
    configuration: StackConfiguration, tmp_path: Path
) -> None:
    fresh = StackConfiguration(tmp_path / "fresh", ANY_PORTS, external=SOMEBODY_ELSES_GRAPH)
    command = [sys.executable, "-m", "devstack", "start", "--configuration", fresh.to_json()]
    try:
        subprocess.run(command, check=True, timeout=30, stdout=subprocess.DEVNULL)
    finally:
        Stack(fresh, environment={}).stop()


@pytest.fixture
def listener() -> Iterator[int]:
    """Port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.mark.parametrize("name", [PortName.POSTGRES, PortName.TEMPORAL_UI])
async def test_stack_explicit_port_taken_names_port_and_mend(
    new_stack: NewStack, listener: int, name: PortName
) -> None:
    stack = new_stack(ports=ANY_PORTS | {name: listener}, external=SOMEBODY_ELSES_GRAPH)
    option = f"--{name.replace('_', '-')}-port"
    with pytest.raises(StackStartError, match=rf"Port {listener} for {name}.*{option}"):
        stack.start()
    assert stack.status().phase is StackPhase.FAILED
    await eventually(lambda: not processes_of(stack.directory))


@pytest.mark.long
@pytest.mark.alone
def test_stack_port_used_last_is_taken_picks_another(new_stack: NewStack) -> None:
    port = any_free_port()
    stack = new_stack()
    StateFiles(stack.directory).write_ports({PortName.POSTGRES: port})
    with socket.create_server(("127.0.0.1", port)):
        assert stack.start().ports[PortName.POSTGRES] != port


def test_stack_running_other_port_asked_for_is_refused(
    new_stack: NewStack, running: StackState
) -> None:
    other = new_stack(ports={PortName.POSTGRES: any_free_port()})
    with pytest.raises(StackStartError, match="stop it first"):
        other.start()


def test_stack_state_with_a_recycled_pid_spares_the_stranger(stack: Stack) -> None:
    files = StateFiles(stack.directory)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        earlier = ProcessIdentity(stranger.pid, psutil.Process(stranger.pid).create_time() - 60)
        part = PartState(PartStatus.READY, process=earlier)
        stale = StackState(StackPhase.RUNNING, earlier, {PartName.POSTGRES: part})
        files.write_state(stale)
        assert stack.status().phase is StackPhase.STOPPED
        assert not stack.stop()
        files.write_state(stale)
        assert stack.start().is_whole
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.long
@pytest.mark.alone
def test_stack_unreadable_state_is_replaced(stack: Stack) -> None:
    (stack.directory / "state.json").write_text('{"phase": "run')
    assert stack.start().is_whole


def test_stack_external_servers_are_reported_and_not_started(new_stack: NewStack) -> None:
    given = {
        "DATABASE_URL": "postgresql+asyncpg://me:hidden@db.example:5432/ops?sslmode=require",
        "TEMPORAL_ADDRESS": "temporal.example:7233",
    }
    stack = new_stack(given, external=SOMEBODY_ELSES_GRAPH)
    state = stack.start()
    assert state.is_whole
    assert {part.status for part in state.parts.values()} == {PartStatus.EXTERNAL}
    assert state.parts[PartName.POSTGRES].address == "postgresql+asyncpg://db.example:5432/ops"
    assert given.items() <= dict(stack.environment()).items()


def test_stack_own_variables_exported_stay_embedded(
    new_stack: NewStack, stack: Stack, running: StackState
) -> None:
    again = new_stack(dict(stack.environment()))
    assert again.configuration.external == stack.configuration.external
    changed = new_stack(dict(stack.environment()) | {"DATABASE_URL": "postgresql://db.example/x"})
    assert changed.configuration.external[PartName.POSTGRES] == "postgresql://db.example/x"
