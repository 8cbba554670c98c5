"""The fixtures that every other suite stands on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from temporalio.client import Client

from devstack.configuration import PROJECT
from devstack.search_attributes import ensure_search_attributes
from tests.conftest import product_search_attributes
from tests.devstack.conftest import processes_of
from tests.eventually import eventually


def plain(url: str) -> str:
    return url.replace("+asyncpg", "")


async def test_database_url_first_test_writes_a_table(database_url: str) -> None:
    connection = await asyncpg.connect(plain(database_url))
    await connection.execute("CREATE TABLE only_here (id int)")
    await connection.close()


async def test_database_url_second_test_sees_no_table_of_the_first(database_url: str) -> None:
    connection = await asyncpg.connect(plain(database_url))
    assert await connection.fetchval("SELECT to_regclass('only_here')") is None
    await connection.close()


async def test_database_url_connection_left_open_does_not_stop_the_drop(database_url: str) -> None:
    connection = await asyncpg.connect(plain(database_url))
    assert await connection.fetchval("SHOW server_version_num") >= "180000"
    connection.terminate()


async def test_temporal_address_answers_with_the_search_attributes(temporal_address: str) -> None:
    client = await Client.connect(temporal_address)
    await ensure_search_attributes(client, product_search_attributes())


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_session_signalled_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", __file__, "-m", "not long"],
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
    ) as session:
        await eventually(lambda: list(tmp_path.glob("*/postgres/lock")), seconds=60)
        session.send_signal(number)
        session.wait(30)
    await eventually(lambda: not processes_of(tmp_path))
    assert [path.name for path in tmp_path.iterdir() if "pytest" not in path.name] == []


@pytest.mark.long
@pytest.mark.alone
async def test_session_killed_leaves_no_process(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", __file__, "-m", "not long"],
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
    ) as session:
        await eventually(lambda: list(tmp_path.glob("*/postgres/lock")), seconds=60)
        session.kill()
    await eventually(lambda: not processes_of(tmp_path))
