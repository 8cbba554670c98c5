"""Embedded PostgreSQL 18: the wheel's binaries under our own launcher, one child process.

For development and tests. It never outlives its owner, opens again after a kill -9, runs for root,
and listens on loopback with a password, and on a Unix socket that only its owner reaches.
"""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Self

from devstack.locks import DirectoryLock
from devstack.ports import LOOPBACK, any_free_port
from devstack.postgres_cluster import SUPERUSER, PostgresCluster, postgres_program
from devstack.processes import ChildProcess, launch_command

START_SECONDS = 60.0
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "max_connections": "200",
    "unix_socket_permissions": "0700",
    # Segments below the data directory: a kill -9 leaves nothing in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
}
# Loses data with a crash of the machine, not with a kill of the server: for throw-away clusters
# only. synchronous_commit stays on, since without it a kill loses what was committed last.
THROW_AWAY_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "128MB",
}


class PostgresInUseError(RuntimeError):
    """Another live process owns this data directory."""


class PostgresCommandError(RuntimeError):
    """An administrative statement failed; the message is the server's."""


class EmbeddedPostgres:
    """One PostgreSQL server that lives in `directory` and no longer than this process.

    `port` None picks a free one at each launch. `durable` False turns fsync off. Start it from a
    thread that lives as long as the server (see `ChildProcess`). Usable as a context manager.
    """

    def __init__(self, directory: Path, *, port: int | None = None, durable: bool = True) -> None:
        self._cluster = PostgresCluster(directory)
        self._lock = DirectoryLock(self._cluster.directory / "lock")
        self._wanted_port = port
        self._is_durable = durable
        self._child: ChildProcess | None = None
        self._port: int | None = None
        self._socket_directory: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Pid of the running postmaster; None while stopped or after it was killed."""
        return self._child.pid if self._child is not None and self._child.is_running() else None

    @property
    def port(self) -> int:
        """TCP port on 127.0.0.1 of the present or last launch."""
        if self._port is None:
            raise RuntimeError("PostgreSQL was not started yet")
        return self._port

    @property
    def socket_directory(self) -> Path:
        """Directory of the Unix socket of the present launch."""
        if self._socket_directory is None:
            raise RuntimeError("PostgreSQL is not running")
        return self._socket_directory

    @property
    def log(self) -> Path:
        """File with everything that the server writes."""
        return self._cluster.log

    def start(self) -> None:
        """Start and wait until ready; harmless when running. See `launch` for the errors."""
        if self.pid is not None:
            return
        try:
            self.launch()
            self.wait_ready()
        except BaseException:
            self.stop(immediately=True)
            raise

    def launch(self) -> None:
        """Start without waiting, after tidying up what a kill -9 left.

        Raises PostgresInUseError, AccountError or PostgresInitError; call `stop` after those too.
        """
        self._cluster.directory.mkdir(parents=True, exist_ok=True)
        if not self._lock.acquire():
            raise PostgresInUseError(f"{self._cluster.directory} belongs to a running process")
        account = self._cluster.prepare(is_durable=self._is_durable)
        self._socket_directory = self._cluster.make_socket_directory(account)
        self._port = self._wanted_port or any_free_port()
        command = launch_command(
            self._server_command(self._port, self._socket_directory),
            account=str(account or "-"),
            death_signal=signal.SIGINT,
        )
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        self._child = ChildProcess(command, log=self._cluster.log, environment=environment)

    def wait_ready(self, *, is_cancelled: Callable[[], bool] = lambda: False) -> None:
        """Wait until connections are accepted; raises ServerStartError with the server's words."""
        child = self._running_child()
        child.wait_until(
            lambda: self._cluster.is_ready(child.pid),
            seconds=START_SECONDS,
            is_cancelled=is_cancelled,
        )

    def stop(self, *, immediately: bool = False) -> None:
        """Stop and leave no process, socket or lock.

        Fast shutdown first, then without a checkpoint (`immediately`: at once), then SIGKILL.
        """
        if self._child is not None:
            fast = [] if immediately else [(signal.SIGINT, 15.0)]
            self._child.end(*fast, (signal.SIGQUIT, 5.0))
            self._child = None
            self._cluster.end_remains()
        self._cluster.remove_socket_directory()
        self._socket_directory = None
        self._lock.release()

    def tidy(self) -> None:
        """Remove what a killed owner left, without starting; a live owner is not disturbed."""
        if self._cluster.directory.exists() and self._lock.acquire():
            self._cluster.end_remains()
            self._cluster.remove_socket_directory()
            self._lock.release()

    def dsn(self, database: str, *, scheme: str = "postgresql") -> str:
        """URL of a database over loopback TCP, with the password in it."""
        address = f"{LOOPBACK}:{self.port}"
        return f"{scheme}://{SUPERUSER}:{self._cluster.password}@{address}/{database}"

    def create_database(self, name: str) -> None:
        """Create an empty database; nothing happens when it exists."""
        if name not in self.execute("SELECT datname FROM pg_database").splitlines():
            quoted = name.replace('"', '""')
            self.execute(f'CREATE DATABASE "{quoted}"')

    def execute(self, statement: str, *, database: str = "postgres") -> str:
        """Run one administrative statement through psql; returns its bare output."""
        command = [
            str(postgres_program("psql")),
            *("--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password"),
            *("--set=ON_ERROR_STOP=1", f"--host={LOOPBACK}", f"--port={self.port}"),
            *(f"--username={SUPERUSER}", f"--dbname={database}", f"--command={statement}"),
        ]
        environment = {"PGPASSWORD": self._cluster.password, "PATH": os.defpath}
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise PostgresCommandError(result.stderr.strip())
        return result.stdout.strip()

    def _server_command(self, port: int, socket_directory: Path) -> list[str]:
        settings = SETTINGS | ({} if self._is_durable else THROW_AWAY_SETTINGS)
        settings |= {"port": str(port), "unix_socket_directories": str(socket_directory)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(postgres_program("postgres")), "-D", str(self._cluster.data), *options]

    def _running_child(self) -> ChildProcess:
        if self._child is None:
            raise RuntimeError("PostgreSQL was not launched")
        return self._child
