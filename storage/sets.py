"""Rows of `backup_sets` and `set_manifests`: immutable sets in one chain for each tenant (D9)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.manifests import with_chunks_in_hex
from storage.statements import Row, fetch_within


class NewSet(NamedTuple):
    """A set to be written."""

    id: UUID
    workspace_id: UUID
    tenant_id: UUID
    operation_run_id: UUID
    backup_schedule_id: UUID | None
    name: str
    status: str
    sequence: int
    previous_set_id: UUID | None
    set_hash: str
    object_count: int
    captured_at: datetime
    scheduled_for: datetime | None


_RUN: Final = """
SELECT run.id, run.workspace_id, run.tenant_id, run.type, run.context,
    backup_schedules.id AS backup_schedule_id, backup_schedules.name AS schedule_name
FROM operation_runs AS run
LEFT JOIN backup_schedules ON backup_schedules.tenant_id = run.tenant_id
    AND backup_schedules.id::text = run.context ->> 'backup_schedule_id'
WHERE run.id = $1
"""

# Sets of one tenant are numbered one after the other. The lock lets foreign keys pass.
_LOCK_CHAIN: Final = "SELECT id FROM tenants WHERE id = $1 FOR NO KEY UPDATE"

_LAST: Final = """
SELECT id, sequence, set_hash FROM backup_sets WHERE tenant_id = $1
ORDER BY sequence DESC LIMIT 1
"""

_OF_RUN: Final = "SELECT id FROM backup_sets WHERE operation_run_id = $1"

_INSERT: Final = """
INSERT INTO backup_sets (
    id, workspace_id, tenant_id, operation_run_id, backup_schedule_id, name, status, sequence,
    previous_set_id, set_hash, object_count, captured_at, scheduled_for
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""

_INSERT_MANIFESTS: Final = """
INSERT INTO set_manifests (
    backup_set_id, resource_type, workspace_id, tenant_id, listing_complete, entry_count,
    manifest_hash
)
SELECT $1, resource_type, workspace_id, tenant_id, listing_complete, captured + unchanged,
    manifest_hash
FROM operation_run_results WHERE operation_run_id = $2 AND manifest_hash IS NOT NULL
"""

_LIST: Final = """
SELECT * FROM backup_sets
WHERE workspace_id = $1 AND tenant_id = $2 AND deleted_at IS NULL
    AND ($3::bigint IS NULL OR sequence < $3)
ORDER BY sequence DESC LIMIT $4
"""

_SHOW: Final = """
SELECT * FROM backup_sets
WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL
"""

_CHAIN: Final = """
SELECT * FROM backup_sets WHERE workspace_id = $1 AND tenant_id = $2
ORDER BY sequence
"""

_MANIFESTS: Final = """
SELECT manifest.resource_type, manifest.listing_complete, manifest.entry_count,
    manifest.manifest_hash, manifests.chunk_hashes,
    result.expected, result.captured, result.unchanged, result.skipped, result.failed,
    result.created, result.updated, result.deleted, result.not_captured, result.reason_code,
    result.reason_counts
FROM set_manifests AS manifest
JOIN backup_sets ON backup_sets.id = manifest.backup_set_id
LEFT JOIN manifests
    ON manifests.tenant_id = manifest.tenant_id AND manifests.manifest_hash = manifest.manifest_hash
LEFT JOIN operation_run_results AS result
    ON result.operation_run_id = backup_sets.operation_run_id
    AND result.resource_type = manifest.resource_type
WHERE manifest.backup_set_id = $1
ORDER BY manifest.resource_type
"""

# The certificate knows what failed, also when the run's rows are pruned.
_LAST_COMPLETE: Final = """
WITH newest AS (
    SELECT DISTINCT ON (manifest.resource_type) manifest.resource_type,
        manifest.entry_count AS object_count, backup_sets.id AS backup_set_id,
        backup_sets.sequence, backup_sets.captured_at
    FROM set_manifests AS manifest
    JOIN backup_sets ON backup_sets.id = manifest.backup_set_id
    WHERE manifest.workspace_id = $1 AND manifest.tenant_id = $2 AND manifest.listing_complete
        AND backup_sets.origin = 'backup' AND backup_sets.deleted_at IS NULL
    ORDER BY manifest.resource_type, backup_sets.sequence DESC
)
SELECT newest.*, (
    SELECT (entry ->> 'failed')::int FROM set_certificates AS certificate,
        jsonb_array_elements(certificate.document::jsonb -> 'types') AS entry
    WHERE certificate.backup_set_id = newest.backup_set_id
        AND entry ->> 'resource_type' = newest.resource_type
) AS failed
FROM newest ORDER BY resource_type
"""

_TYPES_OF_TENANT: Final = """
SELECT DISTINCT manifest.resource_type
FROM set_manifests AS manifest JOIN backup_sets ON backup_sets.id = manifest.backup_set_id
WHERE manifest.workspace_id = $1 AND manifest.tenant_id = $2
    AND backup_sets.origin = 'backup' AND backup_sets.deleted_at IS NULL
"""

_CHANGES_OF_RUN: Final = """
SELECT policies.resource_type, policies.external_id, policies.name, policies.name_key_id,
    version.change, version.version_number, version.version_hash, version.not_captured,
    before.version_hash AS version_before
FROM policy_versions AS version
JOIN policies ON policies.id = version.policy_id
LEFT JOIN policy_versions AS before
    ON before.policy_id = version.policy_id AND before.version_number = version.version_number - 1
WHERE version.operation_run_id = $1 AND version.workspace_id = $2
ORDER BY policies.resource_type, policies.external_id, version.version_number
"""

_NAMES: Final = """
SELECT external_id, name, name_key_id FROM policies
WHERE tenant_id = $1 AND resource_type = $2 AND external_id = ANY($3::text[])
"""

_VERSIONS: Final = """
SELECT version.version_number, version.version_hash, version.change, version.operation_run_id,
    version.not_captured, version.captured_at
FROM policy_versions AS version JOIN policies ON policies.id = version.policy_id
WHERE policies.workspace_id = $1 AND policies.tenant_id = $2 AND policies.resource_type = $3
    AND policies.external_id = $4
ORDER BY version.version_number
"""

# What is proven to have been deleted or to have come between two moments.
_PROVEN: Final = """
SELECT policies.external_id, bool_or(version.change = 'deleted') AS was_deleted,
    bool_or(version.change = 'created') AS was_created
FROM policy_versions AS version JOIN policies ON policies.id = version.policy_id
WHERE policies.tenant_id = $1 AND policies.resource_type = $2
    AND policies.external_id = ANY($3::text[])
    AND version.captured_at > $4 AND version.captured_at <= $5
GROUP BY policies.external_id
"""


# What changed in that time without anybody having changed it (D9).
_UNMADE: Final = """
SELECT policies.external_id
FROM policy_versions AS version JOIN policies ON policies.id = version.policy_id
WHERE policies.tenant_id = $1 AND policies.resource_type = $2
    AND policies.external_id = ANY($3::text[])
    AND version.captured_at > $4 AND version.captured_at <= $5
GROUP BY policies.external_id HAVING bool_and(version.change = 'schema_change')
"""


async def lock_chain(connection: AsyncConnection, tenant_id: UUID) -> Row | None:
    """Lock the tenant's chain of sets and return its last one."""
    await fetch_within(connection, _LOCK_CHAIN, tenant_id)
    rows = await fetch_within(connection, _LAST, tenant_id)
    return rows[0] if rows else None


async def run_of_set(connection: AsyncConnection, run_id: UUID) -> Row | None:
    """Return the run with the name of its schedule."""
    rows = await fetch_within(connection, _RUN, run_id)
    return rows[0] if rows else None


async def set_of_run(connection: AsyncConnection, run_id: UUID) -> UUID | None:
    """Return the id of the set that a run made."""
    rows = await fetch_within(connection, _OF_RUN, run_id)
    return rows[0]["id"] if rows else None


async def insert_set(connection: AsyncConnection, new: NewSet) -> None:
    """Write a set with the manifests of its run's results."""
    await fetch_within(connection, _INSERT, *new)
    await fetch_within(connection, _INSERT_MANIFESTS, new.id, new.operation_run_id)


async def list_sets(
    connection: AsyncConnection, owner: tuple[UUID, UUID], before: int | None, limit: int
) -> list[Row]:
    """Return sets, newest first, below sequence `before`; `owner` is (workspace, tenant)."""
    return await fetch_within(connection, _LIST, *owner, before, limit)


async def show_set(connection: AsyncConnection, workspace_id: UUID, set_id: UUID) -> Row | None:
    """Return one set of the workspace."""
    rows = await fetch_within(connection, _SHOW, workspace_id, set_id)
    return rows[0] if rows else None


async def chain_of(connection: AsyncConnection, owner: tuple[UUID, UUID]) -> list[Row]:
    """Return all sets of a tenant in order, deleted ones too: the chain goes through them."""
    return await fetch_within(connection, _CHAIN, *owner)


async def manifests_of(connection: AsyncConnection, set_id: UUID) -> list[Row]:
    """Return the types of a set, with the counts of its run while they are kept."""
    return with_chunks_in_hex(await fetch_within(connection, _MANIFESTS, set_id))


async def last_complete(connection: AsyncConnection, owner: tuple[UUID, UUID]) -> list[Row]:
    """Return for each type the newest set with a complete listing; `owner` (workspace, tenant)."""
    return await fetch_within(connection, _LAST_COMPLETE, *owner)


async def types_of_tenant(connection: AsyncConnection, owner: tuple[UUID, UUID]) -> set[str]:
    """Return the types that the backups of a tenant have read, to their end or not."""
    return {
        row["resource_type"] for row in await fetch_within(connection, _TYPES_OF_TENANT, *owner)
    }


async def changes_of_run(
    connection: AsyncConnection, workspace_id: UUID, run_id: UUID
) -> list[Row]:
    """Return the versions that a run wrote."""
    return await fetch_within(connection, _CHANGES_OF_RUN, run_id, workspace_id)


async def names_of(
    connection: AsyncConnection, tenant_id: UUID, resource_type: str, object_ids: Sequence[str]
) -> list[Row]:
    """Return the encrypted names of objects."""
    return await fetch_within(connection, _NAMES, tenant_id, resource_type, list(object_ids))


async def versions_of(connection: AsyncConnection, *place: Any) -> list[Row]:
    """Return the versions of an object; `place` is workspace, tenant, type, object id."""
    return await fetch_within(connection, _VERSIONS, *place)


async def proven_between(
    connection: AsyncConnection,
    place: tuple[UUID, str],
    object_ids: Sequence[str],
    window: tuple[datetime, datetime],
) -> list[Row]:
    """Return for each object whether it was deleted or created in the window (after, until]."""
    return await fetch_within(connection, _PROVEN, *place, list(object_ids), *window)


async def unmade_between(
    connection: AsyncConnection,
    place: tuple[UUID, str],
    object_ids: Sequence[str],
    window: tuple[datetime, datetime],
) -> set[str]:
    """Return the objects that got versions of a schema change and no others in the window."""
    rows = await fetch_within(connection, _UNMADE, *place, list(object_ids), *window)
    return {row["external_id"] for row in rows}
