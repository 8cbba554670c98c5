"""Counts: registered keys, whole numbers, one meaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.counts import (
    CountKey,
    CountSemanticsError,
    check_counts,
    counts_text,
    normalize_counts,
    visible_counts,
)

KEYS = {key.value for key in CountKey}
anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none())
counts_of_keys = st.dictionaries(st.sampled_from(sorted(KEYS)), st.integers(0, 10**6))


def test_registry_holds_every_key_of_the_specification() -> None:
    seen = "total items processed succeeded failed skipped created updated report_deduped"
    added = "deleted unchanged captured not_captured"
    assert set(f"{seen} {added}".split()) <= KEYS


@given(raw=st.dictionaries(st.sampled_from(sorted(KEYS)) | st.text(), anything))
def test_normalize_keeps_registered_keys_with_whole_numbers_only(raw: dict[str, object]) -> None:
    kept = normalize_counts(raw)
    assert set(kept) <= KEYS & set(raw)
    assert all(type(value) is int and value >= 0 for value in kept.values())
    assert normalize_counts(kept) == kept


@pytest.mark.parametrize(
    "value", [True, "3", None, -1, 1.5, float("nan"), float("inf"), [1], {"a": 1}, 2**53]
)
def test_normalize_drops_what_is_no_whole_number(value: object) -> None:
    assert normalize_counts({"total": value}) == {}


def test_normalize_drops_unknown_keys_and_reads_whole_floats() -> None:
    assert normalize_counts({"total": 3.0, "bogus": 1, "Total": 2}) == {"total": 3}


def test_check_accepts_processed_as_the_sum_of_its_parts() -> None:
    check_counts({"total": 9, "processed": 6, "succeeded": 3, "failed": 2, "skipped": 1})


def test_check_accepts_counts_without_a_total() -> None:
    check_counts({"processed": 1, "failed": 1})


@pytest.mark.parametrize(
    "counts",
    [
        {"total": 9, "processed": 5, "succeeded": 6},
        {"total": 9, "succeeded": 1},
        {"total": 2, "processed": 3, "succeeded": 3},
    ],
)
def test_check_refuses_counts_that_contradict_one_another(counts: dict[str, int]) -> None:
    with pytest.raises(CountSemanticsError):
        check_counts(counts)


def test_visible_hides_zeros_and_humanizes_keys() -> None:
    shown = visible_counts({"report_deduped": 1, "failed": 0, "total": 5, "not_captured": 2})
    assert shown == [("Total", 5), ("Not captured", 2), ("Report deduped", 1)]


def test_text_is_one_line() -> None:
    assert counts_text({"total": 50, "succeeded": 48, "failed": 2, "skipped": 0}) == (
        "Total: 50 · Succeeded: 48 · Failed: 2"
    )


def test_text_without_counts_is_empty() -> None:
    assert counts_text({}) == ""
