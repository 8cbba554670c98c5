"""States of an operation run: status, outcome and the legal moves between them.

A run is inserted `queued`/`pending` by admission. Its owner moves it to `running` when work begins
and to `completed` with an outcome when work ends; a run that cannot begin goes from `queued`
straight to `completed`. Nothing leaves `completed` (behaviour rows 4 to 7).
"""

from enum import StrEnum


class RunStatus(StrEnum):
    """Where a run is in its life (behaviour row 4)."""

    # Admitted; the row exists and its workflow is being started or waits for its turn.
    QUEUED = "queued"
    # Owned by one execution that is working.
    RUNNING = "running"
    # Ended; the row never changes again.
    COMPLETED = "completed"

    @property
    def is_active(self) -> bool:
        """Whether the run still holds its identity (the seed's partial unique indexes)."""
        return self is not RunStatus.COMPLETED


class RunOutcome(StrEnum):
    """What became of a run (behaviour row 5)."""

    # Not completed yet; the only outcome of an active run.
    PENDING = "pending"
    # Everything that was asked for was done.
    SUCCEEDED = "succeeded"
    # Some of it was done; the failures say what is missing.
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    # It could not legitimately run: a prerequisite, permission or scope is missing.
    BLOCKED = "blocked"
    # It ran and broke, or nothing of it worked.
    FAILED = "failed"
    # Somebody cancelled it.
    CANCELLED = "cancelled"


class IllegalTransitionError(Exception):
    """A move that the state machine does not have was asked for."""

    def __init__(self, status: RunStatus, target: RunStatus, outcome: RunOutcome) -> None:
        super().__init__(f"a {status} run cannot become {target} with outcome {outcome}")


_MOVES: frozenset[tuple[RunStatus, RunStatus]] = frozenset(
    {
        (RunStatus.QUEUED, RunStatus.RUNNING),
        (RunStatus.QUEUED, RunStatus.COMPLETED),
        (RunStatus.RUNNING, RunStatus.COMPLETED),
    }
)


def source_statuses(target: RunStatus) -> tuple[RunStatus, ...]:
    """Return the statuses from which `target` may be reached, for guarded UPDATEs (D4)."""
    return tuple(source for source in RunStatus if (source, target) in _MOVES)


def check_transition(status: RunStatus, target: RunStatus, outcome: RunOutcome) -> None:
    """Raise IllegalTransitionError unless the move and its outcome are legal (behaviour row 6)."""
    is_pending = outcome is RunOutcome.PENDING
    if (status, target) not in _MOVES or is_pending is not target.is_active:
        raise IllegalTransitionError(status, target, outcome)
