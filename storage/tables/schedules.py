"""Backup schedules: the row is the source, Temporal Schedules follow (architecture section 3)."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Time,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from storage.tables.metadata import (
    id_column,
    metadata,
    moment,
    one_of,
    tenant_column,
    tenant_owner,
    workspace_column,
)

FREQUENCIES = ("daily", "weekly")

backup_schedules = Table(
    "backup_schedules",
    metadata,
    id_column(),
    workspace_column(),
    tenant_column(),
    Column("name", Text, nullable=False),
    Column("is_enabled", Boolean, nullable=False, server_default=text("true")),
    # IANA name.
    Column("timezone", Text, nullable=False),
    Column("frequency", Text, nullable=False),
    # Wall clock time in that zone, to the minute.
    Column("time_of_day", Time, nullable=False),
    # ISO weekdays, Monday = 1; only for weekly schedules.
    Column("days_of_week", ARRAY(SmallInteger)),
    # Resource type keys; NULL means every type, also those that come later. What a run reads also
    # depends on `include_foundations` (decision 0004).
    Column("policy_types", ARRAY(Text)),
    Column("include_foundations", Boolean, nullable=False, server_default=text("true")),
    Column("retention_keep_last", Integer),
    Column("jitter_seconds", Integer, nullable=False, server_default=text("0")),
    Column("catchup_window_seconds", Integer, nullable=False, server_default=text("900")),
    # The newest run that has ended: when it was admitted, and its outcome (decision 0004).
    moment("last_run_at"),
    Column("last_run_status", Text),
    # The first slot that no request has come for yet (decision 0002).
    moment("next_run_at"),
    # Grows with every change; Temporal carries `synced_revision` (D2, architecture section 3).
    Column("revision", Integer, nullable=False, server_default=text("1")),
    Column("synced_revision", Integer, nullable=False, server_default=text("0")),
    # Archived when set (behaviour row 88).
    moment("deleted_at"),
    moment("created_at", nullable=False, default_now=True),
    moment("updated_at", nullable=False, default_now=True),
    tenant_owner(),
    UniqueConstraint("id", "tenant_id"),
    one_of("frequency", FREQUENCIES, "frequency"),
    CheckConstraint("(frequency = 'weekly') = (days_of_week IS NOT NULL)", name="weekly_has_days"),
    CheckConstraint("retention_keep_last >= 1", name="retention_keep_last"),
    CheckConstraint("jitter_seconds >= 0", name="jitter_seconds"),
    # Temporal silently raises a smaller window to ten seconds (temporal.md 1.3).
    CheckConstraint("catchup_window_seconds >= 10", name="catchup_window_seconds"),
    Index("ix_backup_schedules_workspace_id_tenant_id", "workspace_id", "tenant_id"),
)
