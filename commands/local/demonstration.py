"""The demonstration: two tenants, a schedule that really fires, role syncs, changes found by name.

Everything is real but Microsoft: PostgreSQL, Temporal, a worker process, and a local Graph over
HTTPS. It may be run again: it takes what it finds and makes what is missing. What it claims it
checks; a claim that does not hold ends it with exit code 1.
"""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from commands.errors import CommandError
from commands.local.demo_accounts import PRINCIPAL, DemoTenant, settle
from commands.views.run_views import progress_of
from commands.views.screen import Screen

if TYPE_CHECKING:
    from contracts.operations import OperationDecision
    from devstack.graph_service import ControlClient
    from services.assembly import Services
    from services.runs.run_reads import RunDetail

# What the demonstration changes in the first tenant, by collection of the local Graph.
CHANGES = {"configurationPolicies": 3, "conditionalAccessPolicies": 1}
# A schedule made this close to its minute might miss it.
LEAST_LEAD = timedelta(seconds=4)
RUN_PATIENCE = 90.0

SCHEDULED = "backup_schedule.scheduled"
RUN_NOW = "backup_schedule.run_now"
ROLE_SYNC = "directory_role_definitions.sync"


class DemoFailedError(CommandError):
    """Something that the demonstration claims did not come true."""


@dataclass(frozen=True, slots=True)
class Change:
    """An object that changed, as somebody reads it."""

    resource_type: str
    name: str
    change: str


@dataclass(slots=True)
class DemoReport:
    """What happened, in the order of happening."""

    runs: list["RunDetail"] = field(default_factory=list)
    # Names of what was changed in Graph, and of what the backup found.
    made: list[str] = field(default_factory=list)
    found: list[Change] = field(default_factory=list)
    temporal_ui: str | None = None
    # Whether the stack goes on after the demonstration.
    is_stack_running: bool = False
    seconds: float = 0.0

    @property
    def problems(self) -> list[str]:
        """What did not come true."""
        wrong = [
            f"run {detail.run.id} ended {detail.run.outcome.value}"
            for detail in self.runs
            if detail.run.outcome != "succeeded"
        ]
        if sorted(self.made) != sorted(change.name for change in self.found):
            wrong.append("the last backup does not name exactly the policies that were changed")
        return wrong


class Demo:
    """One run of the demonstration."""

    def __init__(self, services: "Services", screen: Screen, control: "ControlClient") -> None:
        self._services = services
        self._screen = screen
        self._control = control
        self.report = DemoReport()
        self._workspace_id = UUID(int=0)
        self._going: dict[UUID, str] = {}

    async def run(self) -> DemoReport:
        """Do everything; raises DemoFailedError when a run does not end in time."""
        started = time.monotonic()
        self._workspace_id, tenants = await settle(self._services, self._control)
        first, second = tenants[:2]
        schedule_id, slot = await self._schedule(first)
        self._say(f"Schedule for tenant {first.name}: Temporal will fire it at {slot:%H:%M}Z.")
        self._say("Meanwhile: role syncs of both tenants, and a backup of the second one by hand.")
        await asyncio.gather(
            self._operate(first, ROLE_SYNC),
            self._operate(second, ROLE_SYNC),
            self._operate(second, RUN_NOW),
        )
        await self._fired(first, slot)
        await self._change(first)
        last = await self._operate(first, RUN_NOW)
        self.report.found = await self._changes(last)
        schedules = await self._services.schedules()
        await schedules.archive(first.actor, self._workspace_id, schedule_id)
        self.report.seconds = time.monotonic() - started
        return self.report

    async def _schedule(self, tenant: DemoTenant) -> tuple[UUID, datetime]:
        from domain.schedule_definitions import ScheduleDefinition
        from domain.schedules import Frequency, ScheduleSpec

        soon = datetime.now(UTC) + LEAST_LEAD
        slot = soon.replace(second=0, microsecond=0) + timedelta(minutes=1)
        spec = ScheduleSpec("UTC", Frequency.DAILY, slot.time())
        schedules = await self._services.schedules()
        saved = await schedules.create(
            tenant.actor,
            self._workspace_id,
            tenant.id,
            ScheduleDefinition(
                name=f"Demo {slot:%Y-%m-%d %H:%M}",
                spec=spec,
                jitter=timedelta(0),
                catchup_window=self._services.settings.catchup_window,
            ),
        )
        return saved.schedule.id, slot

    async def _operate(self, tenant: DemoTenant, type_: str) -> "RunDetail":
        from contracts.operations import OperationRequest
        from services.assembly import new_id

        decision: OperationDecision = await self._services.starts.start(
            OperationRequest(
                type=type_,
                workspace_id=self._workspace_id,
                tenant_id=tenant.id,
                principal=PRINCIPAL,
            ),
            str(new_id()),
        )
        if decision.operation_run_id is None:
            raise DemoFailedError(f"{type_} was not started: {decision.reason_code}")
        return await self._ended(decision.operation_run_id, tenant)

    async def _ended(self, run_id: UUID, tenant: DemoTenant) -> "RunDetail":
        self._going[run_id] = tenant.name
        try:
            async with asyncio.timeout(RUN_PATIENCE):
                await self._services.waiting.until_completed(run_id)
        except TimeoutError:
            raise DemoFailedError(f"run {run_id} did not end within {RUN_PATIENCE:.0f} s") from None
        finally:
            del self._going[run_id]
        detail = await self._services.run_reads.find_run(self._workspace_id, run_id)
        if detail is None:
            raise DemoFailedError(f"run {run_id} is gone")
        self.report.runs.append(detail)
        counts = detail.run.summary_counts
        self._say(
            f"{detail.label} of {tenant.name}: {detail.run.outcome.value.replace('_', ' ')}, "
            f"{counts.get('total', 0)} objects, {counts.get('created', 0)} new, "
            f"{counts.get('updated', 0)} changed."
        )
        return detail

    async def _fired(self, tenant: DemoTenant, slot: datetime) -> "RunDetail":
        """Wait for the run that Temporal's own fire makes."""
        from domain.operation_types import OperationType
        from services.runs.run_reads import RunFilters

        filters = RunFilters(
            types=frozenset({OperationType.BACKUP_SCHEDULED}),
            tenant_id=tenant.id,
            created_from=slot - timedelta(seconds=1),
        )
        patience = (slot - datetime.now(UTC)).total_seconds() + RUN_PATIENCE
        try:
            async with asyncio.timeout(max(patience, RUN_PATIENCE)):
                while True:
                    page = await self._services.run_reads.list_runs(self._workspace_id, filters)
                    if page.runs:
                        break
                    await asyncio.sleep(0.5)
        except TimeoutError:
            raise DemoFailedError("the schedule did not fire") from None
        self._say("The schedule fired.")
        return await self._ended(page.runs[0].id, tenant)

    async def _change(self, tenant: DemoTenant) -> None:
        for collection, count in CHANGES.items():
            changed: list[dict[str, Any]] = await self._control.call(
                "change_policies",
                tenant=tenant.entra_tenant_id,
                count=count,
                collection=collection,
            )
            self.report.made += [str(entry["name"]) for entry in changed]
        self._say(f"Changed in the tenant, behind our back: {', '.join(self.report.made)}.")

    async def _changes(self, detail: "RunDetail") -> list[Change]:
        tenant_id = detail.run.tenant_id
        assert tenant_id is not None  # noqa: S101 - a backup has a tenant
        found = await self._services.comparison.changes_of_run(
            self._workspace_id, tenant_id, detail.run.id
        )
        return [
            Change(entry.resource_type, entry.name or entry.object_id, entry.change)
            for entry in found
        ]

    async def progress(self) -> str:
        """Return one line on what is going on right now."""
        lines = []
        for run_id, name in list(self._going.items()):
            detail = await self._services.run_reads.find_run(self._workspace_id, run_id)
            if detail is not None:
                lines.append(f"{name}: {progress_of(detail).sentence}")
        return "   ".join(lines) or "waiting for Temporal to fire the schedule"

    def _say(self, text: str) -> None:
        self._screen.note(text)
