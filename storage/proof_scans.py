"""Everything that a verification reads, row by row, as it is stored: nothing is decoded here.

All statements run in the caller's transaction, which is one snapshot (services.proofs).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.manifests import chunk_names, with_chunks_in_hex
from storage.statements import Row, fetch_within


class SealedContent(NamedTuple):
    """An encrypted document as it was found."""

    version_hash: str
    key_id: UUID
    body: bytes
    document_bytes: int
    canonical_rules: int


_MANIFESTS: Final = """
SELECT resource_type, listing_complete, entry_count, manifest_hash, workspace_id, tenant_id,
    manifests.chunk_hashes
FROM set_manifests LEFT JOIN manifests USING (tenant_id, workspace_id, manifest_hash)
WHERE backup_set_id = $1 ORDER BY resource_type
"""

# A certificate is shown also without the key that it names, and whoever it says it belongs to.
_CERTIFICATE: Final = """
SELECT certificate.*, signing_keys.public_key, signing_keys.wrapped_private_key,
    signing_keys.root_key_id
FROM set_certificates AS certificate
LEFT JOIN signing_keys ON signing_keys.id = certificate.signing_key_id
WHERE certificate.backup_set_id = $1
"""

_CHUNKS: Final = """
SELECT encode(chunk_hash, 'hex') AS chunk_hash, workspace_id, entry_count, entries
FROM manifest_chunks WHERE tenant_id = $1 AND chunk_hash = ANY($2::bytea[])
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

_HISTORIES: Final = """
SELECT page.*, versions.* FROM (
    SELECT id, workspace_id, resource_type, external_id, name, name_key_id, current_version_hash,
        version_count, first_seen_at, last_changed_at, deleted_at
    FROM policies WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3
) AS page
LEFT JOIN LATERAL (
    SELECT array_agg(version_number ORDER BY version_number) AS numbers,
        array_agg(version_hash ORDER BY version_number) AS hashes,
        array_agg(change ORDER BY version_number) AS changes,
        array_agg(captured_at ORDER BY version_number) AS moments,
        bool_and(tenant_id = $1 AND workspace_id = page.workspace_id) AS is_owned
    FROM policy_versions WHERE policy_id = page.id
) AS versions ON true
ORDER BY page.id
"""

_NOT_IN_HISTORY: Final = """
SELECT entry.object_id, entry.version_hash
FROM unnest($3::text[], $4::text[]) AS entry (object_id, version_hash)
WHERE NOT EXISTS (
    SELECT FROM policies JOIN policy_versions AS version ON version.policy_id = policies.id
    WHERE policies.tenant_id = $1 AND policies.resource_type = $2
        AND policies.external_id = entry.object_id AND version.version_hash = entry.version_hash
)
"""

_EVENTS: Final = """
SELECT source, event_id, external_id, resource_type, workspace_id, actor, key_id
FROM change_events WHERE tenant_id = $1 AND (source, event_id, external_id) > ($2, $3, $4)
ORDER BY source, event_id, external_id LIMIT $5
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
    return with_chunks_in_hex(await fetch_within(connection, _MANIFESTS, set_id))


async def stored_certificate(connection: AsyncConnection, set_id: UUID) -> Row | None:
    """Return the certificate of a set with its signing key, whose columns are None without one."""
    rows = await fetch_within(connection, _CERTIFICATE, set_id)
    return rows[0] if rows else None


async def stored_chunks(
    connection: AsyncConnection, tenant_id: UUID, hashes: Sequence[str]
) -> dict[str, Row]:
    """Return chunks by hash, compressed; a missing one is missing."""
    rows = await fetch_within(connection, _CHUNKS, tenant_id, chunk_names(hashes))
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


async def histories_after(
    connection: AsyncConnection, tenant_id: UUID, last: UUID, limit: int
) -> list[Row]:
    """Return the next objects by id, each with its versions as lists in their order."""
    return await fetch_within(connection, _HISTORIES, tenant_id, last, limit)


async def not_in_history(
    connection: AsyncConnection, place: tuple[UUID, str], entries: Sequence[tuple[str, str]]
) -> list[Row]:
    """Return those (object, version) that no version of the history is; `place`: tenant, type."""
    columns = ([name for name, _ in entries], [version for _, version in entries])
    return await fetch_within(connection, _NOT_IN_HISTORY, *place, *columns)


async def events_after(
    connection: AsyncConnection, tenant_id: UUID, last: tuple[str, str, str], limit: int
) -> list[Row]:
    """Return the next audit events; `last` is (source, event id, object id)."""
    return await fetch_within(connection, _EVENTS, tenant_id, *last, limit)
