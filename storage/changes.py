"""Rows of `change_events` and `change_event_sources`: who changed what, and read until when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.manifests import with_chunks_in_hex
from storage.statements import Row, fetch_within
from storage.tenant_keys import hold_key


class NewChangeEvent(NamedTuple):
    """One object of one event; the actor is sealed."""

    source: str
    event_id: str
    external_id: str
    resource_type: str
    operation: str
    happened_at: datetime
    actor: bytes
    key_id: UUID


# An event is stored once, however often it is read.
_INSERT: Final = """
INSERT INTO change_events (
    tenant_id, workspace_id, source, event_id, external_id, resource_type, operation, happened_at,
    actor, key_id
)
SELECT $1, $2, * FROM unnest(
    $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::bytea[],
    $10::uuid[]
)
ON CONFLICT DO NOTHING
"""

_SOURCES: Final = """
SELECT source, read_until, reason_code FROM change_event_sources
WHERE workspace_id = $1 AND tenant_id = $2
"""

_ADVANCE: Final = """
INSERT INTO change_event_sources (tenant_id, workspace_id, source, read_until, updated_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, source) DO UPDATE SET
    read_until = greatest(change_event_sources.read_until, excluded.read_until),
    reason_code = NULL, updated_at = excluded.updated_at
"""

_STOP: Final = """
INSERT INTO change_event_sources (tenant_id, workspace_id, source, reason_code, updated_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, source) DO UPDATE SET
    reason_code = excluded.reason_code, updated_at = excluded.updated_at
"""

_NEWEST_SET: Final = """
SELECT max(captured_at) AS captured_at FROM backup_sets
WHERE tenant_id = $1 AND origin = 'backup'
"""

# Audit events may name an object by the GUID inside its id alone (T_GUID, GUID_Kind).
_OBJECTS: Final = """
SELECT external_id, resource_type FROM policies
WHERE tenant_id = $1 AND (
    lower(external_id) = ANY($2::text[])
    OR lower(split_part(external_id, '_', 1)) = ANY($2::text[])
    OR (external_id LIKE 'T\\_%' AND lower(substr(external_id, 3)) = ANY($2::text[]))
)
"""

_EVENTS_OF: Final = """
SELECT source, event_id, external_id, resource_type, operation, happened_at, actor, key_id
FROM change_events
WHERE workspace_id = $1 AND tenant_id = $2 AND external_id = ANY($3::text[])
    AND happened_at > $4 AND happened_at <= $5
ORDER BY happened_at, event_id
"""

_EVENTS_BETWEEN: Final = """
SELECT source, event_id, external_id, resource_type, operation, happened_at, actor, key_id
FROM change_events
WHERE workspace_id = $1 AND tenant_id = $2 AND happened_at > $3 AND happened_at <= $4
ORDER BY external_id, happened_at, event_id
"""


async def insert_events(
    connection: AsyncConnection, owner: tuple[UUID, UUID], events: Sequence[NewChangeEvent]
) -> None:
    """Insert the events that are not there; `owner` is (workspace, tenant).

    Raises DestroyedKeyError when the key of their actors is gone: read them again.
    """
    if events:
        for key_id in {event.key_id for event in events}:
            await hold_key(connection, key_id)
        workspace_id, tenant_id = owner
        columns = [list(column) for column in zip(*events, strict=True)]
        await fetch_within(connection, _INSERT, tenant_id, workspace_id, *columns)


async def sources_of(connection: AsyncConnection, owner: tuple[UUID, UUID]) -> list[Row]:
    """Return how far each source was read."""
    return await fetch_within(connection, _SOURCES, *owner)


async def advance_source(
    connection: AsyncConnection,
    owner: tuple[UUID, UUID],
    source: str,
    read_until: datetime,
    now: datetime,
) -> None:
    """Note that everything up to a moment is stored; it never goes back."""
    workspace_id, tenant_id = owner
    await fetch_within(connection, _ADVANCE, tenant_id, workspace_id, source, read_until, now)


async def stop_source(
    connection: AsyncConnection,
    owner: tuple[UUID, UUID],
    source: str,
    reason_code: str,
    now: datetime,
) -> None:
    """Note why nothing more was read; until when it was stays."""
    workspace_id, tenant_id = owner
    await fetch_within(connection, _STOP, tenant_id, workspace_id, source, reason_code, now)


async def newest_capture(connection: AsyncConnection, tenant_id: UUID) -> datetime | None:
    """Return when the tenant's newest backup set was captured."""
    rows = await fetch_within(connection, _NEWEST_SET, tenant_id)
    moment: datetime | None = rows[0]["captured_at"]
    return moment


async def objects_named(
    connection: AsyncConnection, tenant_id: UUID, names: Sequence[str]
) -> list[Row]:
    """Return the known objects whose id is, or holds, one of these ids in lower case."""
    return await fetch_within(connection, _OBJECTS, tenant_id, list(names))


async def events_of(
    connection: AsyncConnection,
    owner: tuple[UUID, UUID],
    object_ids: Sequence[str],
    window: tuple[datetime, datetime],
) -> list[Row]:
    """Return the events of objects in the window (after, until], oldest first."""
    return await fetch_within(connection, _EVENTS_OF, *owner, list(object_ids), *window)


async def events_between(
    connection: AsyncConnection, owner: tuple[UUID, UUID], window: tuple[datetime, datetime]
) -> list[Row]:
    """Return all events of a tenant in the window (after, until], by object."""
    return await fetch_within(connection, _EVENTS_BETWEEN, *owner, *window)


# The newest set before a place in the chain that read each type whole: reading began then. Runs are
# pruned before sets; what began is then not known, and the end stands for it.
_LAST_READINGS: Final = """
SELECT manifest.resource_type, max(coalesce(run.started_at, sets.captured_at)) AS began_at,
    max(sets.captured_at) AS captured_at
FROM backup_sets AS sets
JOIN set_manifests AS manifest ON manifest.backup_set_id = sets.id AND manifest.listing_complete
LEFT JOIN operation_runs AS run ON run.id = sets.operation_run_id
WHERE sets.workspace_id = $1 AND sets.tenant_id = $2 AND sets.origin = 'backup'
    AND sets.sequence < $3
GROUP BY manifest.resource_type
"""

_READINGS_OF_SET: Final = """
SELECT manifest.resource_type, manifest.listing_complete,
    coalesce(run.started_at, sets.captured_at) AS began_at, sets.captured_at
FROM backup_sets AS sets
JOIN set_manifests AS manifest ON manifest.backup_set_id = sets.id
LEFT JOIN operation_runs AS run ON run.id = sets.operation_run_id
WHERE sets.workspace_id = $1 AND sets.id = $2
"""

_SET_OF_RUN: Final = """
SELECT id, tenant_id, sequence FROM backup_sets WHERE workspace_id = $1 AND operation_run_id = $2
"""

# What each object was at two moments: its versions of then, and when they were captured.
_AT_TWO_MOMENTS: Final = """
SELECT policy.resource_type, policy.external_id, policy.name, policy.name_key_id,
    before.version_hash AS version_before, before.captured_at AS captured_before,
    after.version_hash AS version_after, after.captured_at AS captured_after
FROM unnest($3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
    AS wanted (resource_type, external_id, older, newer)
JOIN policies AS policy ON policy.workspace_id = $1 AND policy.tenant_id = $2
    AND policy.resource_type = wanted.resource_type AND policy.external_id = wanted.external_id
LEFT JOIN LATERAL (
    SELECT version_hash, captured_at FROM policy_versions
    WHERE policy_id = policy.id AND captured_at <= wanted.older
    ORDER BY version_number DESC LIMIT 1
) AS before ON true
LEFT JOIN LATERAL (
    SELECT version_hash, captured_at FROM policy_versions
    WHERE policy_id = policy.id AND captured_at <= wanted.newer
    ORDER BY version_number DESC LIMIT 1
) AS after ON true
"""

# Objects that were something else in between, whatever they are now.
_TOUCHED_BETWEEN: Final = """
SELECT DISTINCT policies.resource_type, policies.external_id
FROM policy_versions AS version JOIN policies ON policies.id = version.policy_id
WHERE version.workspace_id = $1 AND version.tenant_id = $2
    AND version.captured_at > $3 AND version.captured_at <= $4
    AND version.change <> 'schema_change'
"""


async def last_readings(
    connection: AsyncConnection, owner: tuple[UUID, UUID], before: int
) -> list[Row]:
    """Return when each type was last read whole, in the sets below a place in the chain."""
    return await fetch_within(connection, _LAST_READINGS, *owner, before)


async def readings_of_set(
    connection: AsyncConnection, workspace_id: UUID, set_id: UUID
) -> list[Row]:
    """Return when the types of a set were read, and which of them whole."""
    return await fetch_within(connection, _READINGS_OF_SET, workspace_id, set_id)


async def set_made_by(connection: AsyncConnection, workspace_id: UUID, run_id: UUID) -> Row | None:
    """Return the set of a run."""
    rows = await fetch_within(connection, _SET_OF_RUN, workspace_id, run_id)
    return rows[0] if rows else None


async def objects_at_two_moments(
    connection: AsyncConnection,
    owner: tuple[UUID, UUID],
    wanted: Sequence[tuple[str, str, datetime, datetime]],
) -> list[Row]:
    """Return what objects were then and then; `wanted` is type, object id, older, newer."""
    columns = [list(column) for column in zip(*wanted, strict=True)] or [[], [], [], []]
    return await fetch_within(connection, _AT_TWO_MOMENTS, *owner, *columns)


async def touched_between(
    connection: AsyncConnection, owner: tuple[UUID, UUID], window: tuple[datetime, datetime]
) -> list[Row]:
    """Return the objects that got a version in the window (after, until] that somebody made."""
    return await fetch_within(connection, _TOUCHED_BETWEEN, *owner, *window)


_SETS_OF_TYPE: Final = """
SELECT sets.id, sets.sequence, sets.name, sets.captured_at, sets.operation_run_id,
    coalesce(run.started_at, sets.captured_at) AS began_at,
    manifests.chunk_hashes, manifest.listing_complete
FROM backup_sets AS sets
JOIN set_manifests AS manifest
    ON manifest.backup_set_id = sets.id AND manifest.resource_type = $3
LEFT JOIN manifests
    ON manifests.tenant_id = manifest.tenant_id AND manifests.manifest_hash = manifest.manifest_hash
LEFT JOIN operation_runs AS run ON run.id = sets.operation_run_id
WHERE sets.workspace_id = $1 AND sets.tenant_id = $2 AND sets.origin = 'backup'
    AND sets.deleted_at IS NULL
ORDER BY sets.sequence
"""

_NAMED: Final = """
SELECT external_id, name, name_key_id, deleted_at FROM policies
WHERE workspace_id = $1 AND tenant_id = $2 AND resource_type = $3 AND external_id > $4
ORDER BY external_id LIMIT $5
"""


async def sets_of_type(
    connection: AsyncConnection, owner: tuple[UUID, UUID], resource_type: str
) -> list[Row]:
    """Return the sets that hold a type, in the order of their chain."""
    rows = await fetch_within(connection, _SETS_OF_TYPE, *owner, resource_type)
    return with_chunks_in_hex(rows)


async def objects_after(
    connection: AsyncConnection,
    owner: tuple[UUID, UUID],
    resource_type: str,
    after: str,
    limit: int,
) -> list[Row]:
    """Return one page of the known objects of a type, by id, with their encrypted names."""
    return await fetch_within(connection, _NAMED, *owner, resource_type, after, limit)


_NOT_CAPTURED: Final = """
SELECT version_hash, not_captured FROM policy_versions
WHERE tenant_id = $1 AND version_hash = ANY($2::text[]) AND not_captured <> '[]'
"""


async def not_captured_in(
    connection: AsyncConnection, tenant_id: UUID, hashes: Sequence[str]
) -> list[Row]:
    """Return the places that Graph kept to itself in these versions, where there are any."""
    return await fetch_within(connection, _NOT_CAPTURED, tenant_id, list(hashes))
