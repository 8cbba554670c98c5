"""Errors that may cross Temporal: a reason code, and our own sentence for it (D7).

    OperationError
    ├── RetryLaterError       try again after a delay; nobody is told
    └── RefusedError          trying again cannot help

The redacting failure converter passes these and blanks everything else.
"""

from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain.reasons import reason


class OperationError(ApplicationError):
    """A failure with a reason code of domain.reasons; never with any other text."""

    def __init__(
        self,
        reason_code: str,
        *,
        non_retryable: bool = False,
        next_retry_delay: timedelta | None = None,
        category: ApplicationErrorCategory = ApplicationErrorCategory.UNSPECIFIED,
    ) -> None:
        known = reason(reason_code)
        super().__init__(
            known.explanation,
            type=known.code,
            non_retryable=non_retryable,
            next_retry_delay=next_retry_delay,
            category=category,
        )
        self.reason_code = known.code


class RetryLaterError(OperationError):
    """The activity leaves its slot and comes back after `delay` (D10)."""

    def __init__(self, reason_code: str, delay: timedelta) -> None:
        super().__init__(
            reason_code, next_retry_delay=delay, category=ApplicationErrorCategory.BENIGN
        )


class RefusedError(OperationError):
    """The activity cannot succeed, however often it is tried."""

    def __init__(self, reason_code: str) -> None:
        super().__init__(reason_code, non_retryable=True)
