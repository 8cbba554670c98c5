"""The local Graph as one child process: its command line and how it says that it is ready."""

import http.client
import os
import signal
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

from devstack.configuration import PROJECT, GraphOptions
from devstack.ports import LOOPBACK, any_free_port
from devstack.processes import ChildProcess, launch_command

MODULE = "devstack.graph_service"
START_SECONDS = 60.0
HEALTH_SECONDS = 2.0


class GraphServer:
    """The local Graph and its token endpoint over HTTPS; lives no longer than this process.

    Start it from a thread that lives as long as the server (see `ChildProcess`).
    """

    def __init__(
        self, directory: Path, options: GraphOptions | None = None, *, port: int | None = None
    ) -> None:
        self._directory = directory.resolve()
        self._options = options or GraphOptions()
        self._wanted_port = port
        self._port = 0
        self._child: ChildProcess | None = None

    @staticmethod
    def is_available() -> bool:
        """Whether this checkout has the local Graph."""
        return Path(__file__).with_name("graph_service").joinpath("__main__.py").exists()

    @property
    def pid(self) -> int | None:
        """Pid of the running server; None while stopped or after it was killed."""
        return self._child.pid if self._child is not None and self._child.is_running() else None

    @property
    def url(self) -> str:
        """Root of Graph and authority alike, without a slash at the end."""
        return f"https://{LOOPBACK}:{self._port}"

    @property
    def budget_scale(self) -> float:
        """Factor on the throttling budgets of Microsoft Graph."""
        return self._options.budget_scale

    @property
    def certificate_authority(self) -> Path:
        """Certificate that signed the server's; it exists once the server is ready."""
        return self._directory / "ca.pem"

    @property
    def log(self) -> Path:
        """File with everything that the server writes."""
        return self._directory / "graph.log"

    def launch(self) -> None:
        """Start without waiting."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._port = self._wanted_port or any_free_port()
        self._child = ChildProcess(
            launch_command(self._command(), death_signal=signal.SIGTERM),
            log=self.log,
            environment={**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"},
        )

    def wait_ready(self, *, is_cancelled: Callable[[], bool] = lambda: False) -> None:
        """Wait until it answers over HTTPS; raises ServerStartError with the server's words."""
        if self._child is None:
            raise RuntimeError("the local Graph was not launched")
        self._child.wait_until(self._is_healthy, seconds=START_SECONDS, is_cancelled=is_cancelled)

    def stop(self, *, immediately: bool = False) -> None:
        """Stop it in order within 10 s, or kill it at once."""
        if self._child is not None:
            self._child.end(*([] if immediately else [(signal.SIGTERM, 10.0)]))
            self._child = None

    def _command(self) -> list[str]:
        options = self._options
        return [
            *(sys.executable, "-m", MODULE, "--host", LOOPBACK, "--port", str(self._port)),
            *("--state-dir", str(self._directory), "--profile", options.profile),
            *("--tenants", str(options.tenants), "--seed", str(options.seed)),
            *("--budget-scale", f"{options.budget_scale:g}", *options.arguments),
        ]

    def _is_healthy(self) -> bool:
        try:
            trust = ssl.create_default_context(cafile=self.certificate_authority)
            connection = http.client.HTTPSConnection(
                LOOPBACK, self._port, timeout=HEALTH_SECONDS, context=trust
            )
            try:
                connection.request("GET", "/healthz")
                return connection.getresponse().status == http.HTTPStatus.OK
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return False
