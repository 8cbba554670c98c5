"""The fixtures that every other suite stands on."""

import asyncpg
from temporalio.client import Client

from devstack.search_attributes import ensure_search_attributes
from tests.conftest import SEARCH_ATTRIBUTES


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
    await ensure_search_attributes(client, SEARCH_ATTRIBUTES)
