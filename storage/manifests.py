"""Rows of `manifest_chunks`: compressed runs of manifest entries, shared between sets (D9)."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import zstandard
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.manifests import ManifestChunk
from storage.statements import fetch_within

# Chunks hold at most a thousand lines; more was not written by us.
LARGEST_PAYLOAD: Final = 64 * 1024 * 1024

_PRESENT: Final = """
SELECT chunk_hash FROM manifest_chunks WHERE tenant_id = $1 AND chunk_hash = ANY($2::text[])
"""

_INSERT: Final = """
INSERT INTO manifest_chunks (tenant_id, workspace_id, chunk_hash, entry_count, entries)
SELECT $1, $2, new.chunk_hash, new.entry_count, new.entries
FROM unnest($3::text[], $4::int[], $5::bytea[]) AS new (chunk_hash, entry_count, entries)
ORDER BY new.chunk_hash
ON CONFLICT DO NOTHING
"""

_SELECT: Final = """
SELECT chunk_hash, entries FROM manifest_chunks
WHERE tenant_id = $1 AND chunk_hash = ANY($2::text[])
"""


async def insert_chunks(
    connection: AsyncConnection, owner: tuple[UUID, UUID], chunks: Sequence[ManifestChunk]
) -> None:
    """Insert the chunks that are not there; `owner` is (workspace, tenant)."""
    workspace_id, tenant_id = owner
    hashes = [chunk.hash for chunk in chunks]
    present = await fetch_within(connection, _PRESENT, tenant_id, hashes)
    known = {row["chunk_hash"] for row in present}
    new = [chunk for chunk in chunks if chunk.hash not in known]
    if not new:
        return
    await fetch_within(
        connection,
        _INSERT,
        tenant_id,
        workspace_id,
        [chunk.hash for chunk in new],
        [chunk.entry_count for chunk in new],
        [zstandard.compress(chunk.payload) for chunk in new],
    )


async def select_payloads(
    connection: AsyncConnection, tenant_id: UUID, hashes: Sequence[str]
) -> dict[str, bytes]:
    """Return the payloads of these chunks, by hash; a missing chunk is missing."""
    rows = await fetch_within(connection, _SELECT, tenant_id, list(hashes))
    return {
        row["chunk_hash"]: zstandard.decompress(row["entries"], max_output_size=LARGEST_PAYLOAD)
        for row in rows
    }
