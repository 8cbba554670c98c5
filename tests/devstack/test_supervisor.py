"""A stack under real signals: parts killed, the supervisor killed, told to stop at any moment."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.configuration import PROJECT, PartName, StackConfiguration
from devstack.processes import ProcessIdentity
from devstack.stack import Stack, StackStartError
from devstack.state import PartStatus, StackPhase, StackState
from tests.devstack.conftest import assert_answer_kept, keep_answer, left_files, processes_of
from tests.eventually import eventually

SIGNALS = [signal.SIGTERM, pytest.param(signal.SIGINT, marks=[pytest.mark.long, pytest.mark.alone])]


def process_of(state: StackState, part: PartName) -> ProcessIdentity:
    process = state.parts[part].process
    assert process is not None
    return process


def supervisor_of(state: StackState) -> ProcessIdentity:
    assert state.supervisor is not None
    return state.supervisor


async def kill(process: ProcessIdentity) -> None:
    process.send(signal.SIGKILL)
    await eventually(lambda: not process.is_alive())


async def assert_nothing_left(directory: Path) -> None:
    await eventually(lambda: not processes_of(directory), seconds=20)
    assert left_files(directory) == []


@pytest.mark.parametrize(
    "part",
    [
        PartName.POSTGRES,
        pytest.param(PartName.TEMPORAL, marks=[pytest.mark.long, pytest.mark.alone]),
    ],
)
async def test_part_killed_comes_back_with_the_next_start(
    pair: Stack, running_pair: StackState, part: PartName
) -> None:
    await keep_answer(pair)
    await kill(process_of(running_pair, part))
    assert pair.status().parts[part].status is PartStatus.DOWN
    state = pair.start()
    assert state.ports == running_pair.ports
    assert state.supervisor == running_pair.supervisor
    assert process_of(state, part) != process_of(running_pair, part)
    await assert_answer_kept(pair)


@pytest.mark.long
@pytest.mark.alone
async def test_supervisor_killed_ends_its_servers(pair: Stack, running_pair: StackState) -> None:
    await kill(supervisor_of(running_pair))
    assert pair.status().phase is StackPhase.STOPPED
    await eventually(lambda: not processes_of(pair.directory))


@pytest.mark.long
@pytest.mark.alone
async def test_supervisor_killed_next_start_need_not_wait(
    pair: Stack, running_pair: StackState
) -> None:
    await keep_answer(pair)
    await kill(supervisor_of(running_pair))
    state = pair.start()
    assert state.supervisor != running_pair.supervisor
    assert state.ports == running_pair.ports
    await assert_answer_kept(pair)


@pytest.mark.long
@pytest.mark.alone
async def test_everything_killed_at_once_starts_again(
    pair: Stack, running_pair: StackState
) -> None:
    await keep_answer(pair)
    for process in processes_of(pair.directory):
        process.kill()
    await eventually(lambda: not processes_of(pair.directory))
    pair.start()
    await assert_answer_kept(pair)


async def test_supervisor_and_part_killed_stop_leaves_nothing(
    stack: Stack, running: StackState
) -> None:
    await kill(process_of(running, PartName.POSTGRES))
    await kill(supervisor_of(running))
    stack.stop()
    await assert_nothing_left(stack.directory)
    assert stack.status() == StackState(StackPhase.STOPPED)


@pytest.mark.parametrize("number", SIGNALS)
async def test_supervisor_signalled_leaves_nothing(
    pair: Stack, running_pair: StackState, number: signal.Signals
) -> None:
    supervisor_of(running_pair).send(number)
    await assert_nothing_left(pair.directory)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("command", ["run", "start"])
async def test_command_signalled_while_it_starts_leaves_nothing(
    configuration: StackConfiguration, command: str, number: signal.Signals
) -> None:
    directory = configuration.state_directory
    arguments = [sys.executable, "-m", "devstack", command, "--configuration"]
    with subprocess.Popen(
        [*arguments, configuration.to_json()],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        await eventually((directory / "postgres" / "lock").exists)
        process.send_signal(number)
        process.wait(30)
    await assert_nothing_left(directory)


@pytest.mark.long
@pytest.mark.alone
async def test_state_directory_removed_ends_its_servers(
    stack: Stack, running: StackState, tmp_path: Path
) -> None:
    moved = stack.directory.rename(tmp_path / "moved")
    await eventually(lambda: not supervisor_of(running).is_alive(), seconds=20)
    assert not process_of(running, PartName.POSTGRES).is_alive()
    moved.rename(stack.directory)


@pytest.mark.long
@pytest.mark.alone
async def test_part_that_cannot_come_back_is_named(stack: Stack, running: StackState) -> None:
    await kill(process_of(running, PartName.POSTGRES))
    version = stack.directory / "postgres" / "data" / "PG_VERSION"
    text = version.read_text()
    version.write_text("17\n")
    with pytest.raises(StackStartError, match=r"(?s)postgres: ended.*incompatible"):
        stack.start()
    version.write_text(text)
    assert stack.start().is_whole
