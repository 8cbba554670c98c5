"""How one SQL statement reaches PostgreSQL: inside a caller's transaction, or as its own.

A statement that is a transaction by itself goes straight to the driver: no BEGIN and COMMIT, and
half the time that SQLAlchemy's execution layer takes for a small statement (performance.md, P7).
Placeholders are PostgreSQL's own (`$1`); JSON arguments are passed as text, and come back decoded.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Row = Mapping[str, Any]


async def fetch_within(connection: AsyncConnection, statement: str, *values: object) -> list[Row]:
    """Run a statement in the transaction of `connection`; it is begun when it has not been.

    The statement that begins it goes through SQLAlchemy, which keeps the transaction; those after
    it go straight to the driver. Errors of the server may be of either.
    """
    raw = await connection.get_raw_connection()
    driver: asyncpg.Connection = raw.driver_connection  # type: ignore[assignment] # untyped there
    if driver.is_in_transaction():
        return [dict(row) for row in await driver.fetch(statement, *values)]
    result = await connection.exec_driver_sql(statement, values)
    return [dict(row) for row in result.mappings()] if result.returns_rows else []


async def fetch_alone(engine: AsyncEngine, statement: str, *values: object) -> list[Row]:
    """Run a statement as a transaction of its own; it is committed when this returns.

    Errors of the server are asyncpg's, not wrapped.
    """
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        driver: asyncpg.Connection = raw.driver_connection  # type: ignore[assignment] # untyped there
        return [dict(row) for row in await driver.fetch(statement, *values)]


class Statements:
    """Runs statements on one engine: in the caller's transaction when given, else as their own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def fetch(
        self, within: AsyncConnection | None, statement: str, *values: object
    ) -> list[Row]:
        """Run one statement; without `within` it is committed when this returns."""
        if within is not None:
            return await fetch_within(within, statement, *values)
        return await fetch_alone(self._engine, statement, *values)

    @asynccontextmanager
    async def transaction(self, within: AsyncConnection | None) -> AsyncIterator[AsyncConnection]:
        """Join the caller's transaction, or open one that commits at the end."""
        if within is not None:
            yield within
            return
        async with self._engine.begin() as connection:
            yield connection


def as_json(value: object) -> str:
    """Write a JSON argument."""
    return orjson.dumps(value).decode()
