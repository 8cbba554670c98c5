"""Rows of `signing_keys` and `set_certificates` (decision 0005).

Private halves pass here only as the root key wrapped them.
"""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.statements import Row, fetch_within


class SigningKeyRow(NamedTuple):
    """One signing key; `wrapped_private_key` is None once it was destroyed."""

    id: UUID
    public_key: bytes
    wrapped_private_key: bytes | None
    root_key_id: str


class NewCertificate(NamedTuple):
    """A certificate to be written."""

    backup_set_id: UUID
    workspace_id: UUID
    tenant_id: UUID
    document: str
    certificate_hash: str
    previous_certificate_hash: str | None
    signing_key_id: UUID
    signature: bytes
    created_at: datetime


_CURRENT: Final = """
SELECT id, public_key, wrapped_private_key, root_key_id FROM signing_keys
WHERE retired_at IS NULL AND wrapped_private_key IS NOT NULL
"""

# Without a conflict target: whoever comes second waits for the first and reads its key.
_INSERT_KEY: Final = """
INSERT INTO signing_keys (id, public_key, wrapped_private_key, root_key_id, created_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""

_INSERT: Final = """
INSERT INTO set_certificates (
    backup_set_id, workspace_id, tenant_id, document, certificate_hash, previous_certificate_hash,
    signing_key_id, signature, created_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

_LAST_HASH: Final = """
SELECT certificate.certificate_hash
FROM backup_sets JOIN set_certificates AS certificate ON certificate.backup_set_id = backup_sets.id
WHERE backup_sets.tenant_id = $1 AND backup_sets.sequence < $2
ORDER BY backup_sets.sequence DESC LIMIT 1
"""

_OF_SET: Final = """
SELECT certificate.*, signing_keys.public_key, signing_keys.wrapped_private_key,
    signing_keys.root_key_id
FROM set_certificates AS certificate
JOIN signing_keys ON signing_keys.id = certificate.signing_key_id
WHERE certificate.workspace_id = $1 AND certificate.backup_set_id = $2
"""


async def current_signing_key(connection: AsyncConnection) -> SigningKeyRow | None:
    """Return the key that signs at present."""
    rows = await fetch_within(connection, _CURRENT)
    return SigningKeyRow(**rows[0]) if rows else None


async def insert_signing_key(
    connection: AsyncConnection, key: SigningKeyRow, created_at: datetime
) -> None:
    """Insert a key unless there is one that signs."""
    await fetch_within(connection, _INSERT_KEY, *key, created_at)


async def insert_certificate(connection: AsyncConnection, new: NewCertificate) -> None:
    """Write the certificate of a set."""
    await fetch_within(connection, _INSERT, *new)


async def last_certificate_hash(
    connection: AsyncConnection, tenant_id: UUID, sequence: int
) -> str | None:
    """Return the hash of the newest certificate of the tenant before the set of this number."""
    rows = await fetch_within(connection, _LAST_HASH, tenant_id, sequence)
    return rows[0]["certificate_hash"] if rows else None


async def certificate_of_set(
    connection: AsyncConnection, workspace_id: UUID, set_id: UUID
) -> Row | None:
    """Return the certificate of a set with its signing key."""
    rows = await fetch_within(connection, _OF_SET, workspace_id, set_id)
    return rows[0] if rows else None
