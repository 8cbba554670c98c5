"""Who owns what: workspaces, tenants, people, service principals and provider connections."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from domain.capabilities import Role
from storage.tables.metadata import (
    id_column,
    metadata,
    moment,
    one_of,
    tenant_column,
    tenant_owner,
    workspace_column,
)

LIFECYCLES = ("draft", "onboarding", "active", "archived")
PURPOSES = ("read", "write")
CONSENT_STATUSES = ("unknown", "required", "granted", "failed", "revoked")
VERIFICATION_STATUSES = ("unknown", "pending", "healthy", "degraded", "blocked", "error")
CREDENTIAL_KINDS = ("client_secret", "certificate", "workload_identity", "managed_identity")
MEMBERSHIP_SOURCES = ("manual", "entra_group", "entra_app_role", "break_glass")

workspaces = Table(
    "workspaces",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    moment("created_at", nullable=False, default_now=True),
)

tenants = Table(
    "tenants",
    metadata,
    id_column(),
    workspace_column(),
    # One Entra tenant belongs to one workspace, in the whole system (behaviour row 67).
    Column("entra_tenant_id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("lifecycle", Text, nullable=False, server_default=text("'active'")),
    moment("created_at", nullable=False, default_now=True),
    moment("archived_at"),
    UniqueConstraint("id", "workspace_id"),
    UniqueConstraint("workspace_id", "name"),
    one_of("lifecycle", LIFECYCLES, "lifecycle"),
)

users = Table(
    "users",
    metadata,
    id_column(),
    Column("entra_tenant_id", Text, nullable=False),
    Column("entra_object_id", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    moment("created_at", nullable=False, default_now=True),
    UniqueConstraint("entra_tenant_id", "entra_object_id"),
)

principals = Table(
    "principals",
    metadata,
    id_column(),
    workspace_column(),
    Column("name", Text, nullable=False),
    # Capabilities of domain.capabilities; a service has what it was given and nothing else (D13).
    Column("capabilities", ARRAY(Text), nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    moment("created_at", nullable=False, default_now=True),
    UniqueConstraint("workspace_id", "name"),
)

workspace_memberships = Table(
    "workspace_memberships",
    metadata,
    Column("workspace_id", Uuid, ForeignKey("workspaces.id"), primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, nullable=False),
    one_of("role", Role, "role"),
)

tenant_memberships = Table(
    "tenant_memberships",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    workspace_column(),
    Column("role", Text, nullable=False),
    Column("source", Text, nullable=False, server_default=text("'manual'")),
    Column("source_ref", Text),
    tenant_owner(),
    one_of("role", Role, "role"),
    one_of("source", MEMBERSHIP_SOURCES, "source"),
)

provider_connections = Table(
    "provider_connections",
    metadata,
    id_column(),
    workspace_column(),
    tenant_column(),
    Column("provider", Text, nullable=False, server_default=text("'microsoft'")),
    # Backup and sync never use a write connection (D14).
    Column("purpose", Text, nullable=False, server_default=text("'read'")),
    Column("name", Text, nullable=False),
    # A key of graph.clouds, or `custom` with the addresses from the settings.
    Column("cloud", Text, nullable=False, server_default=text("'global'")),
    Column("entra_tenant_id", Text, nullable=False),
    Column("app_id", Text, nullable=False),
    Column("credential_kind", Text, nullable=False),
    # Encrypted with the tenant's data key; never serialized (behaviour row 78).
    Column("credential", LargeBinary),
    Column("credential_key_id", Uuid),
    moment("credential_expires_at"),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    Column("consent_status", Text, nullable=False, server_default=text("'unknown'")),
    Column("verification_status", Text, nullable=False, server_default=text("'unknown'")),
    Column("last_reason_code", Text),
    # A refused credential keeps every process away until then (D10).
    moment("circuit_open_until"),
    moment("disabled_at"),
    moment("created_at", nullable=False, default_now=True),
    moment("updated_at", nullable=False, default_now=True),
    tenant_owner(),
    UniqueConstraint("tenant_id", "provider", "purpose", "entra_tenant_id", "app_id"),
    UniqueConstraint("id", "tenant_id"),
    one_of("purpose", PURPOSES, "purpose"),
    one_of("credential_kind", CREDENTIAL_KINDS, "credential_kind"),
    one_of("consent_status", CONSENT_STATUSES, "consent_status"),
    one_of("verification_status", VERIFICATION_STATUSES, "verification_status"),
)

Index(
    "uq_provider_connections_default",
    provider_connections.c.tenant_id,
    provider_connections.c.provider,
    provider_connections.c.purpose,
    unique=True,
    postgresql_where=text("is_default"),
)
