"""Rows of `contents`: encrypted documents under (tenant, version hash), stored once (D9).

Bulk statements only; a body never passes here in the clear.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.statements import fetch_within


class ContentRow(NamedTuple):
    """One encrypted document."""

    version_hash: str
    body: bytes
    document_bytes: int
    # Version of the extraction whose references are written with it; 0: none are.
    references_version: int = 0


class StoredContent(NamedTuple):
    """An encrypted document as it was found."""

    version_hash: str
    key_id: UUID
    body: bytes
    canonical_rules: int


# Of a destroyed key nothing can be read again, so such a row is as good as absent. Sorted, so that
# two writers of the same documents wait for one another instead of deadlocking.
_INSERT: Final = """
INSERT INTO contents (
    tenant_id, version_hash, workspace_id, key_id, body, document_bytes, canonical_rules,
    created_at, references_version
)
SELECT $1, new.version_hash, $2, $3, new.body, new.document_bytes, $8, $9, new.references_version
FROM unnest($4::text[], $5::bytea[], $6::int[], $7::smallint[])
    AS new (version_hash, body, document_bytes, references_version)
ORDER BY new.version_hash
ON CONFLICT (tenant_id, version_hash) DO UPDATE SET
    key_id = excluded.key_id, body = excluded.body, document_bytes = excluded.document_bytes,
    canonical_rules = excluded.canonical_rules, created_at = excluded.created_at,
    references_version = excluded.references_version
WHERE EXISTS (
    SELECT FROM tenant_keys WHERE id = contents.key_id AND destroyed_at IS NOT NULL
)
"""

_READABLE: Final = """
SELECT version_hash, references_version FROM contents
WHERE tenant_id = $1 AND key_id = ANY($2::uuid[]) AND version_hash = ANY($3::text[])
"""

_SELECT: Final = """
SELECT version_hash, key_id, body, canonical_rules FROM contents
WHERE tenant_id = $1 AND workspace_id = $2 AND version_hash = ANY($3::text[])
"""


async def insert_contents(
    connection: AsyncConnection,
    owner: tuple[UUID, UUID],
    key_id: UUID,
    contents: Sequence[ContentRow],
    stamp: tuple[int, datetime],
) -> None:
    """Insert documents that are not there; `owner` is (workspace, tenant), `stamp` (rules, now).

    The caller holds their key (`hold_key`).
    """
    if not contents:
        return
    workspace_id, tenant_id = owner
    await fetch_within(
        connection,
        _INSERT,
        tenant_id,
        workspace_id,
        key_id,
        [row.version_hash for row in contents],
        [row.body for row in contents],
        [row.document_bytes for row in contents],
        [row.references_version for row in contents],
        *stamp,
    )


async def readable_hashes(
    connection: AsyncConnection, tenant_id: UUID, key_ids: Sequence[UUID], hashes: Sequence[str]
) -> dict[str, int]:
    """Return which are stored under one of these keys, with their references' version."""
    found = await fetch_within(connection, _READABLE, tenant_id, list(key_ids), list(hashes))
    return {row["version_hash"]: row["references_version"] for row in found}


async def select_contents(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID, hashes: Sequence[str]
) -> list[StoredContent]:
    """Return the stored documents of these versions."""
    found = await fetch_within(connection, _SELECT, tenant_id, workspace_id, list(hashes))
    return [StoredContent(**row) for row in found]
