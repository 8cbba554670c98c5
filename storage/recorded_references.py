"""Rows that tell what a run has recorded of types that are still read, and what that refers to.

Statements only. By the versions of the run's steps: an object that has not been read yet may come
to refer to something else.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.statements import fetch_within

# The number of the page ends the key.
_STEPS: Final = """
SELECT step.entries
FROM operation_run_steps AS step
JOIN unnest($2::text[], $3::int[], $4::int[]) AS wanted (resource_type, epoch, page)
    ON wanted.resource_type = step.resource_type AND wanted.epoch = step.epoch
        AND wanted.page <= substring(step.step_key FROM '[0-9]+$')::int
WHERE step.operation_run_id = $1
"""

# Version by version, by the key of the table. Without fresh statistics, as in a first backup, the
# index by kind would be read whole for each: so the condition on `kind` must not offer it.
_OF_VERSIONS: Final = """
SELECT DISTINCT reference.external_id
FROM unnest($2::text[]) AS wanted (version_hash) CROSS JOIN LATERAL (
    SELECT id FROM contents WHERE tenant_id = $1 AND version_hash = wanted.version_hash OFFSET 0
) AS content CROSS JOIN LATERAL (
    SELECT external_id FROM content_references
    WHERE content_id = content.id AND (kind = $3) IS TRUE OFFSET 0
) AS reference
"""


async def steps_from(
    connection: AsyncConnection, run_id: UUID, places: Sequence[tuple[str, int, int]]
) -> list[bytes]:
    """Return the entries of a run's steps; a place is (resource type, epoch, first page)."""
    columns = [list(column) for column in zip(*places, strict=True)]
    return [row["entries"] for row in await fetch_within(connection, _STEPS, run_id, *columns)]


async def references_of(
    connection: AsyncConnection, tenant_id: UUID, kind: str, version_hashes: Sequence[str]
) -> set[str]:
    """Return the ids of a kind that these versions refer to."""
    rows = await fetch_within(connection, _OF_VERSIONS, tenant_id, list(version_hashes), kind)
    return {row["external_id"] for row in rows}
