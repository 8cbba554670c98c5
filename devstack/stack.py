"""A stack as its user sees it: start, stop, status, and the variables that lead the product to it.

The servers belong to a supervisor process of their own, so a stack outlives the command that
started it; every method may be called from any process and thread.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from devstack.configuration import (
    PROJECT,
    REPLACING_VARIABLES,
    GraphOptions,
    PortName,
    StackConfiguration,
)
from devstack.locks import DirectoryLock
from devstack.private_files import write_private_text
from devstack.processes import ProcessIdentity, end_processes
from devstack.state import PartStatus, StackPhase, StackState, StateFiles
from devstack.supervisor import end_remains

START_SECONDS = 120.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.03


class StackStartError(RuntimeError):
    """The stack did not become whole; the message says which part and what to mend."""


class StateDirectoryError(StackStartError):
    """The state directory cannot be read or made; the message names it and why."""

    def __init__(self, directory: Path, error: OSError) -> None:
        super().__init__(f"{directory} cannot hold a stack: {error.strerror or 'unknown error'}")


class StackEnvironment(Mapping[str, str]):
    """Environment variables with which the product finds this stack."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = dict(variables)

    def __getitem__(self, name: str) -> str:
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __repr__(self) -> str:
        return f"StackEnvironment({', '.join(sorted(self._variables))})"

    def as_shell(self) -> str:
        """Return `export` lines for a POSIX shell; they hold the database password."""
        return "".join(
            f"export {name}={shlex.quote(value)}\n" for name, value in self._variables.items()
        )


class Stack:
    """The servers of one state directory.

    `environment` (default: this process's) may replace parts by servers of others: DATABASE_URL,
    TEMPORAL_ADDRESS, TENANTOPS_GRAPH_ROOT. Raises StateDirectoryError.
    """

    def __init__(
        self,
        configuration: StackConfiguration | None = None,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        given = configuration or StackConfiguration()
        given = replace(given, state_directory=given.state_directory.resolve())
        self._outer = dict(os.environ if environment is None else environment)
        self._files = StateFiles(given.state_directory)
        self._lock = DirectoryLock(self._files.lock)
        try:
            known = self._files.read_environment()
        except OSError as error:
            raise StateDirectoryError(given.state_directory, error) from error
        self.configuration = given.with_external_servers(self._outer, known)

    def start(self, on_change: Callable[[StackState], None] = lambda _: None) -> StackState:
        """Make every part run and return the state; harmless when they do.

        Parts that were killed are brought back. `on_change` sees each new state meanwhile. Raises
        StackStartError.
        """
        deadline = time.monotonic() + START_SECONDS
        while self.status().phase is StackPhase.STOPPING:
            self._pause(deadline)
        running = self.status()
        if running.phase is StackPhase.RUNNING:
            self._refuse_other_ports(running)
            return running if running.is_whole else self._revive(running, deadline, on_change)
        return self._start_supervisor(deadline, on_change)

    def stop(self) -> bool:
        """End everything and leave no process, socket or lock; returns whether anything ran."""
        state = self._files.read_state()
        did_run = state.is_supervised or bool(state.live_processes)
        if state.supervisor is not None:
            end_processes([state.supervisor], (signal.SIGTERM, STOP_SECONDS))
        # The supervisor has done it all unless it was killed, now or before.
        if self._files.directory.exists() and self._lock.acquire():
            end_remains(self._files)
            self._files.remove_state()
            self._lock.release()
        return did_run

    def status(self) -> StackState:
        """Return what is true now, whatever was written last."""
        state = self._files.read_state()
        if state.is_supervised:
            parts = {
                name: part
                if part.is_alive or part.status is PartStatus.FAILED
                else replace(part, status=PartStatus.DOWN)
                for name, part in state.parts.items()
            }
            return replace(state, parts=parts)
        return StackState(
            StackPhase.FAILED if state.phase is StackPhase.FAILED else StackPhase.STOPPED,
            error=state.error,
        )

    def environment(self) -> StackEnvironment:
        """Return the variables for the product, those of external servers as they were given."""
        variables = self._files.read_environment()
        for part in self.configuration.external:
            name = REPLACING_VARIABLES[part]
            if name in self._outer:
                variables[name] = self._outer[name]
        return StackEnvironment(variables)

    def running_graph(self) -> GraphOptions | None:
        """Return what the local Graph of the running stack was started with; None if unknown."""
        if not self.status().is_supervised or not self._started_with.exists():
            return None
        return StackConfiguration.from_json(self._started_with.read_text()).graph

    @property
    def directory(self) -> Path:
        """State directory: data of every part, and all logs."""
        return self._files.directory

    @property
    def graph_directory(self) -> Path:
        """State directory of the local Graph, with which its control is reached."""
        return self._files.graph

    @property
    def _started_with(self) -> Path:
        return self._files.directory / "configuration.json"

    def _start_supervisor(
        self, deadline: float, on_change: Callable[[StackState], None]
    ) -> StackState:
        try:
            self._files.directory.mkdir(parents=True, exist_ok=True)
            supervisor = self._spawn_supervisor()
        except OSError as error:
            raise StateDirectoryError(self._files.directory, error) from error

        def has_ended() -> bool:
            # One that found another at work ends too, and the other's stack is as good.
            return not supervisor.is_alive() and not self._lock.is_held_by_another()

        try:
            state = self._await_whole(deadline, on_change, has_ended)
        except BaseException:
            end_processes([supervisor], (signal.SIGTERM, STOP_SECONDS))
            raise
        if state.supervisor is not None and state.supervisor.pid == supervisor.pid:
            write_private_text(self._started_with, self.configuration.to_json())
        else:
            # Another start was faster. Ours may not have looked yet, and would take over after a
            # stop that comes in between.
            end_processes([supervisor], (signal.SIGTERM, STOP_SECONDS))
        return state

    def _spawn_supervisor(self) -> ProcessIdentity:
        command = [sys.executable, "-m", "devstack", "run", "--background", "--configuration"]
        with (
            self._files.supervisor_log.open("ab") as log,
            subprocess.Popen(
                [*command, self.configuration.to_json()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=PROJECT,
                start_new_session=True,
            ) as launch,
        ):
            output, _ = launch.communicate()
        identity = ProcessIdentity.of(int(output)) if output.strip() else None
        if identity is None:
            raise StackStartError(self._failure())
        return identity

    def _await_whole(
        self,
        deadline: float,
        on_change: Callable[[StackState], None],
        has_ended: Callable[[], bool],
    ) -> StackState:
        seen: StackState | None = None
        while True:
            ended = has_ended()
            state = self.status()
            if state != seen:
                on_change(state)
                seen = state
            if state.is_whole:
                return state
            if ended:
                raise StackStartError(self._failure())
            self._pause(deadline)

    def _revive(
        self, running: StackState, deadline: float, on_change: Callable[[StackState], None]
    ) -> StackState:
        if running.supervisor is not None:
            running.supervisor.send(signal.SIGHUP)

        def has_ended() -> bool:
            state = self.status()
            is_answered = state.revival_count > running.revival_count
            return not state.is_supervised or (is_answered and not state.is_whole)

        return self._await_whole(deadline, on_change, has_ended)

    def _failure(self) -> str:
        state = self.status()
        errors = [state.error, *(part.error for part in state.parts.values())]
        return "\n".join(error for error in errors if error) or (
            f"the supervisor ended, see {self._files.supervisor_log}"
        )

    def _refuse_other_ports(self, running: StackState) -> None:
        for name, port in self.configuration.ports.items():
            used = running.ports.get(PortName(name))
            if port and used is not None and used != port:
                raise StackStartError(
                    f"The stack runs with port {used} for {name}, not {port}: stop it first."
                )

    def _pause(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise StackStartError(f"not ready in time, see {self._files.supervisor_log}")
        time.sleep(POLL_SECONDS)
