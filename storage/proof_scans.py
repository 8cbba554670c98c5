"""Everything that a verification reads, row by row, as it is stored: nothing is decoded here.

All statements run in the caller's transaction, which is one snapshot (services.proofs).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.statements import Row, fetch_within


class SealedContent(NamedTuple):
    """An encrypted document as it was found."""

    version_hash: str
    key_id: UUID
    body: bytes
    document_bytes: int
    canonical_rules: int


_MANIFESTS: Final = """
SELECT resource_type, listing_complete, entry_count, manifest_hash, chunk_hashes
FROM set_manifests WHERE backup_set_id = $1 ORDER BY resource_type
"""

_CHUNKS: Final = """
SELECT chunk_hash, entry_count, entries FROM manifest_chunks
WHERE tenant_id = $1 AND chunk_hash = ANY($2::text[])
"""

_SIZES: Final = """
SELECT version_hash, octet_length(body) AS size FROM contents
WHERE tenant_id = $1 AND workspace_id = $2 AND version_hash = ANY($3::text[])
"""

_SCAN: Final = """
SELECT version_hash, octet_length(body) AS size FROM contents
WHERE tenant_id = $1 AND workspace_id = $2 AND version_hash > $3
ORDER BY version_hash LIMIT $4
"""

_CONTENTS: Final = """
SELECT version_hash, key_id, body, document_bytes, canonical_rules FROM contents
WHERE tenant_id = $1 AND workspace_id = $2 AND version_hash = ANY($3::text[])
"""

_COUNT: Final = """
SELECT count(*) AS number FROM contents WHERE tenant_id = $1 AND workspace_id = $2
"""

_WITHOUT_CONTENT: Final = """
SELECT DISTINCT policies.resource_type, policies.external_id, version.version_hash
FROM policies JOIN policy_versions AS version ON version.policy_id = policies.id
LEFT JOIN contents ON contents.tenant_id = policies.tenant_id
    AND contents.version_hash = version.version_hash
WHERE policies.tenant_id = $1 AND policies.workspace_id = $2
    AND version.version_hash IS NOT NULL AND contents.version_hash IS NULL
"""

_OBJECTS_OF: Final = """
SELECT DISTINCT policies.resource_type, policies.external_id, version.version_hash
FROM policies JOIN policy_versions AS version ON version.policy_id = policies.id
WHERE policies.tenant_id = $1 AND version.version_hash = ANY($2::text[])
"""


@asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that reads one state of the database, whatever is written meanwhile."""
    async with engine.connect() as connection:
        await connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        yield connection


async def stored_manifests(connection: AsyncConnection, set_id: UUID) -> list[Row]:
    """Return the manifests of a set by resource type."""
    return await fetch_within(connection, _MANIFESTS, set_id)


async def stored_chunks(
    connection: AsyncConnection, tenant_id: UUID, hashes: Sequence[str]
) -> dict[str, Row]:
    """Return chunks by hash, compressed; a missing one is missing."""
    rows = await fetch_within(connection, _CHUNKS, tenant_id, list(hashes))
    return {row["chunk_hash"]: row for row in rows}


async def content_sizes(
    connection: AsyncConnection, owner: tuple[UUID, UUID], hashes: Sequence[str]
) -> dict[str, int]:
    """Return the stored bytes of documents by hash; `owner` is (workspace, tenant)."""
    workspace_id, tenant_id = owner
    rows = await fetch_within(connection, _SIZES, tenant_id, workspace_id, list(hashes))
    return {row["version_hash"]: row["size"] for row in rows}


async def content_sizes_after(
    connection: AsyncConnection, owner: tuple[UUID, UUID], last: str, limit: int
) -> dict[str, int]:
    """Return the next documents of a tenant in the order of their hashes, with stored bytes."""
    workspace_id, tenant_id = owner
    rows = await fetch_within(connection, _SCAN, tenant_id, workspace_id, last, limit)
    return {row["version_hash"]: row["size"] for row in rows}


async def sealed_contents(
    connection: AsyncConnection, owner: tuple[UUID, UUID], hashes: Sequence[str]
) -> list[SealedContent]:
    """Return encrypted documents."""
    workspace_id, tenant_id = owner
    rows = await fetch_within(connection, _CONTENTS, tenant_id, workspace_id, list(hashes))
    return [SealedContent(**row) for row in rows]


async def count_contents(connection: AsyncConnection, owner: tuple[UUID, UUID]) -> int:
    """Return how many documents a tenant has."""
    workspace_id, tenant_id = owner
    rows = await fetch_within(connection, _COUNT, tenant_id, workspace_id)
    return int(rows[0]["number"])


async def versions_without_content(
    connection: AsyncConnection, owner: tuple[UUID, UUID]
) -> list[Row]:
    """Return type, object and hash of each version in the history whose document is missing."""
    workspace_id, tenant_id = owner
    return await fetch_within(connection, _WITHOUT_CONTENT, tenant_id, workspace_id)


async def objects_of_versions(
    connection: AsyncConnection, tenant_id: UUID, hashes: Sequence[str]
) -> list[Row]:
    """Return type, object and hash of versions; reads the whole history, so for few and seldom."""
    return await fetch_within(connection, _OBJECTS_OF, tenant_id, list(hashes))
