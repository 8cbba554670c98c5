"""The objects of one collection: generated on demand, overlaid with what was changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

import orjson

from devstack.graph_service.catalog import Collection
from devstack.graph_service.generation import World
from devstack.graph_service.generation.draw import Document

DOCUMENTS_KEPT = 32
ENTRY_COST = 800  # key, table slot and list node of one cached rendering


def compact(rendered: bytes) -> bytes:
    """The same bytes in a buffer of their own size: orjson's keeps 4 kB for the smallest."""
    return memoryview(rendered).tobytes()


class ByteCache:
    """Rendered bytes by key, oldest dropped first when the budget is used up."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._size = 0
        self._entries: OrderedDict[tuple[object, ...], bytes] = OrderedDict()

    def get(self, key: tuple[object, ...], render: Callable[[], bytes]) -> bytes:
        """The cached bytes, or what `render` makes."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
            return found
        made = compact(render())
        self._entries[key] = made
        self._size += len(made) + ENTRY_COST
        while self._size > self._budget and len(self._entries) > 1:
            _, dropped = self._entries.popitem(last=False)
            self._size -= len(dropped) + ENTRY_COST
        return made


class ObjectStore:
    """Ids in list order and documents by id. Ids compare without regard to case.

    Documents handed out are shared: copy before changing. `version` changes with every write,
    so that cached renderings and filtered lists can tell.
    """

    def __init__(self, collection: Collection, world: World) -> None:
        self.collection = collection
        self.version = 0
        self._world = world
        self._order: list[str] | None = None
        self._generated: dict[str, int] = {}
        self._overlay: dict[str, bytes] = {}
        self._odd_case: dict[str, str] = {}
        self._revision: dict[str, int] = {}
        self._recent: OrderedDict[str, Document] = OrderedDict()

    def ids(self) -> list[str]:
        """All ids in list order; not to be changed by the caller."""
        if self._order is None:
            key = self.collection.key
            self._order = [self._world.id_of(key, i) for i in range(self._world.count(key))]
            self._generated = {identifier: i for i, identifier in enumerate(self._order)}
            self._odd_case = {i.lower(): i for i in self._order if i.lower() != i}
        return self._order

    def __len__(self) -> int:
        return len(self.ids())

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids())

    def find(self, identifier: str) -> str | None:
        """The id as stored, or None when there is no such object."""
        self.ids()
        for candidate in (identifier, identifier.lower(), self._odd_case.get(identifier.lower())):
            if candidate is not None and (
                candidate in self._overlay or candidate in self._generated
            ):
                return candidate
        return None

    def revision(self, identifier: str) -> int:
        """How often this object was changed; part of cache keys."""
        return self._revision.get(identifier, 0)

    def document(self, identifier: str) -> Document:
        """The full document of an id that `find` or `ids` gave."""
        recent = self._recent.get(identifier)
        if recent is not None:
            return recent
        changed = self._overlay.get(identifier)
        if changed is not None:
            document: Document = orjson.loads(changed)
        else:
            self.ids()
            document = self._world.body(self.collection.key, self._generated[identifier])
        self._recent[identifier] = document
        if len(self._recent) > DOCUMENTS_KEPT:
            self._recent.popitem(last=False)
        return document

    def header(self, identifier: str) -> Document:
        """At least the own properties of an object: cheap, for lists and filters."""
        if identifier not in self._overlay and identifier not in self._recent:
            self.ids()
            made = self._world.header(self.collection.key, self._generated[identifier])
            if made is not None:
                return made
        return self.document(identifier)

    def put(self, identifier: str, document: Document, position: int | None = None) -> None:
        """Insert or replace; a new object goes to `position`, or to the end."""
        if self.find(identifier) is None:
            order = self.ids()
            order.insert(len(order) if position is None else position, identifier)
            if identifier.lower() != identifier:
                self._odd_case[identifier.lower()] = identifier
        self._overlay[identifier] = compact(orjson.dumps(document))
        self._changed(identifier)

    def remove(self, identifier: str) -> None:
        """Take an object away."""
        self.ids().remove(identifier)
        self._overlay.pop(identifier, None)
        self._generated.pop(identifier, None)
        self._odd_case.pop(identifier.lower(), None)
        self._changed(identifier)

    def clear(self) -> None:
        """Take all objects away."""
        for identifier in list(self.ids()):
            self.remove(identifier)

    def _changed(self, identifier: str) -> None:
        self.version += 1
        self._revision[identifier] = self._revision.get(identifier, 0) + 1
        self._recent.pop(identifier, None)
