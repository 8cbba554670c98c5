"""Which members of two lists stand for the same thing, so that a diff can go into them.

Knows nothing of rules: it gets the members and what they are compared by.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

# Where a member says what it is about when its rule does not name a place.
_USUAL_KEYS = ("settingDefinitionId", "definition@odata.bind", "id")
# An assignment is about its target; the filter on it may change (api.md a.0).
_TARGET_KEYS = ("@odata.type", "groupId", "collectionId")


@dataclass(frozen=True)
class Pairing:
    """Positions: `pairs` as (before, after) that are not equal, and those without partner."""

    pairs: tuple[tuple[int, int], ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many members differ."""
        return len(self.pairs) + len(self.removed) + len(self.added)


@dataclass(frozen=True)
class Members:
    """A list, and what each of its members is compared by."""

    values: Sequence[object]
    keys: Sequence[bytes]


def match_ordered(before: Members, after: Members) -> Pairing:
    """Match lists whose order counts: place by place, or by common runs if that finds less."""
    by_runs = _match_runs(before, after)
    if len(before.keys) != len(after.keys):
        return by_runs
    places = range(len(before.keys))
    unequal = tuple((place, place) for place in places if before.keys[place] != after.keys[place])
    return Pairing(unequal, (), ()) if len(unequal) <= by_runs.size else by_runs


def _match_runs(before: Members, after: Members) -> Pairing:
    pairs: list[tuple[int, int]] = []
    removed: list[int] = []
    added: list[int] = []
    matcher = SequenceMatcher(None, before.keys, after.keys, autojunk=False)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        shared = min(end - start, other_end - other_start)
        pairs += zip(range(start, start + shared), range(other_start, other_end), strict=False)
        removed += range(start + shared, end)
        added += range(other_start + shared, other_end)
    return Pairing(tuple(pairs), tuple(removed), tuple(added))


def match_unordered(before: Members, after: Members, key: str | None) -> Pairing:
    """Match bags: equal members first, then by identity, then what is left at the same place.

    `key` is the path of the identity inside a member, if the type has one.
    """
    left, right = _unequal(before, after)
    identities = [identity(value, key) for value in before.values]
    pairs = _pair_by(left, right, identities, [identity(value, key) for value in after.values])
    pairs += _pair_at_same_place(left, right, before, after)
    if len(left) == len(right) == 1 and _alike(before.values[left[0]], after.values[right[0]]):
        pairs.append((left.pop(), right.pop()))
    return Pairing(tuple(sorted(pairs, key=lambda pair: pair[1])), tuple(left), tuple(right))


def identity(member: object, key: str | None) -> Hashable:
    """Return what a member of a bag is about, or None when it does not say."""
    for path in (key,) if key else _USUAL_KEYS:
        value = member
        for name in path.split("/"):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, dict):
            return tuple(str(value.get(name)) for name in _TARGET_KEYS)
        if isinstance(value, str):
            return (path, value)
    return None


def _unequal(before: Members, after: Members) -> tuple[list[int], list[int]]:
    """Return the positions that are left when equal members are struck out, near ones first."""
    same = {
        place
        for place, (key, other) in enumerate(zip(before.keys, after.keys, strict=False))
        if key == other
    }
    left = [place for place in range(len(before.keys)) if place not in same]
    right = [place for place in range(len(after.keys)) if place not in same]
    _pair_by(left, right, before.keys, after.keys)
    return left, right


def _pair_by(
    left: list[int], right: list[int], keys: Sequence[Hashable], other_keys: Sequence[Hashable]
) -> list[tuple[int, int]]:
    """Move positions with equal keys out of both lists, in order, and return them as pairs."""
    waiting: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place in reversed(right):
        if other_keys[place] is not None:
            waiting[other_keys[place]].append(place)
    pairs = [(place, waiting[keys[place]].pop()) for place in left if waiting[keys[place]]]
    _strike(left, right, pairs)
    return pairs


def _pair_at_same_place(
    left: list[int], right: list[int], before: Members, after: Members
) -> list[tuple[int, int]]:
    others = set(right)
    pairs = [
        (place, place)
        for place in left
        if place in others and _alike(before.values[place], after.values[place])
    ]
    _strike(left, right, pairs)
    return pairs


def _strike(left: list[int], right: list[int], pairs: list[tuple[int, int]]) -> None:
    gone, other_gone = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    left[:] = [place for place in left if place not in gone]
    right[:] = [place for place in right if place not in other_gone]


def _alike(value: object, other: object) -> bool:
    return isinstance(value, dict | list) == isinstance(other, dict | list)
