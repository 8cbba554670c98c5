"""What is known of a running stack: phases, processes and addresses, in `state.json`.

Written by the supervisor alone, read by everybody. A pid counts only together with its start time,
and a state only while the supervisor that wrote it lives.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from devstack.configuration import PartName, PortName
from devstack.private_files import write_private_text
from devstack.processes import ProcessIdentity


class StackPhase(StrEnum):
    """Where a stack as a whole is."""

    # No supervisor runs.
    STOPPED = "stopped"
    # The supervisor starts its parts.
    STARTING = "starting"
    # Every part was ready; single ones may have been killed since.
    RUNNING = "running"
    # The supervisor ends its parts.
    STOPPING = "stopping"
    # The last start failed; nothing runs.
    FAILED = "failed"


class PartStatus(StrEnum):
    """Where one server is."""

    # Launched, not yet answering.
    STARTING = "starting"
    # Answers.
    READY = "ready"
    # Ended or was killed; the next start brings it back.
    DOWN = "down"
    # Could not be brought back; the error says why.
    FAILED = "failed"
    # Somebody else's server, named by an environment variable.
    EXTERNAL = "external"


@dataclass(frozen=True)
class PartState:
    """One server. address: without secrets; process: None unless it is ours and was launched."""

    status: PartStatus
    address: str | None = None
    ui_url: str | None = None
    log: str | None = None
    error: str | None = None
    process: ProcessIdentity | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it needs nobody to start it."""
        if self.status is PartStatus.EXTERNAL:
            return True
        return self.process is not None and self.process.is_alive()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PartState":
        """Read what `dataclasses.asdict` made of one."""
        process = values["process"]
        return cls(
            **{
                **values,
                "status": PartStatus(values["status"]),
                "process": ProcessIdentity(**process) if process else None,
            }
        )


@dataclass(frozen=True)
class StackState:
    """The whole stack. revival_count: how often the supervisor looked for killed parts."""

    phase: StackPhase
    supervisor: ProcessIdentity | None = None
    parts: Mapping[PartName, PartState] = field(default_factory=dict)
    ports: Mapping[PortName, int] = field(default_factory=dict)
    error: str | None = None
    revival_count: int = 0

    @property
    def is_supervised(self) -> bool:
        """Whether the supervisor that wrote this still lives."""
        return self.supervisor is not None and self.supervisor.is_alive()

    @property
    def is_whole(self) -> bool:
        """Whether every part runs and answered."""
        good = (PartStatus.READY, PartStatus.EXTERNAL)
        return self.phase is StackPhase.RUNNING and all(
            part.status in good and part.is_alive for part in self.parts.values()
        )

    @property
    def live_processes(self) -> list[ProcessIdentity]:
        """Servers of this stack that still run."""
        processes = [part.process for part in self.parts.values() if part.process]
        return [process for process in processes if process.is_alive()]

    def to_json(self) -> str:
        """Return the form that `from_json` reads; holds no secrets."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "StackState":
        """Read what `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        supervisor = values["supervisor"]
        return cls(
            phase=StackPhase(values["phase"]),
            supervisor=ProcessIdentity(**supervisor) if supervisor else None,
            parts={
                PartName(name): PartState.from_dict(part) for name, part in values["parts"].items()
            },
            ports={PortName(name): port for name, port in values["ports"].items()},
            error=values["error"],
            revival_count=values["revival_count"],
        )


class StateFiles:
    """The files of a state directory that more than one process reads."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.lock = directory / "supervisor.lock"
        self.supervisor_log = directory / "supervisor.log"
        self.root_key = directory / "root.key"
        self.postgres = directory / "postgres"
        self.graph = directory / "graph"
        self._state = directory / "state.json"
        self._ports = directory / "ports.json"
        self._environment = directory / "environment.json"

    def read_state(self) -> StackState:
        """Return the last state written; a missing or unreadable one is a stopped stack."""
        try:
            return StackState.from_json(self._state.read_text())
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return StackState(StackPhase.STOPPED)

    def write_state(self, state: StackState) -> None:
        """Replace the state at once."""
        write_private_text(self._state, state.to_json())

    def remove_state(self) -> None:
        """Forget the state of a stack that has ended."""
        self._state.unlink(missing_ok=True)

    def read_ports(self) -> dict[PortName, int]:
        """Return the ports used last, so that addresses stay the same."""
        return {
            PortName(name): port
            for name, port in _read_object(self._ports).items()
            if name in set(PortName)
        }

    def write_ports(self, ports: Mapping[PortName, int]) -> None:
        """Remember the ports for the next start."""
        write_private_text(self._ports, json.dumps(dict(ports)))

    def read_environment(self) -> dict[str, str]:
        """Return the variables given out last; they hold a password."""
        return _read_object(self._environment)

    def write_environment(self, variables: Mapping[str, str]) -> None:
        """Remember the variables, readable by the owner alone."""
        write_private_text(self._environment, json.dumps(dict(variables)))


def _read_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
