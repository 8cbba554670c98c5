"""Objects as bytes: list form, item form and expanded forms, cached."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import orjson

from devstack.graph_service.catalog import Area, Collection, ListExpand
from devstack.graph_service.generation.draw import Document
from devstack.graph_service.objects import ByteCache
from devstack.graph_service.odata import QueryOptions
from devstack.graph_service.odata.projection import project
from devstack.graph_service.tenant import TenantState

SAMPLED = 12
ALWAYS_KNOWN = frozenset({"id", "@odata.type", "displayname", "createddatetime", "description"})


@dataclass(frozen=True, slots=True)
class Shape:
    """How an object is shown: as a list row or an item, with which options and annotations."""

    options: QueryOptions
    listed: bool = False
    full: bool = False  # odata.metadata=full
    version: str = "beta"
    base: str = ""  # address of the version, for annotations; one for each version

    @property
    def key(self) -> tuple[object, ...]:
        """What renderings of this shape are cached under."""
        values = self.options.values
        return (values.get("select"), values.get("expand"), self.listed, self.full, self.version)


class Renderer:
    """Renders objects of any tenant; the cache is shared and bounded."""

    def __init__(self, cache: ByteCache) -> None:
        self._cache = cache
        self._known: dict[tuple[str, str], tuple[int, frozenset[str]]] = {}

    def render(
        self, tenant: TenantState, collection: Collection, identifier: str, shape: Shape
    ) -> bytes:
        """An object in a shape, without context."""
        store = tenant.store(collection)
        key = (
            tenant.tenant_id,
            collection.key,
            identifier,
            store.revision(identifier),
            *shape.key,
        )

        def make() -> bytes:
            expands = bool(shape.options.get("expand"))
            document = store.document(identifier) if expands else store.header(identifier)
            shown = show(document, collection, shape)
            if expands:
                shown.update(_contexts(collection, identifier, shape))
            if shape.full:
                shown = _full_metadata(shown, collection, identifier)
            return orjson.dumps(shown)

        return self._cache.get(key, make)

    def known_properties(self, tenant: TenantState, collection: Collection) -> frozenset[str]:
        """Lower-case property names of a collection, from samples and from what was written."""
        store = tenant.store(collection)
        key = (tenant.tenant_id, collection.key)
        cached = self._known.get(key)
        if cached is not None and cached[0] == store.version:
            return cached[1]
        source = collection.view_of or collection.key
        names = set(ALWAYS_KNOWN)
        samples = [
            tenant.world.body(source, i) for i in range(1 if collection.singleton else SAMPLED)
        ]
        stored = [store.document(i) for i in itertools.islice(reversed(store.ids()), SAMPLED)]
        for document in (*samples, *stored):
            names.update(name.lower() for name in document)
        known = frozenset(names)
        self._known[key] = (store.version, known)
        return known


def show(document: Document, collection: Collection, shape: Shape) -> Document:
    """The properties of a document that a shape shows."""
    if shape.listed:
        document = _list_form(document, collection, shape.options)
    shown = project(document, collection.navigations, shape.options)
    if (
        shape.options.select is not None
        and collection.area is not Area.IDENTITY
        and "id" in document
    ):
        # Intune's services return the key whatever is selected; IntuneCD joins names by it.
        shown["id"] = document["id"]
    if shape.listed:
        shown.update(_emptied(collection, shape.options))
    for name in collection.write_only:
        if name in shown:
            shown[name] = None
    if shape.version != "beta":
        for name in collection.beta_only:
            shown.pop(name, None)
    return shown


def _list_form(document: Document, collection: Collection, options: QueryOptions) -> Document:
    if not collection.null_in_list and not collection.absent_in_list:
        return document
    select = options.select or frozenset()
    listed = {
        name: value
        for name, value in document.items()
        if name not in collection.absent_in_list or name.lower() in select
    }
    for name in collection.null_in_list:
        if name in listed:
            listed[name] = None
    return listed


def _emptied(collection: Collection, options: QueryOptions) -> Document:
    """Expansions that a list accepts and leaves empty."""
    named = (collection.navigation(name) for name in options.expand)
    return {n.name: [] for n in named if n is not None and n.on_list is ListExpand.EMPTY}


def _contexts(collection: Collection, identifier: str, shape: Shape) -> Document:
    """What the service writes beside each expanded property, as real exports show it."""
    place = f"{shape.base}/$metadata#{collection.path}('{identifier}')"
    named = (collection.navigation(name) for name in shape.options.expand)
    return {
        f"{n.name}@odata.context": f"{place}/{n.name}{'/$entity' if n.single else ''}"
        for n in named
        if n is not None and not n.inline
    }


def _full_metadata(shown: Document, collection: Collection, identifier: str) -> Document:
    link = f"{collection.path}('{identifier}')"
    head: Document = {
        "@odata.type": shown.get("@odata.type", f"#microsoft.graph.{collection.entity}"),
        "@odata.id": link,
        "@odata.editLink": link,
    }
    for name, value in shown.items():
        if name.endswith("DateTime") and isinstance(value, str):
            head[f"{name}@odata.type"] = "#DateTimeOffset"
        head[name] = value
    if collection.navigation("assignments") is not None:
        target = f"{link}/microsoft.graph.assign"
        head["#microsoft.graph.assign"] = {"title": "microsoft.graph.assign", "target": target}
    return head
