"""Rows of `change_events` and `change_event_sources`: who changed what, and read until when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.statements import Row, fetch_within


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
    """Insert the events that are not there; `owner` is (workspace, tenant)."""
    if events:
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
