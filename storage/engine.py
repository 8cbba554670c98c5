"""The connection pool to PostgreSQL: one engine a process, made by the composition root.

asyncpg reads the address itself, so everything that libpq understands works (`sslmode`,
`sslrootcert`, sockets, several hosts), and neither the engine nor its messages carry the password.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import orjson
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

_SCHEMES: Final = ("postgresql", "postgres")
_DEFAULT_STATEMENT_TIMEOUT: Final = timedelta(seconds=30)
# asyncpg asks the server about arrays when a connection first meets one, which takes the server
# longer than the statement itself.
_BULK_TYPES: Final = """
SELECT $1::text[], $2::uuid[], $3::bytea[], $4::int[], $5::smallint[], $6::float8[]
"""


class DatabaseAddressError(ValueError):
    """The database address is not one of PostgreSQL; the message never shows it."""


def create_engine(
    database_url: str,
    *,
    pool_size: int = 10,
    statement_timeout: timedelta | None = _DEFAULT_STATEMENT_TIMEOUT,
    application_name: str = "tenantops",
    settings: Mapping[str, str] = MappingProxyType({}),
) -> AsyncEngine:
    """Make the engine for `postgresql://…` or `postgresql+asyncpg://…`; connects when first used.

    `pool_size` is a hard limit of connections. A statement that takes longer than
    `statement_timeout` is ended by the server, as is a transaction left open for twice as long;
    None lets both take their time (migrations). `settings` are further parameters of the sessions.
    """
    server_settings = {**_server_settings(statement_timeout, application_name), **settings}
    connect = _connector(asyncpg_address(database_url), server_settings)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=0,
        pool_recycle=1800,
        # An error shows the statement and never its arguments (D7).
        hide_parameters=True,
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


async def open_connections(engine: AsyncEngine) -> None:
    """Open every connection of the pool and let it learn the types that bulk statements use.

    For a process that is about to need them all: its first work does not wait for it. Raises what
    a first statement would.
    """
    async with AsyncExitStack() as opened:
        for _ in range(_pool_size(engine)):
            connection = await opened.enter_async_context(engine.connect())
            await connection.exec_driver_sql(_BULK_TYPES, (None,) * 6)


def create_budget_engine(database_url: str, *, application_name: str) -> AsyncEngine:
    """Make the engine for request budgets: short statements, again and again, the same few.

    Their plan is made once for each connection, for planning takes longer than the work. They do
    not wait for the disk: a crash of PostgreSQL may forget the leases of the last half second, so
    that they are made once more, and Graph answers 429 as to any overrun.
    """
    return create_engine(
        database_url,
        pool_size=2,
        application_name=application_name,
        settings={"plan_cache_mode": "force_generic_plan", "synchronous_commit": "off"},
    )


def _pool_size(engine: AsyncEngine) -> int:
    pool = engine.pool
    return pool.size() if isinstance(pool, QueuePool) else 1


def asyncpg_address(database_url: str) -> str:
    """Return the address as asyncpg wants it; raises DatabaseAddressError for another database."""
    parts = urlsplit(database_url)
    scheme, _, driver = parts.scheme.partition("+")
    if scheme not in _SCHEMES or driver not in ("", "asyncpg"):
        raise DatabaseAddressError("DATABASE_URL must begin with postgresql://")
    return urlunsplit(parts._replace(scheme="postgresql"))


def _connector(
    address: str, server_settings: Mapping[str, str]
) -> Callable[..., Awaitable[asyncpg.Connection]]:
    async def connect(*_arguments: object, **_options: object) -> asyncpg.Connection:
        with suppress(ValueError):
            return await asyncpg.connect(address, server_settings=dict(server_settings))
        # Outside the handler: asyncpg quotes what it cannot read, a part of the password perhaps.
        raise DatabaseAddressError(
            "DATABASE_URL cannot be read; percent-encode special characters of its password"
        )

    return connect


def _server_settings(
    statement_timeout: timedelta | None, application_name: str
) -> Mapping[str, str]:
    settings = {"application_name": application_name, "timezone": "UTC"}
    if statement_timeout is not None:
        milliseconds = int(statement_timeout.total_seconds() * 1000)
        settings["statement_timeout"] = str(milliseconds)
        settings["idle_in_transaction_session_timeout"] = str(2 * milliseconds)
    return settings


def _refuse_closed(dbapi_connection: Any, _record: object, _proxy: object) -> None:
    # asyncpg notices at once when the server closes a connection, so a restarted PostgreSQL costs
    # no failed statement, and no ping is sent before each use.
    if dbapi_connection.driver_connection.is_closed():
        raise InvalidatePoolError("the server closed this connection")


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()
