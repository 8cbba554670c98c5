"""Collecting audit events: who changed what since the last time (decision 0005).

Events are a help and no part of a set. Whatever keeps them away is noted at the source and changes
no outcome; what was not read is read the next time, and an event that comes late is joined by its
own time all the same.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.audit_events import (
    FIRST_WINDOW,
    LARGEST_WINDOW,
    LATEST_ARRIVAL,
    SOURCE_PERMISSIONS,
    AuditedObject,
    EventSource,
    audited_objects,
    source_of,
    type_of_kind,
)
from graph.audit_reads import audit_event_pages
from graph.client import GraphClient
from graph.errors import GraphError
from graph.paging import JsonObject
from services.backups.type_reading import ReadingRun
from services.contents.tenant_keys import TenantCipher, TenantKeys
from storage import changes as rows
from storage.changes import NewChangeEvent
from storage.statements import Row

logger = logging.getLogger(__name__)

# What a backup may wait for the events of one source; what is left is read by the next one.
LONGEST_READING = timedelta(seconds=60)

NOT_PERMITTED = "provider_permission_denied"
OUT_OF_TIME = "deadline_exceeded"
BROKEN = "worker_error"


class ChangeEvents:
    """Reads and stores events; never raises for what Graph answers."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        keys: TenantKeys,
        clock: Callable[[], datetime],
        longest: timedelta = LONGEST_READING,
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._clock = clock
        self._longest = longest

    async def collect(self, client: GraphClient, run: ReadingRun) -> None:
        """Read both sources from where the last reading ended, as far as time and rights allow.

        Called again it goes on; what was stored is not stored twice.
        """
        owner = (run.workspace_id, run.tenant_id)
        for source in EventSource:
            reason_code = await self._attempt(client, owner, source)
            if reason_code is not None:
                logger.info(
                    "change events not read",
                    extra={"event_source": source.value, "reason_code": reason_code},
                )
                await self._stop(owner, source, reason_code)

    async def _attempt(
        self, client: GraphClient, owner: tuple[UUID, UUID], source: EventSource
    ) -> str | None:
        """Return why reading ended early, None when it came to its end."""
        try:
            async with asyncio.timeout(self._longest.total_seconds()):
                if not SOURCE_PERMISSIONS[source].intersection(await client.token_roles()):
                    return NOT_PERMITTED
                await self._read(client, owner, source)
        except GraphError as error:
            return error.reason_code.value
        except TimeoutError:
            return OUT_OF_TIME
        except Exception:
            # A help that breaks must not break a backup.
            logger.exception("reading change events broke")
            return BROKEN
        return None

    async def _stop(self, owner: tuple[UUID, UUID], source: EventSource, reason_code: str) -> None:
        async with self._engine.begin() as connection:
            await rows.stop_source(connection, owner, source, reason_code, self._clock())

    async def _read(
        self, client: GraphClient, owner: tuple[UUID, UUID], source: EventSource
    ) -> None:
        now = self._clock()
        since = await self._since(owner, source, now)
        while True:
            until = min(since + LARGEST_WINDOW, now)
            async for page in audit_event_pages(client, source, (since, until)):
                await self._store(owner, source, page)
            async with self._engine.begin() as connection:
                await rows.advance_source(connection, owner, source, until, self._clock())
            if until >= now:
                return
            since = until

    async def _since(
        self, owner: tuple[UUID, UUID], source: EventSource, now: datetime
    ) -> datetime:
        async with self._engine.begin() as connection:
            known = await rows.sources_of(connection, owner)
            newest = await rows.newest_capture(connection, owner[1])
        read_until = next((row["read_until"] for row in known if row["source"] == source), None)
        since: datetime = read_until or newest or now - FIRST_WINDOW
        return since - LATEST_ARRIVAL

    async def _store(
        self, owner: tuple[UUID, UUID], source: EventSource, page: Sequence[JsonObject]
    ) -> None:
        found = [entry for event in page for entry in audited_objects(source, event)]
        if not found:
            return
        async with self._engine.begin() as connection:
            cipher = await self._keys.cipher_within(connection, *owner)
            known = await _known_objects(connection, owner[1], found)
            events = [
                _row(owner[1], cipher, entry, *place)
                for entry in found
                if (place := _place(entry, known)) is not None
            ]
            await rows.insert_events(connection, owner, _once(events))


def actor_context(tenant_id: UUID, source: str, event_id: str, external_id: str) -> bytes:
    """Return what a sealed actor is bound to."""
    return b"change event" + tenant_id.bytes + f"{source}\0{event_id}\0{external_id}".encode()


async def _known_objects(
    connection: AsyncConnection, tenant_id: UUID, found: Iterable[AuditedObject]
) -> Mapping[str, list[Row]]:
    """Return the known objects by each lower-case id that an event may give them."""
    names = {entry.object_id.lower() for entry in found}
    by_name: defaultdict[str, list[Row]] = defaultdict(list)
    for row in await rows.objects_named(connection, tenant_id, sorted(names)):
        whole = row["external_id"].lower()
        for name in {whole, whole.partition("_")[0], whole.removeprefix("t_")} & names:
            by_name[name].append(row)
    return by_name


def _place(entry: AuditedObject, known: Mapping[str, list[Row]]) -> tuple[str, str] | None:
    """Return the type and the id that we know an object by; None for what no backup reads.

    Ids decide: Graph's words for types differ from those of its schema. An object that was made
    and deleted since the last backup is known by its type's word alone.
    """
    hinted = type_of_kind(entry.kind)
    rows_of = [
        row
        for row in known.get(entry.object_id.lower(), ())
        if source_of(row["resource_type"]) is entry.source
    ]
    rows_of.sort(key=lambda row: (row["resource_type"] != hinted, row["resource_type"]))
    if rows_of:
        return rows_of[0]["resource_type"], rows_of[0]["external_id"]
    if hinted is not None and source_of(hinted) is entry.source:
        return hinted, entry.object_id
    return None


def _row(
    tenant_id: UUID,
    cipher: TenantCipher,
    entry: AuditedObject,
    resource_type: str,
    external_id: str,
) -> NewChangeEvent:
    context = actor_context(tenant_id, entry.source, entry.event_id, external_id)
    return NewChangeEvent(
        source=entry.source.value,
        event_id=entry.event_id,
        external_id=external_id,
        resource_type=resource_type,
        operation=entry.operation.value,
        happened_at=entry.happened_at,
        actor=cipher.seal(orjson.dumps(entry.actor.to_json()), context),
        key_id=cipher.key_id,
    )


def _once(events: Iterable[NewChangeEvent]) -> list[NewChangeEvent]:
    return list({(event.event_id, event.external_id): event for event in events}.values())
