"""Append-only audit trail; a trigger refuses update and delete (behaviour row 102)."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from storage.tables.metadata import id_column, metadata, moment, one_of, tenant_column, tenant_owner

ACTOR_KINDS = ("user", "service", "schedule", "system")

audit_log = Table(
    "audit_log",
    metadata,
    id_column(),
    # A row with a tenant needs its workspace; system rows have neither.
    Column("workspace_id", Uuid, ForeignKey("workspaces.id")),
    tenant_column(nullable=True),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", Uuid),
    Column("actor_name", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("resource_type", Text),
    Column("resource_id", Text),
    Column("outcome", Text, nullable=False, server_default=text("'success'")),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    moment("recorded_at", nullable=False, default_now=True),
    tenant_owner(),
    # The composite key alone lets a tenant without workspace pass.
    CheckConstraint("tenant_id IS NULL OR workspace_id IS NOT NULL", name="tenant_with_workspace"),
    one_of("actor_kind", ACTOR_KINDS, "actor_kind"),
    Index("ix_audit_log_workspace_id_recorded_at", "workspace_id", "recorded_at"),
)
