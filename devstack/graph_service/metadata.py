"""The metadata documents of the local Graph (`$metadata`): OData CSDL made from the collections.

Says of the local Graph what Microsoft's documents say of theirs: which collections and single
objects are contained below which singleton, and what cannot be written.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from xml.sax.saxutils import quoteattr

from devstack.graph_service.catalog import CATALOG
from devstack.graph_service.catalog.shape import Collection

_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">\n'
    "<edmx:DataServices>\n"
    '<Schema Namespace="microsoft.graph" Alias="graph"'
    ' xmlns="http://docs.oasis-open.org/odata/ns/edm">\n'
)
_TAIL = "</Schema>\n</edmx:DataServices>\n</edmx:Edmx>\n"
# Types of the singletons of Graph that contain what is configured.
_ROOT_TYPES = {"policies": "policyRoot", "identity": "identityContainer"}


@cache
def metadata_document(version: str) -> bytes:
    """The document of one version, `v1.0` or `beta`."""
    collections = [c for c in CATALOG.by_key.values() if (c.in_v1 if version == "v1.0" else True)]
    children: dict[tuple[str, ...], dict[str, Collection | None]] = defaultdict(dict)
    for collection in collections:
        if version == "beta" and not collection.in_beta:
            continue
        parts = tuple(collection.path.split("/"))
        for length in range(1, len(parts)):
            children[parts[:length]].setdefault(parts[length], None)
        if len(parts) > 1:
            children[parts[:-1]][parts[-1]] = collection
    types = "".join(_container(path, below, children) for path, below in sorted(children.items()))
    entities = "".join(_entity(name) for name in sorted({c.entity for c in collections}))
    roots = sorted({path[0] for path in children})
    singletons = "".join(
        f'<Singleton Name={quoteattr(root)} Type="graph.{_type_of((root,))}" />\n' for root in roots
    )
    sets = "".join(
        f'<EntitySet Name={quoteattr(c.path)} EntityType="graph.{c.entity}" />\n'
        for c in collections
        if "/" not in c.path and (version != "beta" or c.in_beta)
    )
    container = f'<EntityContainer Name="GraphService">\n{sets}{singletons}</EntityContainer>\n'
    return f"{_HEAD}{types}{entities}{container}{_TAIL}".encode()


def _type_of(path: tuple[str, ...]) -> str:
    """Type of the singleton or container at a path."""
    if len(path) == 1:
        return _ROOT_TYPES.get(path[0], path[0])
    return "".join((path[0], *(part[:1].upper() + part[1:] for part in path[1:]), "Container"))


def _container(
    path: tuple[str, ...],
    below: dict[str, Collection | None],
    children: dict[tuple[str, ...], dict[str, Collection | None]],
) -> str:
    lines = "".join(
        f"<NavigationProperty Name={quoteattr(name)} Type={quoteattr(_target(path, name, entry))}"
        ' ContainsTarget="true" />\n'
        for name, entry in sorted(below.items())
        if entry is not None or (*path, name) in children
    )
    return f'<EntityType Name="{_type_of(path)}">\n{lines}</EntityType>\n'


def _target(path: tuple[str, ...], name: str, entry: Collection | None) -> str:
    if entry is None:
        return f"graph.{_type_of((*path, name))}"
    return f"graph.{entry.entity}" if entry.singleton else f"Collection(graph.{entry.entity})"


def _entity(name: str) -> str:
    return (
        f"<EntityType Name={quoteattr(name)}>\n"
        '<Property Name="id" Type="Edm.String" />\n'
        '<Property Name="displayName" Type="Edm.String" />\n'
        "</EntityType>\n"
    )
