"""Timeouts and retries of activities, each with its reason. Workflows pass them on, never settings.

Attempts are bounded by the run's deadline and by Temporal's execution timeout, not by a count: a
PostgreSQL that is away for ten minutes must not lose a run (D10).
"""

from datetime import timedelta

from temporalio.common import RetryPolicy

# A local activity is one short transaction; a longer one is stuck and may as well run again.
RECORDING_TIMEOUT = timedelta(seconds=10)
RECORDING_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=10),
)
# Completing a backup writes its set and manifests in the same transaction.
COMPLETING_TIMEOUT = timedelta(seconds=60)
# Beyond this a local retry becomes a timer, so that the worker does not hold the workflow task.
LOCAL_RETRY_THRESHOLD = timedelta(seconds=15)

# Graph's wishes have their own delay (D10), so this is for killed workers and servers that were
# away: what they cost should be their absence, not a longer pause with each of them.
WORK_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=10),
)
# Room to close what is open after the deadline, before Temporal gives up on the activity.
DEADLINE_MARGIN = timedelta(minutes=2)

# Waiting for another run's turn: long, cheap attempts (decision 0001, "Turns").
TURN_TIMEOUT = timedelta(seconds=30)
TURN_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=2),
    backoff_coefficient=1.5,
    maximum_interval=timedelta(seconds=30),
)

# A reusable identity may be admitted while its previous workflow is closing (D3).
START_ATTEMPTS = 12
START_PAUSE = timedelta(milliseconds=250)
