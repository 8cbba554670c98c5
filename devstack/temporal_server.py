"""Temporal dev server of the `temporal` command as one child process, with fast settings.

For development and tests: one node, SQLite in a file or in memory, web UI on request. It knows
nothing of the product; the caller names the search attributes.
"""

import os
import shutil
import signal
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from devstack.ports import LOOPBACK, any_free_port, is_listening
from devstack.processes import ChildProcess, ServerStartError, launch_command
from devstack.search_attributes import mismatched_types, read_search_attributes

NAMESPACE = "default"
START_SECONDS = 60.0
DYNAMIC_CONFIG = {
    # Default 20 a second: 50 ms for every hop of a task (temporal.md section 6).
    "history.transferProcessorMaxPollRPS": "10000",
    "history.timerProcessorMaxPollRPS": "10000",
    # Default 1 s: every timer and retry waits at least that. The value is JSON, hence the quotes.
    "history.timerProcessorMaxTimeShift": '"1ms"',
    # Lets tests skip a workflow's timers (temporal.md section 8).
    "frontend.WorkflowTimeSkippingEnabled": "true",
    # Fairness keys do nothing without it.
    "matching.enableFairness": "true",
}


@dataclass(frozen=True)
class TemporalOptions:
    """How the dev server runs.

    port, ui_port: None picks a free one at each launch. has_ui: whether the web UI is served.
    is_persistent: SQLite file in the directory instead of memory.
    search_attributes: name → type (`Keyword`, `Int`, …), registered before it counts as ready.
    """

    port: int | None = None
    ui_port: int | None = None
    has_ui: bool = True
    is_persistent: bool = True
    search_attributes: Mapping[str, str] = field(default_factory=dict)


class TemporalServer:
    """One dev server that keeps its files in `directory` and lives no longer than this process.

    Start it from a thread that lives as long as the server (see `ChildProcess`). Usable as a
    context manager.
    """

    def __init__(self, directory: Path, options: TemporalOptions | None = None) -> None:
        self._directory = directory.resolve()
        self._options = options or TemporalOptions()
        self._child: ChildProcess | None = None
        self._port = 0
        self._ui_port = 0
        self._http_port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Pid of the running server; None while stopped or after it was killed."""
        return self._child.pid if self._child is not None and self._child.is_running() else None

    @property
    def address(self) -> str:
        """Host and port for clients (`TEMPORAL_ADDRESS`) of the present or last launch."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def ui_url(self) -> str | None:
        """Address of the web UI; None without it."""
        return f"http://{LOOPBACK}:{self._ui_port}" if self._options.has_ui else None

    @property
    def database_file(self) -> Path:
        """SQLite file with every history, when persistent."""
        return self._directory / "temporal.db"

    @property
    def log(self) -> Path:
        """File with everything that the server writes."""
        return self._directory / "temporal.log"

    def start(self) -> None:
        """Start and wait until ready; harmless when running."""
        if self.pid is not None:
            return
        try:
            self.launch()
            self.wait_ready()
        except BaseException:
            self.stop(immediately=True)
            raise

    def launch(self) -> None:
        """Start without waiting; a persistent one finds its histories again."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._port = self._options.port or any_free_port()
        self._ui_port = self._options.ui_port or any_free_port()
        self._http_port = any_free_port()
        # TEMPORAL_* variables and temporal.toml configure clients, not the server we start.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")
        }
        self._child = ChildProcess(
            launch_command(self._command(), death_signal=signal.SIGTERM),
            log=self.log,
            environment=environment,
        )

    def wait_ready(self, *, is_cancelled: Callable[[], bool] = lambda: False) -> None:
        """Wait until it answers, the UI included, with every search attribute of the right type.

        Raises ServerStartError with the server's words, SearchAttributeTypeError for a mismatch.
        """
        if self._child is None:
            raise RuntimeError("the Temporal server was not launched")
        self._child.wait_until(self._is_ready, seconds=START_SECONDS, is_cancelled=is_cancelled)

    def stop(self, *, immediately: bool = False) -> None:
        """Stop it in order (about 1.5 s, at most 15), or kill it at once."""
        if self._child is not None:
            self._child.end(*([] if immediately else [(signal.SIGTERM, 15.0)]))
            self._child = None

    def _is_ready(self) -> bool:
        found = read_search_attributes(self._http_port, NAMESPACE)
        if found is None or not set(self._options.search_attributes) <= set(found):
            return False
        if mismatches := mismatched_types(self._options.search_attributes, found):
            raise ServerStartError(
                f"{self.database_file} keeps search attributes of other types: {mismatches}. "
                "A type cannot be changed; remove the file or rename the attribute."
            )
        return not self._options.has_ui or is_listening(self._ui_port)

    def _command(self) -> list[str]:
        command = [
            *(temporal_program(), "server", "start-dev", "--ip", LOOPBACK),
            *("--disable-config-file", "--disable-config-env", "--log-level", "warn"),
            *("--port", str(self._port), "--http-port", str(self._http_port)),
        ]
        if self._options.has_ui:
            command += ["--ui-port", str(self._ui_port), "--ui-disable-news-fetch"]
        else:
            command += ["--headless"]
        if self._options.is_persistent:
            command += ["--db-filename", str(self.database_file)]
        for name, value in DYNAMIC_CONFIG.items():
            command += ["--dynamic-config-value", f"{name}={value}"]
        for name, kind in self._options.search_attributes.items():
            command += ["--search-attribute", f"{name}={kind}"]
        return command


def temporal_program() -> str:
    """Path of the `temporal` command: of this Python's environment, else of PATH."""
    beside = Path(sysconfig.get_path("scripts"), "temporal")
    if beside.exists():
        return str(beside)
    found = shutil.which("temporal")
    if found is None:
        raise FileNotFoundError("the temporal command is not installed: run make venv")
    return found
