"""Activities of the front door: admit a request, and follow the run that it led to."""

from typing import TYPE_CHECKING

from temporalio import activity

from activities.errors import safe_errors
from activities.heartbeats import heartbeats
from contracts.admission import AdmissionCall, Admitted, RunReference, RunState
from contracts.operations import OperationDecision
from contracts.progress import Progress

if TYPE_CHECKING:
    from services.admission.admission import AdmissionService
    from services.admission.operation_starts import OperationStarts
    from services.runs.run_waiting import RunWaiting

AWAIT_OUTCOME_HEARTBEAT = 30.0


class AdmissionActivities:
    """Local activities, but for `await_outcome`; each is short and may run twice."""

    def __init__(
        self,
        *,
        admission: "AdmissionService",
        starts: "OperationStarts",
        waiting: "RunWaiting",
    ) -> None:
        self._admission = admission
        self._starts = starts
        self._waiting = waiting

    @activity.defn
    async def admit(self, call: AdmissionCall) -> Admitted:
        """Decide about a request; the same key always gets the same decision (D2)."""
        with safe_errors("admit"):
            return await self._admission.admit_call(call)

    @activity.defn
    async def fail_dispatch(self, run: RunReference) -> OperationDecision:
        """End a run whose workflow could not be started, unless it began meanwhile."""
        with safe_errors("fail_dispatch"):
            return await self._admission.fail_dispatch(run.operation_run_id)

    @activity.defn
    async def is_started(self, run: RunReference) -> bool:
        """Return whether the run's own execution has its workflow ID, or needs it no more."""
        with safe_errors("is_started"):
            return await self._starts.is_started(run.operation_run_id)

    @activity.defn
    async def await_outcome(self, run: RunReference) -> RunState:
        """Return when the run is completed."""
        with safe_errors("await_outcome"):
            async with heartbeats(AWAIT_OUTCOME_HEARTBEAT, Progress):
                return await self._waiting.until_completed(run.operation_run_id)
