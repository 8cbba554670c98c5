"""How the workflow of a run is started: its type, ID, time limit and what the Temporal UI shows."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from contracts.admission import StartPlan
from domain.links import run_path
from domain.operation_types import BACKUP_TYPES, IdentityRule, OperationType, definition
from storage.runs import RunRecord

# Time beyond the deadline for waiting in line or for a worker, and for ending well. After it
# Temporal gives up, and no code of ours ends the run (D12).
_WAITING = timedelta(hours=24)
_MARGIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a run of a kind may work, from its begin (decision 0001, "Deadlines")."""

    backup: timedelta = timedelta(hours=3)
    role_sync: timedelta = timedelta(minutes=15)

    def of(self, operation_type: OperationType) -> timedelta:
        """Return the working time of a type."""
        return self.backup if operation_type in BACKUP_TYPES else self.role_sync


@dataclass(frozen=True, slots=True)
class StartPlans:
    """Builds start plans; the hub's address makes links, when there is a hub."""

    deadlines: Deadlines
    hub_url: str | None = None

    def plan(self, run: RunRecord) -> StartPlan:
        """Return how to start the workflow of `run`; the same run gives the same plan."""
        operation_type = OperationType(run.type)
        known = definition(operation_type)
        limit = self.deadlines.of(operation_type) + _WAITING + _MARGIN
        return StartPlan(
            operation_run_id=run.id,
            workflow_type=known.workflow_type,
            workflow_id=run.workflow_id,
            is_strict=known.identity_rule is IdentityRule.STRICT,
            operation_type=operation_type,
            workspace_id=run.workspace_id,
            tenant_id=run.tenant_id,
            run_identity_hash=run.run_identity_hash,
            execution_timeout_seconds=int(limit.total_seconds()),
            summary=_summary(run, known.label),
            details=self._details(run, known.label),
        )

    def link(self, run_id: UUID) -> str:
        """Return the canonical link of a run; a path when no hub is configured (row 27)."""
        return f"{(self.hub_url or '').rstrip('/')}{run_path(run_id)}"

    def _details(self, run: RunRecord, label: str) -> str:
        lines = [f"**{label}**", "", f"- run: [{run.id}]({self.link(run.id)})"]
        if run.tenant_id is not None:
            lines.append(f"- tenant: `{run.tenant_id}`")
        lines.append(f"- in a terminal: `tenantops runs show {run.id}`")
        return "\n".join(lines)


def _summary(run: RunRecord, label: str) -> str:
    slot = run.context.get("scheduled_for")
    return f"{label} for {slot}" if isinstance(slot, str) else label
