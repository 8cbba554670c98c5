"""From path segments to a collection: case-insensitive, per API version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from devstack.graph_service.catalog import applications, device_management, directory
from devstack.graph_service.catalog.shape import Collection, NotFoundSegmentError

VERSIONS = ("v1.0", "beta")
# Paths without a collection of their own; the reads of the directory serve them.
EXTRA_ROOTS = frozenset({"directoryobjects", "me"})


@dataclass(frozen=True, slots=True)
class Route:
    """A resolved path: its collection and the segments behind it, in the case they came in."""

    collection: Collection
    rest: tuple[str, ...]


class Catalog:
    """All collections, found by key or by path."""

    def __init__(self, collections: Iterable[Collection]) -> None:
        self.by_key = {c.key: c for c in collections}
        self._by_path: dict[tuple[str, ...], Collection] = {
            tuple(c.path.lower().split("/")): c for c in self.by_key.values()
        }
        self._prefixes = {
            path[:length] for path in self._by_path for length in range(1, len(path) + 1)
        }

    def get(self, key: str) -> Collection:
        """Collection by key, or by its documented path with or without a leading slash."""
        found = self.by_key.get(key)
        if found is None:
            found = self._by_path.get(tuple(key.strip("/").lower().split("/")))
        if found is None:
            raise NotFoundSegmentError(key)
        return found

    def stored(self) -> list[Collection]:
        """Collections that own objects; views of others are left out."""
        return [c for c in self.by_key.values() if not c.view_of]

    def resolve(self, segments: Sequence[str], version: str) -> Route:
        """Longest collection path that `segments` begins with, or the segment that is unknown."""
        lowered: tuple[str, ...] = ()
        for position, segment in enumerate(segments):
            lowered = (*lowered, segment.lower())
            collection = self._by_path.get(lowered)
            if collection is not None:
                if not (collection.in_v1 if version == "v1.0" else collection.in_beta):
                    raise NotFoundSegmentError(segment)
                return Route(collection, tuple(segments[position + 1 :]))
            if lowered not in self._prefixes:
                raise NotFoundSegmentError(segment)
        raise NotFoundSegmentError(segments[-1] if segments else "")


CATALOG = Catalog(
    (*device_management.COLLECTIONS, *applications.COLLECTIONS, *directory.COLLECTIONS)
)
