"""Child processes that never outlive us, and identities that a recycled pid cannot imitate.

Owns launching, ending and recognising processes. It knows nothing of what they serve.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

LAUNCHER = Path(__file__).with_name("launcher.py")
POLL_SECONDS = 0.02
# psutil derives start times from the wall clock, which may be stepped between two readings.
START_TIME_TOLERANCE_SECONDS = 2.0


class ServerStartError(RuntimeError):
    """A server ended, or did not answer in time, while it was being started."""


class StartCancelledError(RuntimeError):
    """Starting was given up because the caller was told to stop."""


@dataclass(frozen=True)
class ProcessIdentity:
    """A process for ever: its pid and when it was started (Unix seconds)."""

    pid: int
    started_at: float

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity | None":
        """Identity of the running process with this pid; None when there is none."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            return None

    @classmethod
    def of_self(cls) -> "ProcessIdentity":
        """Identity of this process."""
        return cls(os.getpid(), psutil.Process().create_time())

    def is_alive(self) -> bool:
        """Whether this very process runs; a zombie has ended, whoever ought to reap it."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started_at) < START_TIME_TOLERANCE_SECONDS
            return is_same and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        except psutil.NoSuchProcess:
            return False

    def send(self, number: signal.Signals) -> None:
        """Signal this very process; nothing happens when it is gone."""
        if self.is_alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def launch_command(
    command: Sequence[str], *, account: str = "-", death_signal: int = signal.SIGTERM
) -> list[str]:
    """Wrap `command` in the launcher: it gets `death_signal` when this process ends."""
    launcher = [sys.executable, "-I", "-S", "-B", str(LAUNCHER)]
    return [*launcher, str(os.getpid()), str(int(death_signal)), account, *command]


class ChildProcess:
    """A server started by this process, in its own session, with its output in a log file.

    Start it from a thread that lives as long as the server: Linux sends the death signal when the
    starting thread ends, not the process.
    """

    def __init__(
        self, command: Sequence[str], *, log: Path, environment: Mapping[str, str]
    ) -> None:
        self._log = log
        self._log_offset = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd="/",
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Pid of the server; the launcher has become it."""
        return self._popen.pid

    def is_running(self) -> bool:
        """Whether it has not ended; an ended one is reaped here."""
        return self._popen.poll() is None

    def output(self, limit: int = 4000) -> str:
        """Return the end of what it wrote since this launch."""
        if not self._log.exists():
            return ""
        with self._log.open("rb") as log:
            log.seek(self._log_offset)
            return log.read().decode(errors="replace")[-limit:].strip()

    def wait_until(
        self,
        is_ready: Callable[[], bool],
        *,
        seconds: float,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Poll until ready; raises ServerStartError with the server's own words."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            if is_cancelled():
                raise StartCancelledError("told to stop while starting")
            if not self.is_running():
                raise ServerStartError(f"ended while starting, see {self._log}\n{self.output()}")
            if time.monotonic() > deadline:
                raise ServerStartError(f"not ready after {seconds:g} s, see {self._log}")
            time.sleep(POLL_SECONDS)

    def end(self, *steps: tuple[signal.Signals, float]) -> None:
        """Send each signal and wait its seconds for the end; SIGKILL is the last step always."""
        for number, seconds in steps:
            if not self.is_running():
                return
            self._popen.send_signal(number)
            try:
                self._popen.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
        if self.is_running():
            self._popen.kill()
            self._popen.wait()


def end_processes(
    identities: Sequence[ProcessIdentity], *steps: tuple[signal.Signals, float]
) -> None:
    """End processes that are not our children, step by step as `ChildProcess.end` does."""
    for number, seconds in (*steps, (signal.SIGKILL, 5.0)):
        for identity in identities:
            identity.send(number)
        deadline = time.monotonic() + seconds
        while any(identity.is_alive() for identity in identities):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        else:
            return
