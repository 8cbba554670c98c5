"""The front door: what a caller sends to start an operation, and the decision it gets.

Wire names are fixed by the architecture, section 4. A caller in any language sends the JSON form of
`OperationRequest` to the workflow type `RequestOperationWorkflow` and reads `OperationDecision`.
"""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from contracts.payload import OuterPayload, Payload

FRONT_DOOR_WORKFLOW = "RequestOperationWorkflow"
TASK_QUEUE = "tenant-operations"

# Text that PostgreSQL and a terminal can show: no control characters, NUL above all.
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Decision(StrEnum):
    """What admission decided about a request (D2)."""

    # A new run exists and its workflow is started.
    ACCEPTED = "accepted"
    # A run with this identity is queued or running; its first initiator stays.
    ALREADY_ACTIVE = "already_active"
    # A strict identity had its one run; it is completed.
    ALREADY_RAN = "already_ran"
    # Another operation holds the protected scope.
    SCOPE_BUSY = "scope_busy"
    # The slot met a running backup of its schedule; the run that says so is completed.
    OVERLAP_SKIPPED = "overlap_skipped"
    # It may not or cannot run; the reason code says why.
    BLOCKED = "blocked"
    # Temporal refused or could not be reached; the run is completed/failed.
    DISPATCH_FAILED = "dispatch_failed"


class OperationRequest(OuterPayload):
    """A request to start one operation."""

    # An operation type of domain.operation_types, or one of its aliases.
    type: str = Field(min_length=1, max_length=100)
    workspace_id: UUID
    # Null only for operations of a workspace.
    tenant_id: UUID | None = None
    # Only what changes the effect; each type names its inputs and refuses others.
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    # Name of a registered service principal; null is the authority of a schedule's own slot.
    principal: Line | None = None
    # The same key always gets the same decision; null: the front door uses its own run id.
    idempotency_key: Line | None = None
    # Whether to answer only when the run is completed, with its outcome.
    wait: bool = False


class OperationDecision(Payload):
    """The answer of admission, the same through every door."""

    decision: Decision
    # Null when nothing was recorded: the request is not authorized or not understood.
    operation_run_id: UUID | None = None
    workflow_id: str | None = None
    # Outcome of the run as far as it is known: `pending` while active.
    outcome: str | None = None
    # Null unless something stands in the way.
    reason_code: str | None = None
    # Names of request fields that are wrong, for `input_invalid`.
    fields: tuple[str, ...] = ()
