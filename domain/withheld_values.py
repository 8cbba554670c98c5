"""Telling a value that Graph gave out this time only from one that somebody changed (D9).

An app that loses the right to read encrypted values gets the same object without them, and with
them again when the right is back. Neither is anybody's change to the object. Pure.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.canonical_rules import CanonicalRules
from domain.diff import Change, ChangeKind, diff


@dataclass(frozen=True)
class Reading:
    """A document, and the JSON Pointers of the values that Graph kept to itself then."""

    document: Mapping[str, Any]
    not_captured: Sequence[str]


def revealed_alone(before: Reading, after: Reading, rules: CanonicalRules) -> frozenset[str] | None:
    """Return the places in `after` that were withheld before, if nothing else changed.

    Nothing else means: each difference is a value that one of the two readings has and the other
    could not have. None when there is any other; empty when values were only lost.
    """
    changes = _changes(before, after, rules)
    lost, gained = set(after.not_captured), set(before.not_captured)
    if not all((change.pointer in lost) != (change.before_pointer in gained) for change in changes):
        return None
    return frozenset(change.pointer for change in changes if change.before_pointer in gained)


def is_another_value(
    earlier: Reading, after: Reading, revealed: frozenset[str], rules: CanonicalRules
) -> bool:
    """Whether a value that is back differs from the one that an `earlier` reading had."""
    known = set(earlier.not_captured)
    return any(
        change.kind is ChangeKind.CHANGED
        and change.pointer in revealed
        and change.before_pointer not in known
        for change in _changes(earlier, after, rules)
    )


def _changes(before: Reading, after: Reading, rules: CanonicalRules) -> list[Change]:
    return diff(_with_places(before), _with_places(after), rules)


def _with_places(reading: Reading) -> Mapping[str, Any]:
    """Return the document with null where a withheld value is missing.

    So a value that comes or goes is a changed one, and the comparison names both of its places.
    """
    missing = [place for place in map(_steps, reading.not_captured) if _lacks(reading, place)]
    if not missing:
        return reading.document
    document = copy.deepcopy(dict(reading.document))
    for *above, name in missing:
        _holder(document, above)[name] = None
    return document


def _lacks(reading: Reading, place: Sequence[str]) -> bool:
    *above, name = place
    holder = _holder(reading.document, above)
    return isinstance(holder, dict) and name not in holder


def _holder(document: Any, steps: Sequence[str]) -> Any:
    """Return what stands at a place; None when there is nothing."""
    value = document
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
