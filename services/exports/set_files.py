"""The files of one object of an export, and what the index says of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.export_names import file_stem, safe_name
from domain.export_payloads import decoded_files
from domain.resource_types.registry import RESOURCE_TYPES
from services.exports.export_folders import FORMAT, FORMAT_VERSION, json_bytes
from services.sets.backup_sets import BackupSet, SetType, name_in


@dataclass(frozen=True)
class ExportedFile:
    """One object's file; `path` is relative to the folder, `decoded` are paths beside it."""

    path: str
    resource_type: str
    object_id: str
    sha256: str
    decoded: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def folder_of(resource_type: str) -> str:
    """Return the folder of a type inside an export."""
    entry = RESOURCE_TYPES.get(resource_type)
    return safe_name(resource_type) if entry is None else entry.export_folder


def files_of(
    resource_type: str, object_id: str, document: Mapping[str, Any]
) -> Iterator[tuple[str, str | None, bytes]]:
    """Yield the files of an object: path, pointer of what is decoded, bytes; the JSON first.

    The name is the one that the object had in this set; its latest one may be another.
    """
    stem = f"{folder_of(resource_type)}/{file_stem(name_in(resource_type, document), object_id)}"
    yield f"{stem}.json", None, json_bytes(document)
    for found in decoded_files(document):
        yield f"{stem}.{found.ending}", found.pointer, found.content


def index_of(
    shown: BackupSet,
    types: list[SetType],
    files: list[ExportedFile],
    kept: Mapping[str, Any],
    rest: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the index of an export: what the set is and lacks, and the hash of each file.

    `kept` are files of an earlier set that this one says nothing about; `rest` more of the index.
    """
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "set": str(shown.id),
        "tenant_id": str(shown.tenant_id),
        "origin": shown.origin,
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
        "files": {entry.path: _entry(entry) for entry in files},
        "kept": dict(kept),
        **rest,
    }


def _entry(file: ExportedFile) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource_type": file.resource_type,
        "object_id": file.object_id,
        "sha256": file.sha256,
    }
    if file.decoded:
        entry["decoded"] = {path: dict(of_file) for path, of_file in file.decoded.items()}
    return entry
