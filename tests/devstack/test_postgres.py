"""Embedded PostgreSQL under kills, stale files and odd directories."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest

from devstack import postgres_cluster
from devstack.accounts import Account, AccountMode, give_ownership, unprivileged_entry
from devstack.postgres import EmbeddedPostgres, PostgresCommandError, PostgresInUseError
from devstack.private_files import write_private_text
from devstack.processes import ServerStartError
from tests.devstack.conftest import Owner, left_files, processes_of
from tests.eventually import eventually

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up root")
OWNER = """
import sys, time
from pathlib import Path
from devstack.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path({directory!r}), durable=False)
server.start()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def server(directory: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(directory, durable=False) as server:
        yield server


async def answer(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_postgres_started_answers_over_tcp(postgres_server: EmbeddedPostgres) -> None:
    postgres_server.create_database("shop")
    postgres_server.create_database("shop")
    assert await answer(postgres_server.dsn("shop"), "SELECT current_database()") == "shop"


async def test_postgres_started_answers_over_its_socket(postgres_server: EmbeddedPostgres) -> None:
    address = urlsplit(postgres_server.dsn("postgres"))
    connection = await asyncpg.connect(
        host=str(postgres_server.socket_directory),
        port=postgres_server.port,
        user=address.username,
        password=address.password,
        database="postgres",
    )
    assert await connection.fetchval("SELECT inet_server_addr()") is None
    await connection.close()


async def test_postgres_wrong_password_is_refused(postgres_server: EmbeddedPostgres) -> None:
    wrong = f"postgresql://postgres:guess@127.0.0.1:{postgres_server.port}/postgres"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)


def test_postgres_listens_on_loopback_alone(postgres_server: EmbeddedPostgres) -> None:
    assert postgres_server.pid is not None
    connections = psutil.Process(postgres_server.pid).net_connections(kind="tcp")
    assert [connection.laddr.ip for connection in connections] == ["127.0.0.1"]


def test_postgres_password_file_is_private(postgres_server: EmbeddedPostgres) -> None:
    password = postgres_server.log.with_name("password")
    assert password.stat().st_mode & 0o777 == 0o600
    assert postgres_server.socket_directory.stat().st_mode & 0o777 == 0o700


def test_postgres_statement_that_fails_raises_its_words(postgres_server: EmbeddedPostgres) -> None:
    with pytest.raises(PostgresCommandError, match='relation "nothing" does not exist'):
        postgres_server.execute("SELECT * FROM nothing")


def test_postgres_durable_by_default_syncs_to_disk(directory: Path) -> None:
    with EmbeddedPostgres(directory) as server:
        assert server.execute("SHOW fsync; SHOW full_page_writes") == "on\non"


def test_postgres_stopped_leaves_nothing(directory: Path) -> None:
    server = EmbeddedPostgres(directory, durable=False)
    server.start()
    server.stop()
    server.stop()
    assert processes_of(directory) == []
    assert left_files(directory) == []


async def test_postgres_killed_opens_again_with_its_data(server: EmbeddedPostgres) -> None:
    server.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 42 AS answer")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await eventually(lambda: server.pid is None)
    server.start()
    assert server.execute("SELECT answer FROM kept") == "42"


async def test_postgres_owner_killed_server_ends_and_opens_again(
    directory: Path, owner: Owner
) -> None:
    process = owner(OWNER.format(directory=str(directory)))
    process.kill()
    await eventually(lambda: not processes_of(directory))
    with EmbeddedPostgres(directory, durable=False) as server:
        assert server.execute("SELECT 1") == "1"


def test_postgres_owner_killed_next_owner_need_not_wait(directory: Path, owner: Owner) -> None:
    process = owner(OWNER.format(directory=str(directory)))
    process.kill()
    process.wait()
    with EmbeddedPostgres(directory, durable=False) as server:
        assert server.execute("SELECT 1") == "1"


def test_postgres_directory_of_a_live_owner_is_refused(server: EmbeddedPostgres) -> None:
    second = EmbeddedPostgres(server.log.parent, durable=False)
    with pytest.raises(PostgresInUseError):
        second.start()
    assert server.execute("SELECT 1") == "1"


def forge_pid_file(directory: Path, pid: int) -> None:
    lines = [str(pid), str(directory / "data"), "1", "5432", "", "127.0.0.1", "", "ready   "]
    (directory / "data" / "postmaster.pid").write_text("\n".join(lines) + "\n")


def test_postgres_pid_file_of_a_zombie_is_ignored(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False) as server:
        server.stop()
        with subprocess.Popen([sys.executable, "-c", ""]) as zombie:
            os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
            assert psutil.Process(zombie.pid).status() == psutil.STATUS_ZOMBIE
            forge_pid_file(directory, zombie.pid)
            server.start()
        assert server.execute("SELECT 1") == "1"


def test_postgres_pid_file_of_a_strangers_process_spares_it(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False) as server:
        server.stop()
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
            forge_pid_file(directory, stranger.pid)
            server.start()
            assert stranger.poll() is None
            stranger.kill()


@pytest.mark.long
@pytest.mark.alone
def test_postgres_initdb_killed_half_way_starts_afresh(tmp_path: Path) -> None:
    half = tmp_path / "pg" / "data.unfinished"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path / "pg", durable=False) as server:
        assert server.execute("SELECT 1") == "1"
    assert not half.exists()


def test_postgres_long_directory_keeps_its_socket_elsewhere(directory: Path) -> None:
    deep = directory.rename(directory.with_name("deep" * 25))
    with EmbeddedPostgres(deep, durable=False) as server:
        sockets = server.socket_directory
        assert not sockets.is_relative_to(deep)
        assert (sockets / f".s.PGSQL.{server.port}").is_socket()
    assert not sockets.exists()
    deep.rename(directory)


@pytest.mark.long
@pytest.mark.alone
def test_postgres_taken_port_says_so(server: EmbeddedPostgres, tmp_path: Path) -> None:
    second = EmbeddedPostgres(tmp_path / "second", port=server.port, durable=False)
    with pytest.raises(ServerStartError, match="Address already in use"):
        second.start()
    assert left_files(tmp_path / "second") == []


@needs_root
@pytest.mark.parametrize("mode", list(AccountMode))
def test_postgres_each_way_of_giving_up_root_works(
    mode: AccountMode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = unprivileged_entry()
    account = Account(mode, entry.pw_uid, entry.pw_gid)
    directory = open_directory(tmp_path) if mode is AccountMode.ACCOUNT else tmp_path / "pg"

    def fixed(program: Path, directory: Path) -> Account:
        give_ownership(directory, account)
        return account

    monkeypatch.setattr(postgres_cluster, "server_account", fixed)
    with EmbeddedPostgres(directory, durable=False) as server:
        assert server.pid is not None
        assert server.execute("SELECT 1") == "1"
        is_root_outside = psutil.Process(server.pid).uids().effective == 0
        assert is_root_outside == (mode is AccountMode.USER_NAMESPACE)


def open_directory(tmp_path: Path) -> Path:
    """pytest's own directories are closed to others; this one is not."""
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(0o755)
    return tmp_path / "pg"


@needs_root
@pytest.mark.long
@pytest.mark.alone
@pytest.mark.parametrize("parent_owner", [0, 12345], ids=["root's", "somebody else's"])
def test_postgres_below_a_closed_directory_runs(tmp_path: Path, parent_owner: int) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    os.chown(closed, parent_owner, parent_owner)
    with EmbeddedPostgres(closed / "pg", durable=False) as server:
        assert server.execute("SELECT 1") == "1"


@needs_root
@pytest.mark.long
@pytest.mark.alone
def test_postgres_owned_by_another_account_before_is_taken_over(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False) as server:
        server.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 42 AS answer")
    entry = unprivileged_entry()
    give_ownership(directory, Account(AccountMode.ACCOUNT, entry.pw_uid, entry.pw_gid))
    with EmbeddedPostgres(directory, durable=False) as server:
        assert server.execute("SELECT answer FROM kept") == "42"


def test_write_private_text_replaces_a_public_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_private_text(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [path]
