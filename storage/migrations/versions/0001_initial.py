"""Every table of the first version, and the triggers that guard history.

Names of keys and constraints follow the naming convention of `storage.tables.metadata`.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def identifier(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def words(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def moment(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def stamped(name: str) -> sa.Column[object]:
    now = sa.text("now()")
    return sa.Column(name, sa.DateTime(timezone=True), server_default=now, nullable=False)


def workspace(*, nullable: bool = False) -> sa.Column[object]:
    return sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=nullable)


def tenant_owner() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "workspace_id"], ["tenants.id", "tenants.workspace_id"]
    )


# In the order in which they build on one another.
TABLES = (
    "graph_budgets",
    "users",
    "workspaces",
    "admissions",
    "principals",
    "run_identities",
    "tenants",
    "workspace_memberships",
    "audit_log",
    "backup_schedules",
    "backup_sets",
    "directory_role_definitions",
    "manifest_chunks",
    "operation_runs",
    "policies",
    "provider_connections",
    "tenant_keys",
    "tenant_memberships",
    "backup_schedule_runs",
    "contents",
    "directory_role_definition_versions",
    "entra_group_sync_runs",
    "inventory_sync_runs",
    "operation_run_results",
    "operation_run_steps",
    "policy_versions",
    "restore_runs",
    "run_leases",
    "set_manifests",
)


def upgrade() -> None:
    create_graph_budgets()
    create_users()
    create_workspaces()
    create_admissions()
    create_principals()
    create_run_identities()
    create_tenants()
    create_workspace_memberships()
    create_audit_log()
    create_backup_schedules()
    create_backup_sets()
    create_directory_role_definitions()
    create_manifest_chunks()
    create_operation_runs()
    create_policies()
    create_provider_connections()
    create_tenant_keys()
    create_tenant_memberships()
    create_backup_schedule_runs()
    create_contents()
    create_directory_role_definition_versions()
    create_entra_group_sync_runs()
    create_inventory_sync_runs()
    create_operation_run_results()
    create_operation_run_steps()
    create_policy_versions()
    create_restore_runs()
    create_run_leases()
    create_set_manifests()
    create_guards()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    drop_guards()


LEGACY_TABLES = ("inventory_sync_runs", "entra_group_sync_runs", "backup_schedule_runs")

# What a completed run proves never changes; nothing else about it is frozen, so that a deleted
# user or a pruned neighbour can still be taken out of its references (behaviour rows 3, 6, 7).
RUN_GUARD = """
CREATE FUNCTION refuse_run_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'completed' AND (
        NEW.status, NEW.outcome, NEW.summary_counts, NEW.failure_summary, NEW.type,
        NEW.run_identity_hash, NEW.workflow_id, NEW.started_at, NEW.completed_at
    ) IS DISTINCT FROM (
        OLD.status, OLD.outcome, OLD.summary_counts, OLD.failure_summary, OLD.type,
        OLD.run_identity_hash, OLD.workflow_id, OLD.started_at, OLD.completed_at
    ) THEN
        RAISE EXCEPTION 'a completed operation run never changes' USING ERRCODE = '23514';
    END IF;
    IF OLD.status = 'running' AND NEW.status = 'queued' THEN
        RAISE EXCEPTION 'an operation run never goes back' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""

# An import of history says so for its transaction: set_config('tenantops.legacy_import', 'on',
# true). Losing the link to a pruned run is the one change that the database makes by itself.
LEGACY_GUARD = """
CREATE FUNCTION refuse_legacy_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('tenantops.legacy_import', true) = 'on' THEN
        RETURN coalesce(NEW, OLD);
    END IF;
    IF TG_OP = 'UPDATE' AND pg_trigger_depth() > 1 AND NEW.operation_run_id IS NULL
        AND to_jsonb(NEW) - 'operation_run_id' = to_jsonb(OLD) - 'operation_run_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is history and takes no writes', TG_TABLE_NAME USING ERRCODE = '25006';
END $$
"""

AUDIT_GUARD = """
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log only grows' USING ERRCODE = '25006';
END $$
"""


def create_guards() -> None:
    for function in (RUN_GUARD, LEGACY_GUARD, AUDIT_GUARD):
        op.execute(function)
    op.execute(
        "CREATE TRIGGER refuse_run_change BEFORE UPDATE ON operation_runs FOR EACH ROW"
        " WHEN (OLD.status <> 'queued') EXECUTE FUNCTION refuse_run_change()"
    )
    op.execute(
        "CREATE TRIGGER refuse_audit_change BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW"
        " EXECUTE FUNCTION refuse_audit_change()"
    )
    for table in LEGACY_TABLES:
        op.execute(
            f"CREATE TRIGGER refuse_legacy_write BEFORE INSERT OR UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_legacy_write()"
        )


def drop_guards() -> None:
    for function in ("refuse_run_change", "refuse_legacy_write", "refuse_audit_change"):
        op.execute(f"DROP FUNCTION {function}()")


def create_graph_budgets() -> None:
    op.create_table(
        "graph_budgets",
        words("app_id"),
        words("entra_tenant_id"),
        words("service_area"),
        words("kind"),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("rate", sa.Double(), nullable=False),
        sa.Column("capacity", sa.Double(), nullable=False),
        moment("refilled_at", nullable=False),
        moment("blocked_until"),
        moment("throttled_at"),
        sa.PrimaryKeyConstraint("app_id", "entra_tenant_id", "service_area", "kind"),
    )


def create_users() -> None:
    op.create_table(
        "users",
        identifier("id"),
        words("entra_tenant_id"),
        words("entra_object_id"),
        words("display_name"),
        stamped("created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("entra_tenant_id", "entra_object_id"),
    )


def create_workspaces() -> None:
    op.create_table(
        "workspaces",
        identifier("id"),
        words("name"),
        stamped("created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )


def create_admissions() -> None:
    op.create_table(
        "admissions",
        workspace(),
        words("admission_key"),
        words("request_hash"),
        words("decision", nullable=True),
        identifier("operation_run_id", nullable=True),
        words("reason_code", nullable=True),
        stamped("created_at"),
        sa.PrimaryKeyConstraint("workspace_id", "admission_key"),
    )


def create_principals() -> None:
    op.create_table(
        "principals",
        identifier("id"),
        workspace(),
        words("name"),
        sa.Column("capabilities", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        stamped("created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "name"),
    )


def create_run_identities() -> None:
    op.create_table(
        "run_identities",
        words("run_identity_hash"),
        workspace(),
        identifier("operation_run_id"),
        stamped("created_at"),
        sa.PrimaryKeyConstraint("run_identity_hash"),
    )


def create_tenants() -> None:
    op.create_table(
        "tenants",
        identifier("id"),
        workspace(),
        words("entra_tenant_id"),
        words("name"),
        sa.Column("lifecycle", sa.Text(), server_default=sa.text("'active'"), nullable=False),
        stamped("created_at"),
        moment("archived_at"),
        sa.CheckConstraint(
            "lifecycle IN ('draft', 'onboarding', 'active', 'archived')", name="lifecycle"
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("entra_tenant_id"),
        sa.UniqueConstraint("id", "workspace_id"),
        sa.UniqueConstraint("workspace_id", "name"),
    )


def create_workspace_memberships() -> None:
    op.create_table(
        "workspace_memberships",
        workspace(),
        identifier("user_id"),
        words("role"),
        sa.CheckConstraint("role IN ('owner', 'manager', 'operator', 'readonly')", name="role"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("workspace_id", "user_id"),
    )


def create_audit_log() -> None:
    op.create_table(
        "audit_log",
        identifier("id"),
        workspace(nullable=True),
        identifier("tenant_id", nullable=True),
        words("actor_kind"),
        identifier("actor_id", nullable=True),
        words("actor_name"),
        words("action"),
        words("resource_type", nullable=True),
        words("resource_id", nullable=True),
        sa.Column("outcome", sa.Text(), server_default=sa.text("'success'"), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        stamped("recorded_at"),
        sa.CheckConstraint(
            "actor_kind IN ('user', 'service', 'schedule', 'system')", name="actor_kind"
        ),
        sa.CheckConstraint(
            "tenant_id IS NULL OR workspace_id IS NOT NULL", name="tenant_with_workspace"
        ),
        tenant_owner(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_audit_log_workspace_id_recorded_at", "audit_log", ["workspace_id", "recorded_at"]
    )


def create_backup_schedules() -> None:
    op.create_table(
        "backup_schedules",
        identifier("id"),
        workspace(),
        identifier("tenant_id"),
        words("name"),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        words("timezone"),
        words("frequency"),
        sa.Column("time_of_day", sa.Time(), nullable=False),
        sa.Column("days_of_week", postgresql.ARRAY(sa.SmallInteger()), nullable=True),
        sa.Column("policy_types", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column(
            "include_foundations", sa.Boolean(), server_default=sa.text("true"), nullable=False
        ),
        sa.Column("retention_keep_last", sa.Integer(), nullable=True),
        sa.Column("jitter_seconds", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "catchup_window_seconds", sa.Integer(), server_default=sa.text("900"), nullable=False
        ),
        moment("last_run_at"),
        words("last_run_status", nullable=True),
        moment("next_run_at"),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("synced_revision", sa.Integer(), server_default=sa.text("0"), nullable=False),
        moment("deleted_at"),
        stamped("created_at"),
        stamped("updated_at"),
        sa.CheckConstraint(
            "(frequency = 'weekly') = (days_of_week IS NOT NULL)", name="weekly_has_days"
        ),
        sa.CheckConstraint("frequency IN ('daily', 'weekly')", name="frequency"),
        sa.CheckConstraint("catchup_window_seconds >= 10", name="catchup_window_seconds"),
        sa.CheckConstraint("jitter_seconds >= 0", name="jitter_seconds"),
        sa.CheckConstraint("retention_keep_last >= 1", name="retention_keep_last"),
        tenant_owner(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("id", "tenant_id"),
    )
    op.create_index(
        "ix_backup_schedules_workspace_id_tenant_id",
        "backup_schedules",
        ["workspace_id", "tenant_id"],
    )


def create_backup_sets() -> None:
    op.create_table(
        "backup_sets",
        identifier("id"),
        workspace(),
        identifier("tenant_id"),
        identifier("operation_run_id"),
        identifier("backup_schedule_id", nullable=True),
        words("name"),
        words("status"),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        identifier("previous_set_id", nullable=True),
        words("set_hash"),
        sa.Column("object_count", sa.Integer(), nullable=False),
        moment("captured_at", nullable=False),
        moment("scheduled_for"),
        stamped("created_at"),
        moment("deleted_at"),
        sa.CheckConstraint("status IN ('completed', 'partial')", name="status"),
        sa.ForeignKeyConstraint(["previous_set_id"], ["backup_sets.id"]),
        tenant_owner(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("operation_run_id"),
        sa.UniqueConstraint("tenant_id", "sequence"),
    )


def create_directory_role_definitions() -> None:
    op.create_table(
        "directory_role_definitions",
        identifier("id"),
        workspace(),
        identifier("tenant_id"),
        words("role_definition_id"),
        words("template_id", nullable=True),
        words("display_name"),
        sa.Column("is_built_in", sa.Boolean(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        words("current_version_hash"),
        sa.Column("version_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        moment("first_seen_at", nullable=False),
        moment("last_changed_at", nullable=False),
        moment("removed_at"),
        tenant_owner(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant_id", "role_definition_id"),
    )


def create_manifest_chunks() -> None:
    op.create_table(
        "manifest_chunks",
        identifier("tenant_id"),
        words("chunk_hash"),
        workspace(),
        sa.Column("entry_count", sa.Integer(), nullable=False),
        sa.Column("entries", sa.LargeBinary(), nullable=False),
        tenant_owner(),
        sa.PrimaryKeyConstraint("tenant_id", "chunk_hash"),
    )


def create_operation_runs() -> None:
    op.create_table(
        "operation_runs",
        identifier("id"),
        workspace(),
        identifier("tenant_id", nullable=True),
        identifier("user_id", nullable=True),
        words("initiator_name"),
        words("type"),
        words("status"),
        words("outcome"),
        words("run_identity_hash"),
        sa.Column(
            "summary_counts", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "failure_summary", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("context", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        moment("started_at"),
        moment("completed_at"),
        stamped("created_at"),
        stamped("updated_at"),
        words("workflow_id"),
        words("first_execution_run_id", nullable=True),
        words("admission_key"),
        moment("progress_at"),
        moment("reconciled_at"),
        identifier("retried_from", nullable=True),
        identifier("makes_up_for", nullable=True),
        sa.CheckConstraint(
            "(status = 'completed') = (completed_at IS NOT NULL)",
            name="completed_at_when_completed",
        ),
        sa.CheckConstraint(
            "(status = 'completed') = (outcome <> 'pending')", name="outcome_when_completed"
        ),
        sa.CheckConstraint("jsonb_typeof(context) = 'object'", name="context_object"),
        sa.CheckConstraint("jsonb_typeof(failure_summary) = 'array'", name="failure_summary_array"),
        sa.CheckConstraint("jsonb_typeof(summary_counts) = 'object'", name="summary_counts_object"),
        sa.CheckConstraint(
            "outcome IN ('pending', 'succeeded', 'partially_succeeded', 'blocked',"
            " 'failed', 'cancelled')",
            name="outcome",
        ),
        sa.CheckConstraint("status IN ('queued', 'running', 'completed')", name="status"),
        sa.CheckConstraint("length(initiator_name) > 0", name="initiator_named"),
        sa.ForeignKeyConstraint(["makes_up_for"], ["operation_runs.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["retried_from"], ["operation_runs.id"], ondelete="SET NULL"),
        tenant_owner(),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "admission_key"),
        postgresql_with={"fillfactor": 85},
    )
    op.create_index(
        "ix_operation_runs_active_created_at",
        "operation_runs",
        ["created_at"],
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_index(
        "ix_operation_runs_backup_schedule",
        "operation_runs",
        [sa.text("(context ->> 'backup_schedule_id')"), "created_at"],
        postgresql_where=sa.text("context ? 'backup_schedule_id'"),
    )
    op.create_index(
        "ix_operation_runs_makes_up_for",
        "operation_runs",
        ["makes_up_for"],
        postgresql_where=sa.text("makes_up_for IS NOT NULL"),
    )
    op.create_index(
        "ix_operation_runs_retried_from",
        "operation_runs",
        ["retried_from"],
        postgresql_where=sa.text("retried_from IS NOT NULL"),
    )
    op.create_index(
        "ix_operation_runs_tenant_id_created_at", "operation_runs", ["tenant_id", "created_at"]
    )
    op.create_index(
        "ix_operation_runs_tenant_id_type_created_at",
        "operation_runs",
        ["tenant_id", "type", "created_at"],
    )
    op.create_index(
        "ix_operation_runs_workspace_id_created_at",
        "operation_runs",
        ["workspace_id", "created_at"],
    )
    op.create_index(
        "ix_operation_runs_workspace_id_type_created_at",
        "operation_runs",
        ["workspace_id", "type", "created_at"],
    )
    op.create_index(
        "uq_operation_runs_active_tenant_identity",
        "operation_runs",
        ["tenant_id", "run_identity_hash"],
        unique=True,
        postgresql_where=sa.text("tenant_id IS NOT NULL AND status IN ('queued', 'running')"),
    )
    op.create_index(
        "uq_operation_runs_active_workspace_identity",
        "operation_runs",
        ["workspace_id", "run_identity_hash"],
        unique=True,
        postgresql_where=sa.text("tenant_id IS NULL AND status IN ('queued', 'running')"),
    )


def create_policies() -> None:
    op.create_table(
        "policies",
        identifier("id"),
        workspace(),
        identifier("tenant_id"),
        words("resource_type"),
        words("external_id"),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        identifier("name_key_id", nullable=True),
        words("current_version_hash", nullable=True),
        sa.Column("version_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        moment("first_seen_at", nullable=False),
        moment("last_changed_at", nullable=False),
        moment("deleted_at"),
        tenant_owner(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant_id", "resource_type", "external_id"),
    )


def create_provider_connections() -> None:
    op.create_table(
        "provider_connections",
        identifier("id"),
        workspace(),
        identifier("tenant_id"),
        sa.Column("provider", sa.Text(), server_default=sa.text("'microsoft'"), nullable=False),
        sa.Column("purpose", sa.Text(), server_default=sa.text("'read'"), nullable=False),
        words("name"),
        sa.Column("cloud", sa.Text(), server_default=sa.text("'global'"), nullable=False),
        words("entra_tenant_id"),
        words("app_id"),
        words("credential_kind"),
        sa.Column("credential", sa.LargeBinary(), nullable=True),
        identifier("credential_key_id", nullable=True),
        moment("credential_expires_at"),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("consent_status", sa.Text(), server_default=sa.text("'unknown'"), nullable=False),
        sa.Column(
            "verification_status", sa.Text(), server_default=sa.text("'unknown'"), nullable=False
        ),
        words("last_reason_code", nullable=True),
        moment("circuit_open_until"),
        moment("disabled_at"),
        stamped("created_at"),
        stamped("updated_at"),
        sa.CheckConstraint(
            "consent_status IN ('unknown', 'required', 'granted', 'failed', 'revoked')",
            name="consent_status",
        ),
        sa.CheckConstraint(
            "credential_kind IN ('client_secret', 'certificate',"
            " 'workload_identity', 'managed_identity')",
            name="credential_kind",
        ),
        sa.CheckConstraint("purpose IN ('read', 'write')", name="purpose"),
        sa.CheckConstraint(
            "verification_status IN ('unknown', 'pending', 'healthy',"
            " 'degraded', 'blocked', 'error')",
            name="verification_status",
        ),
        tenant_owner(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("id", "tenant_id"),
        sa.UniqueConstraint("tenant_id", "provider", "purpose", "entra_tenant_id", "app_id"),
    )
    op.create_index(
        "uq_provider_connections_default",
        "provider_connections",
        ["tenant_id", "provider", "purpose"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )


def create_tenant_keys() -> None:
    op.create_table(
        "tenant_keys",
        identifier("id"),
        workspace(),
        identifier("tenant_id"),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        words("root_key_id"),
        stamped("created_at"),
        moment("destroyed_at"),
        tenant_owner(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_tenant_keys_current",
        "tenant_keys",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("destroyed_at IS NULL"),
    )


def create_tenant_memberships() -> None:
    op.create_table(
        "tenant_memberships",
        identifier("tenant_id"),
        identifier("user_id"),
        workspace(),
        words("role"),
        sa.Column("source", sa.Text(), server_default=sa.text("'manual'"), nullable=False),
        words("source_ref", nullable=True),
        sa.CheckConstraint("role IN ('owner', 'manager', 'operator', 'readonly')", name="role"),
        sa.CheckConstraint(
            "source IN ('manual', 'entra_group', 'entra_app_role', 'break_glass')", name="source"
        ),
        tenant_owner(),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "user_id"),
    )


def create_backup_schedule_runs() -> None:
    op.create_table(
        "backup_schedule_runs",
        identifier("id"),
        workspace(),
        identifier("tenant_id"),
        identifier("operation_run_id", nullable=True),
        identifier("backup_schedule_id", nullable=True),
        moment("scheduled_for"),
        words("status"),
        sa.Column("summary", postgresql.JSONB(), nullable=True),
        words("error_code", nullable=True),
        words("error_message", nullable=True),
        identifier("backup_set_id", nullable=True),
        moment("started_at"),
        moment("finished_at"),
        stamped("created_at"),
        stamped("updated_at"),
        sa.ForeignKeyConstraint(["operation_run_id"], ["operation_runs.id"], ondelete="SET NULL"),
        tenant_owner(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_backup_schedule_runs_operation_run_id", "backup_schedule_runs", ["operation_run_id"]
    )
    op.create_index(
        "ix_backup_schedule_runs_tenant_id_scheduled_for",
        "backup_schedule_runs",
        ["tenant_id", "scheduled_for"],
    )


def create_contents() -> None:
    op.create_table(
        "contents",
        identifier("tenant_id"),
        words("version_hash"),
        workspace(),
        identifier("key_id"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("document_bytes", sa.Integer(), nullable=False),
        sa.Column("canonical_rules", sa.SmallInteger(), nullable=False),
        stamped("created_at"),
        sa.ForeignKeyConstraint(["key_id"], ["tenant_keys.id"]),
        tenant_owner(),
        sa.PrimaryKeyConstraint("tenant_id", "version_hash"),
    )


def create_directory_role_definition_versions() -> None:
    op.create_table(
        "directory_role_definition_versions",
        identifier("directory_role_definition_id"),
        sa.Column("version_number", sa.Integer(), nullable=False),
        workspace(),
        identifier("tenant_id"),
        words("version_hash", nullable=True),
        words("change"),
        identifier("operation_run_id"),
        moment("captured_at", nullable=False),
        sa.CheckConstraint("change IN ('created', 'updated', 'removed')", name="change"),
        sa.ForeignKeyConstraint(
            ["directory_role_definition_id"], ["directory_role_definitions.id"]
        ),
        tenant_owner(),
        sa.PrimaryKeyConstraint("directory_role_definition_id", "version_number"),
    )
    op.create_index(
        "ix_directory_role_definition_versions_operation_run_id",
        "directory_role_definition_versions",
        ["operation_run_id"],
    )


def create_entra_group_sync_runs() -> None:
    op.create_table(
        "entra_group_sync_runs",
        identifier("id"),
        workspace(),
        identifier("tenant_id"),
        identifier("operation_run_id", nullable=True),
        words("selection_key"),
        words("slot_key", nullable=True),
        words("status"),
        words("error_code", nullable=True),
        words("error_category", nullable=True),
        words("error_summary", nullable=True),
        sa.Column("pages_fetched", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "items_observed_count", sa.Integer(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "items_upserted_count", sa.Integer(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("error_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        moment("started_at"),
        moment("finished_at"),
        stamped("created_at"),
        stamped("updated_at"),
        sa.ForeignKeyConstraint(["operation_run_id"], ["operation_runs.id"], ondelete="SET NULL"),
        tenant_owner(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_entra_group_sync_runs_operation_run_id", "entra_group_sync_runs", ["operation_run_id"]
    )
    op.create_index(
        "ix_entra_group_sync_runs_tenant_id_selection_key",
        "entra_group_sync_runs",
        ["tenant_id", "selection_key"],
    )


def create_inventory_sync_runs() -> None:
    op.create_table(
        "inventory_sync_runs",
        identifier("id"),
        workspace(),
        identifier("tenant_id"),
        identifier("operation_run_id", nullable=True),
        words("selection_hash"),
        sa.Column("selection_payload", postgresql.JSONB(), nullable=True),
        words("status"),
        sa.Column("had_errors", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("error_codes", postgresql.JSONB(), nullable=True),
        sa.Column("error_context", postgresql.JSONB(), nullable=True),
        sa.Column(
            "items_observed_count", sa.Integer(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "items_upserted_count", sa.Integer(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("errors_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        moment("started_at"),
        moment("finished_at"),
        stamped("created_at"),
        stamped("updated_at"),
        sa.ForeignKeyConstraint(["operation_run_id"], ["operation_runs.id"], ondelete="SET NULL"),
        tenant_owner(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_inventory_sync_runs_operation_run_id", "inventory_sync_runs", ["operation_run_id"]
    )
    op.create_index(
        "ix_inventory_sync_runs_tenant_id_selection_hash",
        "inventory_sync_runs",
        ["tenant_id", "selection_hash"],
    )


def create_operation_run_results() -> None:
    op.create_table(
        "operation_run_results",
        identifier("operation_run_id"),
        words("resource_type"),
        workspace(),
        identifier("tenant_id"),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("page", sa.Integer(), server_default=sa.text("0"), nullable=False),
        words("cursor", nullable=True),
        sa.Column("expected", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("captured", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("skipped", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deleted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_captured", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "reason_counts", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False
        ),
        words("reason_code", nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        words("request_id", nullable=True),
        sa.Column("missing_scopes", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column(
            "permission_state", sa.Text(), server_default=sa.text("'unknown'"), nullable=False
        ),
        sa.Column(
            "listing_complete", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        words("manifest_hash", nullable=True),
        sa.Column("chunk_hashes", postgresql.ARRAY(sa.Text()), nullable=True),
        moment("next_attempt_at"),
        stamped("updated_at"),
        sa.CheckConstraint(
            "permission_state IN ('unknown', 'granted', 'denied')", name="permission_state"
        ),
        sa.CheckConstraint("state IN ('pending', 'listing', 'confirming', 'done')", name="state"),
        sa.ForeignKeyConstraint(["operation_run_id"], ["operation_runs.id"], ondelete="CASCADE"),
        tenant_owner(),
        sa.PrimaryKeyConstraint("operation_run_id", "resource_type"),
    )


def create_operation_run_steps() -> None:
    op.create_table(
        "operation_run_steps",
        identifier("operation_run_id"),
        words("step_key"),
        words("resource_type", nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("entries", sa.LargeBinary(), nullable=True),
        stamped("recorded_at"),
        sa.ForeignKeyConstraint(["operation_run_id"], ["operation_runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("operation_run_id", "step_key"),
    )


def create_policy_versions() -> None:
    op.create_table(
        "policy_versions",
        identifier("policy_id"),
        sa.Column("version_number", sa.Integer(), nullable=False),
        workspace(),
        identifier("tenant_id"),
        words("version_hash", nullable=True),
        words("change"),
        identifier("operation_run_id"),
        sa.Column(
            "not_captured", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False
        ),
        moment("captured_at", nullable=False),
        sa.CheckConstraint(
            "change IN ('created', 'updated', 'deleted', 'schema_change')", name="change"
        ),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.id"]),
        tenant_owner(),
        sa.PrimaryKeyConstraint("policy_id", "version_number"),
    )
    op.create_index("ix_policy_versions_operation_run_id", "policy_versions", ["operation_run_id"])


def create_restore_runs() -> None:
    op.create_table(
        "restore_runs",
        identifier("id"),
        workspace(),
        identifier("tenant_id"),
        identifier("backup_set_id", nullable=True),
        words("status"),
        sa.Column("is_dry_run", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("requested_items", postgresql.JSONB(), nullable=True),
        sa.Column("group_mapping", postgresql.JSONB(), nullable=True),
        sa.Column("preview", postgresql.JSONB(), nullable=True),
        sa.Column("results", postgresql.JSONB(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), nullable=True),
        words("requested_by", nullable=True),
        moment("started_at"),
        moment("completed_at"),
        stamped("created_at"),
        stamped("updated_at"),
        sa.ForeignKeyConstraint(["backup_set_id"], ["backup_sets.id"]),
        tenant_owner(),
        sa.PrimaryKeyConstraint("id"),
    )


def create_run_leases() -> None:
    op.create_table(
        "run_leases",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        workspace(),
        identifier("tenant_id"),
        words("scope"),
        identifier("operation_run_id"),
        stamped("created_at"),
        sa.ForeignKeyConstraint(["operation_run_id"], ["operation_runs.id"], ondelete="CASCADE"),
        tenant_owner(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("operation_run_id", "scope"),
    )
    op.create_index("ix_run_leases_scope_id", "run_leases", ["scope", "id"])


def create_set_manifests() -> None:
    op.create_table(
        "set_manifests",
        identifier("backup_set_id"),
        words("resource_type"),
        workspace(),
        identifier("tenant_id"),
        sa.Column("listing_complete", sa.Boolean(), nullable=False),
        sa.Column("entry_count", sa.Integer(), nullable=False),
        words("manifest_hash"),
        sa.Column("chunk_hashes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["backup_set_id"], ["backup_sets.id"]),
        tenant_owner(),
        sa.PrimaryKeyConstraint("backup_set_id", "resource_type"),
    )
    op.create_index(
        "ix_set_manifests_tenant_id_resource_type", "set_manifests", ["tenant_id", "resource_type"]
    )
