"""Rows of `manifests` and `manifest_chunks`, shared between sets (D9).

A manifest's row lists its chunks, which are compressed runs of entries.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

import zstandard
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.manifests import Manifest, chunk_hash
from storage.statements import Row, fetch_within

# Far above any chunk; more was not written by us.
LARGEST_PAYLOAD: Final = 64 * 1024 * 1024

# Looks for the chunks of a manifest that is known as well: one that was lost comes back. So does a
# list that was altered; every set of an unchanged type has the same one.
_PRESENT: Final = """
WITH listed AS (
    INSERT INTO manifests (tenant_id, manifest_hash, workspace_id, chunk_hashes)
    VALUES ($1, $3, $4, $2::bytea[]) ON CONFLICT DO NOTHING
), mended AS (
    UPDATE manifests SET chunk_hashes = $2
    WHERE tenant_id = $1 AND manifest_hash = $3 AND chunk_hashes <> $2
)
SELECT chunk_hash FROM manifest_chunks WHERE tenant_id = $1 AND chunk_hash = ANY($2::bytea[])
"""

_INSERT: Final = """
INSERT INTO manifest_chunks (tenant_id, workspace_id, chunk_hash, entry_count, entries)
SELECT $1, $2, new.chunk_hash, new.entry_count, new.entries
FROM unnest($3::bytea[], $4::int[], $5::bytea[]) AS new (chunk_hash, entry_count, entries)
ORDER BY new.chunk_hash
ON CONFLICT DO NOTHING
"""

_SELECT: Final = """
SELECT encode(chunk_hash, 'hex') AS chunk_hash, entries FROM manifest_chunks
WHERE tenant_id = $1 AND chunk_hash = ANY($2::bytea[])
"""


async def insert_manifest(
    connection: AsyncConnection, owner: tuple[UUID, UUID], manifest: Manifest
) -> None:
    """Insert a manifest and those of its chunks that are not there.

    `owner` is (workspace, tenant).
    """
    workspace_id, tenant_id = owner
    chunks = {bytes.fromhex(chunk.hash): chunk for chunk in manifest.chunks}
    present = await fetch_within(
        connection, _PRESENT, tenant_id, list(chunks), manifest.hash, workspace_id
    )
    new = {name: chunks[name] for name in chunks.keys() - {row["chunk_hash"] for row in present}}
    if not new:
        return
    await fetch_within(
        connection,
        _INSERT,
        tenant_id,
        workspace_id,
        list(new),
        [chunk.entry_count for chunk in new.values()],
        [zstandard.compress(chunk.payload) for chunk in new.values()],
    )


def chunk_names(hashes: Iterable[str]) -> list[bytes]:
    """Return hashes as they stand in the columns."""
    return [bytes.fromhex(each) for each in hashes]


def with_chunks_in_hex(rows: list[Row]) -> list[Row]:
    """Return rows with the column `chunk_hashes` of `manifests`, in hex; none where it is NULL."""
    return [
        {**row, "chunk_hashes": [each.hex() for each in row["chunk_hashes"] or ()]} for row in rows
    ]


async def select_payloads(
    connection: AsyncConnection, tenant_id: UUID, hashes: Sequence[str]
) -> dict[str, bytes]:
    """Return the payloads of these chunks, by hash; a missing or altered chunk is missing."""
    found = {}
    for row in await fetch_within(connection, _SELECT, tenant_id, chunk_names(hashes)):
        with suppress(zstandard.ZstdError):
            payload = zstandard.decompress(row["entries"], max_output_size=LARGEST_PAYLOAD)
            if chunk_hash(payload) == row["chunk_hash"]:
                found[row["chunk_hash"]] = payload
    return found
