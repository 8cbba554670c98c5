"""Completeness certificates of backup sets and the keys that sign them (decision 0005)."""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, Text, Uuid, text

from storage.tables.metadata import (
    id_column,
    metadata,
    moment,
    tenant_column,
    tenant_owner,
    workspace_column,
)

signing_keys = Table(
    "signing_keys",
    metadata,
    id_column(),
    # Ed25519, raw 32 bytes; kept for ever, so that old certificates can be checked.
    Column("public_key", LargeBinary, nullable=False),
    # The private half, wrapped by the root key and bound to the public half; NULL once destroyed.
    Column("wrapped_private_key", LargeBinary),
    Column("root_key_id", Text, nullable=False),
    moment("created_at", nullable=False, default_now=True),
    moment("retired_at"),
    # One key signs at a time; concurrent first uses agree on it.
    Index(
        "uq_signing_keys_current",
        text("(true)"),
        unique=True,
        postgresql_where=text("retired_at IS NULL"),
    ),
)

set_certificates = Table(
    "set_certificates",
    metadata,
    Column("backup_set_id", Uuid, ForeignKey("backup_sets.id"), primary_key=True),
    workspace_column(),
    tenant_column(),
    # Canonical JSON (RFC 8785), as it was signed.
    Column("document", Text, nullable=False),
    # SHA-256 of the document; the next certificate of the tenant names it.
    Column("certificate_hash", Text, nullable=False),
    Column("previous_certificate_hash", Text),
    Column("signing_key_id", Uuid, ForeignKey("signing_keys.id"), nullable=False),
    Column("signature", LargeBinary, nullable=False),
    moment("created_at", nullable=False, default_now=True),
    tenant_owner(),
)
