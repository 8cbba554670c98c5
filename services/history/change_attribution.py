"""Who made the changes between two readings of a tenant, and what was changed and changed back.

An event belongs to an object's change when it happened after the object was last read unchanged and
before its new version was captured. Reading a type takes a while, so the window opens when the
earlier reading began, and closes for unchanged objects when the later one began: what happens
during a reading is seen by the next at the latest. Times are Graph's for events and ours for
versions; clocks that differ by more than a reading takes attribute a change to nobody.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.audit_events import ActorKind, EventActor, EventOperation, EventSource, source_of
from services.contents.tenant_keys import SealedDataError, TenantCipher, TenantKeys
from services.history.change_events import actor_context
from services.sets.backup_sets import open_name
from storage import changes as rows
from storage.statements import Row

ObjectKey = tuple[str, str]  # resource type, object id

# Why nobody is named, where it is no reason code of the catalog.
NO_EVENT = "no_event"  # the events of that time were read, and none names the object
NOT_READ = "not_read"  # the events of that time were not read (yet)
FIRST_BACKUP = "first_backup"  # nothing is known from before


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """One event; `actor` is None when its key does not live any more, or it was altered."""

    happened_at: datetime
    operation: EventOperation
    source: EventSource
    actor: EventActor | None


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who changed an object: events, oldest first, or why there are none."""

    events: Sequence[ChangeEvent] = ()
    unknown_because: str | None = None


@dataclass(frozen=True, slots=True)
class RevertedObject:
    """An object that is at the end what it was at the beginning, and was touched in between.

    `came_and_went`: it was created and deleted, and is in neither set.
    """

    resource_type: str
    object_id: str
    name: str | None
    came_and_went: bool
    events: Sequence[ChangeEvent]


@dataclass(frozen=True, slots=True)
class Authorship:
    """Who did what between two readings. `sources`: why a source was not read to the end."""

    by_object: Mapping[ObjectKey, Attribution]
    reverted: Sequence[RevertedObject]
    sources: Mapping[EventSource, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """When a type was read: its beginning, and the moment its set was captured."""

    began_at: datetime
    captured_at: datetime


@dataclass(frozen=True, slots=True)
class _Span:
    """From one reading of each type to another; `newer` has the types that were read whole."""

    older: Mapping[str, Reading]
    newer: Mapping[str, Reading]

    def edges(self) -> tuple[datetime, datetime] | None:
        shared = [key for key in self.newer if key in self.older]
        if not shared:
            return None
        return (
            min(self.older[key].began_at for key in shared),
            max(self.newer[key].captured_at for key in shared),
        )


@dataclass(frozen=True, slots=True)
class _States:
    """How far each source was read."""

    rows: Mapping[str, Row]

    def attribution(
        self, resource_type: str, events: Sequence[ChangeEvent], until: datetime
    ) -> Attribution:
        if events:
            return Attribution(events)
        return Attribution((), self.gap(source_of(resource_type), until) or NO_EVENT)

    def gap(self, source: EventSource, until: datetime) -> str | None:
        """Return why the events up to a moment are not all there."""
        row = self.rows.get(source.value)
        if row is None:
            return NOT_READ
        if row["read_until"] is not None and row["read_until"] >= until:
            return None
        return row["reason_code"] or NOT_READ


class ChangeAttribution:
    """Joins events to changes by time and object."""

    def __init__(self, *, engine: AsyncEngine, keys: TenantKeys) -> None:
        self._engine = engine
        self._keys = keys

    async def of_run(
        self, workspace_id: UUID, run_id: UUID, changed: Sequence[ObjectKey]
    ) -> Authorship:
        """Return who made the changes that a backup found, and what was changed back before it."""
        async with self._engine.begin() as connection:
            made = await rows.set_made_by(connection, workspace_id, run_id)
            if made is None:
                return _nobody(changed, NOT_READ)
            owner = (workspace_id, made["tenant_id"])
            before = await rows.last_readings(connection, owner, made["sequence"])
            after = await rows.readings_of_set(connection, workspace_id, made["id"])
            span = _Span(_readings(before), _readings(after))
            return await self._authorship(connection, owner, span, changed)

    async def between_sets(
        self,
        workspace_id: UUID,
        tenant_id: UUID,
        set_ids: tuple[UUID, UUID],
        changed: Sequence[ObjectKey],
    ) -> Authorship:
        """Return who made the changes between two sets, the older first.

        Objects that other backups saw changed in between, and that are the same again, are among
        the reverted ones even without an event.
        """
        async with self._engine.begin() as connection:
            before, after = [
                _readings(await rows.readings_of_set(connection, workspace_id, set_id))
                for set_id in set_ids
            ]
            return await self._authorship(
                connection, (workspace_id, tenant_id), _Span(before, after), changed
            )

    async def of_object(
        self,
        workspace_id: UUID,
        tenant_id: UUID,
        key: ObjectKey,
        windows: Sequence[tuple[datetime | None, datetime]],
    ) -> list[Attribution]:
        """Return who acted in each of some windows (after, until]; None is before everything."""
        owner = (workspace_id, tenant_id)
        async with self._engine.begin() as connection:
            states = await _states(connection, owner)
            starts = [after for after, _ in windows if after is not None]
            if not starts:
                return [Attribution((), FIRST_BACKUP) for _ in windows]
            edges = (min(starts), max(until for _, until in windows))
            cipher = await self._keys.cipher_within(connection, *owner)
            found = await rows.events_of(connection, owner, [key[1]], edges)
        events = [_event(cipher, tenant_id, row) for row in found if row["resource_type"] == key[0]]
        return [
            Attribution((), FIRST_BACKUP)
            if after is None
            else states.attribution(
                key[0], [event for event in events if after < event.happened_at <= until], until
            )
            for after, until in windows
        ]

    async def _authorship(
        self,
        connection: AsyncConnection,
        owner: tuple[UUID, UUID],
        span: _Span,
        changed: Sequence[ObjectKey],
    ) -> Authorship:
        edges = span.edges()
        if edges is None:
            return _nobody(changed, FIRST_BACKUP)
        cipher = await self._keys.cipher_within(connection, *owner)
        events: defaultdict[ObjectKey, list[ChangeEvent]] = defaultdict(list)
        for row in await rows.events_between(connection, owner, edges):
            key = (row["resource_type"], row["external_id"])
            events[key].append(_event(cipher, owner[1], row))
        captured = [span.older[key].captured_at for key in span.newer if key in span.older]
        touched = await rows.touched_between(connection, owner, (min(captured), edges[1]))
        touched_keys = {(row["resource_type"], row["external_id"]) for row in touched}
        keys = {key for key in {*changed, *events, *touched_keys} if key[0] in span.newer}
        objects = await _objects(connection, owner, span, keys)
        states = await _states(connection, owner)
        reverted = (
            _reverted(key, span, objects.get(key), events[key], was_touched=key in touched_keys)
            for key in sorted(keys - set(changed))
        )
        return Authorship(
            {key: _authors(key, span, objects.get(key), events[key], states) for key in changed},
            [_named(found, cipher, owner[1], objects) for found in reverted if found is not None],
            _gaps(states, span),
        )


def _gaps(states: _States, span: _Span) -> dict[EventSource, str]:
    sources = {source_of(key) for key in span.newer}
    until = max((reading.began_at for reading in span.newer.values()), default=None)
    if until is None:
        return {}
    gaps = {source: states.gap(source, until) for source in EventSource if source in sources}
    return {source: gap for source, gap in gaps.items() if gap is not None}


def _authors(
    key: ObjectKey,
    span: _Span,
    found: Row | None,
    events: Sequence[ChangeEvent],
    states: _States,
) -> Attribution:
    older, newer = span.older.get(key[0]), span.newer.get(key[0])
    if older is None or newer is None:
        return Attribution((), FIRST_BACKUP)
    after, until = older.began_at, newer.captured_at
    if found is not None:
        until = min(until, found["captured_after"] or until)
        after = max(after, found["captured_before"] or after)
    mine = [event for event in events if after < event.happened_at <= until]
    # What happened later than the reading began may be too new to be read.
    return states.attribution(key[0], mine, min(until, newer.began_at))


def _reverted(
    key: ObjectKey,
    span: _Span,
    found: Row | None,
    events: Sequence[ChangeEvent],
    *,
    was_touched: bool,
) -> RevertedObject | None:
    older, newer = span.older.get(key[0]), span.newer.get(key[0])
    if older is None or newer is None:
        return None
    before = found["version_before"] if found else None
    after = found["version_after"] if found else None
    if before != after:
        return None
    since = older.began_at
    if found is not None and found["captured_before"] is not None:
        since = max(since, found["captured_before"])
    mine = [event for event in events if since < event.happened_at <= newer.began_at]
    if before is None and not was_touched:
        # Never seen: only its end proves that it is not simply of a kind that nobody reads.
        if not any(event.operation is EventOperation.DELETE for event in mine):
            return None
    elif not mine and not was_touched:
        return None
    return RevertedObject(*key, None, before is None, mine)


def _named(
    reverted: RevertedObject,
    cipher: TenantCipher,
    tenant_id: UUID,
    objects: Mapping[ObjectKey, Row],
) -> RevertedObject:
    found = objects.get((reverted.resource_type, reverted.object_id))
    if found is None:
        return reverted
    return replace(reverted, name=open_name(cipher, tenant_id, reverted.resource_type, found))


async def _objects(
    connection: AsyncConnection, owner: tuple[UUID, UUID], span: _Span, keys: Iterable[ObjectKey]
) -> dict[ObjectKey, Row]:
    wanted = [
        (*key, span.older[key[0]].captured_at, span.newer[key[0]].captured_at)
        for key in sorted(keys)
        if key[0] in span.older
    ]
    found = await rows.objects_at_two_moments(connection, owner, wanted)
    return {(row["resource_type"], row["external_id"]): row for row in found}


async def _states(connection: AsyncConnection, owner: tuple[UUID, UUID]) -> _States:
    return _States({row["source"]: row for row in await rows.sources_of(connection, owner)})


def _readings(found: Iterable[Row]) -> dict[str, Reading]:
    return {
        row["resource_type"]: Reading(row["began_at"], row["captured_at"])
        for row in found
        if row.get("listing_complete", True)
    }


def _nobody(changed: Iterable[ObjectKey], because: str) -> Authorship:
    return Authorship({key: Attribution((), because) for key in changed}, [], {})


def _event(cipher: TenantCipher, tenant_id: UUID, row: Row) -> ChangeEvent:
    return ChangeEvent(
        row["happened_at"],
        EventOperation(row["operation"]),
        EventSource(row["source"]),
        _actor(cipher, tenant_id, row),
    )


def _actor(cipher: TenantCipher, tenant_id: UUID, row: Row) -> EventActor | None:
    context = actor_context(tenant_id, row["source"], row["event_id"], row["external_id"])
    try:
        stored = orjson.loads(cipher.open(row["actor"], context, row["key_id"]))
    except SealedDataError:
        return None
    return EventActor(
        ActorKind(stored["kind"]), stored["id"], stored["name"], stored["application"]
    )
