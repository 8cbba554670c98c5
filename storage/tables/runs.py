"""The canonical run record and what proves its effects: identities, admissions, steps, results."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from domain.outcome import PermissionState
from domain.runs import RunOutcome, RunStatus
from storage.tables.metadata import (
    id_column,
    metadata,
    moment,
    one_of,
    tenant_column,
    tenant_owner,
    workspace_column,
)

RESULT_STATES = ("pending", "listing", "confirming", "done")

operation_runs = Table(
    "operation_runs",
    metadata,
    id_column(),
    workspace_column(),
    tenant_column(nullable=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="SET NULL")),
    Column("initiator_name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("run_identity_hash", Text, nullable=False),
    Column("summary_counts", JSONB, nullable=False, server_default=text("'{}'")),
    Column("failure_summary", JSONB, nullable=False, server_default=text("'[]'")),
    Column("context", JSONB, nullable=False, server_default=text("'{}'")),
    moment("started_at"),
    moment("completed_at"),
    moment("created_at", nullable=False, default_now=True),
    moment("updated_at", nullable=False, default_now=True),
    # Owner: the one execution whose writes count (D3).
    Column("workflow_id", Text, nullable=False),
    Column("first_execution_run_id", Text),
    # The request that made the row (D2).
    Column("admission_key", Text, nullable=False),
    # Last sign of life that reached PostgreSQL.
    moment("progress_at"),
    # Set when the sweep, not the owner, closed the run (D1).
    moment("reconciled_at"),
    Column("retried_from", Uuid, ForeignKey("operation_runs.id", ondelete="SET NULL")),
    Column("makes_up_for", Uuid, ForeignKey("operation_runs.id", ondelete="SET NULL")),
    tenant_owner(),
    UniqueConstraint("workspace_id", "admission_key"),
    one_of("status", RunStatus, "status"),
    one_of("outcome", RunOutcome, "outcome"),
    CheckConstraint(
        "(status = 'completed') = (outcome <> 'pending')", name="outcome_when_completed"
    ),
    CheckConstraint(
        "(status = 'completed') = (completed_at IS NOT NULL)", name="completed_at_when_completed"
    ),
    CheckConstraint("length(initiator_name) > 0", name="initiator_named"),
    CheckConstraint("jsonb_typeof(summary_counts) = 'object'", name="summary_counts_object"),
    CheckConstraint("jsonb_typeof(failure_summary) = 'array'", name="failure_summary_array"),
    CheckConstraint("jsonb_typeof(context) = 'object'", name="context_object"),
    # Room on the page: an update of counts alone stays there and touches no index (HOT).
    postgresql_with={"fillfactor": 85},
)

_ACTIVE = "status IN ('queued', 'running')"
_c = operation_runs.c
Index("ix_operation_runs_workspace_id_type_created_at", _c.workspace_id, _c.type, _c.created_at)
Index("ix_operation_runs_workspace_id_created_at", _c.workspace_id, _c.created_at)
Index("ix_operation_runs_tenant_id_type_created_at", _c.tenant_id, _c.type, _c.created_at)
Index("ix_operation_runs_tenant_id_created_at", _c.tenant_id, _c.created_at)
Index(
    "uq_operation_runs_active_tenant_identity",
    _c.tenant_id,
    _c.run_identity_hash,
    unique=True,
    postgresql_where=text(f"tenant_id IS NOT NULL AND {_ACTIVE}"),
)
Index(
    "uq_operation_runs_active_workspace_identity",
    _c.workspace_id,
    _c.run_identity_hash,
    unique=True,
    postgresql_where=text(f"tenant_id IS NULL AND {_ACTIVE}"),
)
# The overlap check of admission and the history of one schedule (D2, behaviour row 88).
Index(
    "ix_operation_runs_backup_schedule",
    text("(context ->> 'backup_schedule_id')"),
    _c.created_at,
    postgresql_where=text("context ? 'backup_schedule_id'"),
)

# What the sweep compares with Temporal (D1); small however long the history is.
Index("ix_operation_runs_active_created_at", _c.created_at, postgresql_where=text(_ACTIVE))
# Pruning a run looks up who points to it.
Index(
    "ix_operation_runs_retried_from",
    _c.retried_from,
    postgresql_where=text("retried_from IS NOT NULL"),
)
Index(
    "ix_operation_runs_makes_up_for",
    _c.makes_up_for,
    postgresql_where=text("makes_up_for IS NOT NULL"),
)

run_identities = Table(
    "run_identities",
    metadata,
    # The hash covers workspace, tenant and type, so it is unique by itself. Kept for ever, also
    # when the run is pruned: hence no foreign key to the run (D3).
    Column("run_identity_hash", Text, primary_key=True),
    workspace_column(),
    Column("operation_run_id", Uuid, nullable=False),
    moment("created_at", nullable=False, default_now=True),
)

admissions = Table(
    "admissions",
    metadata,
    Column("workspace_id", Uuid, ForeignKey("workspaces.id"), primary_key=True),
    Column("admission_key", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    # NULL only inside the transaction that decides.
    Column("decision", Text),
    Column("operation_run_id", Uuid),
    Column("reason_code", Text),
    moment("created_at", nullable=False, default_now=True),
    # Request fields that the refusal named.
    Column("fields", ARRAY(Text), nullable=False, server_default=text("'{}'")),
)

operation_run_steps = Table(
    "operation_run_steps",
    metadata,
    Column(
        "operation_run_id",
        Uuid,
        ForeignKey("operation_runs.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("step_key", Text, primary_key=True),
    Column("resource_type", Text),
    Column("epoch", Integer),
    # Manifest entries of the step, until the type is finished (decision 0001).
    Column("entries", LargeBinary),
    moment("recorded_at", nullable=False, default_now=True),
)

operation_run_results = Table(
    "operation_run_results",
    metadata,
    Column(
        "operation_run_id",
        Uuid,
        ForeignKey("operation_runs.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("resource_type", Text, primary_key=True),
    workspace_column(),
    tenant_column(),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("page", Integer, nullable=False, server_default=text("0")),
    # Where the listing goes on, sealed: page tokens hold names (services.backups.listing_cursors).
    Column("cursor", Text),
    Column("expected", Integer, nullable=False, server_default=text("0")),
    Column("captured", Integer, nullable=False, server_default=text("0")),
    Column("unchanged", Integer, nullable=False, server_default=text("0")),
    Column("skipped", Integer, nullable=False, server_default=text("0")),
    Column("failed", Integer, nullable=False, server_default=text("0")),
    Column("created", Integer, nullable=False, server_default=text("0")),
    Column("updated", Integer, nullable=False, server_default=text("0")),
    Column("deleted", Integer, nullable=False, server_default=text("0")),
    Column("not_captured", Integer, nullable=False, server_default=text("0")),
    # Why objects were skipped or failed: reason code to count.
    Column("reason_counts", JSONB, nullable=False, server_default=text("'{}'")),
    # Why the type as a whole is not complete, if it is not.
    Column("reason_code", Text),
    Column("http_status", Integer),
    Column("request_id", Text),
    Column("missing_scopes", ARRAY(Text)),
    Column("permission_state", Text, nullable=False, server_default=text("'unknown'")),
    Column("listing_complete", Boolean, nullable=False, server_default=text("false")),
    # The listing proof (decision 0005): when the final epoch's listing began and came to its end,
    # how many objects it held, and how many that it lacked were asked for one by one.
    moment("listing_started_at"),
    moment("listing_ended_at"),
    Column("listed", Integer, nullable=False, server_default=text("0")),
    Column("probed", Integer, nullable=False, server_default=text("0")),
    Column("manifest_hash", Text),
    moment("next_attempt_at"),
    moment("updated_at", nullable=False, default_now=True),
    tenant_owner(),
    one_of("state", RESULT_STATES, "state"),
    one_of("permission_state", PermissionState, "permission_state"),
)

run_leases = Table(
    "run_leases",
    metadata,
    # The number orders the turns of one scope.
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    workspace_column(),
    tenant_column(),
    Column("scope", Text, nullable=False),
    Column(
        "operation_run_id",
        Uuid,
        ForeignKey("operation_runs.id", ondelete="CASCADE"),
        nullable=False,
    ),
    moment("created_at", nullable=False, default_now=True),
    tenant_owner(),
    UniqueConstraint("operation_run_id", "scope"),
    Index("ix_run_leases_scope_id", "scope", "id"),
)
