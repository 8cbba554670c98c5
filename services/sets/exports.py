"""Export of a backup set into a folder of JSON files, one for each object, secrets included.

The folder appears whole or not at all: it is written beside its place and then renamed. What the
set lacks is said in `set.json`, never made up.
"""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

from domain.export_names import file_name, safe_name
from domain.resource_types.registry import RESOURCE_TYPES
from services.contents.contents import ContentReader
from services.sets.backup_sets import BackupSet, BackupSets, SetEntry, SetType

# Documents in memory at a time.
_BATCH: Final = 100
_INDEX: Final = "set.json"
_OWNER_ONLY: Final = 0o700

Entry = TypeVar("Entry")


class ExportTargetError(Exception):
    """The folder to export into exists and is not empty, or cannot be made."""

    reason_code = "invalid_state"


@dataclass(frozen=True)
class ExportedFile:
    """One file; `path` is relative to the folder."""

    path: str
    resource_type: str
    object_id: str


@dataclass(frozen=True)
class ExportReport:
    """What was written; `missing` are objects whose document is not stored any more."""

    folder: Path
    files: Sequence[ExportedFile]
    missing: Sequence[tuple[str, str]]


class SetExporter:
    """Writes sets as files."""

    def __init__(self, *, sets: BackupSets, reader: ContentReader) -> None:
        self._sets = sets
        self._reader = reader

    async def export(
        self,
        workspace_id: UUID,
        set_id: UUID,
        folder: Path,
        *,
        resource_types: Sequence[str] | None = None,
    ) -> ExportReport:
        """Write a set, or some of its types, to `folder`, which must be absent or empty.

        Raises ExportTargetError, BackupSetNotFoundError or EncryptionKeyUnavailableError.
        """
        shown, types = await self._sets.show(workspace_id, set_id)
        wanted = [t for t in types if resource_types is None or t.resource_type in resource_types]
        staging = await asyncio.to_thread(_prepare, folder)
        files: list[ExportedFile] = []
        missing: list[tuple[str, str]] = []
        try:
            for of_set in wanted:
                await self._export_type(shown, of_set, staging, files, missing)
            report = ExportReport(folder, files, missing)
            index = _index(shown, wanted, report)
            await asyncio.to_thread(_publish, staging, folder, index)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)
            raise
        return report

    async def _export_type(
        self,
        shown: BackupSet,
        of_set: SetType,
        staging: Path,
        files: list[ExportedFile],
        missing: list[tuple[str, str]],
    ) -> None:
        key = of_set.resource_type
        entries = await self._sets.entries(shown.workspace_id, shown.id, key)
        for batch in _batches(entries):
            hashes = [entry.version_hash for entry in batch]
            opened = await self._reader.documents(shown.workspace_id, shown.tenant_id, hashes)
            written: list[tuple[str, dict[str, Any]]] = []
            for entry in batch:
                content = opened.get(entry.version_hash)
                if content is None:
                    missing.append((key, entry.object_id))
                    continue
                path = f"{folder_of(key)}/{_file_of(key, entry, content.document)}"
                files.append(ExportedFile(path, key, entry.object_id))
                written.append((path, content.document))
            await asyncio.to_thread(_write_all, staging, written)


def folder_of(resource_type: str) -> str:
    """Return the folder of a type inside an export."""
    entry = RESOURCE_TYPES.get(resource_type)
    return safe_name(resource_type) if entry is None else entry.export_folder


def _file_of(resource_type: str, entry: SetEntry, document: dict[str, Any]) -> str:
    # The name that the object had in this set; its latest one may be another.
    registered = RESOURCE_TYPES.get(resource_type)
    name = document.get("displayName" if registered is None else registered.name_property)
    return file_name(name if isinstance(name, str) else None, entry.object_id)


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    waiting = iter(entries)
    while batch := list(islice(waiting, _BATCH)):
        yield batch


def _index(shown: BackupSet, types: Sequence[SetType], report: ExportReport) -> dict[str, Any]:
    return {
        "set": str(shown.id),
        "name": shown.name,
        "status": shown.status,
        "captured_at": shown.captured_at.isoformat(),
        "set_hash": shown.set_hash,
        "types": {
            of_set.resource_type: {
                "listing_complete": of_set.listing_complete,
                "objects": of_set.entry_count,
                "failed": of_set.failed,
                "reason_code": of_set.reason_code,
            }
            for of_set in types
        },
        "files": {
            entry.path: {"resource_type": entry.resource_type, "object_id": entry.object_id}
            for entry in report.files
        },
        "missing": [list(entry) for entry in report.missing],
    }


def _prepare(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ExportTargetError("the folder to export into is not empty")
    staging = folder.parent / f".{folder.name}.partial"
    try:
        shutil.rmtree(staging, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging.mkdir(mode=_OWNER_ONLY)
    except OSError:
        raise ExportTargetError("the folder to export into cannot be made") from None
    return staging


def _write_all(staging: Path, documents: Sequence[tuple[str, dict[str, Any]]]) -> None:
    for path, document in documents:
        target = staging / path
        target.parent.mkdir(mode=_OWNER_ONLY, exist_ok=True)
        _write(target, document)


def _write(target: Path, document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _publish(staging: Path, folder: Path, index: dict[str, Any]) -> None:
    _write(staging / _INDEX, index)
    for directory in (*(path for path in staging.iterdir() if path.is_dir()), staging):
        _sync_directory(directory)
    staging.rename(folder)
    _sync_directory(folder.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
