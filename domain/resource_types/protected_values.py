"""Where a document holds secrets, and where it lacks what Graph keeps to itself.

Both by exact names and paths of the registry entry: `passwordMinimumLength` is no password
(behaviour row 46). Pointers are JSON Pointers (RFC 6901), in document order.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from domain.resource_types.shape import (
    Document,
    NotCapturedRule,
    ResourceType,
    SecretRule,
)

Location = tuple[str | int, ...]
# The last step, and the steps before it.
_Trail = tuple[str | int, Any]


def secret_pointers(resource_type: ResourceType, document: Document) -> list[str]:
    """Return the pointers of values that leave storage only as fingerprints."""
    return [
        pointer((*place, rule.property))
        for place, holder in _objects(document)
        for rule in resource_type.secrets
        if _is_secret(rule, place, holder)
    ]


def not_captured_pointers(
    resource_type: ResourceType, document: Document, body: bytes | None = None
) -> list[str]:
    """Return the pointers of values that Graph did not give (D9).

    body: the document as JSON; one that nowhere names a rule's value is not walked. Encrypted
    values that the reader fetched one by one are in the document all the same: it knows which, and
    takes them off this list.
    """
    rules = [rule for rule in resource_type.not_captured if body is None or _is_named(rule, body)]
    found = list(_withheld_pointers(rules, document)) if rules else []
    return [*found, *_encrypted_pointers(resource_type, document)]


def _is_named(rule: NotCapturedRule, body: bytes) -> bool:
    return rule.when_property is None or any(
        json.dumps(value).encode() in body for value in rule.when_values
    )


def pointer(place: Location) -> str:
    """Return the JSON Pointer of a place."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in place)


def matches_pattern(pattern: str, place: Location) -> bool:
    """Tell whether a place is named by a path pattern (`*` stands for a list element)."""
    steps = pattern.split("/")
    return len(steps) == len(place) and all(
        isinstance(actual, int) if wanted == "*" else wanted == actual
        for wanted, actual in zip(steps, place, strict=True)
    )


def is_masked(value: object) -> bool:
    """Tell whether a value is a placeholder for what Graph does not show."""
    return value is None or (isinstance(value, str) and set(value) <= {"*"})


def _is_secret(rule: SecretRule, place: Location, holder: Document) -> bool:
    return (
        rule.property in holder
        and (rule.odata_type is None or holder.get("@odata.type") == rule.odata_type)
        and (rule.path is None or matches_pattern(rule.path, (*place, rule.property)))
        and (rule.flag is None or holder.get(rule.flag) is True)
    )


def _is_withheld(rule: NotCapturedRule, place: Location, holder: Document) -> bool:
    if rule.path is not None and not matches_pattern(rule.path, (*place, rule.property)):
        return False
    if rule.when_property is not None:
        sibling = holder.get(rule.when_property)
        if not isinstance(sibling, str | int) or sibling not in rule.when_values:
            return False
    return is_masked(holder.get(rule.property)) if rule.masked else rule.property in holder


def _withheld_pointers(rules: Sequence[NotCapturedRule], document: Document) -> Iterator[str]:
    """Yield what the rules name, in document order.

    A hot loop of a backup: places are written out for what is found only.
    """
    stack: list[tuple[object, _Trail | None]] = [(document, None)]
    while stack:
        value, trail = stack.pop()
        if type(value) is dict:
            holder = cast("dict[str, object]", value)
            for rule in rules:
                if rule.when_property is not None and rule.when_property not in holder:
                    continue
                place = _place_of(trail)
                if _is_withheld(rule, place, holder):
                    yield pointer((*place, rule.property))
            for name in reversed(holder):
                child = holder[name]
                if type(child) is dict or type(child) is list:
                    stack.append((child, (name, trail)))
        else:
            elements = cast("list[object]", value)
            for index in range(len(elements) - 1, -1, -1):
                child = elements[index]
                if type(child) is dict or type(child) is list:
                    stack.append((child, (index, trail)))


def _place_of(trail: _Trail | None) -> Location:
    steps: list[str | int] = []
    while trail is not None:
        step, trail = trail
        steps.append(step)
    return tuple(reversed(steps))


def _encrypted_pointers(resource_type: ResourceType, document: Document) -> Iterator[str]:
    rule = resource_type.encrypted_values
    elements = document.get(rule.list_property) if rule else None
    if rule is None or not isinstance(elements, list):
        return
    for index, element in enumerate(elements):
        if isinstance(element, Mapping) and element.get(rule.flag) is True:
            yield pointer((rule.list_property, index, rule.value))


def _objects(document: Document) -> Iterator[tuple[Location, Document]]:
    """Yield every object with its place, in document order.

    A hot loop of a backup: containers of parsed JSON are exactly dict and list.
    """
    stack: list[tuple[Location, object]] = [((), document)]
    while stack:
        place, value = stack.pop()
        kind = type(value)
        if kind is dict:
            holder = cast("dict[str, object]", value)
            yield place, holder
            children: list[tuple[str | int, object]] = list(holder.items())
        else:
            children = list(enumerate(cast("list[object]", value)))
        stack.extend(
            ((*place, step), child)
            for step, child in reversed(children)
            if type(child) is dict or type(child) is list
        )
