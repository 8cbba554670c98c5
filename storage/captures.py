"""Rows of a run's results and steps: the durable cursor of a listing, and the fence around it.

Statements only. Every writer first takes the locks, run before result, so none deadlock; what they
may write under them is decided by the service.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.manifests import with_chunks_in_hex
from storage.statements import Row, as_json, fetch_within

# SHARE lets the lanes of a run work side by side and keeps its end waiting for them. A caller that
# goes on to end the run takes the stronger lock at once: an upgrade could deadlock.
_FENCE: Final = """
SELECT status, workflow_id, first_execution_run_id FROM operation_runs WHERE id = $1 FOR {lock}
"""

_OPEN: Final = """
INSERT INTO operation_run_results (
    operation_run_id, resource_type, workspace_id, tenant_id, updated_at
)
SELECT $1, new.resource_type, $2, $3, $4 FROM unnest($5::text[]) AS new (resource_type)
ON CONFLICT DO NOTHING
"""

_SELECT_ALL: Final = """
SELECT * FROM operation_run_results WHERE operation_run_id = $1 ORDER BY resource_type
"""

_SELECT: Final = """
SELECT * FROM operation_run_results WHERE operation_run_id = $1 AND resource_type = $2
"""

_LOCK: Final = f"{_SELECT} FOR UPDATE"

# The run is locked before the result. What is read of a row that had to be waited for is what it
# holds by then.
_LOCK_TYPE: Final = """
WITH run AS MATERIALIZED (
    SELECT status, workflow_id, first_execution_run_id FROM operation_runs WHERE id = $1 FOR SHARE
), result AS MATERIALIZED (
    SELECT * FROM operation_run_results
    WHERE operation_run_id = $1 AND resource_type = $2 AND EXISTS (SELECT FROM run)
    FOR UPDATE
)
SELECT run.*, result.* FROM run LEFT JOIN result ON true
"""

# The number of the page ends the key.
_SELECT_STEPS: Final = """
SELECT entries FROM operation_run_steps
WHERE operation_run_id = $1 AND resource_type = $2 AND epoch = $3
ORDER BY substring(step_key FROM '[0-9]+$')::int
"""

_DELETE_STEPS: Final = """
DELETE FROM operation_run_steps WHERE operation_run_id = $1 AND resource_type = $2
"""

# Nothing of it without the ledger entry (D4). Steps do not wait for the disk: a crash of PostgreSQL
# may lose the last ones whole, and they are read again; what ends their type does wait, after them.
_RECORD_STEP: Final = """
WITH step AS (
    INSERT INTO operation_run_steps (
        operation_run_id, step_key, resource_type, epoch, entries, recorded_at
    ) VALUES ($1, $13, $2, $14, $15, $5) ON CONFLICT DO NOTHING
    RETURNING step_key
)
UPDATE operation_run_results SET
    state = CASE WHEN $4::text IS NULL THEN 'confirming' ELSE 'listing' END, page = $3,
    cursor = $4, updated_at = $5::timestamptz, next_attempt_at = NULL,
    listing_started_at = COALESCE(listing_started_at, $12::timestamptz),
    listing_ended_at = CASE WHEN $4::text IS NULL THEN $5::timestamptz END,
    permission_state = 'granted', reason_code = NULL, http_status = NULL, request_id = NULL,
    expected = expected + $6, captured = captured + $7, unchanged = unchanged + $8,
    skipped = skipped + $9, failed = failed + $10, not_captured = not_captured + $11
WHERE operation_run_id = $1 AND resource_type = $2 AND EXISTS (SELECT FROM step)
RETURNING page, set_config('synchronous_commit', 'off', true)
"""

_RESTART: Final = """
UPDATE operation_run_results SET
    state = 'listing', epoch = epoch + 1, page = 0, cursor = NULL, updated_at = $3,
    expected = 0, captured = 0, unchanged = 0, skipped = 0, failed = 0, not_captured = 0,
    listing_started_at = NULL, listing_ended_at = NULL
WHERE operation_run_id = $1 AND resource_type = $2
RETURNING epoch
"""

_POSTPONE: Final = """
UPDATE operation_run_results SET
    next_attempt_at = $3, reason_code = $4, http_status = $5, request_id = $6, updated_at = $7
WHERE operation_run_id = $1 AND resource_type = $2 AND state <> 'done'
"""

_CLOSE: Final = """
UPDATE operation_run_results SET
    state = 'done', cursor = NULL, next_attempt_at = NULL, updated_at = $3,
    expected = $4, captured = $5, unchanged = $6, skipped = $7, failed = $8, created = $9,
    updated = $10, deleted = $11, not_captured = $12, reason_counts = $13::jsonb,
    reason_code = $14, http_status = $15, request_id = $16, missing_scopes = $17::text[],
    permission_state = $18, listing_complete = $19, manifest_hash = $20, listed = $21, probed = $22
WHERE operation_run_id = $1 AND resource_type = $2
RETURNING *
"""

# The newest earlier run that read the type to its end, by the index over the tenant's runs.
_PREVIOUS_LISTING: Final = """
SELECT result.reason_code, result.manifest_hash, manifests.chunk_hashes
FROM operation_runs AS run
JOIN operation_run_results AS result ON result.operation_run_id = run.id
LEFT JOIN manifests
    ON manifests.tenant_id = run.tenant_id AND manifests.manifest_hash = result.manifest_hash
WHERE run.tenant_id = $1 AND run.id <> $2 AND result.resource_type = $3
    AND result.state = 'done' AND (result.listing_complete OR result.reason_code = 'listing_held')
ORDER BY run.created_at DESC LIMIT 1
"""


async def fence(
    connection: AsyncConnection, run_id: UUID, *, is_ending: bool = False
) -> Row | None:
    """Lock a run against its end and return who owns it; `is_ending` locks others out as well."""
    lock = "NO KEY UPDATE" if is_ending else "SHARE"
    rows = await fetch_within(connection, _FENCE.format(lock=lock), run_id)
    return rows[0] if rows else None


async def insert_results(
    connection: AsyncConnection,
    run_id: UUID,
    owner: tuple[UUID, UUID],
    types: Sequence[str],
    now: datetime,
) -> None:
    """Insert a pending row for each type that has none; `owner` is (workspace, tenant)."""
    await fetch_within(connection, _OPEN, run_id, *owner, now, list(types))


async def select_results(connection: AsyncConnection, run_id: UUID) -> list[Row]:
    """Return the rows of a run by resource type."""
    return await fetch_within(connection, _SELECT_ALL, run_id)


async def select_result(
    connection: AsyncConnection, run_id: UUID, resource_type: str, *, lock: bool = False
) -> Row | None:
    """Return the row of one type, locked until the transaction ends if asked."""
    statement = _LOCK if lock else _SELECT
    rows = await fetch_within(connection, statement, run_id, resource_type)
    return rows[0] if rows else None


async def previous_listing(
    connection: AsyncConnection, tenant_id: UUID, run_id: UUID, resource_type: str
) -> Row | None:
    """Return the result of the newest other run whose listing of the type came to its end."""
    rows = await fetch_within(connection, _PREVIOUS_LISTING, tenant_id, run_id, resource_type)
    rows = with_chunks_in_hex(rows)
    return rows[0] if rows else None


async def lock_type(connection: AsyncConnection, run_id: UUID, resource_type: str) -> Row | None:
    """Lock the run against its end and the result of a type until the transaction ends.

    Returns who owns the run, and the result, whose columns are null when there is none; None
    without a run.
    """
    rows = await fetch_within(connection, _LOCK_TYPE, run_id, resource_type)
    return rows[0] if rows else None


async def select_steps(connection: AsyncConnection, result: Row) -> list[bytes]:
    """Return the entries of the steps of the result's present epoch, in page order."""
    place = (result["operation_run_id"], result["resource_type"], result["epoch"])
    return [row["entries"] for row in await fetch_within(connection, _SELECT_STEPS, *place)]


async def delete_steps(connection: AsyncConnection, run_id: UUID, resource_type: str) -> None:
    """Remove the steps of every epoch of a type."""
    await fetch_within(connection, _DELETE_STEPS, run_id, resource_type)


async def record_step(
    connection: AsyncConnection,
    result: Row,
    step: tuple[int, bytes],
    going_on: tuple[int, str | None],
    times: tuple[datetime, datetime],
    counts: Sequence[int],
) -> bool:
    """Write the ledger entry of a step, move on, and add to the running counts (D4).

    False, and nothing is written, when the entry is there already. `step`: its first page and its
    entries. `going_on`: the next page and cursor; no cursor ends the listing. `times`: now, and
    when the listing began if this is its first page. `counts`: expected, captured, unchanged,
    skipped, failed, not captured.
    """
    place = (result["operation_run_id"], result["resource_type"])
    (page, entries), (now, started_at) = step, times
    key = f"{result['resource_type']}:{result['epoch']}:{page}"
    values = (*place, *going_on, now, *counts, started_at, key, result["epoch"], entries)
    return bool(await fetch_within(connection, _RECORD_STEP, *values))


async def restart(
    connection: AsyncConnection, run_id: UUID, resource_type: str, now: datetime
) -> int:
    """Open the next epoch of a listing and return its number."""
    rows = await fetch_within(connection, _RESTART, run_id, resource_type, now)
    return int(rows[0]["epoch"])


async def postpone(
    connection: AsyncConnection,
    place: tuple[UUID, str],
    until: datetime,
    cause: tuple[str, int | None, str | None],
    now: datetime,
) -> None:
    """Note why a type waits; `cause` is (reason code, HTTP status, request id)."""
    await fetch_within(connection, _POSTPONE, *place, until, *cause, now)


async def close_result(
    connection: AsyncConnection, place: tuple[UUID, str], now: datetime, values: Mapping[str, Any]
) -> Row:
    """End a type with its final values and return the row."""
    rows = await fetch_within(
        connection,
        _CLOSE,
        *place,
        now,
        values["expected"],
        values["captured"],
        values["unchanged"],
        values["skipped"],
        values["failed"],
        values["created"],
        values["updated"],
        values["deleted"],
        values["not_captured"],
        as_json(dict(values["reason_counts"])),
        values["reason_code"],
        values["http_status"],
        values["request_id"],
        values["missing_scopes"],
        values["permission_state"],
        values["listing_complete"],
        values["manifest_hash"],
        values["listed"],
        values["probed"],
    )
    return rows[0]
