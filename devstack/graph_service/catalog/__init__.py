"""Every collection the local Graph serves, and the way from a path to its collection."""

from devstack.graph_service.catalog.lookup import CATALOG, Catalog, Route
from devstack.graph_service.catalog.shape import (
    Area,
    Collection,
    IdStyle,
    ListExpand,
    Navigation,
    NotFoundSegmentError,
)

__all__ = [
    "CATALOG",
    "Area",
    "Catalog",
    "Collection",
    "IdStyle",
    "ListExpand",
    "Navigation",
    "NotFoundSegmentError",
    "Route",
]
