"""The engine: addresses, timeouts, secrets, and servers that go away."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from devstack.postgres import EmbeddedPostgres
from storage.engine import (
    DatabaseAddressError,
    asyncpg_address,
    create_engine,
    open_connections,
)
from storage.statements import Statements, fetch_alone
from tests.eventually import eventually


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:secret@db.example:5433/tenantops?sslmode=require",
        "postgres://ada:secret@db.example:5433/tenantops?sslmode=require",
        "postgresql+asyncpg://ada:secret@db.example:5433/tenantops?sslmode=require",
    ],
)
def test_address_of_any_spelling_is_the_one_of_asyncpg(url: str) -> None:
    expected = "postgresql://ada:secret@db.example:5433/tenantops?sslmode=require"
    assert asyncpg_address(url) == expected


@pytest.mark.parametrize(
    "url",
    ["mysql://ada:secret@db/x", "postgresql+psycopg://ada:secret@db/x", "sqlite:///x", "secret"],
)
def test_address_of_another_database_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(DatabaseAddressError) as caught:
        create_engine(url)
    assert "secret" not in str(caught.value)


async def test_connections_that_were_opened_ahead_serve_bulk_statements(database_url: str) -> None:
    engine = create_engine(database_url, pool_size=3)
    opened: list[object] = []
    event.listen(engine.sync_engine, "connect", lambda *found: opened.append(found))
    await open_connections(engine)
    assert len(opened) == 3
    statement = "SELECT cardinality($1::text[]) AS length"
    assert (await fetch_alone(engine, statement, ["a", "b"]))[0]["length"] == 2
    assert len(opened) == 3
    await engine.dispose()


async def test_engine_never_shows_the_password() -> None:
    engine = create_engine("postgresql://ada:secret@127.0.0.1:1/x?sslmode=disable")
    shown = f"{engine!r} {engine.url!r} {engine.pool.status()}"
    with pytest.raises(ConnectionRefusedError) as caught:
        await fetch_alone(engine, "SELECT 1")
    assert "secret" not in shown + str(caught.value) + repr(caught.value)
    await engine.dispose()


async def test_engine_of_an_unreadable_address_says_so_without_showing_it() -> None:
    engine = create_engine("postgresql://ada:sec/ret@127.0.0.1:1/x")
    with pytest.raises(DatabaseAddressError, match="percent-encode") as caught:
        await fetch_alone(engine, "SELECT 1")
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert "sec" not in str(caught.value).replace("special", "")
    await engine.dispose()


async def test_engine_takes_an_address_with_a_socket_directory(
    postgres_server: EmbeddedPostgres,
) -> None:
    dsn = postgres_server.dsn("postgres")
    engine = create_engine(dsn)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await engine.dispose()


async def test_session_speaks_utc_and_names_the_product(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert await connection.scalar(text("SHOW timezone")) == "UTC"
        assert await connection.scalar(text("SHOW application_name")) == "tenantops"
        assert await connection.scalar(text("SHOW statement_timeout")) == "30s"
        idle = "SHOW idle_in_transaction_session_timeout"
        assert await connection.scalar(text(idle)) == "1min"


async def test_statement_beyond_its_time_is_ended_by_the_server(database_url: str) -> None:
    engine = create_engine(database_url, statement_timeout=timedelta(milliseconds=50))
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError, match="statement timeout"):
            await connection.execute(text("SELECT pg_sleep(30)"))
    await engine.dispose()


async def test_engine_without_timeout_sets_none(database_url: str) -> None:
    engine = create_engine(database_url, statement_timeout=None)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SHOW statement_timeout")) == "0"
    await engine.dispose()


async def test_error_shows_no_argument(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        with pytest.raises(SQLAlchemyError) as caught:
            await connection.execute(text("SELECT 1 / :zero, :word"), {"zero": 0, "word": "secret"})
    assert "secret" not in str(caught.value)


async def test_pool_is_a_hard_limit(database_url: str) -> None:
    engine = create_engine(database_url, pool_size=2)
    statements = Statements(engine)
    query = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()"
    counted = await asyncio.gather(*(statements.fetch(None, query) for _ in range(20)))
    assert max(rows[0]["n"] for rows in counted) <= 2
    await engine.dispose()


async def test_connections_that_the_server_closed_are_replaced_unnoticed(
    engine: AsyncEngine, maintenance_connection: asyncpg.Connection
) -> None:
    made: list[Any] = []
    event.listen(engine.sync_engine, "connect", lambda connection, _: made.append(connection))
    await asyncio.gather(*(fetch_alone(engine, "SELECT pg_sleep(0.05)") for _ in range(5)))
    (row,) = await fetch_alone(engine, "SELECT current_database() AS name")
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
    await maintenance_connection.execute(query, row["name"])

    # The server's last word and the end of the connection arrive one after the other.
    await eventually(lambda: all(each.driver_connection.is_closed() for each in made))
    await asyncio.gather(*(fetch_alone(engine, "SELECT 1") for _ in range(5)))
    async with engine.begin() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


async def test_statement_alone_is_committed_when_it_returns(engine: AsyncEngine) -> None:
    await fetch_alone(engine, "INSERT INTO workspaces (id, name) VALUES (gen_random_uuid(), 'a')")
    assert await fetch_alone(engine, "SELECT name FROM workspaces") == [{"name": "a"}]


async def test_statement_within_joins_the_transaction_of_its_caller(engine: AsyncEngine) -> None:
    insert = "INSERT INTO workspaces (id, name) VALUES (gen_random_uuid(), 'a')"
    statements = Statements(engine)
    async with engine.connect() as connection:
        await statements.fetch(connection, insert)
        await connection.rollback()
    assert await statements.fetch(None, "SELECT name FROM workspaces") == []


async def test_transaction_that_raises_is_undone(engine: AsyncEngine) -> None:
    insert = "INSERT INTO workspaces (id, name) VALUES (gen_random_uuid(), 'a')"
    statements = Statements(engine)

    async def insert_and_break() -> None:
        async with statements.transaction(None) as connection:
            await statements.fetch(connection, insert)
            raise LookupError

    with pytest.raises(LookupError):
        await insert_and_break()
    assert await statements.fetch(None, "SELECT name FROM workspaces") == []


async def test_json_comes_back_decoded(engine: AsyncEngine) -> None:
    query = "SELECT $1::jsonb AS value"
    alone = await fetch_alone(engine, query, '{"a": [1, "é"]}')
    async with engine.connect() as connection:
        within = await Statements(engine).fetch(connection, query, '{"a": [1, "é"]}')
    assert alone == within == [{"value": {"a": [1, "é"]}}]
