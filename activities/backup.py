"""The activity that reads one throttle lane of a tenant."""

from typing import TYPE_CHECKING

from temporalio import activity

from activities.errors import safe_errors
from activities.executions import own_workflow_id
from activities.heartbeats import heartbeats
from contracts.runs import LaneCall, LaneResult

if TYPE_CHECKING:
    from services.backups.lane_reading import LaneReading


class BackupActivities:
    """A long activity that may die at any line; its cursor is in PostgreSQL (D11)."""

    def __init__(self, *, reading: "LaneReading") -> None:
        self._reading = reading

    @activity.defn
    async def read_lane(self, call: LaneCall) -> LaneResult:
        """Read the lane's open resource types; leave the slot while Graph asks for patience."""
        with safe_errors("read_lane"):
            reader = self._reading.open(call, own_workflow_id())
            async with heartbeats(call.heartbeat_seconds, reader.progress):
                return await reader.read()
