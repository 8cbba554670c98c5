"""What a backup set consists of, as hashes: manifest chunks, manifests and the chain of sets (D9).

A manifest is the sorted list of (object id, version hash) of one resource type, cut into chunks
whose borders depend on the ids alone: an inserted object makes at most two new chunks, a deleted
one no more entries of new chunks than two of the largest hold. So unchanged ones are shared between
sets. Compression and tables are not known here.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

import rfc8785

# Below it the row of a chunk would weigh more than its entries.
LEAST_CHUNK = 16


class InvalidManifestEntryError(ValueError):
    """An object id or a hash that a line of a manifest cannot hold."""


class ManifestEntry(NamedTuple):
    """One object of a set and the version it had."""

    object_id: str
    version_hash: str


@dataclass(frozen=True)
class ManifestChunk:
    """A run of entries; `payload` holds the sorted lines, `hash` is their SHA-256 in hex."""

    hash: str
    entry_count: int
    payload: bytes


@dataclass(frozen=True)
class Manifest:
    """The entries of one resource type as chunks."""

    hash: str
    chunks: tuple[ManifestChunk, ...]

    @property
    def entry_count(self) -> int:
        """How many objects the manifest lists."""
        return sum(chunk.entry_count for chunk in self.chunks)


@dataclass(frozen=True)
class TypeManifest:
    """One resource type of a set, as it enters the set's hash."""

    resource_type: str
    manifest_hash: str
    is_complete: bool


def is_valid_object_id(object_id: str) -> bool:
    """Whether an id can stand in a manifest: not empty, one line, no tab, valid text."""
    return bool(object_id) and not any(
        character in "\t\n\r\0" or "\ud800" <= character <= "\udfff" for character in object_id
    )


def build_manifest(resource_type: str, entries: Iterable[tuple[str, str]]) -> Manifest:
    """Return the manifest of one type; the order of `entries` does not matter.

    Raises InvalidManifestEntryError for an id twice, or one that is no line of text.
    """
    rows = [ManifestEntry(*entry) for entry in entries]
    if not all(is_valid_object_id(row.object_id) for row in rows):
        raise InvalidManifestEntryError("an object id is no line of text")
    rows.sort(key=lambda row: row.object_id.encode())
    for row, after in pairwise(rows):
        if row.object_id == after.object_id:
            raise InvalidManifestEntryError("an object stands twice in one manifest")
    chunks = tuple(_chunk(rows[start:end]) for start, end in _borders(rows))
    return Manifest(manifest_hash(resource_type, [chunk.hash for chunk in chunks]), chunks)


def manifest_hash(resource_type: str, chunk_hashes: Sequence[str]) -> str:
    """Return the hash that names a manifest: over its type and its chunks in order."""
    return _hash_of({"v": 1, "resource_type": resource_type, "chunks": list(chunk_hashes)})


def chunk_hash(payload: bytes) -> str:
    """Return the hash that names a chunk, to be compared on reading."""
    return hashlib.sha256(payload).hexdigest()


def parse_chunk(payload: bytes) -> Iterator[ManifestEntry]:
    """Yield the entries of a chunk in their order."""
    for line in payload.decode().split("\n"):
        if line:
            object_id, _, version = line.partition("\t")
            yield ManifestEntry(object_id, version)


def set_hash(
    previous: str | None,
    tenant_id: UUID,
    captured_at: datetime,
    manifests: Iterable[TypeManifest],
) -> str:
    """Return the hash of a set, which carries the one before it, so a chain proves its past.

    `captured_at` is aware and counts to the microsecond.
    """
    return _hash_of(
        {
            "v": 1,
            "previous": previous,
            "tenant_id": str(tenant_id),
            "captured_at": captured_at.astimezone(UTC).isoformat(timespec="microseconds"),
            "manifests": [
                [manifest.resource_type, manifest.manifest_hash, manifest.is_complete]
                for manifest in sorted(manifests, key=lambda manifest: manifest.resource_type)
            ],
        }
    )


def _chunk(rows: Sequence[ManifestEntry]) -> ManifestChunk:
    payload = "".join(f"{row.object_id}\t{row.version_hash}\n" for row in rows).encode()
    return ManifestChunk(chunk_hash(payload), len(rows), payload)


def chunk_size(entry_count: int) -> int:
    """Return after how many entries a chunk ends on average; none has more than twice as many.

    Half the root of the type's size, as a power of two, so that neither a changed chunk nor the
    list of all chunks becomes large (decision 0010).
    """
    half = math.isqrt(entry_count) // 2
    return max(LEAST_CHUNK, 1 << max(half.bit_length() - 1, 0))


def _borders(rows: Sequence[ManifestEntry]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of the chunks.

    One id in so many ends a chunk. A run without a border that is too long is cut after its id of
    the least hash, again and again. The cuts form a treap over the ids: an insertion leaves one
    new chunk on each side of it at most.
    """
    marks = [_mark(row.object_id) for row in rows]
    size, start = chunk_size(len(rows)), 0
    for position, mark in enumerate(marks):
        if mark % size == 0 or position == len(marks) - 1:
            yield from _cut(marks, start, position + 1, 2 * size)
            start = position + 1


def _cut(marks: Sequence[int], start: int, end: int, largest: int) -> Iterator[tuple[int, int]]:
    waiting = [(start, end)]
    while waiting:
        start, end = waiting.pop()
        if end - start <= largest:
            yield start, end
            continue
        # The last id of a run ends it already, so it cuts nothing.
        border = min(range(start, end - 1), key=marks.__getitem__) + 1
        waiting += [(border, end), (start, border)]


def _mark(object_id: str) -> int:
    digest = hashlib.sha256(object_id.encode()).digest()
    return int.from_bytes(digest, "big")


def _hash_of(document: dict[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()
