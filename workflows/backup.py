"""Backup of a tenant's configuration: scheduled, run now and retry are the same work.

At most one heartbeating activity for each throttle lane reads the tenant, and one more then reads
its context: what the versions refer to, and who changed them (decision 0005). The lanes end a
little before the run does, so that a type that fails for good leaves the context its time. Cursors
and effects are in PostgreSQL, so the number of history events does not grow with the tenant (D11).
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.backup import BackupActivities
    from contracts.runs import (
        BegunRun,
        ContextCall,
        ContextPlan,
        LaneCall,
        LanePlan,
        LaneResult,
        OperationResult,
        OperationRunRequest,
        OwnedRun,
    )
    from workflows.policies import DEADLINE_MARGIN, WORK_RETRY
    from workflows.run_recording import record_run, remaining, until

from datetime import timedelta


@workflow.defn(name="BackupWorkflow")
class BackupWorkflow:
    """Reads every selected resource type of a tenant into an immutable backup set."""

    @workflow.run
    async def run(self, request: OperationRunRequest) -> OperationResult:
        """Return the run's outcome; see `record_run` for what is raised."""
        return await record_run(request, _read_tenant)


async def _read_tenant(run: OwnedRun, begun: BegunRun) -> None:
    broken = await _read_lanes(run, begun)
    if begun.context is not None and _may_go_on(begun, broken):
        try:
            await _read_context(run, begun, begun.context)
        except Exception as unread:  # noqa: BLE001 - a lane that broke before it goes first
            broken.append(unread)
    # A lane that broke leaves its types open; completing names them. A cancel goes first.
    for error in sorted(broken, key=is_cancelled_exception, reverse=True):
        raise error


async def _read_lanes(run: OwnedRun, begun: BegunRun) -> list[BaseException]:
    lanes = [_read_lane(run, begun, plan) for plan in begun.lanes]
    results = await asyncio.gather(*lanes, return_exceptions=True)
    return [result for result in results if isinstance(result, BaseException)]


def _may_go_on(begun: BegunRun, broken: list[BaseException]) -> bool:
    """Whether the context may be read: also after a broken lane, never after a cancel or too late.

    What is open at the deadline is closed when the run ends.
    """
    if any(is_cancelled_exception(error) for error in broken):
        return False
    return begun.deadline_at is None or workflow.now() < begun.deadline_at


def _read_lane(run: OwnedRun, begun: BegunRun, plan: LanePlan) -> "asyncio.Future[LaneResult]":
    heartbeat = timedelta(seconds=begun.heartbeat_timeout_seconds)
    # A run that was begun before lanes had an end of their own has none.
    ends_at = begun.lanes_end_at or begun.deadline_at
    assert ends_at is not None  # noqa: S101 - an owner always has a deadline
    return workflow.start_activity_method(
        BackupActivities.read_lane,
        LaneCall(
            run=run,
            plan=plan,
            deadline_at=ends_at,
            heartbeat_seconds=heartbeat.total_seconds(),
        ),
        schedule_to_close_timeout=until(ends_at) + DEADLINE_MARGIN,
        heartbeat_timeout=heartbeat,
        retry_policy=WORK_RETRY,
        summary=f"{plan.lane}: {len(plan.resource_types)} resource types",
    )


async def _read_context(run: OwnedRun, begun: BegunRun, plan: ContextPlan) -> None:
    heartbeat = timedelta(seconds=begun.heartbeat_timeout_seconds)
    assert begun.deadline_at is not None  # noqa: S101 - an owner always has one
    await workflow.execute_activity_method(
        BackupActivities.read_context,
        ContextCall(
            run=run,
            plan=plan,
            deadline_at=begun.deadline_at,
            heartbeat_seconds=heartbeat.total_seconds(),
        ),
        schedule_to_close_timeout=remaining(begun) + DEADLINE_MARGIN,
        heartbeat_timeout=heartbeat,
        retry_policy=WORK_RETRY,
        summary="context: what the objects refer to",
    )
