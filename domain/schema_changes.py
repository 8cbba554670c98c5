"""Telling a property that Microsoft added to a whole type from a change that somebody made (D9).

Graph returns every property of a type, so one that most objects of the type gain or lose at once
is the type's doing. Pure; it sees the objects of one page.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.diff import Change, ChangeKind

# Fewer objects of one kind prove nothing about their type.
SMALLEST_GROUP = 5
# Share of a group that has to show the same change.
SHARE = 0.8

_INDEX = re.compile(r"/\d+(?=/|$)")


@dataclass(frozen=True)
class ComparedObject:
    """A known object of the page: its `@odata.type` and what changed in it, maybe nothing."""

    object_id: str
    odata_type: str | None
    changes: Sequence[Change]


def may_be_schema_change(changed: int, known: int) -> bool:
    """Whether so many of a group changed that it is worth looking why."""
    return changed >= SMALLEST_GROUP and changed >= SHARE * known


def schema_changes(objects: Iterable[ComparedObject]) -> set[str]:
    """Return the ids of objects in which nothing changed but what changed in their whole type."""
    groups: defaultdict[str | None, list[ComparedObject]] = defaultdict(list)
    for compared in objects:
        groups[compared.odata_type].append(compared)
    return {
        compared.object_id
        for group in groups.values()
        for compared in _of_the_type(group)
        if compared.changes
    }


def _of_the_type(group: Sequence[ComparedObject]) -> list[ComparedObject]:
    seen = Counter(shape for compared in group for shape in _shapes(compared))
    common = {
        shape
        for shape, count in seen.items()
        if shape[0] is not ChangeKind.CHANGED and may_be_schema_change(count, len(group))
    }
    return [compared for compared in group if _shapes(compared) <= common]


def _shapes(compared: ComparedObject) -> set[tuple[ChangeKind, str]]:
    """Return what changed, as kinds and places without list positions."""
    return {_shape(change) for change in compared.changes}


def _shape(change: Change) -> tuple[ChangeKind, str]:
    is_property = not change.pointer.rpartition("/")[2].isdigit()
    if change.kind is ChangeKind.CHANGED or not is_property:
        # A value or a list member is somebody's decision.
        return (ChangeKind.CHANGED, "")
    return (change.kind, _INDEX.sub("/*", change.pointer))
