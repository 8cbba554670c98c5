"""Rules of what counts in a document change with their version only (D9)."""

from dataclasses import replace

from domain.canonical_rules import CANONICAL_RULES_VERSION
from domain.resource_types.registry import RESOURCE_TYPES
from tests.domain.rules_record import EVERYWHERE, digests_of, recorded, with_new

CHANGED = "rules changed: raise CANONICAL_RULES_VERSION, then python -m tests.domain.rules_record"
UNRECORDED = "types without a digest: python -m tests.domain.rules_record"


def test_rules_are_those_that_their_version_was_recorded_with() -> None:
    record = recorded()[str(CANONICAL_RULES_VERSION)]
    current = digests_of(RESOURCE_TYPES.values())
    changed = [key for key, digest in current.items() if record.get(key, digest) != digest]
    assert changed == [], CHANGED
    assert sorted(current.keys() - record.keys()) == [], UNRECORDED


def test_version_is_the_newest_that_was_recorded() -> None:
    assert max(map(int, recorded())) == CANONICAL_RULES_VERSION


def test_changed_rules_of_a_type_change_its_digest_alone() -> None:
    before = digests_of(RESOURCE_TYPES.values())
    caught = []
    for change in ({"volatile": ("new",)}, {"unordered": ()}, {"secrets": ()}):
        entry = replace(RESOURCE_TYPES["deviceConfiguration"], **change)
        after = digests_of((RESOURCE_TYPES | {entry.key: entry}).values())
        caught.append([key for key in before if before[key] != after[key]])
    assert caught == [["deviceConfiguration"]] * 3


def test_record_keeps_what_it_has() -> None:
    record = with_new({"1": {EVERYWHERE: "old"}}, {EVERYWHERE: "new", "filter": "f"}, 1)
    assert record == {"1": {EVERYWHERE: "old", "filter": "f"}}
    assert with_new(record, {EVERYWHERE: "new"}, 2)["2"] == {EVERYWHERE: "new"}
