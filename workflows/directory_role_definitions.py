"""Sync of a tenant's directory role definitions into the cache that selectors read."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.directory_role_definitions import DirectoryRoleDefinitionsActivities
    from contracts.runs import (
        BegunRun,
        OperationResult,
        OperationRunRequest,
        OwnedRun,
        StepCall,
    )
    from workflows.policies import DEADLINE_MARGIN, WORK_RETRY
    from workflows.run_recording import record_run, remaining


@workflow.defn(name="DirectoryRoleDefinitionsSyncWorkflow")
class DirectoryRoleDefinitionsSyncWorkflow:
    """Lists the role definitions of a tenant and records what changed."""

    @workflow.run
    async def run(self, request: OperationRunRequest) -> OperationResult:
        """Return the run's outcome; see `record_run` for what is raised."""
        return await record_run(request, _sync)


async def _sync(run: OwnedRun, begun: BegunRun) -> None:
    heartbeat = timedelta(seconds=begun.heartbeat_timeout_seconds)
    assert begun.deadline_at is not None  # noqa: S101 - an owner always has one
    await workflow.execute_activity_method(
        DirectoryRoleDefinitionsActivities.sync_role_definitions,
        StepCall(
            run=run, deadline_at=begun.deadline_at, heartbeat_seconds=heartbeat.total_seconds()
        ),
        schedule_to_close_timeout=remaining(begun) + DEADLINE_MARGIN,
        heartbeat_timeout=heartbeat,
        retry_policy=WORK_RETRY,
        summary="role definitions of the directory",
    )
