"""Compares what went into a tenant with what came out of its backup, leaf by leaf.

Knows JSON and Microsoft's published facts, and nothing of the product: it must not share a mistake.
Everything that the original says has to be in the copy, with the same value and the same place in
its list. What the copy may say in addition is listed below, property by property.
"""

from collections.abc import Iterator
from typing import Any

# Assigned by the service to every object, whatever was sent (Graph reference: read-only).
GIVEN_BY_THE_SERVICE = frozenset({"id"})
# Written by the service about its answer and not part of the object: addresses of the request that
# made the export, or of the one that made the backup; links only come with full metadata.
ABOUT_THE_ANSWER = (
    "@odata.context",
    "@odata.count",
    "@odata.nextLink",
    "@odata.etag",
    "@odata.associationLink",
    "@odata.navigationLink",
)
# Parts that tools leave out of their exports, or do not ask for where a counter says that there are
# none; the service returns an empty list. Anything in them is a difference.
EMPTY_OR_LEFT_OUT = frozenset(
    {"apps", "assignments", "categories", "presentationValues", "relationships"}
)
# A tool's file of definition values has no header; the service gives it an empty description.
EMPTY_TEXT_WHERE_LEFT_OUT = frozenset({"description"})


def differences(original: Any, copy: Any, place: str = "") -> Iterator[str]:
    """Yield the places at which `copy` does not say what `original` says, as JSON Pointers."""
    if isinstance(original, dict) and isinstance(copy, dict):
        yield from _of_objects(original, copy, place)
    elif isinstance(original, list) and isinstance(copy, list):
        yield from _of_lists(original, copy, place)
    elif type(original) is not type(copy) or original != copy:
        yield f"{place}: {original!r} became {copy!r}"[:300]


def _of_objects(original: dict[str, Any], copy: dict[str, Any], place: str) -> Iterator[str]:
    for name, value in original.items():
        if name.endswith(ABOUT_THE_ANSWER):
            continue
        if name not in copy and not (name in EMPTY_OR_LEFT_OUT and value == []):
            yield f"{place}/{name}: lost"
        elif name in copy:
            yield from differences(value, copy[name], f"{place}/{name}")
    for name in copy.keys() - original.keys():
        if not _may_be_added(name, copy[name]):
            yield f"{place}/{name}: made up"


def _may_be_added(name: str, value: Any) -> bool:
    return (
        name in GIVEN_BY_THE_SERVICE
        or name.endswith(ABOUT_THE_ANSWER)
        or (name in EMPTY_OR_LEFT_OUT and value == [])
        or (name in EMPTY_TEXT_WHERE_LEFT_OUT and value == "")
    )


def _of_lists(original: list[Any], copy: list[Any], place: str) -> Iterator[str]:
    if len(original) != len(copy):
        yield f"{place}: {len(original)} elements became {len(copy)}"
        return
    for position, (before, after) in enumerate(zip(original, copy, strict=True)):
        yield from differences(before, after, f"{place}/{position}")
