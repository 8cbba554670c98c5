import random

import orjson
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.canonical import (
    LARGEST_EXACT_INTEGER,
    UnrepresentableDocumentError,
    canonical_form,
    version_hash,
)
from domain.canonical_rules import CanonicalRules, rules_of
from domain.resource_types.registry import RESOURCE_TYPES
from domain.resource_types.shape import SecretRule, UnorderedList
from tests.domain.documents import DOCUMENTS, Document

PLAIN = CanonicalRules()
SETTINGS = CanonicalRules(
    volatile=("createdDateTime", "rules/*/id"),
    unordered=(UnorderedList(path="**/children"),),
    positional=("settings",),
)
SAFE = st.recursive(
    st.text() | st.integers(-LARGEST_EXACT_INTEGER, LARGEST_EXACT_INTEGER) | st.booleans()
    | st.none() | st.floats(-1e15, 1e15),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().map("n {}".format), inner),
)  # fmt: skip


def form(document: object, rules: CanonicalRules = PLAIN) -> bytes:
    return canonical_form(document, rules, lambda value: f"fingerprint of {value.decode()}")


@settings(max_examples=60)
@given(SAFE)
def test_canonical_form_of_plain_json_is_rfc_8785(document: object) -> None:
    text = orjson.dumps(document)
    if b"@" in text or b"#" in text:
        return
    assert form(document) == rfc8785.dumps(document)  # type: ignore[arg-type] # generated JSON


def test_canonical_form_sorts_names_as_utf16() -> None:
    assert form({"\ue000": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ue000":1}'.encode()


@settings(max_examples=30)
@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_canonical_form_does_not_depend_on_property_order(
    document: Document, chance: random.Random
) -> None:
    names = list(document)
    chance.shuffle(names)
    assert form(document) == form({name: document[name] for name in names})


@settings(max_examples=30)
@given(DOCUMENTS)
def test_canonical_form_leaves_the_document_alone(document: Document) -> None:
    before = repr(document)
    form(document, SETTINGS)
    assert repr(document) == before


def test_numbers_beyond_a_double_stay_apart() -> None:
    assert form({"n": 2**53}) != form({"n": 2**53 + 1})
    assert form({"n": 2**53 + 1}) == b'{"n":{"@number":"9007199254740993"}}'


def test_numbers_that_json_holds_equal_have_one_form() -> None:
    assert form([1.0, -0.0, 1e3]) == form([1, 0, 1000]) == b"[1,0,1000]"
    assert form([0.1, 1e-7, 1e21]) == b"[0.1,1e-7,1e+21]"


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"n": float("nan")}, id="not a number"),
        pytest.param({"s": "\ud800"}, id="half a character"),
        pytest.param({"s": {1, 2}}, id="not json"),
    ],
)
def test_canonical_form_refuses_what_json_cannot_hold(document: object) -> None:
    with pytest.raises(UnrepresentableDocumentError):
        form(document)


def test_canonical_form_refuses_hostile_depth() -> None:
    document: object = []
    for _ in range(5_000):
        document = [document]
    with pytest.raises(UnrepresentableDocumentError, match="too deep"):
        form(document)


@pytest.mark.parametrize(
    "name",
    ["@odata.context", "@odata.etag", "settings@odata.context", "apps@odata.navigationLink",
     "createdDateTime@odata.type", "#microsoft.graph.assign", "@microsoft.graph.tips"],
)  # fmt: skip
def test_annotations_of_the_response_do_not_count(name: str) -> None:
    assert form({"a": {"b": 1, name: "x"}}) == form({"a": {"b": 1}})


@pytest.mark.parametrize("name", ["@odata.type", "definition@odata.bind"])
def test_annotations_that_say_what_an_object_is_count(name: str) -> None:
    assert form({"a": {name: "x"}}) != form({"a": {name: "y"}})


def test_volatile_paths_do_not_count_and_equal_names_elsewhere_do() -> None:
    document = {"createdDateTime": 1, "rules": [{"id": 1}]}
    assert form(document, SETTINGS) == form({"createdDateTime": 2, "rules": [{"id": 9}]}, SETTINGS)
    assert form({"a": {"createdDateTime": 1}}, SETTINGS) != form(
        {"a": {"createdDateTime": 2}}, SETTINGS
    )


def test_rows_of_assignments_count_by_their_target() -> None:
    first = {"id": "p_1", "sourceId": "s", "target": {"groupId": "g1"}}
    second = {"id": "p_2", "sourceId": "s", "target": {"groupId": "g2"}}
    again = [{**second, "id": "new"}, {**first, "id": "newer", "sourceId": "t"}]
    assert form({"assignments": [first, second]}) == form({"assignments": again})
    assert form({"assignments": [first]}) != form({"assignments": [first, first]})


def test_positional_ids_do_not_count() -> None:
    one = {"id": "0", "settingInstance": {"settingDefinitionId": "a"}}
    two = {"id": "1", "settingInstance": {"settingDefinitionId": "b"}}
    swapped = [{**two, "id": "0"}, {**one, "id": "1"}]
    assert form({"settings": [one, two]}, SETTINGS) == form({"settings": swapped}, SETTINGS)


def test_lists_are_ordered_unless_a_rule_says_otherwise() -> None:
    assert form({"rules": [1, 2]}, SETTINGS) != form({"rules": [2, 1]}, SETTINGS)
    assert form({"a": [{"children": [1, 2]}]}, SETTINGS) == form(
        {"a": [{"children": [2, 1]}]}, SETTINGS
    )


def test_secret_is_replaced_by_its_fingerprint() -> None:
    view = form({"wifi": {"preSharedKey": "hunter2", "preSharedKeyIsSet": True}})
    expected = b'{"wifi":{"preSharedKey":{"@secret":"fingerprint of \\"hunter2\\""},'
    assert view == expected + b'"preSharedKeyIsSet":true}}'


def test_missing_secret_stays_visible_as_missing() -> None:
    assert form({"password": None}) == b'{"password":null}'


def test_secret_rules_of_a_type_hold_at_their_path_and_flag() -> None:
    rule = SecretRule(property="value", path="omaSettings/*/value", flag="isSet")
    rules = CanonicalRules(secrets=(rule,))
    assert b"@secret" in form({"omaSettings": [{"isSet": True, "value": "x"}]}, rules)
    assert b"@secret" not in form({"omaSettings": [{"isSet": False, "value": "x"}]}, rules)
    assert b"@secret" not in form({"other": [{"isSet": True, "value": "x"}]}, rules)


def test_version_hash_tells_objects_of_one_form_apart() -> None:
    assert len(version_hash(b"{}", "a")) == 64
    assert version_hash(b"{}", "a") != version_hash(b"{}", "b")


@pytest.mark.parametrize("key", list(RESOURCE_TYPES))
def test_rules_of_every_resource_type_compile_and_drop_its_volatile_names(key: str) -> None:
    rules = rules_of(RESOURCE_TYPES[key])
    top_level = {name: 1 for name in RESOURCE_TYPES[key].volatile if "/" not in name}
    assert form({**top_level, "displayName": "x"}, rules) == b'{"displayName":"x"}'
