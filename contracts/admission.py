"""Payloads between the front door workflow and the admission activities."""

from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from contracts.operations import OperationDecision
from contracts.payload import Payload


class AdmissionCall(Payload):
    """One request as it arrived, with what Temporal knows about its origin."""

    # The raw JSON of the request; it is validated in the activity, which can answer.
    request: JsonValue
    # Key used when the request brings none: the front door's first execution run id.
    default_key: str
    # Id of the Temporal Schedule that fired this, or null.
    schedule_id: str | None = None
    # Nominal fire time (TemporalScheduledStartTime), before jitter; null when not fired.
    scheduled_at: datetime | None = None


class StartPlan(Payload):
    """How to start the workflow of an admitted run."""

    operation_run_id: UUID
    workflow_type: str
    workflow_id: str
    # Whether a second execution with this ID must never start (strict identities).
    is_strict: bool
    operation_type: str
    workspace_id: UUID
    tenant_id: UUID | None
    run_identity_hash: str
    # Seconds after which Temporal ends the execution, whatever happens.
    execution_timeout_seconds: int
    # One line for the Temporal UI; no tenant text.
    summary: str
    # Markdown for the Temporal UI; no tenant text.
    details: str


class Admitted(Payload):
    """What admission decided, and what is left to do."""

    decision: OperationDecision
    # Null when no workflow is to be started.
    start: StartPlan | None = None
    # Whether the caller asked to wait for the outcome.
    wait: bool = False


class RunReference(Payload):
    """A run, from the outside."""

    operation_run_id: UUID


class RunState(Payload):
    """Where a run is, for a front door that waits."""

    status: str
    outcome: str
    # Whether an execution has taken the run.
    is_owned: bool
