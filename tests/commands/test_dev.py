"""`tenantops dev` as a process: one at a time, a worker that is watched, an end that is whole."""

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from commands.local.local_worker import LEAST_SECONDS
from tests.commands.terminal import Terminal
from tests.eventually import eventually

pytestmark = [pytest.mark.long, pytest.mark.alone, pytest.mark.timeout(180)]

PORTS = ("--postgres-port", "--temporal-port", "--temporal-ui-port", "--graph-port")


@pytest_asyncio.fixture(loop_scope="session")
async def running(tmp_path: Path) -> AsyncIterator["Dev"]:
    """A running `tenantops dev` on a machine of its own."""
    terminal = Terminal({"TENANTOPS_DEVSTACK_DIR": str(tmp_path / "stack")})
    # For free ports, which `dev` has no options for; it remembers them.
    options = [word for port in PORTS for word in (port, "0")]
    await terminal("stack", "start", "--profile", "S", *options)
    await terminal("stack", "stop")
    dev = Dev(terminal, tmp_path / "said.txt")
    await eventually(lambda: "Running;" in dev.said, seconds=60)
    yield dev
    await dev.end()
    await terminal("stack", "stop")


class Dev:
    """The process and what it says."""

    def __init__(self, terminal: Terminal, file: Path) -> None:
        self.terminal = terminal
        self._file = file
        with file.open("w") as said:
            self.process = terminal.process("dev", stdout=said.fileno(), stderr=subprocess.STDOUT)

    @property
    def said(self) -> str:
        """Everything it has said so far."""
        return self._file.read_text()

    @property
    def workers(self) -> list[int]:
        """Processes of its workers, the last one last."""
        return [int(pid) for pid in re.findall(r"Worker: process (\d+)", self.said)]

    async def end(self) -> int:
        """End it as Ctrl-C does, and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return await asyncio.to_thread(self.process.wait, 60)


async def test_dev_is_alone_watches_its_worker_and_ends_what_it_started(running: Dev) -> None:
    refused = await asyncio.to_thread(running.terminal.process("dev").communicate)
    assert "`make dev` runs already" in refused[1]
    other = await asyncio.to_thread(running.terminal.process("dev", "--profile", "L").communicate)
    assert "runs with tenants of profile M, not L" in other[1]
    assert (await running.terminal.json("stack", "status"))["is_whole"] is True

    clock = asyncio.get_running_loop().time
    began = clock()
    await eventually(lambda: clock() - began > LEAST_SECONDS, seconds=15, interval=0.5)
    os.kill(running.workers[0], signal.SIGKILL)
    await eventually(lambda: len(running.workers) == 2)
    assert "the worker ended (signal 9); starting another" in running.said
    # One that ends at once is not started for ever.
    killed_at = clock()
    os.kill(running.workers[1], signal.SIGKILL)
    assert await asyncio.to_thread(running.process.wait, 60) == 1
    assert clock() - killed_at < 30
    assert "the worker ended at once (signal 9); its log is" in running.said
    await running.terminal("stack", "status", code=1)


async def test_dev_ends_well_and_takes_its_worker_along(running: Dev) -> None:
    assert await running.end() == 0
    assert not psutil.pid_exists(running.workers[0])
    await running.terminal("stack", "status", code=1)


async def test_dev_killed_takes_its_worker_along(running: Dev) -> None:
    running.process.kill()
    running.process.wait()
    await eventually(lambda: not psutil.pid_exists(running.workers[0]), seconds=40)


async def test_dev_whose_stack_is_stopped_says_so(running: Dev) -> None:
    await running.terminal("stack", "stop")
    assert await asyncio.to_thread(running.process.wait, 60) == 1
    assert "the stack was stopped from elsewhere" in running.said
