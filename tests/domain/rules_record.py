"""The digests of the canonical rules, one for each type and version, that are committed.

`python -m tests.domain.rules_record` adds those of new types and of a new version. It never writes
over one: rules that changed need a new CANONICAL_RULES_VERSION (docs/extending.md).
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from domain.canonical import canonical_form
from domain.canonical_rules import CANONICAL_RULES_VERSION, CanonicalRules, rules_of
from domain.resource_types.registry import RESOURCE_TYPES
from domain.resource_types.shape import ResourceType, SecretRule, UnorderedList
from domain.secret_names import NEIGHBOURED_VALUES, SECRET_NAMES

RECORD = Path(__file__).parent / "data/canonical_rules.json"
# What holds for documents of every type.
EVERYWHERE = "*"

Digests = dict[str, str]

_RULES = CanonicalRules(
    volatile=("changed", "**/touched", "rows/*/stamp"),
    unordered=(UnorderedList(path="bag", key="id"),),
    positional=("settings",),
    secrets=(
        SecretRule(property="pin", flag="isPin"),
        SecretRule(property="note", odata_type="#microsoft.graph.noted"),
        SecretRule(property="deep", path="rows/*/deep"),
    ),
)
# One of everything that the canonical form treats in a way of its own.
_PROBE = {
    "@odata.context": "gone",
    "group@odata.bind": "kept",
    "#microsoft.graph.assign": {"gone": True},
    "changed": 1,
    "below": {"touched": 1, "kept": None},
    "rows": [{"stamp": 1, "deep": "secret", "order": 2}, {"stamp": 2, "order": 1}],
    "bag": [{"id": "b"}, {"id": "a", "x": [2, 1]}],
    "settings": [{"id": "0", "value": "b"}, {"id": "1", "value": "a"}],
    "assignments": [
        {"id": "2", "sourceId": "x", "target": {"groupId": "b"}},
        {"id": "1", "target": {"groupId": "a"}},
    ],
    "roleScopeTagIds": ["1", "0"],
    "roleScopeTags": ["b", "a"],
    "numbers": [1, 1.0, 1.5, -0.0, 2**53, -(2**53), 1e300, True],
    "keys": {"\ue000": 1, "\U0001f600": 2, "*": 3},
    "pins": [{"pin": "secret", "isPin": True}, {"pin": "shown", "isPin": False}],
    "notes": [{"@odata.type": "#microsoft.graph.noted", "note": "secret"}, {"note": "shown"}],
    "password": "secret",
    "Pre-Shared_Key": {"nested": ["secret"]},
    "clientSecret": None,
    "passwordMinimumLength": 8,
    "pairs": [
        {"name": "clientSecret", "value": "secret"},
        {"name": "colour", "value": "shown"},
        {"omaUri": "./Vendor/WiFi/PreSharedKey", "value": "secret"},
        {"isEncrypted": True, "value": "secret"},
    ],
}


def digests_of(types: Iterable[ResourceType]) -> Digests:
    """Return the digest of the rules of each type, and of those of every document."""
    form = canonical_form(_PROBE, _RULES, lambda secret: f"fingerprint of {secret.decode()}")
    names = (sorted(SECRET_NAMES), sorted(NEIGHBOURED_VALUES.items()))
    return {
        EVERYWHERE: _digest(f"{form.decode()}\n{names}"),
        **{entry.key: _digest(_text(rules_of(entry))) for entry in types},
    }


def recorded() -> dict[str, Digests]:
    """Return the committed digests by the number of the version."""
    found: dict[str, Digests] = json.loads(RECORD.read_text())
    return found


def with_new(record: dict[str, Digests], current: Digests, version: int) -> dict[str, Digests]:
    """Return the record with what it lacks; what it has is never changed."""
    return {**record, str(version): current | record.get(str(version), {})}


def _text(rules: CanonicalRules) -> str:
    # Without the version, which does not say what counts; sorted, since no rule depends on order.
    parts = (rules.volatile, rules.unordered, rules.positional, rules.secrets)
    return "\n".join(str(sorted(map(repr, part))) for part in parts)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write() -> None:
    known = recorded() if RECORD.exists() else {}
    written = with_new(known, digests_of(RESOURCE_TYPES.values()), CANONICAL_RULES_VERSION)
    RECORD.write_text(json.dumps(written, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    _write()
