"""Certificates, references of contents, change events, imported sets, rotation (decision 0005).

And request budgets as sliding windows (decision 0009): what they hold is of the last seconds. And
manifests that are stored once (decision 0010).
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_LIVE_KEY = sa.text("destroyed_at IS NULL")
_CURRENT_KEY = sa.text("destroyed_at IS NULL AND retired_at IS NULL")
# They grow with every version; their tenant's key to the workspace implies this one.
_BOUND = ("contents", "policies", "policy_versions")


def upgrade() -> None:
    _change_existing()
    for table in _BOUND:
        op.drop_constraint(f"fk_{table}_workspace_id_workspaces", table, type_="foreignkey")
    _create_content_references()
    _create_certificates()
    _create_change_events()
    _create_manifests()
    _replace_budgets(
        ("tokens", "rate", "capacity", "refilled_at"),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("slot_seconds", sa.Double(), nullable=False),
        sa.Column("taken", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("pace", sa.Double(), nullable=False),
        sa.Column("paced_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    _replace_budgets(
        ("slot", "slot_seconds", "taken", "pace", "paced_at"),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("rate", sa.Double(), nullable=False),
        sa.Column("capacity", sa.Double(), nullable=False),
        sa.Column("refilled_at", sa.DateTime(timezone=True), nullable=False),
    )
    _drop_manifests()
    for table in (
        "change_event_sources",
        "change_events",
        "set_certificates",
        "signing_keys",
        "content_references",
    ):
        op.drop_table(table)
    # A set without a run has no place in the older schema, and neither has a key beside another.
    op.execute(
        "DELETE FROM set_manifests USING backup_sets"
        " WHERE backup_sets.id = backup_set_id AND origin = 'import'"
    )
    op.execute(
        "UPDATE backup_sets SET previous_set_id = NULL WHERE previous_set_id IN"
        " (SELECT id FROM backup_sets WHERE origin = 'import')"
    )
    op.execute("DELETE FROM backup_sets WHERE origin = 'import'")
    op.drop_constraint(op.f("ck_backup_sets_run_of_backup"), "backup_sets", type_="check")
    op.drop_constraint(op.f("ck_backup_sets_origin"), "backup_sets", type_="check")
    op.drop_column("backup_sets", "origin")
    op.alter_column("backup_sets", "operation_run_id", nullable=False)
    op.drop_column("contents", "references_version")
    op.drop_column("contents", "id")
    for name in ("listing_started_at", "listing_ended_at", "listed", "probed"):
        op.drop_column("operation_run_results", name)
    op.drop_index("uq_tenant_keys_current", "tenant_keys")
    op.create_index(
        "uq_tenant_keys_current",
        "tenant_keys",
        ["tenant_id"],
        unique=True,
        postgresql_where=_LIVE_KEY,
    )
    op.drop_column("tenant_keys", "retired_at")
    op.drop_column("tenant_keys", "wrapped_fingerprint_key")
    for table in _BOUND:
        op.create_foreign_key(
            f"fk_{table}_workspace_id_workspaces", table, "workspaces", ["workspace_id"], ["id"]
        )


def _replace_budgets(old: tuple[str, ...], *new: sa.Column[Any]) -> None:
    op.execute("DELETE FROM graph_budgets")
    for name in old:
        op.drop_column("graph_budgets", name)
    for column in new:
        op.add_column("graph_budgets", column)


def _change_existing() -> None:
    op.add_column("tenant_keys", sa.Column("wrapped_fingerprint_key", sa.LargeBinary()))
    op.add_column("tenant_keys", sa.Column("retired_at", sa.DateTime(timezone=True)))
    op.drop_index("uq_tenant_keys_current", "tenant_keys")
    op.create_index(
        "uq_tenant_keys_current",
        "tenant_keys",
        ["tenant_id"],
        unique=True,
        postgresql_where=_CURRENT_KEY,
    )
    op.add_column(
        "contents",
        sa.Column(
            "references_version", sa.SmallInteger(), nullable=False, server_default=sa.text("0")
        ),
    )
    op.alter_column("backup_sets", "operation_run_id", nullable=True)
    op.add_column(
        "backup_sets",
        sa.Column("origin", sa.Text(), nullable=False, server_default=sa.text("'backup'")),
    )
    op.create_check_constraint(
        op.f("ck_backup_sets_origin"), "backup_sets", "origin IN ('backup', 'import')"
    )
    op.create_check_constraint(
        op.f("ck_backup_sets_run_of_backup"),
        "backup_sets",
        "(origin = 'backup') = (operation_run_id IS NOT NULL)",
    )
    for column in (
        sa.Column("listing_started_at", sa.DateTime(timezone=True)),
        sa.Column("listing_ended_at", sa.DateTime(timezone=True)),
        sa.Column("listed", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("probed", sa.Integer(), nullable=False, server_default=sa.text("0")),
    ):
        op.add_column("operation_run_results", column)


def _owned() -> tuple[sa.Column[object], sa.ForeignKeyConstraint]:
    workspace: sa.Column[object] = sa.Column(
        "workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False
    )
    owner = sa.ForeignKeyConstraint(
        ["tenant_id", "workspace_id"], ["tenants.id", "tenants.workspace_id"]
    )
    return workspace, owner


def _moment(name: str, *, required: bool = True) -> sa.Column[object]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        nullable=not required,
        server_default=sa.text("now()") if required else None,
    )


def _create_content_references() -> None:
    op.add_column(
        "contents", sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)
    )
    op.create_unique_constraint(op.f("uq_contents_tenant_id_id"), "contents", ["tenant_id", "id"])
    op.create_table(
        "content_references",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("content_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("content_id", "kind", "external_id"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "content_id"],
            ["contents.tenant_id", "contents.id"],
            ondelete="CASCADE",
            name="fk_content_references_contents",
        ),
    )
    op.create_index(
        "ix_content_references_tenant_id_kind_external_id",
        "content_references",
        ["tenant_id", "kind", "external_id"],
    )


def _create_certificates() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_private_key", sa.LargeBinary()),
        sa.Column("root_key_id", sa.Text(), nullable=False),
        _moment("created_at"),
        _moment("retired_at", required=False),
    )
    op.create_index(
        "uq_signing_keys_current",
        "signing_keys",
        [sa.text("(true)")],
        unique=True,
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    op.create_table(
        "set_certificates",
        sa.Column("backup_set_id", sa.Uuid(), sa.ForeignKey("backup_sets.id"), primary_key=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("certificate_hash", sa.Text(), nullable=False),
        sa.Column("previous_certificate_hash", sa.Text()),
        sa.Column("signing_key_id", sa.Uuid(), sa.ForeignKey("signing_keys.id"), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        _moment("created_at"),
        *_owned(),
    )


def _create_change_events() -> None:
    op.create_table(
        "change_events",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("resource_type", sa.Text()),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        _moment("recorded_at"),
        *_owned(),
        sa.PrimaryKeyConstraint("tenant_id", "source", "event_id", "external_id"),
        sa.CheckConstraint("source IN ('intune', 'directory')", name="source"),
        sa.CheckConstraint(
            "operation IN ('create', 'update', 'delete', 'assign', 'other')", name="operation"
        ),
    )
    op.create_index(
        "ix_change_events_tenant_id_external_id",
        "change_events",
        ["tenant_id", "external_id", "happened_at"],
    )
    op.create_index(
        "ix_change_events_tenant_id_happened_at", "change_events", ["tenant_id", "happened_at"]
    )
    op.create_table(
        "change_event_sources",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        _moment("read_until", required=False),
        sa.Column("reason_code", sa.Text()),
        _moment("updated_at"),
        *_owned(),
        sa.PrimaryKeyConstraint("tenant_id", "source"),
        sa.CheckConstraint("source IN ('intune', 'directory')", name="source"),
    )


_WITH_CHUNKS = ("set_manifests", "operation_run_results")


def _create_manifests() -> None:
    op.create_table(
        "manifests",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("manifest_hash", sa.Text(), nullable=False),
        sa.Column("chunk_hashes", sa.ARRAY(sa.LargeBinary()), nullable=False),
        *_owned(),
        sa.PrimaryKeyConstraint("tenant_id", "manifest_hash"),
    )
    for table in _WITH_CHUNKS:
        op.execute(
            "INSERT INTO manifests (tenant_id, manifest_hash, workspace_id, chunk_hashes) "  # noqa: S608 - the tables above
            "SELECT tenant_id, manifest_hash, workspace_id, ARRAY("
            "SELECT decode(hash, 'hex') FROM unnest(chunk_hashes) WITH ORDINALITY"
            f" AS listed (hash, place) ORDER BY place) FROM {table} "
            "WHERE manifest_hash IS NOT NULL ON CONFLICT DO NOTHING"
        )
        op.drop_column(table, "chunk_hashes")
    op.alter_column(
        "manifest_chunks",
        "chunk_hash",
        type_=sa.LargeBinary(),
        postgresql_using="decode(chunk_hash, 'hex')",
    )
    op.create_foreign_key(
        "fk_set_manifests_manifests",
        "set_manifests",
        "manifests",
        ["tenant_id", "manifest_hash"],
        ["tenant_id", "manifest_hash"],
    )


def _drop_manifests() -> None:
    op.drop_constraint("fk_set_manifests_manifests", "set_manifests", type_="foreignkey")
    op.alter_column(
        "manifest_chunks",
        "chunk_hash",
        type_=sa.Text(),
        postgresql_using="encode(chunk_hash, 'hex')",
    )
    for table in _WITH_CHUNKS:
        op.add_column(table, sa.Column("chunk_hashes", sa.ARRAY(sa.Text())))
        op.execute(
            f"UPDATE {table} SET chunk_hashes = ARRAY(SELECT encode(hash, 'hex') "  # noqa: S608 - the tables above
            "FROM unnest(manifests.chunk_hashes) WITH ORDINALITY AS listed (hash, place) "
            "ORDER BY place) FROM manifests "
            f"WHERE manifests.tenant_id = {table}.tenant_id "
            f"AND manifests.manifest_hash = {table}.manifest_hash"
        )
    op.alter_column("set_manifests", "chunk_hashes", nullable=False)
    op.drop_table("manifests")
