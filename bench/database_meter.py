"""What the product writes into PostgreSQL: rows, bytes, WAL and time, between two looks."""

import asyncio
from dataclasses import asdict, dataclass

import asyncpg

from bench.ground import Stand

# Idle connections hand their statistics over after ten seconds.
STATISTICS_SECONDS = 11.0
_ROWS = "SELECT sum(n_tup_ins)::bigint, sum(n_tup_upd)::bigint FROM pg_stat_user_tables"
_DATABASE = """
SELECT active_time, xact_commit::bigint FROM pg_stat_database WHERE datname = current_database()
"""
_BYTES = """
SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
_BYTES_BY_TABLE = """
SELECT relname, pg_total_relation_size(oid) AS size FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC
"""
_WAL = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"


@dataclass(frozen=True, slots=True)
class Reading:
    """Totals at one moment; the difference of two is what happened between them.

    bytes: tables and their indexes on disk. busy_ms: time that the server spent in statements.
    """

    inserted: int
    updated: int
    bytes: int
    wal: int
    busy_ms: float
    transactions: int

    def since(self, before: "Reading") -> "Reading":
        """Return the difference."""
        pairs = zip(asdict(self).items(), asdict(before).values(), strict=True)
        return Reading(**{name: value - earlier for (name, value), earlier in pairs})

    @property
    def rows(self) -> int:
        """Rows written."""
        return self.inserted + self.updated


async def read_meter(stand: Stand, *, waits: bool = True) -> Reading:
    """Read the totals of a product's database once its statistics are complete.

    waits: False when nobody but `let_a_day_pass` did anything since the last reading.
    """
    if waits:
        await asyncio.sleep(STATISTICS_SECONDS)
    connection = await asyncpg.connect(stand.ground.postgres.dsn(stand.database))
    try:
        inserted, updated = _found(await connection.fetchrow(_ROWS))
        busy, transactions = _found(await connection.fetchrow(_DATABASE))
        wal = await connection.fetchval(_WAL)
        size = await connection.fetchval(_BYTES)
    finally:
        await connection.close()
    return Reading(inserted, updated, size, wal, float(busy), transactions)


async def let_a_day_pass(stand: Stand) -> None:
    """Do what the server does by itself between two nights: free what is dead, and checkpoint.

    After a checkpoint the first change of each page writes the whole page into the WAL, so that
    nights in quick succession would write less than nights that are a day apart.
    """
    connection = await asyncpg.connect(stand.ground.postgres.dsn(stand.database))
    try:
        await connection.execute("VACUUM")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def _found(row: asyncpg.Record | None) -> asyncpg.Record:
    assert row is not None
    return row


async def table_bytes(stand: Stand) -> dict[str, int]:
    """Return the bytes of each table with its indexes."""
    found = await stand.select(_BYTES_BY_TABLE)
    return {row["relname"]: row["size"] for row in found}
