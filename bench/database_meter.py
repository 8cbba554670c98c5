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


async def read_meter(stand: Stand, *, is_tidied: bool = False) -> Reading:
    """Read the totals of a product's database once its statistics are complete.

    is_tidied: let VACUUM free what is dead before sizes are read, as autovacuum does within a day.
    """
    await asyncio.sleep(STATISTICS_SECONDS)
    connection = await asyncpg.connect(stand.ground.postgres.dsn(stand.database))
    try:
        inserted, updated = await connection.fetchrow(_ROWS)
        busy, transactions = await connection.fetchrow(_DATABASE)
        wal = await connection.fetchval(_WAL)
        if is_tidied:
            await connection.execute("VACUUM")
        size = await connection.fetchval(_BYTES)
    finally:
        await connection.close()
    return Reading(inserted, updated, size, wal, float(busy), transactions)


async def table_bytes(stand: Stand) -> dict[str, int]:
    """Return the bytes of each table with its indexes."""
    found = await stand.select(_BYTES_BY_TABLE)
    return {row["relname"]: row["size"] for row in found}
