"""The folder of a trial on disk: files as in an export, the state, and a kill at any moment.

What a call read is staged inside the folder. Once the new state stands complete beside the staged
files, the call has happened: whoever opens the folder next finishes moving them. Before that the
folder is as it was. Nothing else of the folder is touched.
"""

import fcntl
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

from services.trial.trial_state import TrialState, parse_state

STATE: Final = "try.json"
_OWN: Final = ".tenantops-try"
_NEXT: Final = f"{_OWN}/next"
_OWNER_ONLY: Final = 0o700
_FILE_MODE: Final = 0o600
_KEY_BYTES: Final = 32
_AWAY: Final = "move it away, or name a new folder"


class TrialFolderError(Exception):
    """The folder cannot be used for this: the message says why, and what to do."""

    reason_code = "invalid_state"


class TrialFolder:
    """One folder, held by one call; `close` lets it go.

    recovered: whether an earlier call had been ended while it moved its files, which is done now.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.recovered = False
        self._next = root / _NEXT
        self._lock = os.open(root / _OWN / "lock", os.O_RDWR | os.O_CREAT, _FILE_MODE)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise TrialFolderError("another call is at work in the folder; wait for it") from None
        try:
            self._recover()
            self.state = self._read_state(root / STATE)
            if self.state is not None:
                self._check_places(self.state)
        except BaseException:
            self.close()
            raise
        self.key, self.has_new_key = _key(root / _OWN / "key")

    @property
    def key_id(self) -> str:
        """Name of the fingerprint key, without saying anything about it."""
        return hashlib.sha256(b"tenantops try" + self.key).hexdigest()[:16]

    def close(self) -> None:
        """Let the folder go; what was staged is removed, unless the next call has to publish it."""
        if self._lock >= 0:
            if not (self._next / STATE).exists():
                shutil.rmtree(self._next, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1

    def document(self, path: str) -> dict[str, Any] | None:
        """Return the JSON object of a file; null if it is not there or was altered beyond that."""
        try:
            found = json.loads((self.root / path).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def stage(self, path: str, content: bytes) -> None:
        """Keep the new bytes of a file for `publish`; the same bytes cost one read."""
        staged = self._next / path
        if _holds(self.root / path, content):
            staged.unlink(missing_ok=True)
            return
        staged.parent.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        _write(staged, content)

    def publish(self, state: TrialState) -> None:
        """Make the staged files and the state those of the folder; files of no object go."""
        self._check_places(state)
        self._next.mkdir(mode=_OWNER_ONLY, exist_ok=True)
        partial = self._next / f"{STATE}.partial"
        _write(partial, json.dumps(state.to_json(), indent=1, ensure_ascii=False).encode())
        _sync(partial)
        partial.replace(self._next / STATE)
        _sync(self._next)
        self._apply(state)
        self.state = state

    def _recover(self) -> None:
        if (self._next / STATE).exists():
            state = self._read_state(self._next / STATE)
            assert state is not None  # noqa: S101 - it exists
            self.state = self._read_state(self.root / STATE)
            self._check_places(state)
            self._apply(state)
            self.recovered = True
        shutil.rmtree(self._next, ignore_errors=True)

    def _check_places(self, state: TrialState) -> None:
        """Raise TrialFolderError if something else stands where a file of the state belongs."""
        paths = [self.root / path for path in sorted(state.files())]
        for parent in {path.parent: None for path in paths}:
            _check_parent(parent)
        for path in paths:
            if path.is_dir() and not path.is_symlink():
                place = path.relative_to(self.root)
                raise TrialFolderError(f"has a folder where a file belongs, {place}; {_AWAY}")

    def _apply(self, state: TrialState) -> None:
        wanted = state.files()
        for path in sorted(wanted):
            if (self._next / path).exists():
                _make_parent(self.root / path)
                (self._next / path).replace(self.root / path)
        former = self.state.files() if self.state else set()
        by_folded = {path.casefold(): path for path in wanted}
        for path in sorted(former - wanted):
            twin = by_folded.get(path.casefold())
            if twin is None or not _is_same(self.root / path, self.root / twin):
                (self.root / path).unlink(missing_ok=True)
            _remove_if_empty((self.root / path).parent)
        # Last: as long as it stands in the staging, the next call does all of this again.
        (self._next / STATE).replace(self.root / STATE)
        _sync(self.root)

    def _read_state(self, path: Path) -> TrialState | None:
        try:
            document = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError):
            document = None
        return parse_state(document)


def open_folder(root: Path) -> TrialFolder:
    """Take a folder for one call. Raises TrialFolderError, TrialStateError or OSError.

    It is absent, empty, or of an earlier call; only its owner may read it from now on.
    """
    if root.is_dir():
        is_ours = (root / STATE).exists() or (root / _OWN).is_dir()
        if not is_ours and any(root.iterdir()):
            raise TrialFolderError("is not empty and of no earlier call; name a new one")
        root.chmod(_OWNER_ONLY)
    elif root.exists() or root.is_symlink():
        raise TrialFolderError("is no folder; name a new one")
    else:
        root.mkdir(mode=_OWNER_ONLY, parents=True)
    (root / _OWN).mkdir(mode=_OWNER_ONLY, exist_ok=True)
    return TrialFolder(root)


def _key(path: Path) -> tuple[bytes, bool]:
    """Return the fingerprint key and whether it was made now: random, kept beside the files."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        found = b""
    if len(found) == _KEY_BYTES:
        return found, False
    made = os.urandom(_KEY_BYTES)
    partial = path.with_name("key.partial")
    _write(partial, made)
    _sync(partial)
    partial.replace(path)
    return made, True


def _holds(target: Path, content: bytes) -> bool:
    try:
        if target.is_symlink() or target.stat().st_size != len(content):
            return False
        return target.read_bytes() == content
    except (FileNotFoundError, NotADirectoryError):
        return False


def _write(target: Path, content: bytes) -> None:
    # Not synchronized: a power cut leaves files that the next call finds altered and writes again.
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _check_parent(parent: Path) -> None:
    if parent.is_symlink():
        raise TrialFolderError(f"leads elsewhere by a symbolic link, {parent.name}; {_AWAY}")
    if parent.exists() and not parent.is_dir():
        raise TrialFolderError(f"has a file where a folder belongs, {parent.name}; {_AWAY}")


def _make_parent(target: Path) -> None:
    _check_parent(target.parent)
    target.parent.mkdir(mode=_OWNER_ONLY, exist_ok=True)


def _is_same(one: Path, other: Path) -> bool:
    """Tell whether two names lead to one file, as where upper and lower case are the same."""
    try:
        return one.samefile(other)
    except FileNotFoundError:
        return False


def _remove_if_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        return


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
