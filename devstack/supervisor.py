"""The one process that owns the servers of a stack, from its start to its end.

SIGTERM or SIGINT ends everything in order; SIGHUP brings back parts that were killed. Should it be
killed itself, its servers get their death signal and the next start tidies up.
"""

import base64
import contextlib
import logging
import secrets
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from types import FrameType
from typing import Any

from devstack.configuration import (
    DEFAULT_PORTS,
    STATE_DIRECTORY_VARIABLE,
    PartName,
    PortName,
    StackConfiguration,
)
from devstack.locks import DirectoryLock
from devstack.parts import PART_PORTS, PART_TYPES, Part, embedded_parts
from devstack.ports import choose_port, require_port
from devstack.postgres import EmbeddedPostgres
from devstack.private_files import write_private_text
from devstack.processes import ProcessIdentity, StartCancelledError, end_processes
from devstack.state import PartState, PartStatus, StackPhase, StackState, StateFiles

POLL_SECONDS = 0.1
LOCK_SECONDS = 0.5
ROOT_KEY_BYTES = 32
logger = logging.getLogger("devstack")


class AlreadySupervisedError(RuntimeError):
    """Another supervisor owns this state directory."""


class PartStartError(RuntimeError):
    """A part could not be started; the message names it."""


class Supervisor:
    """Runs the parts of one configuration until it is told to stop."""

    def __init__(self, configuration: StackConfiguration) -> None:
        self._configuration = configuration
        self._files = StateFiles(configuration.state_directory)
        self._lock = DirectoryLock(self._files.lock)
        self._parts: dict[PartName, Part] = {}
        self._state = StackState(StackPhase.STARTING, ProcessIdentity.of_self())
        self._stop_wanted = threading.Event()
        self._revival_wanted = threading.Event()

    def run(self) -> None:
        """Own the stack until SIGTERM or SIGINT; call it from the main thread.

        Raises AlreadySupervisedError, or PartStartError after everything was stopped again.
        """
        self._files.directory.mkdir(parents=True, exist_ok=True)
        # Whoever asks whether the lock is free holds it for a moment.
        if not self._lock.acquire(seconds=LOCK_SECONDS):
            raise AlreadySupervisedError(f"{self._files.directory} has a supervisor already")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        failure: str | None = None
        try:
            self._start()
            self._supervise()
        except StartCancelledError:
            logger.info("told to stop while starting")
        except Exception as error:
            failure = str(error)
            raise
        finally:
            self._end(failure)

    def _start(self) -> None:
        end_remains(self._files)
        ensure_root_key(self._files)
        external = {
            name: PartState(PartStatus.EXTERNAL, address=shown)
            for name, shown in self._configuration.external.items()
        }
        self._publish(parts=external)
        names = embedded_parts(self._configuration)
        for name in names:
            self._launch(name)
        for name in names:
            self._await(name)
        self._write_environment()
        self._publish(phase=StackPhase.RUNNING)
        logger.info("running")

    def _supervise(self) -> None:
        while not self._stop_wanted.wait(POLL_SECONDS):
            if not self._lock.is_intact():
                logger.warning("the state directory was removed; stopping")
                return
            self._note_dead_parts()
            if self._revival_wanted.is_set():
                self._revival_wanted.clear()
                self._revive()

    def _launch(self, name: PartName) -> None:
        with naming(name):
            ports = self._choose_ports(name)
            part = PART_TYPES[name](self._configuration, ports)
            # Known before the launch, so that a part that fails half way is stopped too.
            self._parts[name] = part
            part.launch()
        self._publish(ports={**self._state.ports, **ports})
        self._note(name, PartStatus.STARTING)

    def _choose_ports(self, name: PartName) -> dict[PortName, int]:
        remembered = self._files.read_ports()
        taken = {port for other, port in self._state.ports.items() if other not in PART_PORTS[name]}
        ports: dict[PortName, int] = {}
        for port_name in PART_PORTS[name]:
            explicit = self._configuration.ports.get(port_name)
            ports[port_name] = resolve_port(
                port_name, explicit, remembered.get(port_name), taken | set(ports.values())
            )
        self._files.write_ports(remembered | ports)
        return ports

    def _await(self, name: PartName) -> None:
        with naming(name):
            self._parts[name].wait_ready(is_cancelled=self._stop_wanted.is_set)
        self._note(name, PartStatus.READY)
        logger.info("%s is ready: %s", name, self._parts[name].ui_url or self._parts[name].address)

    def _revive(self) -> None:
        for name in embedded_parts(self._configuration):
            if self._parts[name].pid is None:
                self._bring_back(name)
        self._write_environment()
        self._publish(revival_count=self._state.revival_count + 1)

    def _bring_back(self, name: PartName) -> None:
        logger.info("bringing %s back", name)
        self._parts[name].stop()
        try:
            self._launch(name)
            self._await(name)
        except PartStartError as error:
            # One part's failure must not end the others; who asked for the start reads it.
            logger.exception("%s did not come back", name)
            self._parts[name].stop()
            self._note(name, PartStatus.FAILED, error=str(error))

    def _note_dead_parts(self) -> None:
        for name, part in self._parts.items():
            if part.pid is None and self._state.parts[name].status is PartStatus.READY:
                logger.warning("%s ended; the next start brings it back", name)
                self._note(name, PartStatus.DOWN)

    def _note(self, name: PartName, status: PartStatus, *, error: str | None = None) -> None:
        part = self._parts[name]
        state = PartState(
            status,
            address=part.address,
            ui_url=part.ui_url,
            log=str(part.log),
            error=error,
            process=ProcessIdentity.of(part.pid) if part.pid is not None else None,
        )
        self._publish(parts={**self._state.parts, name: state})

    def _publish(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)
        if self._lock.is_intact():
            self._files.write_state(self._state)

    def _write_environment(self) -> None:
        variables = {
            STATE_DIRECTORY_VARIABLE: str(self._files.directory),
            "TENANTOPS_ROOT_KEY_FILE": str(self._files.root_key),
        }
        for part in self._parts.values():
            variables |= part.environment
        self._files.write_environment(variables)

    def _end(self, failure: str | None) -> None:
        self._publish(phase=StackPhase.STOPPING)
        with contextlib.ExitStack() as stops:
            for part in self._parts.values():
                stops.callback(part.stop)
        if self._lock.is_intact():
            if failure is None:
                self._files.remove_state()
            else:
                self._files.write_state(StackState(StackPhase.FAILED, error=failure))
        self._lock.release()
        logger.info("stopped")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a handler
        (self._revival_wanted if number == signal.SIGHUP else self._stop_wanted).set()


@contextlib.contextmanager
def naming(part: PartName) -> Iterator[None]:
    """Let every failure say which part it is about."""
    try:
        yield
    except StartCancelledError:
        raise
    except Exception as error:
        raise PartStartError(f"{part}: {error}") from error


def resolve_port(
    name: PortName, explicit: int | None, remembered: int | None, taken: set[int]
) -> int:
    """Port by the rules of `StackConfiguration.ports`; raises PortTakenError for explicit ones."""
    if explicit:
        option = f"--{name.replace('_', '-')}-port"
        mend = f"Stop what listens there, or choose another with {option} (0: any free one)."
        return require_port(explicit, purpose=name, mend=mend)
    default = DEFAULT_PORTS[name] if explicit is None else 0
    return choose_port(remembered or default, taken=frozenset(taken))


def end_remains(files: StateFiles) -> None:
    """End what a killed supervisor left: processes with the pid and the start time it noted."""
    remains = files.read_state().live_processes
    if remains:
        logger.warning("ending %d processes of a killed supervisor", len(remains))
        # SIGINT ends each kind in order; SIGTERM would let PostgreSQL wait for its clients.
        end_processes(remains, (signal.SIGINT, 10.0))
    EmbeddedPostgres(files.postgres).tidy()


def ensure_root_key(files: StateFiles) -> None:
    """Make the key that encrypts tenants' keys, once: 32 random bytes in base64, mode 0600."""
    if not files.root_key.exists():
        key = base64.b64encode(secrets.token_bytes(ROOT_KEY_BYTES)).decode()
        write_private_text(files.root_key, key)
