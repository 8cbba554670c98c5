"""The folder of an export on disk: a new one that appears whole, or one that is brought up to date.

Each file is replaced in one step, so that a kill leaves the old or the new one, and bytes that are
there already are not written again. One call at a time works in a folder. What the system refuses
is an ExportTargetError. Knows nothing of sets.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Collection
from functools import wraps
from pathlib import Path
from threading import RLock
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from domain.export_names import digest_in

INDEX: Final = "set.json"
FORMAT: Final = "tenantops-export"
# Raised when an older reader would misread a newer export.
FORMAT_VERSION: Final = 1
_OWNER_ONLY: Final = 0o700
_FILE_MODE: Final = 0o600
_PARTIAL: Final = ".partial"
# Where an export into a folder that is there already, and empty, is made.
_STAGING: Final = f".tenantops{_PARTIAL}"
_LEFT_OVER: Final = re.compile(r"\.[0-9a-f]{16}\.partial\Z")

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class ExportTargetError(Exception):
    """The folder to export into is not fit for it, or cannot be made."""

    reason_code = "invalid_state"


def _explained(work: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Say what the system refused: its errors name files, and look like those of connections."""

    @wraps(work)
    def explained(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return work(*args, **kwargs)
        except OSError as error:
            cause = (error.strerror or type(error).__name__).lower()
            raise ExportTargetError(f"the folder to export into cannot be used: {cause}") from None

    return explained


def _step(
    work: "Callable[Concatenate[ExportFolder, Parameters], Result]",
) -> "Callable[Concatenate[ExportFolder, Parameters], Result]":
    """Explain what the system refuses, and do nothing any more once the folder is abandoned.

    Who is cancelled leaves its thread at work; that must not write behind the cleaning up.
    """

    @wraps(work)
    def guarded(
        self: "ExportFolder", /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        with self.guard:
            if self.is_abandoned:
                raise ExportTargetError("the export was given up")
            return work(self, *args, **kwargs)

    return _explained(guarded)


class ExportFolder:
    """Where one export writes to; `written` and `removed` count what changed on disk."""

    def __init__(self, folder: Path, *, root: Path, lock: int, seed: bytes | None = None) -> None:
        """Write below `root`, until `finish` if that is not the folder; `seed` is a first index.

        `lock` is closed by `close`.
        """
        self.folder = folder
        self.is_new = root != folder
        self._lock = lock
        self._seed = seed
        self.written = 0
        self.unchanged = 0
        self.removed = 0
        self.guard = RLock()
        self.is_abandoned = False
        self._root = root
        self._touched: set[Path] = {root}

    @_step
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

    def has(self, path: str) -> bool:
        """Whether a file is there."""
        return (self._root / path).is_file()

    @_step
    def old_names(self, folder: str) -> list[tuple[str, str]]:
        """Return files of objects that lie in a type's folder: path, and the object's digest.

        What a killed export left half written is removed.
        """
        place = self._root / folder
        if self.is_new or not place.is_dir():
            return []
        _check_parent(place)
        _remove_left_overs(place)
        entries = sorted(os.scandir(place), key=lambda found: found.name)
        return [
            (f"{folder}/{entry.name}", digest)
            for entry in entries
            if (digest := digest_in(entry.name)) and not entry.is_dir(follow_symlinks=False)
        ]

    @_step
    def rename(self, path: str, wanted: str) -> bool:
        """Give a file its name, if both names lead to it; tell whether they do.

        So it is where upper and lower case are the same.
        """
        old, new = self._root / path, self._root / wanted
        if old.is_symlink() or not new.exists() or not old.samefile(new):
            return False
        partial = _partial_name(new)
        old.replace(partial)
        partial.replace(new)
        # Still there if both were links to one file.
        partial.unlink(missing_ok=True)
        self._touched.add(new.parent)
        return True

    @_step
    def remove(self, paths: Collection[str]) -> None:
        """Remove files of objects that are gone or have another name now."""
        for path in paths:
            (self._root / path).unlink(missing_ok=True)
            self._touched.add((self._root / path).parent)
            self.removed += 1

    @_step
    def drop(self, path: str) -> None:
        """Remove a file that is no object's, if it is there."""
        if (self._root / path).exists():
            self.remove([path])

    @_step
    def finish(self, index: bytes) -> None:
        """Write the index last; a new folder appears with it."""
        self.put(INDEX, index)
        for directory in sorted(self._touched):
            _sync_directory(directory)
        if self._root.parent == self.folder:
            self._move_up()
        elif self.is_new:
            self._root.rename(self.folder)
            _sync_directory(self.folder.parent)

    def abandon(self) -> None:
        """Leave no trace of a new folder; one that is brought up to date stays as far as it is."""
        with self.guard:
            self.is_abandoned = True
            if self.is_new:
                shutil.rmtree(self._root, ignore_errors=True)

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._lock)

    def _move_up(self) -> None:
        """Make the staged files those of the folder, the index last."""
        if self._seed is not None:
            # A kill from here on leaves something that the next update takes for an export.
            _replace(self.folder / INDEX, self._seed, is_new=False)
        for entry in sorted(self._root.iterdir(), key=lambda found: found.name == INDEX):
            entry.replace(self.folder / entry.name)
        self._root.rmdir()
        _sync_directory(self.folder)

    def _make_parent(self, parent: Path) -> None:
        if parent in self._touched:
            return
        _check_parent(parent)
        parent.mkdir(mode=_OWNER_ONLY, exist_ok=True)
        self._touched.add(parent)


@_explained
def new_folder(folder: Path, tenant_id: str) -> ExportFolder:
    """Prepare an export into a folder that is absent or empty; raises ExportTargetError."""
    if folder.is_dir():
        return _in_empty_folder(folder, tenant_id)
    if folder.exists() or folder.is_symlink():
        raise ExportTargetError("the folder to export into is no folder")
    staging = folder.parent / f".{folder.name}{_PARTIAL}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging.mkdir(mode=_OWNER_ONLY, exist_ok=True)
    lock = _locked(staging)
    try:
        _empty(staging)
    except BaseException:
        os.close(lock)
        raise
    return ExportFolder(folder, root=staging, lock=lock)


def _in_empty_folder(folder: Path, tenant_id: str) -> ExportFolder:
    """Stage inside: the folder may be where somebody stands, or where a volume is mounted."""
    lock = _locked(folder)
    try:
        staging = _staging_in(folder)
    except BaseException:
        os.close(lock)
        raise
    return ExportFolder(folder, root=staging, lock=lock, seed=_first_index(tenant_id))


def _staging_in(folder: Path) -> Path:
    if any(entry.name != _STAGING for entry in folder.iterdir()):
        mend = "name a new one, or give --update if it holds an export"
        raise ExportTargetError(f"the folder to export into is not empty; {mend}")
    staging = folder / _STAGING
    staging.mkdir(mode=_OWNER_ONLY, exist_ok=True)
    _empty(staging)
    return staging


@_explained
def folder_to_update(folder: Path, tenant_id: str) -> tuple[ExportFolder, dict[str, Any]]:
    """Return an earlier export of the tenant and its index; raises ExportTargetError.

    A folder that is absent or holds hidden files only (`.git`) becomes a new export.
    """
    if not folder.is_dir() or all(entry.name == _STAGING for entry in folder.iterdir()):
        return new_folder(folder, tenant_id), {}
    lock = _locked(folder)
    try:
        index = _index_to_update(folder, tenant_id)
        _remove_left_overs(folder)
    except BaseException:
        os.close(lock)
        raise
    return ExportFolder(folder, root=folder, lock=lock), index


def _index_to_update(folder: Path, tenant_id: str) -> dict[str, Any]:
    index = read_index(folder)
    if index is None:
        if any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise ExportTargetError(f"the folder to update holds no export with a readable {INDEX}")
        # A kill before the end then leaves something that the next call takes for an export.
        _replace(folder / INDEX, _first_index(tenant_id), is_new=False)
        return {}
    if index.get("tenant_id") != tenant_id:
        raise ExportTargetError("the folder to update holds an export of another tenant")
    if index.get("format_version", FORMAT_VERSION) != FORMAT_VERSION:
        raise ExportTargetError("the folder to update holds an export of another version")
    return index


def _first_index(tenant_id: str) -> bytes:
    """Return the index of an export that is not whole yet: it has no version and no files."""
    return json.dumps({"format": FORMAT, "tenant_id": tenant_id}).encode()


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


def _check_parent(parent: Path) -> None:
    if parent.is_symlink():
        raise ExportTargetError("the folder to export into leads elsewhere by a symbolic link")


def _remove_left_overs(folder: Path) -> None:
    """Remove what a kill left half written."""
    shutil.rmtree(folder / _STAGING, ignore_errors=True)
    for entry in folder.iterdir():
        if _LEFT_OVER.match(entry.name):
            entry.unlink()


def _empty(staging: Path) -> None:
    _check_parent(staging)
    for entry in staging.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _locked(folder: Path) -> int:
    """Hold a folder against a second call; returns what to close. The system lets go at a kill."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_there = _is_open(lock, folder)
    except BlockingIOError:
        is_there = False
    except OSError:
        # Where the file system knows no locks, nobody is kept out.
        is_there = True
    if not is_there:
        os.close(lock)
        raise ExportTargetError("another export is at work in the folder; wait for it")
    return lock


def _is_open(descriptor: int, folder: Path) -> bool:
    # Who held it may have given it its final name meanwhile.
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except FileNotFoundError:
        return False


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
