"""Activities that begin and end runs; local ones, each a single transaction that may run twice."""

from typing import TYPE_CHECKING

from temporalio import activity

from activities.errors import safe_errors
from activities.executions import own_workflow_id
from contracts.errors import RetryLaterError
from contracts.runs import BeginCall, BegunRun, CompleteCall, CompletedRun, OwnedRun

if TYPE_CHECKING:
    from services.admission.operation_starts import OperationStarts
    from services.runs.run_gate import RunGate


class RunRecordingActivities:
    """The owner's workflow ID is read from Temporal, never from a payload (D3)."""

    def __init__(self, *, gate: "RunGate", starts: "OperationStarts") -> None:
        self._gate = gate
        self._starts = starts

    @activity.defn
    async def begin_run(self, call: BeginCall) -> BegunRun:
        """Take the run, check again what admission checked, and say what to do."""
        with safe_errors("begin_run"):
            return await self._gate.begin(call, own_workflow_id())

    @activity.defn
    async def await_turn(self, run: OwnedRun) -> None:
        """Return when no run is ahead; otherwise fail with the next retry delay.

        A run ahead whose caller died before starting it would stand in the line for ever.
        """
        with safe_errors("await_turn"):
            ahead = await self._gate.ahead_of(run, own_workflow_id(), activity.info().attempt)
            if ahead is not None:
                await self._starts.start_if_lost(ahead.run_id)
                raise RetryLaterError("waiting_for_turn", ahead.look_again_after)

    @activity.defn
    async def complete_run(self, call: CompleteCall) -> CompletedRun:
        """End the run with the outcome that its results give."""
        with safe_errors("complete_run", must_end=True):
            return await self._gate.complete(call, own_workflow_id())
