"""Objects as bytes: list form, item form and expanded forms, cached."""

from __future__ import annotations

import itertools

import orjson

from devstack.graph_service.catalog import Collection, ListExpand
from devstack.graph_service.generation.draw import Document
from devstack.graph_service.objects import ByteCache
from devstack.graph_service.odata import QueryOptions
from devstack.graph_service.odata.projection import project
from devstack.graph_service.tenant import TenantState

SAMPLED = 12
ALWAYS_KNOWN = frozenset({"id", "@odata.type", "displayname", "createddatetime", "description"})


class Renderer:
    """Renders objects of any tenant; the cache is shared and bounded."""

    def __init__(self, cache: ByteCache) -> None:
        self._cache = cache
        self._known: dict[tuple[str, str], tuple[int, frozenset[str]]] = {}

    def item(
        self,
        tenant: TenantState,
        collection: Collection,
        identifier: str,
        options: QueryOptions,
        *,
        full: bool = False,
    ) -> bytes:
        """An object as its own path shows it, without context."""
        return self._render(tenant, collection, identifier, options, listed=False, full=full)

    def row(
        self,
        tenant: TenantState,
        collection: Collection,
        identifier: str,
        options: QueryOptions,
        *,
        full: bool = False,
    ) -> bytes:
        """An object as the list shows it."""
        return self._render(tenant, collection, identifier, options, listed=True, full=full)

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

    def _render(
        self,
        tenant: TenantState,
        collection: Collection,
        identifier: str,
        options: QueryOptions,
        *,
        listed: bool,
        full: bool,
    ) -> bytes:
        store = tenant.store(collection)
        shape = (options.get("select"), options.get("expand"), listed, full)
        key = (tenant.tenant_id, collection.key, identifier, store.revision(identifier), *shape)

        def render() -> bytes:
            document = store.document(identifier)
            if listed:
                document = _list_form(document, collection, options)
            shown = project(document, collection.navigations, options)
            if listed:
                shown.update(_emptied(collection, options))
            if full:
                shown = _full_metadata(shown, collection, identifier)
            return orjson.dumps(shown)

        return self._cache.get(key, render)


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
