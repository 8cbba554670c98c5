"""Rows of imported sets: a set without a run, its manifests, and what equals it (decision 0005)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.manifests import Manifest
from storage.statements import fetch_within


class ImportedSet(NamedTuple):
    """A set to be written; nothing in it is complete, so it is `partial`."""

    id: UUID
    workspace_id: UUID
    tenant_id: UUID
    name: str
    sequence: int
    previous_set_id: UUID | None
    set_hash: str
    object_count: int
    captured_at: datetime


_INSERT: Final = """
INSERT INTO backup_sets (
    id, workspace_id, tenant_id, name, sequence, previous_set_id, set_hash, object_count,
    captured_at, origin, status
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'import', 'partial')
"""

_INSERT_MANIFEST: Final = """
INSERT INTO set_manifests (
    backup_set_id, resource_type, workspace_id, tenant_id, listing_complete, entry_count,
    manifest_hash
) VALUES ($1, $2, $3, $4, false, $5, $6)
"""

_EQUAL: Final = """
SELECT backup_sets.id FROM backup_sets
WHERE tenant_id = $1 AND origin = 'import' AND deleted_at IS NULL AND (
    SELECT array_agg(manifest_hash ORDER BY manifest_hash COLLATE "C")
    FROM set_manifests WHERE backup_set_id = backup_sets.id
) = $2::text[]
ORDER BY sequence DESC LIMIT 1
"""


async def insert_imported_set(
    connection: AsyncConnection, new: ImportedSet, manifests: Sequence[tuple[str, Manifest]]
) -> None:
    """Write a set with the manifests of its types; what they list has to be there."""
    await fetch_within(connection, _INSERT, *new)
    for resource_type, manifest in manifests:
        await fetch_within(
            connection,
            _INSERT_MANIFEST,
            new.id,
            resource_type,
            new.workspace_id,
            new.tenant_id,
            manifest.entry_count,
            manifest.hash,
        )


async def equal_import(
    connection: AsyncConnection, tenant_id: UUID, manifest_hashes: Sequence[str]
) -> UUID | None:
    """Return the newest imported set with exactly these manifests; a hash covers its type."""
    rows = await fetch_within(connection, _EQUAL, tenant_id, sorted(manifest_hashes))
    return UUID(str(rows[0]["id"])) if rows else None
