"""The seed's older run tables, kept as history: a trigger refuses writes (behaviour row 89).

`restore_runs` is not legacy: it is the domain record of a restore, and links to its run by
`operation_runs.context.restore_run_id`.
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from storage.tables.metadata import (
    id_column,
    metadata,
    moment,
    tenant_column,
    tenant_owner,
    workspace_column,
)


def _operation_run_column() -> Column[object]:
    # Nullable mapping for a deterministic redirect; never back-filled (seed).
    return Column(
        "operation_run_id", Uuid, ForeignKey("operation_runs.id", ondelete="SET NULL"), index=True
    )


inventory_sync_runs = Table(
    "inventory_sync_runs",
    metadata,
    id_column(),
    workspace_column(),
    tenant_column(),
    _operation_run_column(),
    Column("selection_hash", Text, nullable=False),
    Column("selection_payload", JSONB),
    Column("status", Text, nullable=False),
    Column("had_errors", Boolean, nullable=False, server_default=text("false")),
    Column("error_codes", JSONB),
    Column("error_context", JSONB),
    Column("items_observed_count", Integer, nullable=False, server_default=text("0")),
    Column("items_upserted_count", Integer, nullable=False, server_default=text("0")),
    Column("errors_count", Integer, nullable=False, server_default=text("0")),
    moment("started_at"),
    moment("finished_at"),
    moment("created_at", nullable=False, default_now=True),
    moment("updated_at", nullable=False, default_now=True),
    tenant_owner(),
    Index("ix_inventory_sync_runs_tenant_id_selection_hash", "tenant_id", "selection_hash"),
)

entra_group_sync_runs = Table(
    "entra_group_sync_runs",
    metadata,
    id_column(),
    workspace_column(),
    tenant_column(),
    _operation_run_column(),
    Column("selection_key", Text, nullable=False),
    Column("slot_key", Text),
    Column("status", Text, nullable=False),
    Column("error_code", Text),
    Column("error_category", Text),
    Column("error_summary", Text),
    Column("pages_fetched", Integer, nullable=False, server_default=text("0")),
    Column("items_observed_count", Integer, nullable=False, server_default=text("0")),
    Column("items_upserted_count", Integer, nullable=False, server_default=text("0")),
    Column("error_count", Integer, nullable=False, server_default=text("0")),
    moment("started_at"),
    moment("finished_at"),
    moment("created_at", nullable=False, default_now=True),
    moment("updated_at", nullable=False, default_now=True),
    tenant_owner(),
    Index("ix_entra_group_sync_runs_tenant_id_selection_key", "tenant_id", "selection_key"),
)

backup_schedule_runs = Table(
    "backup_schedule_runs",
    metadata,
    id_column(),
    workspace_column(),
    tenant_column(),
    _operation_run_column(),
    Column("backup_schedule_id", Uuid),
    moment("scheduled_for"),
    Column("status", Text, nullable=False),
    Column("summary", JSONB),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("backup_set_id", Uuid),
    moment("started_at"),
    moment("finished_at"),
    moment("created_at", nullable=False, default_now=True),
    moment("updated_at", nullable=False, default_now=True),
    tenant_owner(),
    Index("ix_backup_schedule_runs_tenant_id_scheduled_for", "tenant_id", "scheduled_for"),
)

restore_runs = Table(
    "restore_runs",
    metadata,
    id_column(),
    workspace_column(),
    tenant_column(),
    Column("backup_set_id", Uuid, ForeignKey("backup_sets.id")),
    Column("status", Text, nullable=False),
    Column("is_dry_run", Boolean, nullable=False, server_default=text("true")),
    Column("requested_items", JSONB),
    Column("group_mapping", JSONB),
    Column("preview", JSONB),
    Column("results", JSONB),
    Column("metadata", JSONB),
    Column("requested_by", Text),
    moment("started_at"),
    moment("completed_at"),
    moment("created_at", nullable=False, default_now=True),
    moment("updated_at", nullable=False, default_now=True),
    tenant_owner(),
)
