"""Rows of `policies` and `policy_versions`: the objects of a tenant and what became of them.

Statements only, in bulk: a page of objects is a handful of statements, whatever its size.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.capture_results import ObjectHistory
from storage.statements import as_json, fetch_within


class KnownPolicy(NamedTuple):
    """An object as it was last seen."""

    id: UUID
    external_id: str
    current_version_hash: str | None
    version_count: int
    is_deleted: bool
    # Of the stored document; None when it is not stored or cannot be read any more.
    canonical_rules: int | None
    # Version of the extraction that wrote its references; None when there is no content.
    references_version: int | None = None


class CaptureHistory(NamedTuple):
    """What was withheld of an object's latest version, and the last one that had more of it."""

    not_captured: Sequence[str]
    # None when no earlier version had more.
    fuller_hash: str | None
    fuller_not_captured: Sequence[str] | None


class NewVersion(NamedTuple):
    """A version to be written; `policy_id` is new exactly when `version_number` is 1."""

    policy_id: UUID
    external_id: str
    version_number: int
    version_hash: str
    change: str
    name: bytes | None
    not_captured: Sequence[str]


_KNOWN: Final = """
SELECT policies.id, external_id, current_version_hash, version_count,
    deleted_at IS NOT NULL AS is_deleted, contents.canonical_rules, contents.references_version
FROM policies
LEFT JOIN contents ON contents.tenant_id = policies.tenant_id
    AND contents.version_hash = policies.current_version_hash AND contents.key_id = ANY($4::uuid[])
WHERE policies.tenant_id = $1 AND resource_type = $2 AND external_id = ANY($3::text[])
"""

_LOCK: Final = """
SELECT id, external_id, current_version_hash, version_count, deleted_at IS NOT NULL AS is_deleted,
    NULL::int AS canonical_rules
FROM policies WHERE tenant_id = $1 AND resource_type = $2 AND external_id = ANY($3::text[])
ORDER BY external_id FOR UPDATE
"""

_CAPTURE_HISTORIES: Final = """
SELECT policies.external_id, latest.not_captured, fuller.version_hash AS fuller_hash,
    fuller.not_captured AS fuller_not_captured
FROM policies
JOIN policy_versions AS latest
    ON latest.policy_id = policies.id AND latest.version_number = policies.version_count
LEFT JOIN LATERAL (
    SELECT older.version_hash, older.not_captured FROM policy_versions AS older
    WHERE older.policy_id = policies.id AND older.version_number < policies.version_count
        AND older.version_hash IS NOT NULL
        AND jsonb_array_length(older.not_captured) < jsonb_array_length(latest.not_captured)
    ORDER BY older.version_number DESC LIMIT 1
) AS fuller ON true
WHERE policies.tenant_id = $1 AND policies.resource_type = $2
    AND policies.external_id = ANY($3::text[])
"""

# deleted_at is set by the caller's statement, not here: a version of an object means it exists.
_WRITE_VERSIONS: Final = """
WITH upserted AS (
    INSERT INTO policies (
        id, workspace_id, tenant_id, resource_type, external_id, name, name_key_id,
        current_version_hash, version_count, first_seen_at, last_changed_at
    )
    SELECT new.id, $1, $2, $5, new.external_id, new.name, $6, new.version_hash, new.version_number,
        $4, $4
    FROM unnest($7::uuid[], $10::text[], $11::bytea[], $9::text[], $8::int[])
        AS new (id, external_id, name, version_hash, version_number)
    ORDER BY new.external_id
    ON CONFLICT (tenant_id, resource_type, external_id) DO UPDATE SET
        name = excluded.name, name_key_id = excluded.name_key_id,
        current_version_hash = excluded.current_version_hash,
        version_count = excluded.version_count, last_changed_at = excluded.last_changed_at,
        deleted_at = NULL
)
INSERT INTO policy_versions (
    policy_id, version_number, workspace_id, tenant_id, version_hash, change, operation_run_id,
    not_captured, captured_at
)
SELECT new.policy_id, new.version_number, $1, $2, new.version_hash, new.change, $3,
    new.not_captured::jsonb, $4
FROM unnest($7::uuid[], $8::int[], $9::text[], $12::text[], $13::text[])
    AS new (policy_id, version_number, version_hash, change, not_captured)
"""

# EXCEPT is hashed or sorted, whatever the statistics and the memory. NOT IN goes through the list
# for every object once its hash table would be larger than `work_mem` allows (150,000 ids by
# default), and so does an anti-join without statistics, as in a first backup.
_MISSING: Final = """
SELECT external_id FROM policies
WHERE tenant_id = $1 AND resource_type = $2 AND deleted_at IS NULL
EXCEPT SELECT unnest($3::text[])
ORDER BY external_id
"""

_EXISTING: Final = """
SELECT external_id FROM policies
WHERE tenant_id = $1 AND resource_type = $2 AND external_id = ANY($3::text[])
    AND deleted_at IS NULL
"""

_COUNT: Final = """
SELECT count(*) AS known FROM policies
WHERE tenant_id = $1 AND resource_type = $2 AND deleted_at IS NULL
"""

# Locked in the order in which everybody locks objects: a plan that reads in another one would
# deadlock with a rotation of the tenant's key.
_TOMBSTONES: Final = """
WITH locked AS (
    SELECT id FROM policies
    WHERE tenant_id = $1 AND resource_type = $2 AND external_id = ANY($5::text[])
        AND deleted_at IS NULL
    ORDER BY external_id FOR UPDATE
), gone AS (
    UPDATE policies SET deleted_at = $4, last_changed_at = $4, version_count = version_count + 1
    FROM locked WHERE policies.id = locked.id
    RETURNING policies.id, workspace_id, tenant_id, version_count
)
INSERT INTO policy_versions (
    policy_id, version_number, workspace_id, tenant_id, change, operation_run_id, captured_at
)
SELECT id, version_count, workspace_id, tenant_id, 'deleted', $3, $4 FROM gone
"""

# Object by object, by the key of its versions: without fresh statistics, as in a first backup, the
# index over the run's versions would be taken for each object (IS TRUE keeps it out).
_HISTORIES: Final = """
SELECT policies.external_id AS object_id, before.version_hash AS version_before,
    mine.is_schema_change, newest.change = 'deleted' AS is_deleted
FROM policies
CROSS JOIN LATERAL (
    SELECT min(version_number) AS first, max(version_number) AS last,
        bool_and(change = 'schema_change') AS is_schema_change
    FROM policy_versions WHERE policy_id = policies.id AND (operation_run_id = $1) IS TRUE
) AS mine
JOIN policy_versions AS newest
    ON newest.policy_id = policies.id AND newest.version_number = mine.last
LEFT JOIN policy_versions AS before
    ON before.policy_id = policies.id AND before.version_number = mine.first - 1
WHERE policies.tenant_id = $2 AND policies.resource_type = $3
"""


async def known_policies(
    connection: AsyncConnection,
    tenant_id: UUID,
    resource_type: str,
    object_ids: Sequence[str],
    key_ids: Sequence[UUID],
) -> dict[str, KnownPolicy]:
    """Return the known objects among `object_ids`; `key_ids` tell which content is readable."""
    values = (tenant_id, resource_type, list(object_ids), list(key_ids))
    rows = await fetch_within(connection, _KNOWN, *values)
    return {row["external_id"]: KnownPolicy(**row) for row in rows}


async def capture_histories(
    connection: AsyncConnection, tenant_id: UUID, resource_type: str, object_ids: Sequence[str]
) -> dict[str, CaptureHistory]:
    """Return what Graph withheld of known objects; one without a version is left out."""
    values = (tenant_id, resource_type, list(object_ids))
    rows = await fetch_within(connection, _CAPTURE_HISTORIES, *values)
    return {
        row["external_id"]: CaptureHistory(*(row[name] for name in CaptureHistory._fields))
        for row in rows
    }


async def lock_policies(
    connection: AsyncConnection, tenant_id: UUID, resource_type: str, object_ids: Sequence[str]
) -> dict[str, KnownPolicy]:
    """Lock the known objects among `object_ids` until the transaction ends."""
    rows = await fetch_within(connection, _LOCK, tenant_id, resource_type, list(object_ids))
    return {row["external_id"]: KnownPolicy(**row) for row in rows}


async def write_versions(
    connection: AsyncConnection,
    owner: tuple[UUID, UUID],
    place: tuple[UUID, str, UUID],
    versions: Sequence[NewVersion],
    now: datetime,
) -> None:
    """Write new versions and bring their objects up to them.

    `owner` is (workspace, tenant), `place` (run, resource type, key of the names). The caller holds
    that key (`hold_key`).
    """
    if not versions:
        return
    run_id, resource_type, key_id = place
    await fetch_within(
        connection,
        _WRITE_VERSIONS,
        *owner,
        run_id,
        now,
        resource_type,
        key_id,
        [version.policy_id for version in versions],
        [version.version_number for version in versions],
        [version.version_hash for version in versions],
        [version.external_id for version in versions],
        [version.name for version in versions],
        [version.change for version in versions],
        [as_json(list(version.not_captured)) for version in versions],
    )


async def missing_policies(
    connection: AsyncConnection, tenant_id: UUID, resource_type: str, listed: Sequence[str]
) -> list[str]:
    """Return the ids of objects that exist as far as is known, but are not listed."""
    rows = await fetch_within(connection, _MISSING, tenant_id, resource_type, list(listed))
    return [row["external_id"] for row in rows]


async def existing_policies(
    connection: AsyncConnection, tenant_id: UUID, resource_type: str, object_ids: Sequence[str]
) -> set[str]:
    """Return those of `object_ids` that exist as far as is known."""
    rows = await fetch_within(connection, _EXISTING, tenant_id, resource_type, list(object_ids))
    return {row["external_id"] for row in rows}


async def count_policies(connection: AsyncConnection, tenant_id: UUID, resource_type: str) -> int:
    """Return how many objects exist as far as is known."""
    rows = await fetch_within(connection, _COUNT, tenant_id, resource_type)
    return int(rows[0]["known"])


async def write_tombstones(
    connection: AsyncConnection,
    place: tuple[UUID, str, UUID],
    object_ids: Sequence[str],
    now: datetime,
) -> None:
    """Mark objects deleted, with a version that says so; `place` is (tenant, type, run)."""
    if object_ids:
        await fetch_within(connection, _TOMBSTONES, *place, now, list(object_ids))


async def run_histories(
    connection: AsyncConnection, run_id: UUID, tenant_id: UUID, resource_type: str
) -> list[ObjectHistory]:
    """Return what the run changed of a type's objects."""
    rows = await fetch_within(connection, _HISTORIES, run_id, tenant_id, resource_type)
    return [ObjectHistory(**row) for row in rows]
