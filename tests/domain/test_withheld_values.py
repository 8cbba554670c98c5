"""A value that is not given out any more, or again, is nobody's change."""

from typing import Any

import pytest

from domain.canonical_rules import rules_of
from domain.resource_types.device_configuration import DEVICE_CONFIGURATION
from domain.withheld_values import Reading, is_another_value, revealed_alone

RULES = rules_of(DEVICE_CONFIGURATION)
WITHHELD = object()


def reading(*values: Any, masked: bool = False, **properties: Any) -> Reading:
    """Return a custom profile with these encrypted values; WITHHELD ones are masked or missing."""
    rows, missing = [], []
    for number, value in enumerate(values):
        row = {"omaUri": f"./{number}", "isEncrypted": True, "value": value}
        if value is WITHHELD:
            missing.append(f"/omaSettings/{number}/value")
            row.pop("value")
            row |= {"value": "****"} if masked else {}
        rows.append(row)
    return Reading({"displayName": "a", "omaSettings": rows, **properties}, missing)


@pytest.mark.parametrize("masked", [True, False], ids=["masked", "missing"])
def test_values_that_are_lost_or_come_back_are_no_change(*, masked: bool) -> None:
    whole, short = reading("one", "two"), reading("one", WITHHELD, masked=masked)
    assert revealed_alone(whole, short, RULES) == frozenset()
    assert revealed_alone(short, whole, RULES) == frozenset({"/omaSettings/1/value"})


def test_places_are_found_in_another_order() -> None:
    short = reading(WITHHELD, "two")
    rows = reading("one", "two").document["omaSettings"]
    turned = Reading({"displayName": "a", "omaSettings": rows[::-1]}, [])
    assert revealed_alone(short, turned, RULES) == frozenset({"/omaSettings/1/value"})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(reading("one"), reading("another"), id="captured in both"),
        pytest.param(reading("one"), reading(WITHHELD, displayName="b"), id="renamed as well"),
        pytest.param(reading("one"), reading(WITHHELD, "two"), id="value added as well"),
        pytest.param(reading("one", "two"), reading(WITHHELD, "other"), id="other value changed"),
    ],
)
def test_any_other_difference_is_a_change(before: Reading, after: Reading) -> None:
    assert revealed_alone(before, after, RULES) is None


def test_reference_to_a_value_that_is_never_given_out_is_a_change() -> None:
    before = Reading({"value": "reference-1"}, ["/value"])
    assert revealed_alone(before, Reading({"value": "reference-2"}, ["/value"]), RULES) is None


def test_value_that_comes_back_as_another_was_changed() -> None:
    short, again = reading(WITHHELD, "two"), reading("three", "two")
    revealed = revealed_alone(short, again, RULES)
    assert revealed is not None
    assert is_another_value(reading("one", "two"), again, revealed, RULES)
    assert not is_another_value(reading("three", "0"), again, revealed, RULES)
    assert not is_another_value(reading(WITHHELD, "two"), again, revealed, RULES)


def test_documents_are_left_as_they_are() -> None:
    short = reading(WITHHELD)
    revealed_alone(short, reading("one"), RULES)
    assert "value" not in short.document["omaSettings"][0]
