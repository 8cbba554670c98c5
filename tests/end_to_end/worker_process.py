"""Workers as processes of their own, which tests kill; none outlives the tests."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from devstack.processes import ChildProcess, launch_command
from settings import Settings
from tests.eventually import eventually

PROJECT = Path(__file__).parents[2]
PAUSING = "tests.end_to_end.pausing_worker"
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")
START_SECONDS = 60.0
DRAIN_SECONDS = 40.0


def environment_of(settings: Settings, temporal_address: str) -> dict[str, str]:
    """Return the variables with which another process has these settings."""
    values = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "TENANTOPS_ROOT_KEY_FILE": str(settings.root_key_file),
        "TENANTOPS_GRAPH_ROOT": str(settings.graph_root),
        "TENANTOPS_AUTHORITY_HOST": str(settings.authority_host),
        "TENANTOPS_CA_BUNDLE": str(settings.ca_bundle),
        "TENANTOPS_TASK_QUEUE": settings.task_queue,
        "TENANTOPS_HEARTBEAT_TIMEOUT": f"{int(settings.heartbeat_timeout.total_seconds())}s",
        "TENANTOPS_GRAPH_BUDGET_SCALE": f"{settings.graph_budget_scale:g}",
        "TEMPORAL_ADDRESS": temporal_address,
        "PYTHONPATH": str(PROJECT),
    }
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | values


class WorkerProcess:
    """One worker at a time, started and killed as often as a test likes."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log
        self._child: ChildProcess | None = None

    @property
    def output(self) -> str:
        """The end of what the present worker wrote."""
        return "" if self._child is None else self._child.output()

    async def start(self, module: str = "worker", *arguments: str) -> None:
        """Start a worker and wait until it serves."""
        self.launch(module, *arguments)
        await self.serving()

    def launch(self, module: str = "worker", *arguments: str) -> None:
        """Start a worker without waiting."""
        command = launch_command(
            [sys.executable, "-m", module, *arguments], death_signal=signal.SIGKILL
        )
        self._child = ChildProcess(command, log=self._log, environment=self._environment)

    async def serving(self) -> None:
        """Wait until the present worker serves."""

        def is_serving() -> bool:
            assert self._child is not None
            assert self._child.is_running(), self._child.output()
            return "worker serves" in self._child.output(limit=1_000_000)

        await eventually(is_serving, seconds=START_SECONDS)

    def assert_running(self) -> None:
        """Hold that the present worker has not ended by itself."""
        assert self._child is not None
        assert self._child.is_running(), self._child.output()

    def kill(self) -> None:
        """Kill the worker as an out-of-memory killer does: no code of it runs any more."""
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGKILL)
        self._child.end()

    def stop(self) -> None:
        """End the worker in order; nothing happens when there is none."""
        if self._child is not None:
            self._child.end((signal.SIGTERM, DRAIN_SECONDS))

    def peak_memory(self) -> int:
        """Return the most memory that the worker ever held resident, in bytes."""
        assert self._child is not None
        status = Path(f"/proc/{self._child.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def memory(self) -> int:
        """Return the memory that the worker holds resident now, in bytes."""
        assert self._child is not None
        return int(psutil.Process(self._child.pid).memory_info().rss)


@asynccontextmanager
async def worker_processes(
    settings: Settings, temporal_address: str, log: Path
) -> AsyncIterator[WorkerProcess]:
    """Give out a worker process that is not started yet; it is ended with the block."""
    worker = WorkerProcess(environment_of(settings, temporal_address), log)
    try:
        yield worker
    finally:
        worker.stop()
