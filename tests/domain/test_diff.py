from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.canonical import canonical_form
from domain.canonical_rules import CanonicalRules, rules_of
from domain.diff import Change, ChangeKind, diff
from domain.resource_types.protected_values import pointer
from domain.resource_types.registry import RESOURCE_TYPES
from domain.resource_types.shape import UnorderedList
from tests.domain.documents import DOCUMENTS, SCALARS, VALUES, Document, at, leaves, replaced

CATALOG = rules_of(RESOURCE_TYPES["settingsCatalog"])
BAGS = CanonicalRules(
    volatile=("description", "settings/*/rule"),
    unordered=(UnorderedList(path="**/children"), UnorderedList(path="allowedApps")),
    positional=("settings",),
)


def setting(definition: str, value: object) -> Document:
    return {"settingInstance": {"settingDefinitionId": definition, "value": value}}


def assignment(group: str, filter_id: str | None = None) -> Document:
    target = {"groupId": group, "deviceAndAppManagementAssignmentFilterId": filter_id}
    return {"id": f"row-{group}", "target": target}


def form(document: object, rules: CanonicalRules) -> bytes:
    return canonical_form(document, rules, bytes.hex)


@given(DOCUMENTS, st.data(), SCALARS, st.sampled_from([BAGS, CATALOG, CanonicalRules()]))
@settings(max_examples=60)
def test_diff_of_one_changed_leaf_names_exactly_that_leaf(
    document: Document, data: st.DataObject, value: object, rules: CanonicalRules
) -> None:
    places = list(leaves(document))
    assume(places)
    place = data.draw(st.sampled_from(places))
    changed = replaced(document, place, value)
    found = diff(document, changed, rules)
    if form(document, rules) == form(changed, rules):
        assert found == []
    else:
        assert [(change.pointer, change.kind) for change in found] == [
            (pointer(place), ChangeKind.CHANGED)
        ]
        assert found[0].before == at(document, place)
        assert found[0].after == value


@given(VALUES, VALUES, st.sampled_from([BAGS, CATALOG]))
def test_diff_is_empty_exactly_when_the_canonical_forms_agree(
    before: object, after: object, rules: CanonicalRules
) -> None:
    assert (diff(before, after, rules) == []) is (form(before, rules) == form(after, rules))


@settings(max_examples=30)
@given(DOCUMENTS, st.sampled_from([BAGS, CATALOG]))
def test_diff_of_a_document_with_itself_is_empty(document: Document, rules: CanonicalRules) -> None:
    assert diff(document, document, rules) == []


def test_diff_of_volatile_leaves_is_empty() -> None:
    before = {"description": "a", "settings": [{"id": "0", "rule": 1, "value": 2}]}
    after = {"description": "b", "settings": [{"id": "7", "rule": 3, "value": 2}]}
    assert diff(before, after, BAGS) == []


def test_diff_follows_a_setting_to_its_new_position() -> None:
    before = {"settings": [setting("a", 1), setting("b", 2), setting("c", 3)]}
    after = {"settings": [setting("c", 3), setting("b", 9), setting("a", 1)]}
    assert diff(before, after, CATALOG) == [
        Change(
            "/settings/1/settingInstance/value",
            ChangeKind.CHANGED,
            before=2,
            after=9,
            before_pointer="/settings/1/settingInstance/value",
        )
    ]


def test_diff_names_both_places_of_a_member_that_moved_and_changed() -> None:
    before = {"settings": [setting("a", 1), setting("b", 2)]}
    after = {"settings": [setting("new", 0), setting("b", 2), setting("a", 5)]}
    added, changed = sorted(diff(before, after, CATALOG), key=lambda change: change.kind)
    assert (added.pointer, added.kind, added.before_pointer) == (
        "/settings/0",
        ChangeKind.ADDED,
        None,
    )
    assert changed.before_pointer == "/settings/0/settingInstance/value"
    assert changed.pointer == "/settings/2/settingInstance/value"


def test_diff_of_assignments_goes_by_target() -> None:
    before = {"assignments": [assignment("g1"), assignment("g2"), assignment("g3")]}
    after = {"assignments": [assignment("g3"), assignment("g1", "f")]}
    changes = diff(before, after, CATALOG)
    assert [(change.pointer, change.kind) for change in changes] == [
        ("/assignments/1/target/deviceAndAppManagementAssignmentFilterId", ChangeKind.CHANGED),
        ("/assignments/1", ChangeKind.REMOVED),
    ]


def test_diff_of_an_ordered_list_finds_the_inserted_member() -> None:
    changes = diff({"rules": ["a", "b", "c"]}, {"rules": ["a", "x", "b", "c"]}, BAGS)
    assert changes == [Change("/rules/1", ChangeKind.ADDED, after="x")]


def test_diff_shows_that_a_secret_changed_without_its_values() -> None:
    changes = diff({"w": {"password": "old"}}, {"w": {"password": "new"}}, BAGS)
    assert changes == [
        Change("/w/password", ChangeKind.CHANGED, is_secret=True, before_pointer="/w/password")
    ]


def test_diff_masks_secrets_inside_added_and_changed_values() -> None:
    profile: dict[str, Any] = {"name": "vpn", "sharedSecret": "planted", "token": "planted"}
    encrypted = {"isEncrypted": True, "value": "planted"}
    for before, after in ((None, profile), ([profile], []), (encrypted, None), ({}, profile)):
        changes = diff({"p": before}, {"p": after}, BAGS)
        assert changes
        assert "planted" not in repr(changes)


def test_diff_masks_secrets_below_volatile_properties() -> None:
    rules = CanonicalRules(volatile=("p/token",))
    changes = diff({}, {"p": {"token": "planted", "shown": 1}}, rules)
    assert [change.after for change in changes] == [{"token": "[secret]", "shown": 1}]


def test_diff_reports_a_value_that_became_secret() -> None:
    before = {"isEncrypted": False, "value": "x"}
    changes = diff(before, {"isEncrypted": True, "value": "x"}, BAGS)
    assert {change.pointer for change in changes} == {"/isEncrypted", "/value"}
