"""Completeness certificates of backup sets and the keys that sign them (decision 0005)."""

from sqlalchemy import Column, ForeignKey, LargeBinary, Table, Text, Uuid

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
    # The private half, wrapped by the root key; NULL once retired.
    Column("wrapped_private_key", LargeBinary),
    Column("root_key_id", Text, nullable=False),
    moment("created_at", nullable=False, default_now=True),
    moment("retired_at"),
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
