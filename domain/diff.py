"""What differs between two documents of one object, as leaf changes with their JSON Pointers.

The comparison sees what the canonical form sees: volatile properties are never named, and lists
whose order means nothing are compared member by member. Pointers are those of the documents as
Graph returned them. Values of secrets are never in a result.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from domain.canonical import CanonicalView
from domain.canonical_rules import CanonicalRules, Place, compile_rules
from domain.list_matching import Members, match_ordered, match_unordered
from domain.resource_types.protected_values import Location, pointer
from domain.secret_names import is_secret_value

HIDDEN = "[secret]"


class ChangeKind(StrEnum):
    """What happened to one place of a document."""

    # The property or list member is only in the newer document.
    ADDED = "added"
    # It is only in the older document.
    REMOVED = "removed"
    # It is in both, with another value.
    CHANGED = "changed"


@dataclass(frozen=True)
class Change:
    """One difference.

    `pointer` is the place in the newer document, for `removed` in the older one; `before_pointer`
    is the place in the older document, None for `added`. Both values are None for a secret, and a
    secret inside a value reads `[secret]`.
    """

    pointer: str
    kind: ChangeKind
    before: object = None
    after: object = None
    is_secret: bool = False
    before_pointer: str | None = None


def diff(before: object, after: object, rules: CanonicalRules) -> list[Change]:
    """Return the changes that lead from `before` to `after`.

    Empty exactly when both have the same canonical form. Raises UnrepresentableDocumentError.
    """
    place = compile_rules(rules).root
    # Also refuses what is too deep before anything else recurses into it.
    if canonical_bytes(before, place) == canonical_bytes(after, place):
        return []
    return list(_values(Side((), before), Side((), after), place))


def canonical_bytes(value: object, place: Place) -> bytes:
    """Return what `value` is compared by; it holds secrets in the clear, so it stays in memory."""
    return CanonicalView(bytes.hex).encoded(value, place)


@dataclass(frozen=True)
class Side:
    """A value of one of the two documents, with the steps that lead to it."""

    steps: Location
    value: object

    def below(self, step: str | int, value: object) -> "Side":
        """Return the value one step further."""
        return Side((*self.steps, step), value)

    def shown(self, place: Place) -> object:
        """Return the value for people to read."""
        return masked(self.value, place)


def masked(value: object, place: Place) -> object:
    """Return `value`, which stands at `place`, with `[secret]` for every secret inside it."""
    if isinstance(value, list):
        return [masked(item, place.elements) for item in value]
    if not isinstance(value, dict):
        return value
    shown = {}
    for name, item in value.items():
        below = place.below(name)
        is_hidden = below.hides(value, name) if below else is_secret_value(value, name)
        shown[name] = HIDDEN if is_hidden else masked(item, below or place)
    return shown


def _values(before: Side, after: Side, place: Place) -> Iterator[Change]:
    old, new = before.value, after.value
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _objects(before, after, place)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(before, after, place)
    elif canonical_bytes(old, place) != canonical_bytes(new, place):
        yield _changed(before, after, place)


def _objects(before: Side, after: Side, place: Place) -> Iterator[Change]:
    old, new = before.value, after.value
    assert isinstance(old, dict)  # noqa: S101 - narrows for the type checker
    assert isinstance(new, dict)  # noqa: S101 - narrows for the type checker
    for name in [*new, *(name for name in old if name not in new)]:
        below = place.below(name)
        if below is None:
            continue
        hidden = [below.hides(owner, name) for owner in (old, new) if name in owner]
        if name not in old:
            yield _added(after.below(name, new[name]), below, is_secret=any(hidden))
        elif name not in new:
            yield _removed(before.below(name, old[name]), below, is_secret=any(hidden))
        elif any(hidden):
            sides = before.below(name, old[name]), after.below(name, new[name])
            if not all(hidden) or _secrets_differ(*sides):
                yield _secret_changed(*sides)
        else:
            yield from _values(before.below(name, old[name]), after.below(name, new[name]), below)


def _lists(before: Side, after: Side, place: Place) -> Iterator[Change]:
    old, new = _members(before, place.elements), _members(after, place.elements)
    if place.unordered:
        pairing = match_unordered(old, new, place.unordered.key)
    else:
        pairing = match_ordered(old, new)
    for left, right in pairing.pairs:
        yield from _values(
            before.below(left, old.values[left]),
            after.below(right, new.values[right]),
            place.elements,
        )
    for left in pairing.removed:
        yield _removed(before.below(left, old.values[left]), place.elements)
    for right in pairing.added:
        yield _added(after.below(right, new.values[right]), place.elements)


def _members(side: Side, elements: Place) -> Members:
    assert isinstance(side.value, list)  # noqa: S101 - narrows for the type checker
    return Members(side.value, [canonical_bytes(item, elements) for item in side.value])


def _secrets_differ(before: Side, after: Side) -> bool:
    place = compile_rules(CanonicalRules()).root
    return canonical_bytes(before.value, place) != canonical_bytes(after.value, place)


def _changed(before: Side, after: Side, place: Place) -> Change:
    return Change(
        pointer(after.steps),
        ChangeKind.CHANGED,
        before=before.shown(place),
        after=after.shown(place),
        before_pointer=pointer(before.steps),
    )


def _secret_changed(before: Side, after: Side) -> Change:
    return Change(
        pointer(after.steps),
        ChangeKind.CHANGED,
        is_secret=True,
        before_pointer=pointer(before.steps),
    )


def _added(side: Side, place: Place, *, is_secret: bool = False) -> Change:
    shown = None if is_secret else side.shown(place)
    return Change(pointer(side.steps), ChangeKind.ADDED, after=shown, is_secret=is_secret)


def _removed(side: Side, place: Place, *, is_secret: bool = False) -> Change:
    shown = None if is_secret else side.shown(place)
    place_before = pointer(side.steps)
    return Change(
        place_before,
        ChangeKind.REMOVED,
        before=shown,
        is_secret=is_secret,
        before_pointer=place_before,
    )
