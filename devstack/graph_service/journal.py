"""Changes of the tenants as lines of JSON, replayed when the service starts again.

A line cut by a kill is ignored. Faults and counters are not kept: a new process has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import orjson

Entry = dict[str, Any]


class Journal:
    """Append-only file; without a path nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def replay(self) -> Iterator[Entry]:
        """Entries written by earlier processes, oldest first."""
        if self._path is None or not self._path.exists():
            return
        content = self._path.read_bytes()
        for line in content.split(b"\n"):
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                continue

    def append(self, entry: Entry) -> None:
        """Write one entry and hand it to the operating system, so that kill -9 keeps it."""
        if self._path is None:
            return
        if self._file is None:
            self._file = self._path.open("ab")
            if self._file.tell():
                # The last line may have been cut; a fresh line keeps it from spoiling this one.
                self._file.write(b"\n")
        self._file.write(orjson.dumps(entry) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None
