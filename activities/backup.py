"""The activities of a backup: one for each throttle lane, and one for the context of the tenant."""

from typing import TYPE_CHECKING

from temporalio import activity

from activities.errors import safe_errors
from activities.executions import own_workflow_id
from activities.heartbeats import heartbeats
from contracts.runs import ContextCall, ContextResult, LaneCall, LaneResult

if TYPE_CHECKING:
    from services.backups.context_reading import ContextReading
    from services.backups.lane_reading import LaneReading


class BackupActivities:
    """Long activities that may die at any line; their cursors are in PostgreSQL (D11)."""

    def __init__(self, *, reading: "LaneReading", context: "ContextReading") -> None:
        self._reading = reading
        self._context = context

    @activity.defn
    async def read_lane(self, call: LaneCall) -> LaneResult:
        """Read the lane's open resource types; leave the slot while Graph asks for patience."""
        with safe_errors("read_lane"):
            reader = self._reading.open(call, own_workflow_id())
            async with heartbeats(call.heartbeat_seconds, reader.progress):
                return await reader.read()

    @activity.defn
    async def read_context(self, call: ContextCall) -> ContextResult:
        """Read what the run's versions refer to; leave the slot while Graph asks for patience."""
        with safe_errors("read_context"):
            reader = self._context.open(call, own_workflow_id())
            async with heartbeats(call.heartbeat_seconds, reader.progress):
                return await reader.read_context()
