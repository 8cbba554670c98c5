"""Statements of rotations: what is under which key, and putting it under another one.

What a tenant's key seals stands in `SEALED`, apart from cursors, whose rows do not name their key.
Every change is guarded by what was found, so that doing it twice is harmless.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.statements import Row, fetch_alone, fetch_within
from storage.tenant_keys import TenantKeyRow


class SealedColumn(NamedTuple):
    """A column that holds what a tenant's key sealed.

    key: column with the id of that key. place: what names a row within its tenant, as text; in
    this order its writers lock rows, so that none deadlocks with a rotation.
    """

    table: str
    sealed: str
    key: str
    place: tuple[str, ...]


class SealedValue(NamedTuple):
    """One sealed value and its key."""

    place: tuple[str, ...]
    key_id: UUID
    sealed: bytes


SEALED: Final[Mapping[str, SealedColumn]] = {
    "contents": SealedColumn("contents", "body", "key_id", ("version_hash",)),
    "names": SealedColumn("policies", "name", "name_key_id", ("resource_type", "external_id")),
    "credentials": SealedColumn(
        "provider_connections", "credential", "credential_key_id", ("id::text",)
    ),
    "actors": SealedColumn(
        "change_events", "actor", "key_id", ("source", "event_id", "external_id")
    ),
}

_PICK: Final = """
SELECT ARRAY[{place}] AS place, octet_length({sealed}) AS size FROM {table}
WHERE tenant_id = $1 AND {key} = ANY($2::uuid[]) AND {sealed} IS NOT NULL AND ({place}) > ({after})
ORDER BY {place} LIMIT 500
"""

_LOCK: Final = """
SELECT ARRAY[{place}] AS place, {key} AS key_id, {sealed} AS sealed
FROM {table} JOIN unnest({arrays}) AS wanted ({wanted}) ON ({place}) = ({wanted})
WHERE tenant_id = $1 AND {key} = ANY($2::uuid[]) AND {sealed} IS NOT NULL
ORDER BY {place} FOR NO KEY UPDATE OF {table}
"""

_RESEAL: Final = """
UPDATE {table} SET {sealed} = fresh.sealed, {key} = $2
FROM (SELECT * FROM unnest({arrays}, ${last}::bytea[]) AS new ({wanted}, sealed)) AS fresh
WHERE tenant_id = $1 AND ({place}) = ({wanted})
"""

_COUNT: Final = """
SELECT count(*) AS left FROM {table}
WHERE tenant_id = $1 AND {key} = ANY($2::uuid[]) AND {sealed} IS NOT NULL
"""

_CURSORS: Final = """
SELECT result.operation_run_id, result.resource_type, result.cursor
FROM operation_runs AS run
JOIN operation_run_results AS result ON result.operation_run_id = run.id
WHERE run.tenant_id = $1 AND run.status <> 'completed' AND result.cursor IS NOT NULL
"""

_RESEAL_CURSOR: Final = """
UPDATE operation_run_results SET cursor = $4
WHERE operation_run_id = $1 AND resource_type = $2 AND cursor = $3
RETURNING resource_type
"""

# Waits for everybody who holds one of the keys, and lets nobody hold them meanwhile.
_LOCK_RETIRED: Final = """
SELECT id FROM tenant_keys
WHERE tenant_id = $1 AND workspace_id = $2 AND retired_at IS NOT NULL AND destroyed_at IS NULL
ORDER BY id FOR UPDATE
"""

_DESTROY: Final = """
UPDATE tenant_keys SET wrapped_key = NULL, wrapped_fingerprint_key = NULL, destroyed_at = $2
WHERE id = ANY($1::uuid[]) AND destroyed_at IS NULL
"""

# Of sessions of other roles only superusers see when their transaction began.
_OLDER_TRANSACTIONS: Final = """
SELECT count(*) AS older FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < $1
"""

_TENANT_KEYS_UNDER_OTHERS: Final = """
SELECT id, wrapped_key, root_key_id, wrapped_fingerprint_key, retired_at, tenant_id
FROM tenant_keys WHERE destroyed_at IS NULL AND root_key_id <> $1 AND id > $2 ORDER BY id LIMIT 100
"""

_REWRAP_TENANT_KEY: Final = """
UPDATE tenant_keys SET wrapped_key = $4, wrapped_fingerprint_key = $5, root_key_id = $6
WHERE id = $1 AND root_key_id = $2 AND wrapped_key = $3
RETURNING id
"""

_SIGNING_KEYS_UNDER_OTHERS: Final = """
SELECT id, public_key, wrapped_private_key, root_key_id FROM signing_keys
WHERE wrapped_private_key IS NOT NULL AND root_key_id <> $1 ORDER BY id
"""

_REWRAP_SIGNING_KEY: Final = """
UPDATE signing_keys SET wrapped_private_key = $4, root_key_id = $5
WHERE id = $1 AND root_key_id = $2 AND wrapped_private_key = $3
RETURNING id
"""

_USES: Final = """
SELECT root_key_id,
    count(DISTINCT tenant_id) FILTER (WHERE destroyed_at IS NULL) AS tenants,
    count(*) FILTER (WHERE destroyed_at IS NULL AND retired_at IS NULL) AS tenant_keys,
    count(*) FILTER (WHERE destroyed_at IS NULL AND retired_at IS NOT NULL) AS retired_keys,
    count(*) FILTER (WHERE destroyed_at IS NOT NULL) AS destroyed_keys,
    sum(credentials) AS credentials, sum(signing_keys) AS signing_keys
FROM (
    SELECT root_key_id, tenant_id, retired_at, destroyed_at, 0 AS signing_keys,
        (SELECT count(*) FROM provider_connections
            WHERE credential_key_id = tenant_keys.id AND credential IS NOT NULL) AS credentials
    FROM tenant_keys
    UNION ALL SELECT root_key_id, NULL, now(), NULL, 1, 0
    FROM signing_keys WHERE wrapped_private_key IS NOT NULL
) AS wrapped
GROUP BY root_key_id ORDER BY root_key_id
"""

_GIVE_UP: Final = """
WITH gone AS (
    UPDATE tenant_keys SET wrapped_key = NULL, wrapped_fingerprint_key = NULL, destroyed_at = $2
    WHERE root_key_id = $1 AND destroyed_at IS NULL
    RETURNING id
), forgotten AS (
    UPDATE provider_connections SET credential = NULL, credential_key_id = NULL, updated_at = $2
    WHERE credential_key_id IN (SELECT id FROM gone)
    RETURNING id
), retired AS (
    UPDATE signing_keys SET wrapped_private_key = NULL, retired_at = coalesce(retired_at, $2)
    WHERE root_key_id = $1 AND wrapped_private_key IS NOT NULL
    RETURNING id
)
SELECT (SELECT count(*) FROM gone) AS tenant_keys, (SELECT count(*) FROM forgotten) AS credentials,
    (SELECT count(*) FROM retired) AS signing_keys
"""


async def pick_sealed(
    connection: AsyncConnection,
    column: SealedColumn,
    owner: tuple[UUID, Sequence[UUID]],
    after: tuple[str, ...] | None,
) -> list[tuple[tuple[str, ...], int]]:
    """Return the next places under some keys of a tenant, and their sizes in bytes.

    `owner` is (tenant, keys); `after` the last place seen, None to begin.
    """
    last = after or ("",) * len(column.place)
    values = (owner[0], list(owner[1]), *last)
    rows = await fetch_within(connection, _of(_PICK, column), *values)
    return [(tuple(row["place"]), row["size"]) for row in rows]


async def lock_sealed(
    connection: AsyncConnection,
    column: SealedColumn,
    owner: tuple[UUID, Sequence[UUID]],
    places: Sequence[tuple[str, ...]],
) -> list[SealedValue]:
    """Return what still is under these keys in these places, locked; `owner` is (tenant, keys)."""
    values = (owner[0], list(owner[1]), *_columns(column, places))
    rows = await fetch_within(connection, _of(_LOCK, column), *values)
    return [SealedValue(tuple(row["place"]), row["key_id"], row["sealed"]) for row in rows]


async def reseal(
    connection: AsyncConnection,
    column: SealedColumn,
    owner: tuple[UUID, UUID],
    fresh: Mapping[tuple[str, ...], bytes],
) -> None:
    """Put values in place of locked ones; `owner` is (tenant, key that sealed them)."""
    if fresh:
        values = (*_columns(column, list(fresh)), list(fresh.values()))
        await fetch_within(connection, _of(_RESEAL, column), *owner, *values)


async def count_sealed(
    connection: AsyncConnection, tenant_id: UUID, key_ids: Sequence[UUID]
) -> dict[str, int]:
    """Return how much is under these keys, by kind; cursors are not counted."""
    counts = {}
    for kind, column in SEALED.items():
        rows = await fetch_within(connection, _of(_COUNT, column), tenant_id, list(key_ids))
        counts[kind] = int(rows[0]["left"])
    return counts


async def open_cursors_of(connection: AsyncConnection, tenant_id: UUID) -> list[Row]:
    """Return the stored cursors of a tenant's unfinished runs."""
    return await fetch_within(connection, _CURSORS, tenant_id)


async def reseal_cursor(connection: AsyncConnection, row: Row, fresh: str) -> bool:
    """Replace a cursor unless its listing went on meanwhile."""
    values = (row["operation_run_id"], row["resource_type"], row["cursor"], fresh)
    return bool(await fetch_within(connection, _RESEAL_CURSOR, *values))


async def lock_retired_keys(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
) -> list[UUID]:
    """Return the tenant's retired keys once nobody holds them; nobody can until the end."""
    rows = await fetch_within(connection, _LOCK_RETIRED, tenant_id, workspace_id)
    return [row["id"] for row in rows]


async def destroy_retired_keys(
    connection: AsyncConnection, key_ids: Sequence[UUID], now: datetime
) -> None:
    """Forget keys that nothing needs any more."""
    await fetch_within(connection, _DESTROY, list(key_ids), now)


async def database_now(engine: AsyncEngine) -> datetime:
    """Return the time by the clock that transactions are dated with."""
    rows = await fetch_alone(engine, "SELECT clock_timestamp() AS now")
    now: datetime = rows[0]["now"]
    return now


async def older_transactions(engine: AsyncEngine, since: datetime) -> int:
    """Return how many transactions are open that began before."""
    return int((await fetch_alone(engine, _OLDER_TRANSACTIONS, since))[0]["older"])


async def tenant_keys_under_others(
    engine: AsyncEngine, root_key_id: str, after: UUID
) -> list[tuple[UUID, TenantKeyRow]]:
    """Return the next tenant keys that another root key wrapped, each with its tenant."""
    rows = await fetch_alone(engine, _TENANT_KEYS_UNDER_OTHERS, root_key_id, after)
    return [
        (row["tenant_id"], TenantKeyRow(*(row[name] for name in TenantKeyRow._fields)))
        for row in rows
    ]


async def rewrap_tenant_key(engine: AsyncEngine, old: TenantKeyRow, new: TenantKeyRow) -> bool:
    """Replace the wrapping of a key; False when somebody else already did or destroyed it."""
    fresh = (new.wrapped_key, new.wrapped_fingerprint_key, new.root_key_id)
    values = (old.id, old.root_key_id, old.wrapped_key, *fresh)
    return bool(await fetch_alone(engine, _REWRAP_TENANT_KEY, *values))


async def signing_keys_under_others(engine: AsyncEngine, root_key_id: str) -> list[Row]:
    """Return the signing keys that another root key wrapped."""
    return await fetch_alone(engine, _SIGNING_KEYS_UNDER_OTHERS, root_key_id)


async def rewrap_signing_key(
    engine: AsyncEngine, old: tuple[UUID, str, bytes], new: tuple[bytes, str]
) -> bool:
    """Replace the wrapping of a signing key; `old` is (id, root key, wrapped), `new` its fresh."""
    return bool(await fetch_alone(engine, _REWRAP_SIGNING_KEY, *old, *new))


async def root_key_uses(connection: AsyncConnection) -> list[Row]:
    """Return what each root key wraps, by its id."""
    return await fetch_within(connection, _USES)


async def give_up_root_key(connection: AsyncConnection, root_key_id: str, now: datetime) -> Row:
    """Forget everything that a root key wrapped; returns how much that was."""
    return (await fetch_within(connection, _GIVE_UP, root_key_id, now))[0]


def _of(statement: str, column: SealedColumn) -> str:
    """Return a statement for a column; its names are constants of this module."""
    count = len(column.place)
    return statement.format(
        table=column.table,
        sealed=column.sealed,
        key=column.key,
        place=", ".join(column.place),
        after=", ".join(f"${3 + number}::text" for number in range(count)),
        arrays=", ".join(f"${3 + number}::text[]" for number in range(count)),
        wanted=", ".join(f"w{number}" for number in range(count)),
        last=3 + count,
    )


def _columns(column: SealedColumn, places: Sequence[tuple[str, ...]]) -> list[list[str]]:
    return [[place[number] for place in places] for number in range(len(column.place))]
