"""Payloads of operation workflows: how a run begins, works and ends."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from contracts.payload import Payload


class OperationRunRequest(Payload):
    """Argument of every operation workflow."""

    operation_run_id: UUID


class OperationResult(Payload):
    """Result of every operation workflow."""

    operation_run_id: UUID
    # Outcome of the run; null when another execution owns it and has not ended.
    outcome: str | None
    # Whether this execution was the one whose effects count (D3).
    had_effect: bool


class OwnedRun(Payload):
    """A run as its execution names it: the pair that fences every write (D3)."""

    operation_run_id: UUID
    first_execution_run_id: str


class BeginCall(Payload):
    """A workflow asks to own its run."""

    run: OwnedRun
    workflow_type: str


class BeginVerdict(StrEnum):
    """What a workflow may do with its run."""

    # The run is this execution's and is running.
    OWNER = "owner"
    # The run is this execution's and waits for the runs ahead of it.
    WAITING = "waiting"
    # The run is completed, or belongs to another execution: end without effect.
    NOT_OWNER = "not_owner"


class LanePlan(Payload):
    """The resource types that one activity reads, in their order."""

    # Throttle lane of domain.resource_types.
    lane: str
    resource_types: tuple[str, ...]


class ContextPlan(Payload):
    """What is read after the lanes: what the run's versions refer to, and who changed them."""

    # Types that are read because others refer to them, in their order.
    resource_types: tuple[str, ...]
    # Whether audit events are read as well, as far as the app may.
    reads_events: bool = False


class BegunRun(Payload):
    """Answer to BeginCall."""

    verdict: BeginVerdict
    # Outcome so far; set when the verdict is not_owner.
    outcome: str | None = None
    # The run must have ended by then; set for owners.
    deadline_at: datetime | None = None
    # Lanes end by then, so that what is read after them has time left; null: with the run.
    lanes_end_at: datetime | None = None
    # How long an activity may be silent before Temporal gives its work to another worker.
    heartbeat_timeout_seconds: float = 40.0
    # What to read; empty for operations that do not read by lanes.
    lanes: tuple[LanePlan, ...] = ()
    # What to read after the lanes; null when there is nothing, or no version that knows of it.
    context: ContextPlan | None = None


class LaneCall(Payload):
    """One activity's share of a backup."""

    run: OwnedRun
    plan: LanePlan
    deadline_at: datetime
    heartbeat_seconds: float


class LaneResult(Payload):
    """What a lane did, in counts."""

    types_complete: int
    types_incomplete: int
    objects: int


class ContextCall(Payload):
    """The activity that reads the context of a backup, after its lanes."""

    run: OwnedRun
    plan: ContextPlan
    deadline_at: datetime
    heartbeat_seconds: float


class ContextResult(Payload):
    """What the reading of the context did, in counts."""

    types_complete: int
    types_incomplete: int
    objects: int


class StepCall(Payload):
    """A run's only working activity, for operations without lanes."""

    run: OwnedRun
    deadline_at: datetime
    heartbeat_seconds: float


class Ending(StrEnum):
    """How the work of a run ended, as its workflow saw it."""

    # The work returned; the outcome follows from what it recorded.
    WORKED = "worked"
    # Somebody cancelled the workflow.
    CANCELLED = "cancelled"
    # The work raised; the reason code says what.
    BROKE = "broke"


class CompleteCall(Payload):
    """A workflow ends its run."""

    run: OwnedRun
    ending: Ending
    # Set when the ending is `broke`.
    reason_code: str | None = None


class CompletedRun(Payload):
    """The run after its end."""

    outcome: str
