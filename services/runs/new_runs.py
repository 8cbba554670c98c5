"""What goes into and comes out of `OperationRunService`: requests for runs and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from domain.identity import run_identity_hash
from domain.operation_types import OperationType
from storage.runs import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What admission knows of a run that is to exist.

    `identity_inputs` are those of `domain.identity.identity_inputs`. `tenant_id` is None for a
    workspace run (behaviour row 2), `user_id` for an initiator who is not a user (row 3).
    """

    workspace_id: UUID
    tenant_id: UUID | None
    type: OperationType
    identity_inputs: Mapping[str, object]
    initiator_name: str
    admission_key: str
    user_id: UUID | None = None
    context: Mapping[str, object] = field(default_factory=dict)
    retried_from: UUID | None = None
    makes_up_for: UUID | None = None

    @property
    def identity_hash(self) -> str:
        """The run's identity (D3)."""
        return run_identity_hash(self.workspace_id, self.tenant_id, self.type, self.identity_inputs)


class EnsureDecision(StrEnum):
    """What `ensure_run` found."""

    # The run did not exist and was inserted.
    CREATED = "created"
    # A queued or running run has this identity; it is returned as its first initiator made it.
    ALREADY_ACTIVE = "already_active"
    # A run had this identity and may not run again.
    ALREADY_RAN = "already_ran"


@dataclass(frozen=True, slots=True)
class EnsuredRun:
    """The run of an identity; `run` is None only for one that was pruned after it ran."""

    run_id: UUID
    run: RunRecord | None
    decision: EnsureDecision


@dataclass(frozen=True, slots=True)
class BeginResult:
    """Whether this execution owns the run, and the run as it is now."""

    is_owner: bool
    run: RunRecord
