"""The folder of an export on disk: a new one that appears whole, or one that is brought up to date.

Each file is replaced in one step, so that a kill leaves the old or the new one, and bytes that are
there already are not written again. Knows nothing of sets.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from domain.export_names import digest_in

INDEX: Final = "set.json"
FORMAT: Final = "tenantops-export"
# Raised when an older reader would misread a newer export.
FORMAT_VERSION: Final = 1
_OWNER_ONLY: Final = 0o700
_FILE_MODE: Final = 0o600
_PARTIAL: Final = ".partial"


class ExportTargetError(Exception):
    """The folder to export into is not fit for it, or cannot be made."""

    reason_code = "invalid_state"


class ExportFolder:
    """Where one export writes to; `written` and `removed` count what changed on disk."""

    def __init__(self, folder: Path, *, root: Path, is_new: bool) -> None:
        self.folder = folder
        self.is_new = is_new
        self.written = 0
        self.unchanged = 0
        self.removed = 0
        self._root = root
        self._touched: set[Path] = {root}

    def put(self, path: str, content: bytes) -> str:
        """Write a file unless it holds these bytes already; returns their SHA-256 in hex."""
        target = self._root / path
        self._make_parent(target.parent)
        if not self.is_new and _holds(target, content):
            self.unchanged += 1
        else:
            _replace(target, content, is_new=self.is_new)
            self._touched.add(target.parent)
            self.written += 1
        return hashlib.sha256(content).hexdigest()

    def old_names(self, folder: str) -> Iterator[tuple[str, str]]:
        """Yield files of objects that lie in a type's folder: path, and the object's digest.

        What a killed export left half written is removed.
        """
        place = self._root / folder
        if self.is_new or not place.is_dir():
            return
        for entry in sorted(os.scandir(place), key=lambda found: found.name):
            if entry.name.startswith(".") and entry.name.endswith(_PARTIAL):
                Path(entry.path).unlink()
                continue
            digest = digest_in(entry.name)
            if digest is not None and not entry.is_dir(follow_symlinks=False):
                yield f"{folder}/{entry.name}", digest

    def remove(self, paths: Collection[str]) -> None:
        """Remove files of objects that are gone or have another name now."""
        for path in paths:
            (self._root / path).unlink(missing_ok=True)
            self._touched.add((self._root / path).parent)
            self.removed += 1

    def drop(self, path: str) -> None:
        """Remove a file that is no object's, if it is there."""
        if (self._root / path).exists():
            self.remove([path])

    def finish(self, index: bytes) -> None:
        """Write the index last; a new folder appears with it."""
        self.put(INDEX, index)
        for directory in sorted(self._touched):
            _sync_directory(directory)
        if self.is_new:
            self._root.rename(self.folder)
            _sync_directory(self.folder.parent)

    def abandon(self) -> None:
        """Leave no trace of a new folder; one that is brought up to date stays as far as it is."""
        if self.is_new:
            shutil.rmtree(self._root, ignore_errors=True)

    def _make_parent(self, parent: Path) -> None:
        if parent in self._touched:
            return
        if parent.is_symlink():
            raise ExportTargetError("the folder to export into leads elsewhere by a symbolic link")
        parent.mkdir(mode=_OWNER_ONLY, exist_ok=True)
        self._touched.add(parent)


def new_folder(folder: Path) -> ExportFolder:
    """Prepare an export into a folder that is absent or empty; raises ExportTargetError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ExportTargetError("the folder to export into is not empty")
    staging = folder.parent / f".{folder.name}{_PARTIAL}"
    try:
        shutil.rmtree(staging, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging.mkdir(mode=_OWNER_ONLY)
    except OSError:
        raise ExportTargetError("the folder to export into cannot be made") from None
    return ExportFolder(folder, root=staging, is_new=True)


def folder_to_update(folder: Path, tenant_id: str) -> tuple[ExportFolder, dict[str, Any]]:
    """Return an earlier export of the tenant and its index; raises ExportTargetError.

    A folder that is absent or holds hidden files only (`.git`) becomes a new export.
    """
    index = read_index(folder)
    if index is None:
        if folder.exists() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise ExportTargetError("the folder to update holds no export")
        if not folder.exists() or not any(folder.iterdir()):
            return new_folder(folder), {}
        index = {"format": FORMAT, "tenant_id": tenant_id}
        # A kill before the end then leaves something that the next call takes for an export.
        _replace(folder / INDEX, json.dumps(index).encode(), is_new=False)
    if index.get("tenant_id") != tenant_id:
        raise ExportTargetError("the folder to update holds an export of another tenant")
    for entry in folder.iterdir():
        if entry.name.startswith(".") and entry.name.endswith(_PARTIAL):
            entry.unlink()
    return ExportFolder(folder, root=folder, is_new=False), index


def read_index(folder: Path) -> dict[str, Any] | None:
    """Return the index of an export; None if there is none that can be read."""
    try:
        return index_in((folder / INDEX).read_bytes())
    except OSError:
        return None


def index_in(content: bytes) -> dict[str, Any] | None:
    """Return the index that a file holds; None if it is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None


def json_bytes(document: object) -> bytes:
    """Return the text of a document as exports have it.

    Keys are sorted: their order means nothing in JSON and is not the same in every answer of
    Graph, and a later export shall differ only where the object does. Lists keep their order.
    """
    return f"{json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True)}\n".encode()


def _holds(target: Path, content: bytes) -> bool:
    try:
        if target.is_symlink() or target.stat().st_size != len(content):
            return False
        return target.read_bytes() == content
    except FileNotFoundError:
        return False


def _replace(target: Path, content: bytes, *, is_new: bool) -> None:
    partial = target if is_new else _partial_name(target)
    if not is_new:
        partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if not is_new:
        partial.replace(target)


def _partial_name(target: Path) -> Path:
    # As long as any name may be, so that a long one does not become too long.
    digest = hashlib.sha256(target.name.encode(errors="surrogateescape")).hexdigest()[:16]
    return target.with_name(f".{digest}{_PARTIAL}")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
