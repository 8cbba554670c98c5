"""One page of a collection: its elements and where it goes on. No I/O."""

from dataclasses import dataclass, field
from typing import cast

from graph.errors import protocol_error
from graph.json_bodies import JsonValue
from graph.links import relative_link

JsonObject = dict[str, JsonValue]
NEXT_LINK = "@odata.nextLink"


@dataclass(frozen=True, slots=True)
class Page:
    """Elements as Graph sent them.

    next_link: path and query of the next page, opaque; null at the end. An empty page may have
    one: the end is its absence alone (api.md d.1).
    """

    items: list[JsonObject] = field(repr=False)
    next_link: str | None


def read_page(body: JsonObject, graph_root: str, version: str) -> Page:
    """Return the page of a collection's answer. Raises GraphProtocolError for any other shape."""
    items = body.get("value")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise protocol_error("not_a_collection")
    return Page(cast("list[JsonObject]", items), next_link_of(body, graph_root, version))


def next_link_of(
    body: JsonObject, graph_root: str, version: str, name: str = NEXT_LINK
) -> str | None:
    """Return the checked continuation of a body, or of an inline collection by its own name."""
    link = body.get(name)
    return None if link is None else relative_link(graph_root, version, link)
