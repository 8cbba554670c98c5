"""Export of a backup set into a folder of files: one JSON for each object, secrets included.

A new folder appears whole or not at all. One that is brought up to date differs afterwards only
where objects do: what is equal keeps its bytes and its time. What the set lacks is said in
`set.json`, never made up, and a file of an object goes only when its absence is proven.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

from domain.export_names import folded_path, object_digest
from domain.manifests import ManifestEntry
from domain.references import Reference, references_of
from domain.resource_types.registry import RESOURCE_TYPES
from services.contents.contents import ContentReader
from services.exports.export_folders import (
    ExportFolder,
    ExportTargetError,
    folder_to_update,
    json_bytes,
    new_folder,
)
from services.exports.set_files import ExportedFile, files_of, folder_of, index_of
from services.proofs.certificate_reading import (
    CertificateMissingError,
    CertificateReads,
    export_document,
)
from services.references.name_books import NameBooks
from services.sets.backup_sets import (
    BackupSet,
    BackupSetNotFoundError,
    BackupSets,
    SetType,
    is_read_whole,
)

__all__ = ["ExportReport", "ExportTargetError", "ExportedFile", "SetExporter", "folder_of"]

# Documents in memory at a time.
_BATCH: Final = 100
_REFERENCES: Final = "references.json"
_CERTIFICATE: Final = "certificate.json"

Entry = TypeVar("Entry")
# How many objects are done, of how many.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What was written; `missing` are objects whose document is not stored any more.

    `kept` are files of an earlier export that this set says nothing about. The numbers count files
    of all kinds on disk.
    """

    folder: Path
    files: Sequence[ExportedFile]
    missing: Sequence[tuple[str, str]]
    kept: Sequence[str]
    written: int
    unchanged: int
    removed: int


@dataclass(frozen=True)
class ExportScope:
    """What of a set is exported: all, some types, or some objects by (type, id)."""

    resource_types: Sequence[str] | None = None
    objects: frozenset[tuple[str, str]] | None = None

    def has_type(self, resource_type: str) -> bool:
        """Whether anything of the type is wanted."""
        if self.objects is not None:
            return any(key == resource_type for key, _ in self.objects)
        return self.resource_types is None or resource_type in self.resource_types

    def has_object(self, resource_type: str, object_id: str) -> bool:
        """Whether the object is wanted."""
        return self.objects is None or (resource_type, object_id) in self.objects


@dataclass
class _Export:
    """One export on its way."""

    shown: BackupSet
    scope: ExportScope
    target: ExportFolder
    earlier: Mapping[str, Any]
    total: int
    on_progress: OnProgress | None
    files: list[ExportedFile] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    references: set[Reference] = field(default_factory=set)
    done: int = 0

    def advance(self, count: int) -> None:
        self.done += count
        if self.on_progress is not None:
            self.on_progress(self.done, self.total)


class SetExporter:
    """Writes sets as files."""

    def __init__(
        self,
        *,
        sets: BackupSets,
        reader: ContentReader,
        names: NameBooks,
        certificates: CertificateReads,
    ) -> None:
        self._sets = sets
        self._reader = reader
        self._names = names
        self._certificates = certificates

    async def export(  # noqa: PLR0913 - how the export is wanted, each by its name
        self,
        workspace_id: UUID,
        set_id: UUID,
        folder: Path,
        *,
        resource_types: Sequence[str] | None = None,
        objects: Sequence[tuple[str, str]] | None = None,
        update: bool = False,
        on_progress: OnProgress | None = None,
    ) -> ExportReport:
        """Write a set, some of its types or some objects (type, id) to `folder`.

        The folder must be absent or empty. With `update` it may be an earlier export of the same
        tenant, of which files are replaced one by one; a call that was cut short is repaired by
        the next one. Raises ExportTargetError, BackupSetNotFoundError (also for an object that the
        set lacks) or EncryptionKeyUnavailableError.
        """
        shown, types = await self._sets.show(workspace_id, set_id)
        scope = ExportScope(resource_types, None if objects is None else frozenset(objects))
        wanted = [of_set for of_set in types if scope.has_type(of_set.resource_type)]
        await self._check_objects(shown, wanted, scope)
        target, earlier = await asyncio.to_thread(_open, folder, shown, update=update)
        total = sum(of_set.entry_count for of_set in wanted)
        if scope.objects is not None:
            total = len(scope.objects)
        export = _Export(shown, scope, target, earlier, total, on_progress)
        try:
            for of_set in wanted:
                await self._export_type(export, of_set)
            rest: dict[str, Any] = {"missing": [list(entry) for entry in export.missing]}
            rest["references"] = await self._write_references(export)
            rest["certificate"] = await self._write_certificate(export)
            await asyncio.to_thread(_finish, export, wanted, rest)
        except BaseException:
            await asyncio.to_thread(target.abandon)
            raise
        finally:
            target.close()
        return ExportReport(
            folder=folder,
            files=export.files,
            missing=export.missing,
            kept=sorted(export.kept),
            written=target.written,
            unchanged=target.unchanged,
            removed=target.removed,
        )

    async def _check_objects(
        self, shown: BackupSet, types: Sequence[SetType], scope: ExportScope
    ) -> None:
        if scope.objects is None:
            return
        known = {
            (of_set.resource_type, entry.object_id)
            for of_set in types
            for entry in await self._sets.versions_of_type(shown, of_set)
        }
        if not scope.objects <= known:
            raise BackupSetNotFoundError("the set has no such object")

    async def _export_type(self, export: _Export, of_set: SetType) -> None:
        key = of_set.resource_type
        entries = [
            entry
            for entry in await self._sets.versions_of_type(export.shown, of_set)
            if export.scope.has_object(key, entry.object_id)
        ]
        start = len(export.files)
        for batch in _batches(entries):
            documents = await self._documents(export.shown, batch)
            export.missing += [(key, e.object_id) for e in batch if e.object_id not in documents]
            export.files += await asyncio.to_thread(_write_objects, export, key, documents)
            export.advance(len(batch))
        is_whole = is_read_whole(export.shown, of_set) and export.scope.objects is None
        await asyncio.to_thread(_clean_type, export, key, export.files[start:], is_whole=is_whole)

    async def _documents(
        self, shown: BackupSet, entries: Sequence[ManifestEntry]
    ) -> dict[str, dict[str, Any]]:
        hashes = [entry.version_hash for entry in entries]
        opened = await self._reader.documents(shown.workspace_id, shown.tenant_id, hashes)
        return {
            entry.object_id: opened[entry.version_hash].document
            for entry in entries
            if entry.version_hash in opened
        }

    async def _write_references(self, export: _Export) -> dict[str, Any]:
        """Write the names of what the objects refer to, as the set knows them; null if it does not.

        People and applications are no part of a set, so their ids are left to the documents.
        """
        shown, wanted = export.shown, sorted(export.references)
        book = await self._names.of_set(shown.workspace_id, shown.id, wanted)
        names: dict[str, dict[str, str | None]] = {}
        for reference in wanted:
            found = book.look_up(reference)
            names.setdefault(reference.kind, {})[reference.external_id] = found.name
        digest = await asyncio.to_thread(export.target.put, _REFERENCES, json_bytes(names))
        return {"path": _REFERENCES, "sha256": digest}

    async def _write_certificate(self, export: _Export) -> dict[str, Any] | None:
        """Write the set's certificate, if it has one, as a file that stands for itself."""
        shown, signed = export.shown, None
        with suppress(CertificateMissingError):
            signed = (await self._certificates.of_set(shown.workspace_id, shown.id)).signed
        if signed is None:
            # That of another set would be a lie.
            await asyncio.to_thread(export.target.drop, _CERTIFICATE)
            return None
        content = json_bytes(export_document(signed))
        digest = await asyncio.to_thread(export.target.put, _CERTIFICATE, content)
        return {"path": _CERTIFICATE, "sha256": digest}


def _open(
    folder: Path, shown: BackupSet, *, update: bool
) -> tuple[ExportFolder, Mapping[str, Any]]:
    if update:
        return folder_to_update(folder, str(shown.tenant_id))
    return new_folder(folder, str(shown.tenant_id)), {}


def _write_objects(
    export: _Export, key: str, documents: Mapping[str, Mapping[str, Any]]
) -> list[ExportedFile]:
    for document in documents.values():
        found = references_of(key, document)
        export.references.update(entry for entry in found if entry.kind in RESOURCE_TYPES)
    return [_write_object(export.target, key, name, body) for name, body in documents.items()]


def _write_object(
    target: ExportFolder, key: str, object_id: str, document: Mapping[str, Any]
) -> ExportedFile:
    paths = {}
    for path, pointer, content in files_of(key, object_id, document):
        paths[path] = (pointer, target.put(path, content))
    (main, (_, digest)), *beside = paths.items()
    decoded = {path: {"pointer": str(at), "sha256": sha256} for path, (at, sha256) in beside}
    return ExportedFile(main, key, object_id, digest, decoded)


def _clean_type(
    export: _Export, key: str, files: Sequence[ExportedFile], *, is_whole: bool
) -> None:
    """Remove what objects of the set left under other names, and, if the set has every object of
    the type, what is of objects that are gone; the rest is kept and said to be."""
    current = {path for entry in files for path in (entry.path, *entry.decoded)}
    present = {object_digest(entry.object_id) for entry in files}
    unread = {object_digest(object_id) for of_type, object_id in export.missing if of_type == key}
    before = _files_in(export.earlier)
    by_folded = {folded_path(path): path for path in current}
    gone = []
    for path, digest in export.target.old_names(folder_of(key)):
        if path in current:
            continue
        twin = by_folded.get(folded_path(path))
        if twin is not None and export.target.rename(path, twin):
            continue
        if digest in present or (is_whole and digest not in unread):
            gone.append(path)
        elif path in before:
            export.kept[path] = before[path]
    export.target.remove(gone)


def _files_in(index: Mapping[str, Any]) -> dict[str, Any]:
    """Return the files of an earlier index by path, each with the set that it is from."""
    found: dict[str, Any] = {}
    for group in ("kept", "files"):
        entries = index.get(group)
        for path, entry in entries.items() if isinstance(entries, dict) else ():
            if isinstance(entry, dict):
                found[path] = {"set": index.get("set"), **entry}
    return found


def _finish(export: _Export, types: list[SetType], rest: Mapping[str, Any]) -> None:
    covered = {of_set.resource_type for of_set in types}
    for path, entry in _files_in(export.earlier).items():
        if entry.get("resource_type") not in covered and export.target.has(path):
            export.kept[path] = entry
    files = sorted(export.files, key=lambda file: file.path)
    index = index_of(export.shown, types, files, export.kept, rest)
    export.target.finish(json_bytes(index))


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    waiting = iter(entries)
    while batch := list(islice(waiting, _BATCH)):
        yield batch
