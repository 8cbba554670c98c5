"""A set beside the tenant as it is now: read-only, nothing is stored, and memory stays bounded.

The rules are those of a backup: a type that cannot be read says nothing about its objects, and one
that a whole listing lacks is called removed only if its own path answers 404 (D5).
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.provider_errors import ProviderReason
from domain.resource_types.registry import RESOURCE_TYPES
from domain.resource_types.shape import ResourceType
from graph.client import GraphClient
from graph.errors import (
    GraphCredentialRefusedError,
    GraphError,
    GraphPageTokenExpiredError,
    GraphThrottledError,
)
from graph.reading import Presence, ReadObject, ResourceReader
from graph.referenced_reading import ReferencedReader
from services.connections.graph_access import GraphAccess
from services.contents.contents import ContentReader, hash_documents
from services.contents.tenant_keys import TenantCipher, TenantKeys
from services.history.object_differences import (
    ObjectDifference,
    TypeDifference,
    compared,
    with_not_captured,
)
from services.sets.backup_sets import BackupSet, BackupSets, SetType, read_manifest
from services.sets.set_comparison import rules_for

_IDS_AT_ONCE: Final = 200
# A listing that is refused, or throttled for long, this often is given up (api.md d.1).
MOST_RESTARTS: Final = 5
MOST_WAITS: Final = 10
# A type that is not in the registry any more, as rows of another version may name.
UNKNOWN_TYPE: Final = "unknown_error"


@dataclass(slots=True)
class _TypeState:
    """What is known while one type is read: what the set holds, and what was seen."""

    entry: ResourceType
    held: Mapping[str, str]
    cipher: TenantCipher
    is_complete: bool
    seen: set[str] = field(default_factory=set)
    objects: list[ObjectDifference] = field(default_factory=list)


class LiveComparison:
    """Compares sets with tenants."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        keys: TenantKeys,
        sets: BackupSets,
        access: GraphAccess,
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._sets = sets
        self._access = access
        self._reader = ContentReader(engine=engine, keys=keys)

    async def compare(
        self,
        workspace_id: UUID,
        set_id: UUID,
        connection_id: UUID,
        resource_types: Collection[str] | None = None,
    ) -> AsyncIterator[TypeDifference]:
        """Yield each type of a set beside the tenant of the connection, the set being older.

        Raises BackupSetNotFoundError, ConnectionUnusableError and GraphCredentialRefusedError.
        """
        shown, types = await self._sets.show(workspace_id, set_id)
        async with self._access.client(connection_id) as client:
            for of_set in types:
                if resource_types is None or of_set.resource_type in resource_types:
                    yield await self._of_type(client, shown, of_set)

    async def _of_type(
        self, client: GraphClient, shown: BackupSet, of_set: SetType
    ) -> TypeDifference:
        entry = RESOURCE_TYPES.get(of_set.resource_type)
        if entry is None:
            return _unread(of_set.resource_type, UNKNOWN_TYPE)
        async with self._engine.begin() as connection:
            owner = (shown.workspace_id, shown.tenant_id)
            cipher = await self._keys.cipher_within(connection, *owner)
            held = await read_manifest(connection, shown.tenant_id, of_set)
        state = _TypeState(entry, dict(held), cipher, of_set.listing_complete)
        try:
            await self._read(client, shown, state)
        except GraphCredentialRefusedError:
            raise
        except GraphError as error:
            return _unread(entry.key, error.reason_code.value)
        return await self._named(shown, state)

    async def _read(self, client: GraphClient, shown: BackupSet, state: _TypeState) -> None:
        async def known(object_ids: Sequence[str]) -> Collection[str]:
            return [name for name in object_ids if name in state.held]

        async def held() -> Sequence[str]:
            # What refers to others now is not looked for: the set says which objects count.
            return sorted(state.held)

        entry = state.entry
        reader = (
            ReferencedReader(client, entry, held)
            if entry.by_reference
            else ResourceReader(client, entry, known)
        )
        async for found in _pages(reader):
            await self._take(shown, state, found)
        presences: dict[str, Presence] = {}
        for part in _parts(sorted(state.held.keys() - state.seen)):
            presences |= await reader.probe(part)
        state.objects += _missing(entry.key, presences)

    async def _take(self, shown: BackupSet, state: _TypeState, found: Sequence[ReadObject]) -> None:
        """Compare one page with the set; only objects that differ leave something behind."""
        fresh = [read for read in found if read.object_id not in state.seen]
        whole = [read for read in fresh if read.failure is None and read.document is not None]
        for read in fresh:
            reason = None if read.failure is None else read.failure.reason_code
            if reason is ProviderReason.OBJECT_NOT_FOUND:
                continue
            state.seen.add(read.object_id)
            if reason is not None:
                state.objects.append(_uncertain(state.entry.key, read.object_id, reason.value))
        hashes = await hash_documents(
            [read.document or {} for read in whole],
            rules_for(state.entry.key),
            state.cipher,
            [read.object_id for read in whole],
        )
        differing = [
            (read, version)
            for read, version in zip(whole, hashes, strict=True)
            if state.held.get(read.object_id) != version
        ]
        await self._differ(shown, state, differing)

    async def _differ(
        self,
        shown: BackupSet,
        state: _TypeState,
        differing: Sequence[tuple[ReadObject, str | None]],
    ) -> None:
        older = [
            state.held[read.object_id] for read, _ in differing if read.object_id in state.held
        ]
        opened = await self._reader.documents(shown.workspace_id, shown.tenant_id, older)
        subjects = []
        for read, version in differing:
            before = state.held.get(read.object_id)
            subject = _subject(state, read, before, version)
            if before is not None and before in opened:
                subjects.append((subject, opened[before].document, read.document or {}))
            else:
                state.objects.append(subject)
        # What was hashed under other rules may be equal under those of now.
        state.objects += [found for found in await compared(subjects) if found.changes]

    async def _named(self, shown: BackupSet, state: _TypeState) -> TypeDifference:
        async with self._engine.begin() as connection:
            objects = await with_not_captured(connection, shown.tenant_id, state.objects)
            place = (shown.workspace_id, shown.tenant_id, state.entry.key)
            unnamed = [found.object_id for found in objects if found.name is None]
            names = await self._sets.names_within(connection, place, unnamed)
        return TypeDifference(
            resource_type=state.entry.key,
            is_comparable=state.is_complete,
            objects=[
                replace(found, name=found.name or names.get(found.object_id)) for found in objects
            ],
        )


async def _pages(reader: ResourceReader) -> AsyncIterator[Sequence[ReadObject]]:
    """Yield the objects of a listing, patient with throttling and with continuations that expire.

    After a restart objects come again.
    """
    cursor, restarts, waits = None, 0, 0
    while True:
        try:
            async for page in reader.pages(cursor):
                yield page.documents
                cursor = page.cursor
        except GraphPageTokenExpiredError:
            cursor, restarts = None, restarts + 1
            if restarts > MOST_RESTARTS:
                raise
        except GraphThrottledError as throttled:
            waits += 1
            if waits > MOST_WAITS or throttled.retry_after is None:
                raise
            await asyncio.sleep(throttled.retry_after)
        else:
            return


def _parts(object_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(object_ids), _IDS_AT_ONCE):
        yield object_ids[start : start + _IDS_AT_ONCE]


def _missing(resource_type: str, found: Mapping[str, Presence]) -> list[ObjectDifference]:
    """Return what the listing lacks: one object that exists after all discredits the listing."""
    is_proof = Presence.EXISTS not in found.values()
    return [
        ObjectDifference(
            resource_type=resource_type, object_id=object_id, name=None, change="removed"
        )
        if is_proof and presence is Presence.GONE
        else _uncertain(resource_type, object_id, None if is_proof else "listing_inconsistent")
        for object_id, presence in found.items()
    ]


def _uncertain(resource_type: str, object_id: str, reason_code: str | None) -> ObjectDifference:
    return ObjectDifference(
        resource_type=resource_type,
        object_id=object_id,
        name=None,
        change="uncertain",
        reason_code=reason_code,
    )


def _subject(
    state: _TypeState, read: ReadObject, before: str | None, version: str | None
) -> ObjectDifference:
    name = (read.document or {}).get(state.entry.name_property)
    change = "changed" if before is not None else "added" if state.is_complete else "uncertain"
    return ObjectDifference(
        resource_type=state.entry.key,
        object_id=read.object_id,
        name=name if isinstance(name, str) else None,
        change=change,
        version_before=before,
        version_hash=version,
        not_captured=read.not_captured,
        # Set to what it is when the documents are compared.
        is_stored=before is None,
    )


def _unread(resource_type: str, reason_code: str) -> TypeDifference:
    return TypeDifference(resource_type=resource_type, is_comparable=False, reason_code=reason_code)
