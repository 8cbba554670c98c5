"""The objects in a folder of exports, read file by file: whose type, which id, which document.

A file gives an object or a named fault, never both and never neither. Nothing is stored here.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from domain.import_faults import BrokenFile, FileFault, FileFaultError
from domain.import_recognition import resource_type_of
from domain.manifests import is_valid_object_id
from domain.resource_types.registry import RESOURCE_TYPES
from services.exports.export_folders import FORMAT_VERSION, INDEX, index_in
from services.imports.file_values import value_in
from services.imports.folder_files import FolderContents, FoundFile, contents_of, read_file
from services.sets.backup_sets import name_in

_ASSIGNMENTS: Final = "Assignments"
# Files of our own exports that are no objects.
_COMPANIONS: Final = frozenset({INDEX, "references.json", "certificate.json"})
# Starts an id that the import made; no id of Graph has a colon here.
MADE_UP: Final = "imported:"
_FILES_AT_A_TIME: Final = 100
_LARGEST_BATCH: Final = 8 * 1024 * 1024


@dataclass(frozen=True)
class FoundObject:
    """An object of a file."""

    path: str
    resource_type: str
    object_id: str
    document: Mapping[str, Any]


class _IndexEntry(NamedTuple):
    """What the index of an export says of an object's file."""

    resource_type: str
    object_id: str
    sha256: str
    decoded: frozenset[str]


class ImportSourceError(Exception):
    """The folder to import cannot be read."""

    reason_code = "invalid_state"


@dataclass
class FolderFindings:
    """What reading a folder found besides objects; grows while it is read.

    `altered` are files that differ from the hash in the index of their export, `others` files that
    are no documents. `exported_tenant` is whose export it is by its own index.
    """

    broken: list[BrokenFile] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    exported_tenant: str | None = None


class ExportedFolder:
    """A folder of exports, by whatever tool; reads it once, in order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.findings = FolderFindings()
        self._index: dict[str, _IndexEntry] = {}
        self._assignments: dict[str, FoundFile] = {}
        self._assignments_by_id: dict[str, str] = {}
        self._files: list[FoundFile] = []

    def look(self) -> int:
        """Find the files and return how many may hold objects; raises ImportSourceError."""
        found = contents_of(self._folder)
        index = self._own_index(found)
        self._index = _entries(index or {})
        of_tenant = (index or {}).get("tenant_id")
        self.findings.exported_tenant = of_tenant if isinstance(of_tenant, str) else None
        decoded = {path for entry in self._index.values() for path in entry.decoded}
        self.findings.broken += found.broken
        self.findings.others += [path for path in found.others if path not in decoded]
        self._sort(found, is_ours=index is not None)
        present = {file.path for file in found.documents} | {b.path for b in found.broken}
        self.findings.broken += [
            BrokenFile(path, FileFault.MISSING_FILE) for path in self._index if path not in present
        ]
        return len(self._files)

    def _own_index(self, found: FolderContents) -> dict[str, Any] | None:
        """Return the index of our own export; None if the folder is another tool's."""
        if not any(file.path == INDEX for file in found.documents):
            return None
        try:
            index = index_in(read_file(self._folder, INDEX))
        except FileFaultError:
            return None
        if index is not None and "format_version" not in index:
            raise ImportSourceError("the export in the folder was cut short; --update completes it")
        if index is not None and index.get("format_version") != FORMAT_VERSION:
            raise ImportSourceError("the folder to import is an export of another version")
        return index

    def _sort(self, found: FolderContents, *, is_ours: bool) -> None:
        for file in found.documents:
            if is_ours and file.path in _COMPANIONS:
                continue
            if file.folders[-1:] == (_ASSIGNMENTS,) and file.path not in self._index:
                self._assignments[file.path] = file
                # Those of apps are named after the id: `ID - NAME.json`.
                self._assignments_by_id[file.path.partition(" - ")[0]] = file.path
            else:
                self._files.append(file)

    def batches(self) -> Iterator[tuple[int, list[FoundObject]]]:
        """Yield objects, some at a time, with the number of files that were read for them."""
        batch: list[FoundObject] = []
        files = size = 0
        for file in self._files:
            try:
                content = read_file(self._folder, file.path)
                batch += self._objects(file, content)
                size += len(content)
            except FileFaultError as error:
                self._note(file.path, error)
            files += 1
            if size > _LARGEST_BATCH or files == _FILES_AT_A_TIME:
                yield files, batch
                batch, files, size = [], 0, 0
        yield files, batch
        self.findings.broken += [
            BrokenFile(path, FileFault.ASSIGNMENTS_WITHOUT_OBJECT) for path in self._assignments
        ]

    def _note(self, path: str, error: FileFaultError) -> None:
        self.findings.broken.append(BrokenFile(path, error.fault, error.detail))

    def _objects(self, file: FoundFile, content: bytes) -> list[FoundObject]:
        entry = self._index.get(file.path)
        if entry is not None and entry.sha256 != hashlib.sha256(content).hexdigest():
            self.findings.altered.append(file.path)
        value = value_in(content, is_yaml=file.is_yaml)
        if entry is not None:
            return [_of_index(file, entry, _as_object(value))]
        found = []
        elements = _elements(value, file)
        for number, element in enumerate(elements):
            part = "" if len(elements) == 1 and not _is_collection(value) else f"#{number}"
            try:
                found.append(self._object(file, f"{file.path}{part}", element))
            except FileFaultError as error:
                self._note(f"{file.path}{part}", error)
        return found

    def _object(self, file: FoundFile, path: str, value: Any) -> FoundObject:
        document = _as_object(value)
        key = resource_type_of(document, file.folders)
        if RESOURCE_TYPES[key].name_property not in document and "definitionValues" in document:
            # IntuneBackupAndRestore keeps the name in the file's name only.
            document = {RESOURCE_TYPES[key].name_property: file.stem, **document}
        given = document.get("id")
        object_id = given if isinstance(given, str) and is_valid_object_id(given) else None
        document = self._with_assignments(file, document, object_id)
        return FoundObject(path, key, object_id or made_up_id(key, document, path), document)

    def _with_assignments(
        self, file: FoundFile, document: dict[str, Any], object_id: str | None
    ) -> dict[str, Any]:
        """Add the assignments that IntuneBackupAndRestore keeps apart, as `$expand` would."""
        place = "/".join((*file.folders, _ASSIGNMENTS))
        names = [f"{place}/{file.stem}.json", self._assignments_by_id.get(f"{place}/{object_id}")]
        path = next((name for name in names if name in self._assignments), None)
        if path is None or "assignments" in document:
            return document
        del self._assignments[path]
        try:
            value = value_in(read_file(self._folder, path), is_yaml=False)
            return {**document, "assignments": _assignments_in(value)}
        except FileFaultError as error:
            self._note(path, error)
            return document


def made_up_id(resource_type: str, document: Mapping[str, Any], path: str) -> str:
    """Return the id of an object without one: the same for the same type, name and path."""
    name = name_in(resource_type, document) or ""
    text = f"{resource_type}\0{name}\0{path}".encode(errors="surrogatepass")
    return f"{MADE_UP}{hashlib.sha256(text).hexdigest()[:32]}"


def _entries(index: Mapping[str, Any]) -> dict[str, _IndexEntry]:
    """Return the entries of an index that can be used; it may have been written by anybody."""
    found = {}
    for group in ("kept", "files"):
        entries = index.get(group)
        for path, entry in entries.items() if isinstance(entries, dict) else ():
            parts = entry if isinstance(entry, dict) else {}
            key, object_id, digest = map(parts.get, ("resource_type", "object_id", "sha256"))
            decoded = parts.get("decoded")
            if isinstance(key, str) and isinstance(object_id, str) and isinstance(digest, str):
                beside = frozenset(decoded) if isinstance(decoded, dict) else frozenset()
                found[path] = _IndexEntry(key, object_id, digest, beside)
    return found


def _of_index(file: FoundFile, entry: _IndexEntry, document: dict[str, Any]) -> FoundObject:
    if entry.resource_type not in RESOURCE_TYPES:
        raise FileFaultError(FileFault.UNKNOWN_TYPE, entry.resource_type)
    if not is_valid_object_id(entry.object_id):
        raise FileFaultError(FileFault.NOT_REPRESENTABLE)
    return FoundObject(file.path, entry.resource_type, entry.object_id, document)


def _as_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FileFaultError(FileFault.NOT_AN_OBJECT)
    return value


def _is_collection(value: Any) -> bool:
    """Whether it is an answer of Graph that lists objects."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("value"), list)
        and isinstance(value.get("@odata.context"), str)
    )


def _elements(value: Any, file: FoundFile) -> Sequence[Any]:
    if isinstance(value, list) and value and all(_is_definition_value(item) for item in value):
        return [{"displayName": file.stem, "definitionValues": value}]
    if not _is_collection(value):
        return [value]
    # The context of a list is that of its elements.
    context = value["@odata.context"]
    return [
        {"@odata.context": context, **item} if isinstance(item, dict) else item
        for item in value["value"]
    ]


def _is_definition_value(item: Any) -> bool:
    return isinstance(item, dict) and ("definition@odata.bind" in item or "definition" in item)


def _assignments_in(value: Any) -> list[Any]:
    # PowerShell writes a list of one as its element.
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) and isinstance(item.get("target"), dict) for item in found):
        raise FileFaultError(FileFault.NOT_AN_OBJECT)
    return found
