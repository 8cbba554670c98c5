"""Backup sets as people and restores read them: lists, types, entries, documents (D9).

Reads only. Everything is asked for by workspace, and names are decrypted here, not in storage.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.manifests import ManifestEntry, manifest_hash, parse_chunk
from domain.resource_types.registry import RESOURCE_TYPES
from services.backups.capture_pages import name_context
from services.contents.contents import ContentMissingError, ContentReader
from services.contents.tenant_keys import SealedDataError, TenantCipher, TenantKeys
from storage import sets as rows
from storage.manifests import select_payloads
from storage.statements import Row

Record = TypeVar("Record")

# The origin of a set that was made from a folder of exports (decision 0005).
IMPORTED: Final = "import"
_DOCUMENTS_AT_A_TIME: Final = 100


class ManifestMissingError(ContentMissingError):
    """The list of a type's objects is not in the store, or is not what was written."""

    def __init__(self, resource_type: str) -> None:
        super().__init__(f"the list of the set's objects of type {resource_type}")


class BackupSetNotFoundError(LookupError):
    """The workspace has no such set, or the set no such type or object."""

    reason_code = "not_found"


@dataclass(frozen=True, kw_only=True)
class BackupSet:
    """One set; `status` is completed or partial, times are aware UTC.

    `origin` is backup or import; an imported set has no run (decision 0005).
    """

    id: UUID
    workspace_id: UUID
    tenant_id: UUID
    operation_run_id: UUID | None
    origin: str
    backup_schedule_id: UUID | None
    name: str
    status: str
    sequence: int
    previous_set_id: UUID | None
    set_hash: str
    object_count: int
    captured_at: datetime
    scheduled_for: datetime | None


@dataclass(frozen=True, kw_only=True)
class SetType:
    """One resource type of a set; the counts are None once the run's results are pruned."""

    resource_type: str
    listing_complete: bool
    entry_count: int
    manifest_hash: str
    chunk_hashes: Sequence[str]
    expected: int | None
    captured: int | None
    unchanged: int | None
    skipped: int | None
    failed: int | None
    created: int | None
    updated: int | None
    deleted: int | None
    not_captured: int | None
    reason_code: str | None
    reason_counts: Mapping[str, int] | None


@dataclass(frozen=True)
class SetEntry:
    """One object of a set; `name` is its latest known display name.

    In an imported set it is the name in the document: no version history knows the object.
    """

    object_id: str
    version_hash: str
    name: str | None


class BackupSets:
    """Reads sets."""

    def __init__(self, *, engine: AsyncEngine, keys: TenantKeys) -> None:
        self._engine = engine
        self._keys = keys
        self._reader = ContentReader(engine=engine, keys=keys)

    async def list_sets(
        self, workspace_id: UUID, tenant_id: UUID, *, before: int | None = None, limit: int = 50
    ) -> list[BackupSet]:
        """Return sets, newest first; `before` is the sequence of the last one already seen."""
        async with self._engine.connect() as connection:
            found = await rows.list_sets(connection, (workspace_id, tenant_id), before, limit)
        return [record(BackupSet, row) for row in found]

    async def show(self, workspace_id: UUID, set_id: UUID) -> tuple[BackupSet, list[SetType]]:
        """Return a set with its types; raises BackupSetNotFoundError."""
        async with self._engine.connect() as connection:
            return await self.show_within(connection, workspace_id, set_id)

    async def show_within(
        self, connection: AsyncConnection, workspace_id: UUID, set_id: UUID
    ) -> tuple[BackupSet, list[SetType]]:
        """Return a set with its types, read on `connection`."""
        found = await rows.show_set(connection, workspace_id, set_id)
        if found is None:
            raise BackupSetNotFoundError("there is no such backup set")
        types = await rows.manifests_of(connection, set_id)
        return record(BackupSet, found), [record(SetType, row) for row in types]

    async def entries(self, workspace_id: UUID, set_id: UUID, resource_type: str) -> list[SetEntry]:
        """Return the objects of one type of a set by id; raises BackupSetNotFoundError."""
        async with self._engine.begin() as connection:
            shown, types = await self.show_within(connection, workspace_id, set_id)
            of_set = next((t for t in types if t.resource_type == resource_type), None)
            if of_set is None:
                raise BackupSetNotFoundError("the set has no such resource type")
            entries = await read_manifest(connection, shown.tenant_id, of_set)
            place = (workspace_id, shown.tenant_id, resource_type)
            if shown.origin == IMPORTED:
                names = await self._names_in_documents(connection, place, entries)
            else:
                names = await self.names_within(connection, place, [e.object_id for e in entries])
        return [SetEntry(*entry, names.get(entry.object_id)) for entry in entries]

    async def versions_of_type(self, shown: BackupSet, of_set: SetType) -> list[ManifestEntry]:
        """Return the objects of one type of a set by id, without names."""
        async with self._engine.connect() as connection:
            return await read_manifest(connection, shown.tenant_id, of_set)

    async def document(
        self, workspace_id: UUID, set_id: UUID, resource_type: str, object_id: str
    ) -> dict[str, Any]:
        """Return an object's body as Graph returned it at the time of the set.

        Raises BackupSetNotFoundError or ContentMissingError.
        """
        async with self._engine.begin() as connection:
            shown, types = await self.show_within(connection, workspace_id, set_id)
            of_set = next((t for t in types if t.resource_type == resource_type), None)
            entries = await read_manifest(connection, shown.tenant_id, of_set) if of_set else ()
            wanted = next((e.version_hash for e in entries if e.object_id == object_id), None)
            if wanted is None:
                raise BackupSetNotFoundError("the set has no such object")
            opened = await self._reader.documents_within(
                connection, workspace_id, shown.tenant_id, [wanted]
            )
        if wanted not in opened:
            raise ContentMissingError
        return opened[wanted].document

    async def names_within(
        self,
        connection: AsyncConnection,
        place: tuple[UUID, UUID, str],
        object_ids: Sequence[str],
    ) -> dict[str, str | None]:
        """Return display names by object id; `place` is workspace, tenant, resource type."""
        workspace_id, tenant_id, resource_type = place
        found = await rows.names_of(connection, tenant_id, resource_type, object_ids)
        cipher = await self._keys.cipher_within(connection, workspace_id, tenant_id)
        return await asyncio.to_thread(
            lambda: {
                row["external_id"]: open_name(cipher, tenant_id, resource_type, row)
                for row in found
            }
        )

    async def _names_in_documents(
        self,
        connection: AsyncConnection,
        place: tuple[UUID, UUID, str],
        entries: Sequence[ManifestEntry],
    ) -> dict[str, str | None]:
        workspace_id, tenant_id, resource_type = place
        names: dict[str, str | None] = {}
        for start in range(0, len(entries), _DOCUMENTS_AT_A_TIME):
            batch = entries[start : start + _DOCUMENTS_AT_A_TIME]
            hashes = [entry.version_hash for entry in batch]
            opened = await self._reader.documents_within(
                connection, workspace_id, tenant_id, hashes
            )
            for entry in batch:
                content = opened.get(entry.version_hash)
                if content is not None:
                    names[entry.object_id] = name_in(resource_type, content.document)
        return names


def is_read_whole(shown: BackupSet, of_set: SetType) -> bool:
    """Tell whether the set has every object of the type: listed to the end, and none failed."""
    # Counts go with the run's rows; a completed set has no failed object at all.
    failed = shown.status != "completed" if of_set.failed is None else of_set.failed > 0
    return of_set.listing_complete and not failed


def name_in(resource_type: str, document: Mapping[str, Any]) -> str | None:
    """Return the display name in a document of a type; None without one."""
    entry = RESOURCE_TYPES.get(resource_type)
    name = document.get("displayName" if entry is None else entry.name_property)
    return name if isinstance(name, str) else None


def record(kind: type[Record], row: Row) -> Record:
    """Make a dataclass from the columns of a row that have its fields' names."""
    return kind(**{entry.name: row[entry.name] for entry in fields(kind)})  # type: ignore[arg-type] # every caller passes a dataclass


def open_name(cipher: TenantCipher, tenant_id: UUID, resource_type: str, row: Row) -> str | None:
    """Return the display name in a row of an object; None without one or without its key.

    None too for one that was altered: it is only shown, and a verification names it.
    """
    if row["name"] is None or not cipher.can_open(row["name_key_id"]):
        return None
    context = name_context(tenant_id, resource_type, row["external_id"])
    try:
        return cipher.open(row["name"], context, row["name_key_id"]).decode()
    except SealedDataError:
        return None


async def read_manifest(
    connection: AsyncConnection, tenant_id: UUID, of_set: SetType
) -> list[ManifestEntry]:
    """Return the entries of a manifest in order: ids and hashes, no bodies.

    Raises ManifestMissingError rather than to return a part of them.
    """
    if manifest_hash(of_set.resource_type, of_set.chunk_hashes) != of_set.manifest_hash:
        raise ManifestMissingError(of_set.resource_type)
    payloads = await select_payloads(connection, tenant_id, of_set.chunk_hashes)
    chunks = (payloads.get(name, b"") for name in of_set.chunk_hashes)
    entries = [entry for chunk in chunks for entry in parse_chunk(chunk)]
    if len(entries) != of_set.entry_count:
        raise ManifestMissingError(of_set.resource_type)
    return entries
