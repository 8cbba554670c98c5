"""The files of a folder that is imported: found in a stable order, read within a limit.

Symbolic links are not followed, neither to files nor to folders; hidden entries are passed over.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import Final

from domain.import_faults import BrokenFile, FileFault, FileFaultError

LARGEST_FILE: Final = 64 * 1024 * 1024
_DOCUMENTS: Final = frozenset({".json", ".yaml", ".yml"})


@dataclass(frozen=True)
class FoundFile:
    """A file that may hold an object; `path` is relative to the folder, with slashes."""

    path: str

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders above it, outermost first."""
        return PurePosixPath(self.path).parts[:-1]

    @property
    def stem(self) -> str:
        """Its name without the ending."""
        return PurePosixPath(self.path).stem

    @property
    def is_yaml(self) -> bool:
        """Whether it is YAML by its name."""
        return not self.path.lower().endswith(".json")


@dataclass(frozen=True)
class FolderContents:
    """What a folder holds, by path: documents, files that are none, and what cannot be read."""

    documents: list[FoundFile]
    others: list[str]
    broken: list[BrokenFile]


def contents_of(folder: Path) -> FolderContents:
    """Return what lies in a folder and below it, sorted."""
    found = FolderContents([], [], [])
    waiting = [""]
    while waiting:
        place = waiting.pop()
        try:
            entries = sorted(os.scandir(folder / place), key=lambda entry: entry.name)
        except OSError:
            found.broken.append(BrokenFile(place or ".", FileFault.UNREADABLE))
            continue
        waiting += reversed(list(_sort_entries(entries, place, found)))
    for part in (found.documents, found.broken):
        part.sort(key=lambda entry: entry.path)
    found.others.sort()
    return found


def _sort_entries(
    entries: list[os.DirEntry[str]], place: str, found: FolderContents
) -> Iterator[str]:
    """Put files where they belong, and yield the folders."""
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = f"{place}/{entry.name}" if place else entry.name
        if entry.is_symlink():
            found.broken.append(BrokenFile(path, FileFault.SYMBOLIC_LINK))
        elif entry.is_dir(follow_symlinks=False):
            yield path
        elif PurePosixPath(path).suffix.lower() in _DOCUMENTS:
            found.documents.append(FoundFile(path))
        else:
            found.others.append(path)


def read_file(folder: Path, path: str) -> bytes:
    """Return the bytes of a file; raises FileFaultError for what is too large or not readable."""
    try:
        # A pipe would keep the opening waiting.
        descriptor = os.open(folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):
        raise FileFaultError(FileFault.UNREADABLE) from None
    with os.fdopen(descriptor, "rb") as file:
        if not S_ISREG(os.fstat(descriptor).st_mode):
            raise FileFaultError(FileFault.UNREADABLE)
        try:
            content = file.read(LARGEST_FILE + 1)
        except OSError:
            raise FileFaultError(FileFault.UNREADABLE) from None
    if len(content) > LARGEST_FILE:
        raise FileFaultError(FileFault.TOO_LARGE)
    return content
