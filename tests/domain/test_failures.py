"""Failures: nothing but codes, numbers, types and request ids gets in."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.failures import (
    FAILURE_LIMIT,
    TRUNCATED_CODE,
    Failure,
    InvalidFailureError,
    merge_failures,
    parse_failure,
    parse_failures,
)
from domain.reasons import catalog, reason

REQUEST_ID = "0192f1a0-0000-7000-8000-000000000001"
SECRETS = [
    "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwcyJ9.c2ln",
    "Bearer abc.def",
    "client_secret=A1b~8Q~xyz",
    "-----BEGIN PRIVATE KEY-----",
    "https://host.example/x?sig=abc",
    "Application is not authorized to perform this operation",
]
codes = st.sampled_from(["type.failed", "type.blocked", "queue.dispatch_failed"])
reasons = st.sampled_from([entry.code for entry in catalog()])
failures = st.builds(
    Failure,
    code=codes,
    reason_code=reasons,
    resource_type=st.none() | st.sampled_from(["groups", "deviceConfiguration"]),
    count=st.none() | st.integers(1, 1000),
    request_id=st.none() | st.uuids().map(str),
)


def throttled(number: int) -> Failure:
    return Failure("type.failed", "provider_throttled", f"type{number}")


def weight(entries: list[Failure]) -> int:
    return sum(entry.count or 1 for entry in entries)


def test_json_has_the_three_required_keys_and_no_empty_ones() -> None:
    assert Failure("queue.dispatch_failed", "queue.dispatch_failed").to_json() == {
        "code": "queue.dispatch_failed",
        "reason_code": "queue.dispatch_failed",
        "message": reason("queue.dispatch_failed").explanation,
    }


def test_json_has_the_optional_keys_that_are_set() -> None:
    failure = Failure("type.failed", "provider_throttled", "groups", 3, REQUEST_ID)
    stored = failure.to_json()
    assert set(stored) == {
        "code",
        "reason_code",
        "message",
        "resource_type",
        "count",
        "request_id",
    }


@given(failure=failures)
def test_stored_failure_reads_back(failure: Failure) -> None:
    assert parse_failure(json.loads(json.dumps(failure.to_json()))) == failure


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("field", ["code", "reason_code", "resource_type", "request_id"])
def test_text_of_a_provider_fits_into_no_field(field: str, secret: str) -> None:
    values: dict[str, Any] = {"code": "a.b", "reason_code": "ok", field: secret}
    with pytest.raises(InvalidFailureError, match=field) as caught:
        Failure(**values)
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", "nodots"),
        ("code", "a." + "b" * 80),
        ("code", "run.failed\n"),
        ("reason_code", "no_such_code"),
        ("resource_type", "Upper"),
        ("resource_type", "a" * 65),
        ("count", 0),
        ("count", True),
        ("request_id", "not-a-guid"),
        ("request_id", REQUEST_ID + "\n"),
    ],
)
def test_field_of_another_form_is_refused(field: str, value: object) -> None:
    values: dict[str, Any] = {"code": "a.b", "reason_code": "ok", field: value}
    with pytest.raises(InvalidFailureError, match=field):
        Failure(**values)


def test_parse_normalizes_old_reason_codes_and_drops_foreign_messages() -> None:
    stored = {"code": "a.b", "reason_code": "GRAPH_THROTTLE", "message": "Bearer abc"}
    parsed = parse_failure(stored)
    assert parsed is not None
    assert parsed.to_json()["message"] == reason("provider_throttled").explanation


@pytest.mark.parametrize(
    "stored", [{}, {"code": 3}, {"code": "Bearer x"}, {"code": "a.b", "count": -1}]
)
def test_parse_of_another_form_is_none(stored: dict[str, object]) -> None:
    assert parse_failure(stored) is None


def test_parse_list_leaves_out_what_is_no_failure() -> None:
    stored = [{"code": "a.b", "reason_code": "ok"}, "text", None, {"code": ""}]
    assert [entry.code for entry in parse_failures(stored)] == ["a.b"]


@given(existing=st.lists(failures, max_size=20), new=st.lists(failures, max_size=20))
def test_merge_keeps_the_number_of_events(existing: list[Failure], new: list[Failure]) -> None:
    assert weight(merge_failures(existing, new)) == weight([*existing, *new])


@given(existing=st.lists(failures, max_size=20), new=st.lists(failures, max_size=20))
def test_merge_has_one_entry_for_each_cause(existing: list[Failure], new: list[Failure]) -> None:
    merged = merge_failures(existing, new)
    keys = [(entry.code, entry.reason_code, entry.resource_type) for entry in merged]
    assert len(set(keys)) == len(keys)


def test_merge_keeps_existing_entries_first_and_the_newest_request_id() -> None:
    first = Failure("type.failed", "provider_throttled", "groups", 2)
    again = Failure("type.failed", "provider_throttled", "groups", request_id=REQUEST_ID)
    assert merge_failures([first], [throttled(1), again]) == [
        Failure("type.failed", "provider_throttled", "groups", 3, REQUEST_ID),
        throttled(1),
    ]


@given(size=st.integers(0, 300), parts=st.integers(1, 5))
def test_merge_is_bounded_and_counts_what_it_cuts(size: int, parts: int) -> None:
    merged: list[Failure] = []
    every = [throttled(number) for number in range(size)]
    for start in range(parts):
        merged = merge_failures(merged, every[start::parts])
    assert len(merged) <= FAILURE_LIMIT
    assert weight(merged) == size
    assert [entry.code for entry in merged if entry.code == TRUNCATED_CODE] == (
        [TRUNCATED_CODE] if size > FAILURE_LIMIT else []
    )


def test_merge_at_the_limit_cuts_nothing() -> None:
    every = [throttled(number) for number in range(FAILURE_LIMIT)]
    assert merge_failures([], every) == every
