"""The outcome as a function of the results."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.counts import check_counts
from domain.outcome import (
    PermissionState,
    TypeResult,
    commonest,
    compute_outcome,
    failures,
    outcome_of_counts,
    summary_counts,
)
from domain.reasons import catalog
from domain.runs import RunOutcome

numbers = st.integers(0, 50)
results = st.builds(
    TypeResult,
    resource_type=st.sampled_from(["groups", "namedLocation", "assignmentFilter"]),
    expected=numbers,
    captured=numbers,
    unchanged=numbers,
    skipped=numbers,
    failed=numbers,
    created=numbers,
    updated=numbers,
    deleted=numbers,
    not_captured=numbers,
    reason_code=st.none() | st.sampled_from([entry.code for entry in catalog()]),
    listing_complete=st.booleans(),
    permission_state=st.sampled_from(list(PermissionState)),
    reason_counts=st.dictionaries(
        st.sampled_from([entry.code for entry in catalog()]), numbers, max_size=3
    ),
)


def complete(**values: Any) -> TypeResult:
    return TypeResult(**{"resource_type": "groups", "listing_complete": True, **values})


def broken(code: str, **values: Any) -> TypeResult:
    return TypeResult(**{"resource_type": "groups", "reason_code": code, **values})


DENIED = broken("provider_permission_denied", permission_state=PermissionState.DENIED)
THROTTLED = broken("provider_throttled")
UNAVAILABLE = broken("provider_endpoint_unavailable")

CASES = {
    "nothing selected": ([], RunOutcome.SUCCEEDED),
    "everything captured": ([complete(expected=3, captured=3)], RunOutcome.SUCCEEDED),
    "everything unchanged": ([complete(expected=3, unchanged=3)], RunOutcome.SUCCEEDED),
    "an empty tenant": ([complete(), complete()], RunOutcome.SUCCEEDED),
    "all denied, and nothing refers to a group": (
        [DENIED, complete(resource_type="group")],
        RunOutcome.BLOCKED,
    ),
    "all denied, and one group was read": (
        [DENIED, complete(resource_type="group", expected=1, captured=1)],
        RunOutcome.PARTIALLY_SUCCEEDED,
    ),
    "nothing refers to a group": ([complete(resource_type="group")], RunOutcome.SUCCEEDED),
    "a skip with a named cause": (
        [
            complete(
                expected=3, captured=2, skipped=1, reason_counts={"provider_object_not_found": 1}
            )
        ],
        RunOutcome.SUCCEEDED,
    ),
    "a type that the cloud does not offer": (
        [complete(expected=1, captured=1), UNAVAILABLE],
        RunOutcome.SUCCEEDED,
    ),
    "a refused type beside a good one": (
        [complete(expected=1, captured=1), DENIED],
        RunOutcome.PARTIALLY_SUCCEEDED,
    ),
    "a refused type beside an empty one": ([complete(), DENIED], RunOutcome.PARTIALLY_SUCCEEDED),
    "every type refused": ([DENIED, DENIED], RunOutcome.BLOCKED),
    "refused or not offered": ([DENIED, UNAVAILABLE], RunOutcome.BLOCKED),
    "refused and throttled": ([DENIED, THROTTLED], RunOutcome.FAILED),
    "every type throttled": ([THROTTLED], RunOutcome.FAILED),
    "throttled after the first pages": (
        [broken("provider_throttled", expected=100, captured=25)],
        RunOutcome.PARTIALLY_SUCCEEDED,
    ),
    "one object failed": (
        [complete(expected=3, captured=2, failed=1)],
        RunOutcome.PARTIALLY_SUCCEEDED,
    ),
    "every object failed": ([complete(expected=3, failed=3)], RunOutcome.FAILED),
    "every object refused": (
        [complete(expected=3, failed=3, reason_counts={"provider_permission_denied": 3})],
        RunOutcome.BLOCKED,
    ),
    "listing cut short without a code": (
        [TypeResult(resource_type="groups", expected=5, captured=5)],
        RunOutcome.PARTIALLY_SUCCEEDED,
    ),
    "listing cut short with a code that means nothing": (
        [broken("ok", expected=5, captured=5)],
        RunOutcome.PARTIALLY_SUCCEEDED,
    ),
    "a type that does not apply": (
        [complete(expected=1, captured=1), broken("not_applicable")],
        RunOutcome.SUCCEEDED,
    ),
    "an empty answer that objects contradict": (
        [complete(expected=2, captured=2), complete(reason_code="listing_inconsistent")],
        RunOutcome.PARTIALLY_SUCCEEDED,
    ),
    "held for confirmation": (
        [complete(expected=2, captured=2), complete(reason_code="listing_held")],
        RunOutcome.PARTIALLY_SUCCEEDED,
    ),
    "everything deleted": ([complete(deleted=4)], RunOutcome.SUCCEEDED),
}


@pytest.mark.parametrize(("given_results", "expected"), CASES.values(), ids=list(CASES))
def test_outcome_of_results(given_results: list[TypeResult], expected: RunOutcome) -> None:
    assert compute_outcome(given_results) is expected


@given(some=st.lists(results, max_size=6))
def test_outcome_is_succeeded_exactly_when_no_failure_is_listed(some: list[TypeResult]) -> None:
    is_succeeded = compute_outcome(some) is RunOutcome.SUCCEEDED
    assert is_succeeded is (failures(some) == [])


@given(some=st.lists(results, max_size=6))
def test_outcome_does_not_depend_on_the_order(some: list[TypeResult]) -> None:
    assert compute_outcome(some) is compute_outcome(some[::-1])


@given(some=st.lists(results, max_size=6))
def test_outcome_is_never_pending_or_cancelled(some: list[TypeResult]) -> None:
    assert compute_outcome(some) not in (RunOutcome.PENDING, RunOutcome.CANCELLED)


@given(some=st.lists(results, max_size=6))
def test_outcome_with_captured_objects_is_never_failed_or_blocked(some: list[TypeResult]) -> None:
    with_effect = [*some, complete(expected=1, captured=1)]
    assert compute_outcome(with_effect) in (RunOutcome.SUCCEEDED, RunOutcome.PARTIALLY_SUCCEEDED)


@given(some=st.lists(results, max_size=6))
def test_counts_keep_their_meaning(some: list[TypeResult]) -> None:
    counts = summary_counts(some)
    check_counts(counts)
    assert counts["succeeded"] == counts["captured"] + counts["unchanged"]


def test_counts_sum_over_types() -> None:
    counts = summary_counts(
        [
            complete(expected=5, captured=3, unchanged=2, created=1, updated=2),
            broken("provider_throttled", expected=9, captured=1, failed=2, skipped=1, deleted=4),
        ]
    )
    assert counts == {
        "total": 14,
        "processed": 9,
        "succeeded": 6,
        "failed": 2,
        "skipped": 1,
        "created": 1,
        "updated": 2,
        "deleted": 4,
        "unchanged": 2,
        "captured": 4,
        "not_captured": 0,
    }


def test_counts_of_nothing_are_zero() -> None:
    assert set(summary_counts([]).values()) == {0}


def test_failures_name_the_type_its_cause_and_its_objects() -> None:
    request_id = "0192f1a0-0000-7000-8000-000000000001"
    listed = failures(
        [
            broken("provider_permission_denied", request_id=request_id),
            complete(
                expected=4,
                failed=3,
                skipped=1,
                reason_counts={"provider_server_error": 2, "provider_object_not_found": 1},
            ),
        ]
    )
    assert [entry.to_json() | {"message": ""} for entry in listed] == [
        {
            "code": "type.blocked",
            "reason_code": "provider_permission_denied",
            "message": "",
            "resource_type": "groups",
            "request_id": request_id,
        },
        {
            "code": "type.objects_failed",
            "reason_code": "object_failed",
            "message": "",
            "resource_type": "groups",
            "count": 1,
        },
        {
            "code": "type.objects_failed",
            "reason_code": "provider_server_error",
            "message": "",
            "resource_type": "groups",
            "count": 2,
        },
    ]


def test_failures_read_old_and_unknown_codes() -> None:
    listed = failures([broken("GRAPH_THROTTLE"), broken("what is this", resource_type="other")])
    assert [entry.reason_code for entry in listed] == ["provider_throttled", "unknown_error"]


def test_commonest_is_the_most_frequent_code_and_the_first_of_equals() -> None:
    assert commonest(["a", "b", "b"]) == "b"
    assert commonest(["b", "a"]) == "b"
    assert commonest([]) is None


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"total": 3, "succeeded": 1}, RunOutcome.PENDING),
        ({"total": 3, "succeeded": 2, "skipped": 1}, RunOutcome.SUCCEEDED),
        ({"total": 3, "succeeded": 2, "failed": 1}, RunOutcome.PARTIALLY_SUCCEEDED),
        ({"total": 3, "failed": 2, "skipped": 1}, RunOutcome.FAILED),
        ({}, RunOutcome.SUCCEEDED),
    ],
)
def test_outcome_of_bulk_counts(counts: dict[str, int], expected: RunOutcome) -> None:
    assert outcome_of_counts(counts) is expected
