"""JSON Patches (RFC 6902) between the canonical documents of two versions of an object.

A canonical document is the canonical form as plain JSON, with every secret as
`{"@secret": "[secret]"}`. A patch turns the older one into the newer one in any library. Lists
whose order means nothing stand sorted in it, so a reordered list needs no operation. A secret that
changed is one operation that replaces the mark by itself: it says where, and nothing else.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import orjson

from domain.canonical import SECRET_MARK, CanonicalView
from domain.canonical_rules import CanonicalRules, compile_rules
from domain.diff import HIDDEN
from domain.resource_types.protected_values import Location, pointer

HIDDEN_SECRET = {SECRET_MARK: HIDDEN}


@dataclass(frozen=True, slots=True)
class PatchOperation:
    """One operation; `value` means nothing for `remove`. `is_secret`: the value is a mark."""

    op: str
    path: str
    value: Any = None
    is_secret: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the operation as RFC 6902 writes it."""
        if self.op == "remove":
            return {"op": self.op, "path": self.path}
        return {"op": self.op, "path": self.path, "value": self.value}


def canonical_document(document: object, rules: CanonicalRules) -> Any:
    """Return what patches apply to; it holds no secret. Raises UnrepresentableDocumentError."""
    return _hidden(_marked(document, rules))


def patch(before: object, after: object, rules: CanonicalRules) -> list[PatchOperation]:
    """Return the operations that lead from the canonical `before` to the canonical `after`.

    Empty exactly when both have the same canonical form. Raises UnrepresentableDocumentError.
    """
    return list(_values((), _marked(before, rules), _marked(after, rules)))


def _marked(document: object, rules: CanonicalRules) -> Any:
    """Return the canonical form, in which equal secrets have equal marks; it stays in memory."""
    encoded = CanonicalView(_mark).encoded(document, compile_rules(rules).root)
    return orjson.loads(encoded)


def _mark(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


def _is_secret(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == HIDDEN_SECRET.keys()


def _hidden(value: Any) -> Any:
    if _is_secret(value):
        return HIDDEN_SECRET
    if isinstance(value, dict):
        return {name: _hidden(item) for name, item in value.items()}
    return [_hidden(item) for item in value] if isinstance(value, list) else value


def _values(place: Location, before: Any, after: Any) -> Iterator[PatchOperation]:
    if _key(before) == _key(after):
        return
    if _is_secret(before) or _is_secret(after):
        yield _operation("replace", place, after)
    elif isinstance(before, dict) and isinstance(after, dict):
        yield from _objects(place, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(place, before, after)
    else:
        yield _operation("replace", place, after)


def _objects(
    place: Location, before: dict[str, Any], after: dict[str, Any]
) -> Iterator[PatchOperation]:
    for name in before:
        if name not in after:
            yield _operation("remove", (*place, name))
    for name, value in after.items():
        if name in before:
            yield from _values((*place, name), before[name], value)
        else:
            yield _operation("add", (*place, name), value)


def _lists(place: Location, before: list[Any], after: list[Any]) -> Iterator[PatchOperation]:
    """Change a list from its end to its start, so that earlier positions still hold."""
    matcher = SequenceMatcher(
        None, [_key(item) for item in before], [_key(item) for item in after], autojunk=False
    )
    for tag, start, end, other, other_end in reversed(matcher.get_opcodes()):
        if tag == "equal":
            continue
        shared = min(end - start, other_end - other)
        for position in reversed(range(start + shared, end)):
            yield _operation("remove", (*place, position))
        for value in reversed(after[other + shared : other_end]):
            yield _operation("add", (*place, start + shared), value)
        for step in reversed(range(shared)):
            yield from _values((*place, start + step), before[start + step], after[other + step])


def _key(value: object) -> bytes:
    """Return what a value is compared by; Python takes True for 1."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _operation(op: str, place: Location, value: Any = None) -> PatchOperation:
    return PatchOperation(op, pointer(place), _hidden(value), _is_secret(value))
