"""Mapping of whatever a service raises to an error that may cross Temporal (D7).

Services and the Graph client raise errors that carry `reason_code`; some say `retry_after` seconds.
Anything else is a bug or an outage of PostgreSQL: its text stays here, its type goes to the log.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from temporalio.exceptions import FailureError

from contracts.errors import OperationError, RefusedError, RetryLaterError

logger = logging.getLogger(__name__)

# Trying again cannot change these.
_FINAL = frozenset(
    {
        "not_found",
        "input_invalid",
        "workspace_mismatch",
        "encryption_key_unavailable",
        # This worker's settings; the same worker would read the same ones again.
        "missing_configuration",
        # The run belongs to another execution or is completed, which is for ever.
        "invalid_state",
    }
)


# A key that is not at hand is missing until somebody puts it back.
_LOCKED = "encryption_key_unavailable"
_UNLOCKING_PAUSE = timedelta(seconds=10)


@contextmanager
def safe_errors(activity: str, *, must_end: bool = False) -> Iterator[None]:
    """Raise OperationError instead of any exception of the body; cancellation passes.

    What ends a run has to come to its end (`must_end`): it waits for a key that is not at hand,
    since a refusal would leave the run open for ever.
    """
    try:
        yield
    except FailureError:
        raise
    except Exception as error:
        logger.warning("activity failed", extra={"activity": activity}, exc_info=error)
        safe = as_operation_error(error)
        if must_end and safe.reason_code == _LOCKED and safe.non_retryable:
            safe = RetryLaterError(_LOCKED, _UNLOCKING_PAUSE)
    else:
        return
    # Outside of the handler, so that no context chain comes along.
    raise safe


def as_operation_error(error: BaseException) -> OperationError:
    """Return the error to raise instead of `error`."""
    reason_code = getattr(error, "reason_code", None)
    if not isinstance(reason_code, str):
        return OperationError("worker_error")
    retry_after = getattr(error, "retry_after", None)
    if isinstance(retry_after, int | float):
        return RetryLaterError(reason_code, timedelta(seconds=max(float(retry_after), 1.0)))
    return RefusedError(reason_code) if reason_code in _FINAL else OperationError(reason_code)
