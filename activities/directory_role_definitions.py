"""The activity that syncs a tenant's directory role definitions."""

from typing import TYPE_CHECKING

from temporalio import activity

from activities.errors import safe_errors
from activities.executions import own_workflow_id
from activities.heartbeats import heartbeats
from contracts.progress import Progress
from contracts.runs import StepCall

if TYPE_CHECKING:
    from services.directory_roles.directory_role_definitions import DirectoryRoleDefinitionsService


class DirectoryRoleDefinitionsActivities:
    """One listing, one transaction; running it twice changes nothing more."""

    def __init__(self, *, roles: "DirectoryRoleDefinitionsService") -> None:
        self._roles = roles

    @activity.defn
    async def sync_role_definitions(self, call: StepCall) -> None:
        """List every role definition and record what was created, updated and removed."""
        with safe_errors("sync_role_definitions"):
            async with heartbeats(call.heartbeat_seconds, Progress):
                await self._roles.sync(call, own_workflow_id())
