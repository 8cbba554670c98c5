"""Rows of `content_references`: what the stored documents refer to (decision 0005).

Statements only, in bulk. What the tenant refers to now follows from the latest versions of its
objects, so it covers types that could not be read this time as well.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.statements import Row, fetch_within


class ContentReference(NamedTuple):
    """One reference of one version."""

    version_hash: str
    kind: str
    external_id: str


# A newer extraction may find less than the one before it.
_OUTDATE: Final = """
DELETE FROM content_references USING contents
WHERE contents.tenant_id = $1 AND contents.version_hash = ANY($2::text[])
    AND content_references.tenant_id = $1 AND content_references.content_id = contents.id
"""

_MARK: Final = """
UPDATE contents SET references_version = $3
WHERE tenant_id = $1 AND version_hash = ANY($2::text[]) AND references_version < $3
"""

# Sorted, so that two writers of the same versions wait for one another instead of deadlocking. A
# version that is not stored leaves `content_id` NULL, which PostgreSQL refuses.
_INSERT: Final = """
INSERT INTO content_references (tenant_id, content_id, kind, external_id)
SELECT $1, content.id, new.kind, new.external_id
FROM unnest($2::text[], $3::text[], $4::text[]) AS new (version_hash, kind, external_id)
LEFT JOIN LATERAL (
    SELECT id FROM contents WHERE tenant_id = $1 AND version_hash = new.version_hash OFFSET 0
) AS content ON true
ORDER BY new.version_hash, new.kind, new.external_id
ON CONFLICT DO NOTHING
"""

# Object by object, each looked up by the key of its content. Without fresh statistics, as in a
# first backup, any other plan goes through all objects anew for every reference: so the condition
# on `kind` may offer no other index (IS TRUE), and OFFSET keeps the order.
_REFERENCED: Final = """
SELECT DISTINCT reference.external_id
FROM policies CROSS JOIN LATERAL (
    SELECT id FROM contents
    WHERE tenant_id = $1 AND version_hash = policies.current_version_hash OFFSET 0
) AS content CROSS JOIN LATERAL (
    SELECT external_id FROM content_references
    WHERE content_id = content.id AND (kind = $2) IS TRUE OFFSET 0
) AS reference
WHERE policies.tenant_id = $1 AND policies.deleted_at IS NULL
    AND ($3::text[] IS NULL OR policies.resource_type = ANY($3))
"""

_REFERRERS: Final = """
SELECT policies.resource_type, policies.external_id, policies.name, policies.name_key_id
FROM content_references AS reference
JOIN contents ON contents.tenant_id = reference.tenant_id AND contents.id = reference.content_id
JOIN policies ON policies.tenant_id = reference.tenant_id
    AND policies.current_version_hash = contents.version_hash
WHERE policies.workspace_id = $1 AND reference.tenant_id = $2 AND reference.kind = $3
    AND reference.external_id = $4 AND policies.deleted_at IS NULL
ORDER BY policies.resource_type, policies.external_id
"""

_LATEST: Final = """
SELECT DISTINCT ON (policies.id) policies.external_id, version.change, version.not_captured
FROM policies JOIN policy_versions AS version ON version.policy_id = policies.id
WHERE policies.tenant_id = $1 AND policies.resource_type = $2
    AND policies.external_id = ANY($3::text[]) AND version.captured_at <= $4
ORDER BY policies.id, version.version_number DESC
"""


async def write_references(
    connection: AsyncConnection,
    tenant_id: UUID,
    references_version: int,
    outdated: Sequence[str],
    references: Sequence[ContentReference],
) -> None:
    """Write what versions refer to.

    `outdated` are versions that an older extraction wrote, or none: theirs are replaced. The other
    versions are new and say themselves which extraction wrote them.
    """
    if outdated:
        await fetch_within(connection, _OUTDATE, tenant_id, list(outdated))
        await fetch_within(connection, _MARK, tenant_id, list(outdated), references_version)
    if references:
        await fetch_within(
            connection,
            _INSERT,
            tenant_id,
            [entry.version_hash for entry in references],
            [entry.kind for entry in references],
            [entry.external_id for entry in references],
        )


async def referenced_ids(
    connection: AsyncConnection, tenant_id: UUID, kind: str, of_types: Sequence[str] | None = None
) -> list[str]:
    """Return the ids of a kind that the tenant's objects refer to, as last known; sorted.

    `of_types`: only what objects of these types refer to.
    """
    types = None if of_types is None else list(of_types)
    rows = await fetch_within(connection, _REFERENCED, tenant_id, kind, types)
    return sorted(row["external_id"] for row in rows)


async def select_referrers(
    connection: AsyncConnection, owner: tuple[UUID, UUID], kind: str, external_id: str
) -> list[Row]:
    """Return the objects whose latest version refers to something.

    `owner` is (workspace, tenant).
    """
    return await fetch_within(connection, _REFERRERS, *owner, kind, external_id)


async def deleted_until(
    connection: AsyncConnection, place: tuple[UUID, str], object_ids: Sequence[str], until: datetime
) -> set[str]:
    """Return the objects that counted as deleted at a moment; `place` is (tenant, type)."""
    rows = await fetch_within(connection, _LATEST, *place, list(object_ids), until)
    return {row["external_id"] for row in rows if row["change"] == "deleted"}


async def select_not_captured(
    connection: AsyncConnection, place: tuple[UUID, str], until: datetime, object_ids: Sequence[str]
) -> dict[str, Sequence[str]]:
    """Return where values of objects were withheld at a moment, for those that lack some."""
    rows = await fetch_within(connection, _LATEST, *place, list(object_ids), until)
    return {row["external_id"]: row["not_captured"] for row in rows if row["not_captured"]}
