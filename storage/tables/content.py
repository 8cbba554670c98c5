"""What was backed up: sets, manifests, objects, versions, encrypted contents and keys (D9)."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from storage.tables.metadata import (
    bound_workspace_column,
    id_column,
    metadata,
    moment,
    one_of,
    tenant_column,
    tenant_owner,
    workspace_column,
)

SET_STATUSES = ("completed", "partial")
SET_ORIGINS = ("backup", "import")
CHANGES = ("created", "updated", "deleted", "schema_change")

tenant_keys = Table(
    "tenant_keys",
    metadata,
    id_column(),
    workspace_column(),
    tenant_column(),
    # The data key, wrapped by the root key; NULL once destroyed: the tenant is erased.
    Column("wrapped_key", LargeBinary),
    # The key of fingerprints, wrapped by the data key's root key; survives a rotation of the data
    # key. NULL: it is derived from the data key.
    Column("wrapped_fingerprint_key", LargeBinary),
    Column("root_key_id", Text, nullable=False),
    moment("created_at", nullable=False, default_now=True),
    # Since when another key seals what is new; this one still opens what it sealed.
    moment("retired_at"),
    moment("destroyed_at"),
    tenant_owner(),
)
# One key is in use at a time; concurrent first uses agree on it.
Index(
    "uq_tenant_keys_current",
    tenant_keys.c.tenant_id,
    unique=True,
    postgresql_where=text("destroyed_at IS NULL AND retired_at IS NULL"),
)

contents = Table(
    "contents",
    metadata,
    tenant_column(),
    Column("version_hash", Text, nullable=False),
    bound_workspace_column(),
    Column("key_id", Uuid, ForeignKey("tenant_keys.id"), nullable=False),
    # AES-256-GCM over zstd over the document as JSON.
    Column("body", LargeBinary, nullable=False),
    Column("document_bytes", Integer, nullable=False),
    Column("canonical_rules", SmallInteger, nullable=False),
    # Version of the extraction that wrote its references; 0: none did.
    Column("references_version", SmallInteger, nullable=False, server_default=text("0")),
    moment("created_at", nullable=False, default_now=True),
    # What its references name it by: short, and in the order in which they are written.
    Column("id", BigInteger, Identity(always=True), nullable=False),
    PrimaryKeyConstraint("tenant_id", "version_hash"),
    UniqueConstraint("tenant_id", "id"),
    tenant_owner(),
)

# What a document refers to by id; follows from its content, which says whose it is (decision 0005).
content_references = Table(
    "content_references",
    metadata,
    tenant_column(),
    Column("content_id", BigInteger, nullable=False),
    # Key of the registry, or another kind of directory object.
    Column("kind", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    PrimaryKeyConstraint("content_id", "kind", "external_id"),
    ForeignKeyConstraint(
        ["tenant_id", "content_id"],
        ["contents.tenant_id", "contents.id"],
        ondelete="CASCADE",
        name="fk_content_references_contents",
    ),
    Index("ix_content_references_tenant_id_kind_external_id", "tenant_id", "kind", "external_id"),
)

policies = Table(
    "policies",
    metadata,
    id_column(),
    bound_workspace_column(),
    tenant_column(),
    Column("resource_type", Text, nullable=False),
    # The object's id in Microsoft Graph.
    Column("external_id", Text, nullable=False),
    # Encrypted display name: tenant data.
    Column("name", LargeBinary),
    Column("name_key_id", Uuid),
    Column("current_version_hash", Text),
    Column("version_count", Integer, nullable=False, server_default=text("0")),
    moment("first_seen_at", nullable=False),
    moment("last_changed_at", nullable=False),
    # The tombstone (D5): set when a complete listing lacked it and its own GET answered 404.
    moment("deleted_at"),
    tenant_owner(),
    UniqueConstraint("tenant_id", "resource_type", "external_id"),
)

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("policy_id", Uuid, ForeignKey("policies.id"), nullable=False),
    Column("version_number", Integer, nullable=False),
    bound_workspace_column(),
    tenant_column(),
    # NULL for a deletion.
    Column("version_hash", Text),
    Column("change", Text, nullable=False),
    # The run that saw it; no foreign key, because versions outlive pruned runs.
    Column("operation_run_id", Uuid, nullable=False),
    # JSON Pointers of values that Graph did not return.
    Column("not_captured", JSONB, nullable=False, server_default=text("'[]'")),
    moment("captured_at", nullable=False),
    PrimaryKeyConstraint("policy_id", "version_number"),
    tenant_owner(),
    one_of("change", CHANGES, "change"),
    Index("ix_policy_versions_operation_run_id", "operation_run_id"),
)

backup_sets = Table(
    "backup_sets",
    metadata,
    id_column(),
    workspace_column(),
    tenant_column(),
    # NULL for an imported set.
    Column("operation_run_id", Uuid, unique=True),
    Column("origin", Text, nullable=False, server_default=text("'backup'")),
    Column("backup_schedule_id", Uuid),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    # Place in the tenant's chain, from 1.
    Column("sequence", BigInteger, nullable=False),
    Column("previous_set_id", Uuid, ForeignKey("backup_sets.id")),
    Column("set_hash", Text, nullable=False),
    Column("object_count", Integer, nullable=False),
    # When the tenant was read; `scheduled_for` is only when it was meant to be (D2).
    moment("captured_at", nullable=False),
    moment("scheduled_for"),
    moment("created_at", nullable=False, default_now=True),
    moment("deleted_at"),
    tenant_owner(),
    UniqueConstraint("tenant_id", "sequence"),
    one_of("status", SET_STATUSES, "status"),
    one_of("origin", SET_ORIGINS, "origin"),
    CheckConstraint("(origin = 'backup') = (operation_run_id IS NOT NULL)", name="run_of_backup"),
)

set_manifests = Table(
    "set_manifests",
    metadata,
    Column("backup_set_id", Uuid, ForeignKey("backup_sets.id"), primary_key=True),
    Column("resource_type", Text, primary_key=True),
    workspace_column(),
    tenant_column(),
    Column("listing_complete", Boolean, nullable=False),
    Column("entry_count", Integer, nullable=False),
    Column("manifest_hash", Text, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "manifest_hash"],
        ["manifests.tenant_id", "manifests.manifest_hash"],
        name="fk_set_manifests_manifests",
    ),
    tenant_owner(),
    Index("ix_set_manifests_tenant_id_resource_type", "tenant_id", "resource_type"),
)

# The list of a manifest's chunks, stored once however many sets have it (decision 0010).
manifests = Table(
    "manifests",
    metadata,
    tenant_column(),
    Column("manifest_hash", Text, nullable=False),
    workspace_column(),
    Column("chunk_hashes", ARRAY(LargeBinary), nullable=False),
    PrimaryKeyConstraint("tenant_id", "manifest_hash"),
    tenant_owner(),
)

manifest_chunks = Table(
    "manifest_chunks",
    metadata,
    tenant_column(),
    Column("chunk_hash", LargeBinary, nullable=False),
    workspace_column(),
    Column("entry_count", Integer, nullable=False),
    # zstd over sorted lines "object id TAB version hash".
    Column("entries", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant_id", "chunk_hash"),
    tenant_owner(),
)
