"""Imports: a folder of exports as a backup set in the tenant's chain (decision 0005).

Contents are sealed like those of a backup and are nobody's until the last transaction, which
writes the set: an import that is cut short leaves no set, and the next one finds what is stored
already. An imported set proves nothing about the tenant: no type of it is complete, it is
`partial`, no version history is written, and no certificate is made of it.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.canonical_rules import rules_of
from domain.import_faults import BrokenFile, FileFault
from domain.manifests import Manifest, TypeManifest, build_manifest, set_hash
from domain.resource_types.registry import RESOURCE_TYPES
from services.accounts.audit import Actor, AuditEntry, AuditTrail
from services.contents.contents import hash_documents, seal_documents
from services.contents.tenant_keys import TenantKeys
from services.imports.folder_objects import MADE_UP, ExportedFolder, FoundObject, ImportSourceError
from storage import sets
from storage.contents import insert_contents, readable_hashes
from storage.imports import ImportedSet, equal_import, insert_imported_set
from storage.manifests import insert_manifest
from storage.tenant_keys import hold_key

__all__ = ["ImportReport", "ImportSourceError", "SetImporter"]

_LONGEST_NAME: Final = 200

# How many files are read, of how many.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What became of a folder.

    `backup_set_id` is None when nothing in it was an object. `objects` counts by resource type,
    `made_up_ids` those without an id of their own. `altered` files differ from what their export
    says of them and were imported as they are now; `others` are no documents. `equal_to` is an
    earlier imported set of the same objects and versions. `is_foreign` tells that the folder is an
    export of another tenant, which is fine for comparing the two.
    """

    backup_set_id: UUID | None
    name: str
    file_count: int
    objects: Mapping[str, int]
    made_up_ids: int
    broken: Sequence[BrokenFile]
    altered: Sequence[str]
    others: Sequence[str]
    equal_to: UUID | None
    is_foreign: bool


@dataclass
class _Collected:
    """Versions by type and object id, and the file of each object."""

    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    paths: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.paths)


class SetImporter:
    """Makes sets of folders."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        keys: TenantKeys,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._clock = clock
        self._new_id = new_id
        self._audit = AuditTrail(clock=clock, new_id=new_id)

    async def import_folder(
        self,
        actor: Actor,
        workspace_id: UUID,
        tenant_id: UUID,
        folder: Path,
        *,
        name: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> ImportReport:
        """Import a folder as a new set of the tenant; every file gives objects or a named fault.

        Each call makes a set of its own, also of an equal folder, which is then named. Raises
        ImportSourceError or EncryptionKeyUnavailableError.
        """
        if not await asyncio.to_thread(folder.is_dir):
            raise ImportSourceError("the folder to import is no folder")
        source = ExportedFolder(folder)
        total = await asyncio.to_thread(source.look)
        owner = (workspace_id, tenant_id)
        collected = _Collected()
        batches = source.batches()
        done = 0
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            files, objects = batch
            await self._store(owner, objects, source, collected)
            done += files
            if on_progress is not None:
                on_progress(done, total)
        called = await asyncio.to_thread(_name_of, folder) if name is None else name
        set_id, equal_to = await self._write(actor, owner, called, collected)
        return ImportReport(
            backup_set_id=set_id,
            name=called,
            file_count=total,
            objects={key: len(found) for key, found in sorted(collected.versions.items())},
            made_up_ids=sum(object_id.startswith(MADE_UP) for _, object_id in collected.paths),
            broken=sorted(source.findings.broken, key=lambda entry: entry.path),
            altered=source.findings.altered,
            others=source.findings.others,
            equal_to=equal_to,
            is_foreign=source.findings.exported_tenant not in {None, str(tenant_id)},
        )

    async def _store(
        self,
        owner: tuple[UUID, UUID],
        objects: Sequence[FoundObject],
        source: ExportedFolder,
        collected: _Collected,
    ) -> None:
        """Seal and store the documents of some objects; those of a duplicate are not looked at."""
        broken = source.findings.broken
        single = [entry for entry in objects if _is_first(entry, collected, broken)]
        for key in sorted({entry.resource_type for entry in single}):
            of_type = [entry for entry in single if entry.resource_type == key]
            async with self._engine.begin() as connection:
                hashes = await self._store_type(connection, owner, key, of_type)
            hashed = list(_representable(of_type, hashes, collected, broken))
            versions = collected.versions.setdefault(key, {}) if hashed else {}
            versions.update({entry.object_id: version for entry, version in hashed})

    async def _store_type(
        self,
        connection: AsyncConnection,
        owner: tuple[UUID, UUID],
        resource_type: str,
        objects: Sequence[FoundObject],
    ) -> list[str | None]:
        """Store what is new of some objects of one type; return their version hashes in order."""
        cipher = await self._keys.cipher_within(connection, *owner)
        rules = rules_of(RESOURCE_TYPES[resource_type])
        documents = [entry.document for entry in objects]
        ids = [entry.object_id for entry in objects]
        hashes = await hash_documents(documents, rules, cipher, ids)
        found = {name: body for name, body in zip(hashes, documents, strict=True) if name}
        present = await readable_hashes(connection, owner[1], cipher.key_ids, list(found))
        missing = {name: body for name, body in found.items() if name not in present}
        rows = await seal_documents(missing, owner[1], cipher)
        stamp = (rules.version, self._clock())
        await hold_key(connection, cipher.key_id)
        await insert_contents(connection, owner, cipher.key_id, rows, stamp)
        return hashes

    async def _write(
        self, actor: Actor, owner: tuple[UUID, UUID], name: str, collected: _Collected
    ) -> tuple[UUID | None, UUID | None]:
        """Write the set, if there is anything in it; return its id and that of an equal one."""
        if not collected.count:
            return None, None
        manifests = [
            (key, build_manifest(key, versions.items()))
            for key, versions in sorted(collected.versions.items())
        ]
        async with self._engine.begin() as connection:
            for _, manifest in manifests:
                await insert_manifest(connection, owner, manifest)
            equal = await equal_import(connection, owner[1], [m.hash for _, m in manifests])
            new = await self._new_set(connection, owner, name, manifests)
            await insert_imported_set(connection, new, manifests)
            entry = AuditEntry(
                action="backup_set.import",
                resource_type="backup_set",
                resource_id=new.id,
                workspace_id=owner[0],
                tenant_id=owner[1],
                details={"object_count": new.object_count},
            )
            await self._audit.append(connection, actor, entry)
        return new.id, equal

    async def _new_set(
        self,
        connection: AsyncConnection,
        owner: tuple[UUID, UUID],
        name: str,
        manifests: Sequence[tuple[str, Manifest]],
    ) -> ImportedSet:
        """Take the next place in the tenant's chain, which stays locked until the end."""
        last = await sets.lock_chain(connection, owner[1])
        now = self._clock()
        previous = last["set_hash"] if last else None
        types = [TypeManifest(key, manifest.hash, is_complete=False) for key, manifest in manifests]
        return ImportedSet(
            id=self._new_id(),
            workspace_id=owner[0],
            tenant_id=owner[1],
            name=name,
            sequence=last["sequence"] + 1 if last else 1,
            previous_set_id=last["id"] if last else None,
            set_hash=set_hash(previous, owner[1], now, types),
            object_count=sum(manifest.entry_count for _, manifest in manifests),
            captured_at=now,
        )


def _name_of(folder: Path) -> str:
    # A name of a file may hold bytes that are no text.
    name = folder.resolve().name.encode(errors="backslashreplace").decode()
    return f"Imported {name}"[:_LONGEST_NAME]


def _is_first(entry: FoundObject, collected: _Collected, broken: list[BrokenFile]) -> bool:
    """Take an object's place; an object that has one already is named with its first file."""
    place = (entry.resource_type, entry.object_id)
    first = collected.paths.setdefault(place, entry.path)
    if first != entry.path:
        broken.append(BrokenFile(entry.path, FileFault.DUPLICATE_OBJECT, first))
        return False
    return True


def _representable(
    objects: Sequence[FoundObject],
    hashes: Sequence[str | None],
    collected: _Collected,
    broken: list[BrokenFile],
) -> Iterator[tuple[FoundObject, str]]:
    for entry, version in zip(objects, hashes, strict=True):
        if version is not None:
            yield entry, version
            continue
        del collected.paths[entry.resource_type, entry.object_id]
        broken.append(BrokenFile(entry.path, FileFault.NOT_REPRESENTABLE))
