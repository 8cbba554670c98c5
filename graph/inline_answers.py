"""What came inline with an object: collections and objects, and whether they can be whole. No I/O.

Graph may leave an expansion out, answer it with an empty list, or cut it at a page without a word
(api.md a.0, d.1). What cannot be believed is read by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from domain.resource_types.shape import FollowUp
from graph.json_bodies import JsonValue
from graph.paging import NEXT_LINK, JsonObject

# What OData answers for a property that is null, where it does not answer 204.
NULL = "@odata.null"
# Lengths at which services cut a collection: a list of just so many may be a page.
_PAGE_LENGTHS = (20, 25)


@dataclass(frozen=True, slots=True)
class PartialList:
    """A list of a document whose rest has a link of its own. name: of the list in its holder."""

    holder: JsonObject
    name: str


def is_believed(value: JsonObject, follow_up: FollowUp) -> bool:
    """Tell whether what came inline is an answer at all; a list may still be a page of one."""
    inline = value.get(follow_up.property)
    if follow_up.single:
        return is_object(inline)
    if not isinstance(inline, list):
        return False
    if not inline and follow_up.claimed_by and value.get(follow_up.claimed_by) is True:
        return False
    needed = follow_up.inline_needs
    return needed is None or (
        bool(inline)
        and all(isinstance(element, dict) and element.get(needed) for element in inline)
    )


def may_be_page(value: JsonObject, follow_up: FollowUp) -> bool:
    """Tell whether an inline list may be cut: by the object's own count, or else by its length."""
    inline = as_list(value.get(follow_up.property))
    count = value.get(follow_up.counted_by) if follow_up.counted_by else None
    if isinstance(count, int):
        return count > len(inline)
    return bool(inline) and any(len(inline) % length == 0 for length in _PAGE_LENGTHS)


def is_object(value: JsonValue) -> bool:
    """Tell whether an answer is an object: neither null, nor a list of some, nor an error."""
    if not isinstance(value, dict) or value.get(NULL) is True:
        return False
    if isinstance(value.get("value"), list) or isinstance(value.get("error"), dict):
        return False
    return any("@odata." not in name for name in value)


def has_none(value: JsonObject, names: tuple[str, ...]) -> bool:
    """Tell whether an object counts none of something; what it does not count it may have."""
    counts = [value.get(name) for name in names]
    return bool(counts) and all(isinstance(count, int) and count <= 0 for count in counts)


def partial_lists(document: JsonObject) -> Iterator[PartialList]:
    """Yield every list of a document whose rest is elsewhere, however deep."""
    stack: list[JsonValue] = [document]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack.extend(value)
        elif isinstance(value, dict):
            stack.extend(value.values())
            for name in value:
                if name.endswith(NEXT_LINK):
                    yield PartialList(value, name.removesuffix(NEXT_LINK))


def as_list(value: JsonValue) -> list[JsonValue]:
    """Return a list as it is, and none for anything else."""
    return value if isinstance(value, list) else []
