"""One judgement of whether an active run is alive."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.freshness import Freshness, freshness
from domain.operation_types import FreshnessPolicy
from domain.runs import RunStatus

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
POLICY = FreshnessPolicy(queued=timedelta(minutes=5), running=timedelta(minutes=10))


@pytest.mark.parametrize(
    ("status", "silent_minutes", "is_reconciled", "expected"),
    [
        (RunStatus.QUEUED, 5, False, Freshness.FRESH_ACTIVE),
        (RunStatus.QUEUED, 6, False, Freshness.LIKELY_STALE),
        (RunStatus.RUNNING, 6, False, Freshness.FRESH_ACTIVE),
        (RunStatus.RUNNING, 11, False, Freshness.LIKELY_STALE),
        (RunStatus.COMPLETED, 9999, False, Freshness.TERMINAL_NORMAL),
        (RunStatus.COMPLETED, 0, True, Freshness.RECONCILED_FAILED),
    ],
)
def test_freshness_follows_status_and_silence(
    status: RunStatus, silent_minutes: int, is_reconciled: bool, expected: Freshness
) -> None:
    judged = freshness(
        status,
        last_sign_at=NOW - timedelta(minutes=silent_minutes),
        is_reconciled=is_reconciled,
        policy=POLICY,
        now=NOW,
    )
    assert judged is expected
