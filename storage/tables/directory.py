"""Cache of directory role definitions with their history; selectors read it, never Graph.

A role's name is tenant data: it stands in the encrypted document of its version alone (D9).
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from storage.tables.metadata import (
    id_column,
    metadata,
    moment,
    one_of,
    tenant_column,
    tenant_owner,
    workspace_column,
)

ROLE_CHANGES = ("created", "updated", "removed")

directory_role_definitions = Table(
    "directory_role_definitions",
    metadata,
    id_column(),
    workspace_column(),
    tenant_column(),
    # `id` of the unifiedRoleDefinition: the template id for built-in roles (api.md b.1).
    Column("role_definition_id", Text, nullable=False),
    Column("template_id", Text),
    Column("is_built_in", Boolean, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("current_version_hash", Text, nullable=False),
    Column("version_count", Integer, nullable=False, server_default=text("0")),
    moment("first_seen_at", nullable=False),
    moment("last_changed_at", nullable=False),
    moment("removed_at"),
    tenant_owner(),
    UniqueConstraint("tenant_id", "role_definition_id"),
)

directory_role_definition_versions = Table(
    "directory_role_definition_versions",
    metadata,
    Column(
        "directory_role_definition_id",
        Uuid,
        ForeignKey("directory_role_definitions.id"),
        nullable=False,
    ),
    Column("version_number", Integer, nullable=False),
    workspace_column(),
    tenant_column(),
    # Key into contents; NULL for a removal.
    Column("version_hash", Text),
    Column("change", Text, nullable=False),
    Column("operation_run_id", Uuid, nullable=False),
    moment("captured_at", nullable=False),
    PrimaryKeyConstraint("directory_role_definition_id", "version_number"),
    tenant_owner(),
    one_of("change", ROLE_CHANGES, "change"),
    Index("ix_directory_role_definition_versions_operation_run_id", "operation_run_id"),
)
