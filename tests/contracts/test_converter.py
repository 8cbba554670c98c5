"""The failure converter keeps reason codes and nothing else (D7)."""

from datetime import timedelta

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    RetryState,
    TimeoutType,
)
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from contracts.converter import data_converter
from contracts.errors import OperationError, RefusedError, RetryLaterError
from domain.reasons import reason

SECRET = "Qx~8Q~hT3v.dK1nR7-aaBbCcDdEeFfGg1234ab"


def _failure(error: BaseException) -> Failure:
    converter = data_converter()
    failure = Failure()
    converter.failure_converter.to_failure(error, converter.payload_converter, failure)
    return failure


def _raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    def fail() -> None:
        raise error from cause

    with pytest.raises(type(error)) as caught:
        fail()
    return caught.value


LEAKS = {
    "message of a foreign error": ValueError(SECRET),
    "message of an application error": ApplicationError(SECRET),
    "type of an application error": ApplicationError("x", type=SECRET),
    "details of an application error": ApplicationError("x", SECRET, {"token": SECRET}),
    "known code with a foreign message": ApplicationError(SECRET, type="provider_throttled"),
    "details of a cancellation": CancelledError(SECRET, SECRET),
    "class made at run time": type(f"Leak{SECRET[:2]}", (Exception,), {})(SECRET),
    "heartbeat of a timeout": TemporalTimeoutError(
        SECRET, type=TimeoutType.HEARTBEAT, last_heartbeat_details=[SECRET]
    ),
}


@pytest.mark.parametrize("error", LEAKS.values(), ids=LEAKS.keys())
def test_failure_with_a_secret_does_not_carry_it(error: BaseException) -> None:
    assert SECRET.encode() not in _failure(_raised(error)).SerializeToString()


def test_failure_with_a_secret_in_its_cause_drops_the_cause() -> None:
    failure = _failure(_raised(ValueError("outer"), ValueError(SECRET)))
    assert not failure.HasField("cause")
    assert SECRET.encode() not in failure.SerializeToString()


def test_failure_stack_names_places_without_source_lines() -> None:
    failure = _failure(_raised(ValueError(SECRET)))
    assert "test_converter.py:" in failure.stack_trace
    assert "raise error" not in failure.stack_trace


@pytest.mark.parametrize(
    "error", [OperationError("provider_throttled"), RefusedError("not_found")], ids=str
)
def test_operation_error_keeps_code_and_sentence(error: OperationError) -> None:
    failure = _failure(error)
    assert failure.application_failure_info.type == error.reason_code
    assert failure.message == reason(error.reason_code).explanation


def test_retry_later_keeps_its_delay() -> None:
    failure = _failure(RetryLaterError("provider_throttled", timedelta(seconds=17)))
    assert failure.application_failure_info.next_retry_delay.ToTimedelta().seconds == 17


def test_activity_error_keeps_its_redacted_cause() -> None:
    outer = ActivityError(
        SECRET,
        scheduled_event_id=1,
        started_event_id=2,
        identity="1@host",
        activity_type="read_lane",
        activity_id="1",
        retry_state=RetryState.TIMEOUT,
    )
    failure = _failure(_raised(outer, OperationError("provider_throttled")))
    assert failure.cause.application_failure_info.type == "provider_throttled"
    assert SECRET.encode() not in failure.SerializeToString()


def test_redacted_failure_converted_twice_stays_the_same() -> None:
    converter = data_converter()
    once = _failure(_raised(ValueError(SECRET)))
    error = converter.failure_converter.from_failure(once, converter.payload_converter)
    twice = _failure(error)
    assert twice.message == "redacted (ValueError)"


def test_unknown_reason_code_becomes_the_explicit_unknown_code() -> None:
    assert OperationError("made_up_by_someone").reason_code == "unknown_error"
