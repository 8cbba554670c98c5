"""Rows of `tenant_keys`: wrapped data keys; one of a tenant is in use, older ones still open."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.statements import fetch_within

# Number of the advisory lock that new keys share and the end of a rotation takes alone.
_WRAPPING: Final = 7_301_406


class DestroyedKeyError(Exception):
    """What was about to be written is sealed with a key that was destroyed meanwhile."""


class TenantKeyRow(NamedTuple):
    """A key of a tenant that is not destroyed.

    wrapped_fingerprint_key: None while the key of fingerprints is derived from the data key.
    retired_at: since when another key seals what is new; None for the key in use.
    """

    id: UUID
    wrapped_key: bytes
    root_key_id: str
    wrapped_fingerprint_key: bytes | None = None
    retired_at: datetime | None = None


# The key in use comes first.
_LIVE: Final = """
SELECT id, wrapped_key, root_key_id, wrapped_fingerprint_key, retired_at FROM tenant_keys
WHERE tenant_id = $1 AND workspace_id = $2 AND destroyed_at IS NULL
ORDER BY retired_at DESC NULLS FIRST, id
"""

# Without a conflict target: whoever comes second reads the first one's key.
_INSERT: Final = """
INSERT INTO tenant_keys (
    id, workspace_id, tenant_id, wrapped_key, wrapped_fingerprint_key, root_key_id, created_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""

_RETIRE: Final = """
UPDATE tenant_keys SET retired_at = $2
WHERE id = $1 AND retired_at IS NULL AND destroyed_at IS NULL
RETURNING id
"""

_HOLD: Final = """
SELECT id FROM tenant_keys WHERE id = $1 AND destroyed_at IS NULL FOR KEY SHARE
"""

# A credential that nothing opens any more is forgotten, and clients that hold it open are told.
_DESTROY: Final = """
WITH gone AS (
    UPDATE tenant_keys SET wrapped_key = NULL, wrapped_fingerprint_key = NULL, destroyed_at = $3
    WHERE tenant_id = $1 AND workspace_id = $2 AND destroyed_at IS NULL
    RETURNING id
), forgotten AS (
    UPDATE provider_connections SET credential = NULL, credential_key_id = NULL, updated_at = $3
    WHERE tenant_id = $1 AND credential_key_id IN (SELECT id FROM gone)
)
SELECT id FROM gone
"""

_DESTROYED: Final = """
SELECT id FROM tenant_keys
WHERE tenant_id = $1 AND workspace_id = $2 AND destroyed_at IS NOT NULL
"""

_ROOT_KEYS_IN_USE: Final = """
SELECT root_key_id FROM tenant_keys WHERE destroyed_at IS NULL
UNION SELECT root_key_id FROM signing_keys WHERE wrapped_private_key IS NOT NULL
"""


async def live_keys(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
) -> list[TenantKeyRow]:
    """Return the tenant's keys that are not destroyed, the one in use first."""
    rows = await fetch_within(connection, _LIVE, tenant_id, workspace_id)
    return [TenantKeyRow(**row) for row in rows]


async def current_key(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
) -> TenantKeyRow | None:
    """Return the tenant's key in use."""
    keys = await live_keys(connection, workspace_id, tenant_id)
    return next((key for key in keys if key.retired_at is None), None)


async def destroyed_keys(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
) -> set[UUID]:
    """Return the tenant's keys that are destroyed."""
    rows = await fetch_within(connection, _DESTROYED, tenant_id, workspace_id)
    return {row["id"] for row in rows}


async def insert_key(
    connection: AsyncConnection,
    workspace_id: UUID,
    tenant_id: UUID,
    key: TenantKeyRow,
    created_at: datetime,
) -> None:
    """Insert a key unless the tenant has one in use."""
    await fetch_within(
        connection,
        _INSERT,
        key.id,
        workspace_id,
        tenant_id,
        key.wrapped_key,
        key.wrapped_fingerprint_key,
        key.root_key_id,
        created_at,
    )


async def retire_key(connection: AsyncConnection, key_id: UUID, now: datetime) -> bool:
    """Let a key only open from now on; False when it was not in use."""
    return bool(await fetch_within(connection, _RETIRE, key_id, now))


async def hold_key(connection: AsyncConnection, key_id: UUID) -> None:
    """Keep a key from being destroyed until the transaction ends; raises DestroyedKeyError.

    Called by whoever writes something that is sealed with it.
    """
    if not await fetch_within(connection, _HOLD, key_id):
        raise DestroyedKeyError


async def destroy_keys(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID, now: datetime
) -> list[UUID]:
    """Forget the tenant's keys for good; what they encrypted cannot be read again."""
    rows = await fetch_within(connection, _DESTROY, tenant_id, workspace_id, now)
    return [row["id"] for row in rows]


async def hold_wrapping(connection: AsyncConnection, *, alone: bool = False) -> None:
    """Join those who wrap new keys until the transaction ends, or keep them all out."""
    kind = "" if alone else "_shared"
    await fetch_within(connection, f"SELECT pg_advisory_xact_lock{kind}($1)", _WRAPPING)


async def root_keys_in_use(connection: AsyncConnection) -> Sequence[str]:
    """Return the ids of the root keys that something is wrapped with."""
    rows = await fetch_within(connection, _ROOT_KEYS_IN_USE)
    return [row["root_key_id"] for row in rows]
