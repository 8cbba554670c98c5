"""What of a full document an answer shows: navigation dropped, expanded or selected."""

from __future__ import annotations

from collections.abc import Sequence

from devstack.graph_service.catalog import Navigation
from devstack.graph_service.generation.draw import Document
from devstack.graph_service.odata.options import QueryOptions

EVERYTHING = QueryOptions()


def project(
    document: Document, navigations: Sequence[Navigation], options: QueryOptions = EVERYTHING
) -> Document:
    """Own properties (all or the selected ones) and the expanded navigation properties."""
    hidden = {n.name for n in navigations if not n.inline}
    select = options.select
    result: Document = {}
    for name, value in document.items():
        if name[0] == "_" or name in hidden:
            continue
        head = name.partition("@")[0] if "@" in name else name
        if head and head in hidden:
            continue
        if select is None or name[0] == "@" or head.lower() in select:
            result[name] = value
    for name, inner in options.expand.items():
        navigation = _named(navigations, name)
        if navigation is not None and not navigation.inline:
            result[navigation.name] = expand(document, navigation, inner)
    return result


def expand(document: Document, navigation: Navigation, options: QueryOptions) -> object:
    """Value of one navigation property with its own children handled the same way."""
    value = document.get(navigation.name)
    if navigation.single:
        return project(value, navigation.children, options) if isinstance(value, dict) else None
    rows = value if isinstance(value, list) else []
    return [project(row, navigation.children, options) for row in rows]


def _named(navigations: Sequence[Navigation], name: str) -> Navigation | None:
    lowered = name.lower()
    return next((n for n in navigations if n.name.lower() == lowered), None)
