"""Children that end with their parent, identities of processes, locks and ports."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.locks import DirectoryLock
from devstack.ports import PortTakenError, any_free_port, choose_port, require_port
from devstack.processes import (
    ChildProcess,
    ProcessIdentity,
    ServerStartError,
    end_processes,
    launch_command,
)
from tests.devstack.conftest import Owner, processes_of
from tests.eventually import eventually

LAUNCH_AND_WAIT = """
import sys, time
from pathlib import Path
from devstack.processes import ChildProcess, launch_command
command = launch_command([sys.executable, "-c", "import time; time.sleep(600)", {mark!r}])
child = ChildProcess(command, log=Path({mark!r}, "log"), environment={{}})
print("ready", flush=True)
time.sleep(600)
"""
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
)


def python(code: str, log: Path) -> ChildProcess:
    return ChildProcess(launch_command([sys.executable, "-c", code]), log=log, environment={})


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_child_parent_ends_by_any_signal_ends_too(
    tmp_path: Path, owner: Owner, number: signal.Signals
) -> None:
    parent = owner(LAUNCH_AND_WAIT.format(mark=str(tmp_path)))
    parent.send_signal(number)
    parent.wait(10)
    await eventually(lambda: not processes_of(tmp_path))


def test_child_that_ends_while_starting_raises_its_words(tmp_path: Path) -> None:
    child = python("raise SystemExit('no such luck')", tmp_path / "log")
    with pytest.raises(ServerStartError, match="no such luck"):
        child.wait_until(lambda: False, seconds=10)


def test_child_that_never_is_ready_raises_at_the_deadline(tmp_path: Path) -> None:
    child = python("import time; time.sleep(600)", tmp_path / "log")
    with pytest.raises(ServerStartError, match=r"not ready after 0\.1 s"):
        child.wait_until(lambda: False, seconds=0.1)
    child.end()


def test_child_that_ignores_a_signal_is_killed(tmp_path: Path) -> None:
    child = python(f"{STUBBORN}; time.sleep(600)", tmp_path / "log")
    child.wait_until(lambda: child.output() == "1", seconds=10)
    child.end((signal.SIGTERM, 0.05))
    assert not child.is_running()


def test_child_started_with_ignored_interrupt_obeys_it_again(tmp_path: Path) -> None:
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = python("print(1, flush=True); import time; time.sleep(600)", tmp_path / "log")
        child.wait_until(lambda: child.output() == "1", seconds=10)
        child.end((signal.SIGINT, 10.0))
    finally:
        signal.signal(signal.SIGINT, previous)
    assert "KeyboardInterrupt" in child.output()


def test_child_output_of_an_earlier_launch_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("earlier\n")
    child = python("print('now')", tmp_path / "log")
    child.end((signal.SIGCONT, 10.0))
    assert child.output() == "now"


def test_identity_of_a_zombie_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = ProcessIdentity.of(process.pid)
        assert identity is not None
        assert identity.is_alive()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not identity.is_alive()


def test_end_processes_stubborn_one_is_killed() -> None:
    code = f"{STUBBORN}; time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        identity = ProcessIdentity.of(process.pid)
        assert identity is not None
        end_processes([identity], (signal.SIGTERM, 0.05))
        assert not identity.is_alive()


def test_lock_held_is_refused_to_others_and_free_after_release(tmp_path: Path) -> None:
    first, second = DirectoryLock(tmp_path / "lock"), DirectoryLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    assert second.is_held_by_another()
    first.release()
    assert not (tmp_path / "lock").exists()
    assert second.acquire()
    second.release()


def test_lock_of_a_killed_owner_is_free(tmp_path: Path, owner: Owner) -> None:
    path = tmp_path / "lock"
    process = owner(
        "import time; from pathlib import Path; from devstack.locks import DirectoryLock\n"
        f"lock = DirectoryLock(Path({str(path)!r}))\n"
        "assert lock.acquire(); print('ready', flush=True); time.sleep(600)"
    )
    lock = DirectoryLock(path)
    assert not lock.acquire()
    process.kill()
    process.wait()
    assert lock.acquire()
    lock.release()


def test_lock_whose_file_was_removed_is_not_intact(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path / "lock")
    assert lock.acquire()
    (tmp_path / "lock").unlink()
    assert not lock.is_intact()
    lock.release()


def test_port_preferred_is_taken_next_free_one_is_chosen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert choose_port(taken) != taken
        assert choose_port(taken, taken=frozenset({taken + 1})) not in (taken, taken + 1)


def test_port_required_is_taken_names_it_and_the_mend() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTakenError, match=rf"Port {port} for tea is taken. Drink coffee."):
            require_port(port, purpose="tea", mend="Drink coffee.")


def test_port_required_is_free_is_returned() -> None:
    port = any_free_port()
    assert require_port(port, purpose="tea", mend="") == port
