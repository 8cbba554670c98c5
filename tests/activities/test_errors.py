"""Which errors end an activity for good, and which are tried again."""

from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.exceptions import ApplicationError

from activities.errors import as_operation_error, safe_errors
from contracts.errors import OperationError, RefusedError, RetryLaterError
from services.backups.lane_reading import RunLostError, SlotGivenBackError
from services.connections.graph_access import CustomCloudMissingError
from services.contents.root_keys import EncryptionKeyUnavailableError, RootKeyOutageError
from services.runs.run_errors import RunMismatchError, UnknownRunError


@pytest.mark.parametrize(
    ("error", "reason_code"),
    [
        (CustomCloudMissingError(), "missing_configuration"),
        (RunLostError(), "invalid_state"),
        (UnknownRunError(uuid4()), "not_found"),
        (RunMismatchError(uuid4()), "input_invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_error_that_no_retry_can_change_is_final(error: Exception, reason_code: str) -> None:
    with pytest.raises(ApplicationError) as caught, safe_errors("read_lane"):
        raise error
    assert isinstance(caught.value, RefusedError)
    assert caught.value.non_retryable
    assert caught.value.reason_code == reason_code


@pytest.mark.parametrize("error", [ConnectionResetError("text"), ValueError("text")])
def test_error_without_a_reason_is_tried_again_and_says_nothing(error: Exception) -> None:
    safe = as_operation_error(error)
    assert type(safe) is OperationError
    assert (safe.reason_code, safe.non_retryable) == ("worker_error", False)
    assert "text" not in str(safe)


def test_missing_key_is_final_for_work_and_waited_for_by_the_end_of_a_run() -> None:
    missing = EncryptionKeyUnavailableError("text")
    assert isinstance(as_operation_error(missing), RefusedError)
    with pytest.raises(RetryLaterError) as caught, safe_errors("complete_run", must_end=True):
        raise missing
    assert caught.value.reason_code == "encryption_key_unavailable"
    outage = as_operation_error(RootKeyOutageError("text", 7.0))
    assert isinstance(outage, RetryLaterError)
    assert outage.next_retry_delay == timedelta(seconds=7)


def test_error_with_a_time_comes_back_after_it() -> None:
    safe = as_operation_error(SlotGivenBackError("provider_throttled", 30.0))
    assert isinstance(safe, RetryLaterError)
    assert safe.next_retry_delay == timedelta(seconds=30)
