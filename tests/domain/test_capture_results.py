import pytest

from domain.capture_results import (
    ObjectHistory,
    StepEntry,
    count_captures,
    decode_entries,
    encode_entries,
    merge_entries,
)


def listed(*entries: StepEntry) -> dict[str, StepEntry]:
    return merge_entries([entries])


def test_entries_survive_being_stored() -> None:
    entries = [StepEntry('a\t"ü', "hash", 2), StepEntry("b", None, 0, "object_failed", True)]
    assert decode_entries(encode_entries(entries)) == entries


def test_object_of_two_steps_counts_as_it_was_listed_last() -> None:
    merged = merge_entries([[StepEntry("a", "one")], [StepEntry("a", None, 0, "object_failed")]])
    assert merged == {"a": StepEntry("a", None, 0, "object_failed")}


@pytest.mark.parametrize(
    ("history", "kind"),
    [
        pytest.param(ObjectHistory("a", None, False, False), "created", id="new"),
        pytest.param(ObjectHistory("a", "before", False, False), "updated", id="changed"),
        pytest.param(ObjectHistory("a", "now", False, False), "unchanged", id="changed back"),
        pytest.param(ObjectHistory("other", None, False, False), "unchanged", id="not touched"),
    ],
)
def test_object_is_counted_against_what_it_was_before_the_run(
    history: ObjectHistory, kind: str
) -> None:
    counts = count_captures(listed(StepEntry("a", "now")), [history])
    assert getattr(counts, kind) == 1
    assert counts.captured == (kind in ("created", "updated"))


def test_schema_change_is_captured_but_neither_created_nor_updated() -> None:
    history = ObjectHistory("a", "before", is_schema_change=True, is_deleted=False)
    counts = count_captures(listed(StepEntry("a", "now")), [history])
    assert (counts.captured, counts.created, counts.updated) == (1, 0, 0)


def test_only_objects_that_were_there_before_are_deleted() -> None:
    histories = [
        ObjectHistory("gone", "before", is_schema_change=False, is_deleted=True),
        ObjectHistory("brief", None, is_schema_change=False, is_deleted=True),
    ]
    assert count_captures({}, histories).deleted == 1


def test_values_and_reasons_are_summed() -> None:
    entries = listed(
        StepEntry("a", "x", 2),
        StepEntry("b", "y", 1),
        StepEntry("c", None, 0, "object_failed"),
        StepEntry("d", None, 0, "not_applicable", True),
    )
    counts = count_captures(entries, [])
    assert (counts.not_captured, counts.failed, counts.skipped) == (3, 1, 1)
    assert counts.reason_counts == {"object_failed": 1, "not_applicable": 1}
