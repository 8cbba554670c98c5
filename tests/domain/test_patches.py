import copy
from typing import Any

import jsonpatch
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.canonical_rules import CanonicalRules, rules_of
from domain.patches import canonical_document, patch
from domain.resource_types.registry import RESOURCE_TYPES
from domain.resource_types.shape import SecretRule
from tests.domain.documents import DOCUMENTS, VALUES, Document
from tests.domain.test_diff import BAGS, CATALOG, assignment, form, setting

SECRETS = CanonicalRules(
    unordered=BAGS.unordered, secrets=(SecretRule(property="rule"), SecretRule(property="value"))
)


def patched(before: object, after: object, rules: CanonicalRules) -> Any:
    """Return the canonical older document with the patch applied by a standard library."""
    operations = [operation.to_json() for operation in patch(before, after, rules)]
    return jsonpatch.apply_patch(canonical_document(before, rules), operations)


@given(DOCUMENTS, DOCUMENTS, st.sampled_from([BAGS, CATALOG, SECRETS]))
@settings(max_examples=60)
def test_patch_turns_the_older_canonical_document_into_the_newer(
    before: Document, after: Document, rules: CanonicalRules
) -> None:
    assert repr(sorted_keys(patched(before, after, rules))) == repr(
        sorted_keys(canonical_document(after, rules))
    )


@given(DOCUMENTS, st.data(), st.sampled_from([BAGS, CATALOG, SECRETS]))
@settings(max_examples=60)
def test_patch_of_shuffled_and_changed_lists_leads_to_the_newer(
    before: Document, data: st.DataObject, rules: CanonicalRules
) -> None:
    after = copy.deepcopy(before)
    lists = [value for value in after.values() if isinstance(value, list)]
    for value in lists:
        value[:] = data.draw(st.permutations(value)) + data.draw(st.lists(VALUES, max_size=2))
    assert repr(sorted_keys(patched(before, after, rules))) == repr(
        sorted_keys(canonical_document(after, rules))
    )


@given(VALUES, VALUES, st.sampled_from([BAGS, CATALOG, SECRETS]))
def test_patch_is_empty_exactly_when_the_canonical_forms_agree(
    before: object, after: object, rules: CanonicalRules
) -> None:
    assert (patch(before, after, rules) == []) is (form(before, rules) == form(after, rules))


def test_added_and_removed_keys_are_seen() -> None:
    """A peer compares the keys of one side only, so keys that came or went are lost."""
    before, after = {"kept": 1, "gone": {"a": 1}}, {"kept": 1, "new": None}
    found = [operation.to_json() for operation in patch(before, after, CATALOG)]
    assert found == [
        {"op": "remove", "path": "/gone"},
        {"op": "add", "path": "/new", "value": None},
    ]


def test_reordered_assignments_are_no_change() -> None:
    rows = [assignment("a", "f"), assignment("b"), assignment("c")]
    before = {"assignments": rows}
    after = {"assignments": [{**row, "id": f"other-{row['id']}"} for row in reversed(rows)]}
    assert patch(before, after, CATALOG) == []


def test_changed_secret_is_one_operation_without_its_value() -> None:
    rules = rules_of(RESOURCE_TYPES["deviceConfiguration"])
    before, after = {"password": "one", "a": 1}, {"password": "two", "a": 1}
    [operation] = patch(before, after, rules)
    assert operation.to_json() == {
        "op": "replace",
        "path": "/password",
        "value": {"@secret": "[secret]"},
    }
    assert operation.is_secret
    assert patched(before, after, rules) == {"password": {"@secret": "[secret]"}, "a": 1}


def test_secret_inside_an_added_member_is_hidden() -> None:
    [operation] = patch({"rows": []}, {"rows": [{"password": "two"}]}, CanonicalRules())
    assert operation.to_json()["value"] == {"password": {"@secret": "[secret]"}}


def test_setting_that_moved_needs_no_more_than_its_value() -> None:
    before = {"settings": [setting("a", 1), setting("b", 2)]}
    after = {"settings": [setting("b", 2), setting("a", 5)]}
    assert patched(before, after, CATALOG) == canonical_document(after, CATALOG)
    assert len(patch(before, after, CATALOG)) <= 2


def sorted_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: sorted_keys(value[name]) for name in sorted(value)}
    return [sorted_keys(item) for item in value] if isinstance(value, list) else value
