"""Whether an active run is alive as far as its row shows; one answer for every screen (row 107).

Pure: the row's times and the present are given. It suspects, and never closes anything; closing
needs a look at the execution (D1).
"""

from datetime import datetime
from enum import StrEnum

from domain.operation_types import FreshnessPolicy
from domain.runs import RunStatus


class Freshness(StrEnum):
    """How far the row of a run can be believed (behaviour section 7)."""

    # Active, and heard of lately.
    FRESH_ACTIVE = "fresh_active"
    # Active, and silent for longer than its type allows.
    LIKELY_STALE = "likely_stale"
    # Ended by the sweep, because its execution was gone.
    RECONCILED_FAILED = "reconciled_failed"
    # Ended by itself.
    TERMINAL_NORMAL = "terminal_normal"


def freshness(
    status: RunStatus,
    *,
    last_sign_at: datetime,
    is_reconciled: bool,
    policy: FreshnessPolicy,
    now: datetime,
) -> Freshness:
    """Judge a run; `last_sign_at` is the newest of created, started and progress."""
    if status is RunStatus.COMPLETED:
        return Freshness.RECONCILED_FAILED if is_reconciled else Freshness.TERMINAL_NORMAL
    allowed = policy.queued if status is RunStatus.QUEUED else policy.running
    return Freshness.LIKELY_STALE if now - last_sign_at > allowed else Freshness.FRESH_ACTIVE
