"""Rows of `tenant_keys`: wrapped data keys, one in use for each tenant."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.statements import fetch_within


class TenantKeyRow(NamedTuple):
    """The key in use of a tenant."""

    id: UUID
    wrapped_key: bytes
    root_key_id: str


_CURRENT: Final = """
SELECT id, wrapped_key, root_key_id FROM tenant_keys
WHERE tenant_id = $1 AND workspace_id = $2 AND destroyed_at IS NULL
"""

# Without a conflict target: whoever comes second reads the first one's key.
_INSERT: Final = """
INSERT INTO tenant_keys (id, workspace_id, tenant_id, wrapped_key, root_key_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""

_REWRAP: Final = """
UPDATE tenant_keys SET wrapped_key = $3, root_key_id = $4
WHERE id = $1 AND root_key_id = $2 AND destroyed_at IS NULL
RETURNING id
"""

_DESTROY: Final = """
UPDATE tenant_keys SET wrapped_key = NULL, destroyed_at = $3
WHERE tenant_id = $1 AND workspace_id = $2 AND destroyed_at IS NULL
RETURNING id
"""


async def current_key(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
) -> TenantKeyRow | None:
    """Return the tenant's key in use."""
    rows = await fetch_within(connection, _CURRENT, tenant_id, workspace_id)
    return TenantKeyRow(**rows[0]) if rows else None


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
        key.root_key_id,
        created_at,
    )


async def rewrap_key(
    connection: AsyncConnection, key_id: UUID, old_root_key_id: str, new: TenantKeyRow
) -> bool:
    """Replace the wrapping of a key; False when somebody else already did."""
    values = (key_id, old_root_key_id, new.wrapped_key, new.root_key_id)
    return bool(await fetch_within(connection, _REWRAP, *values))


async def destroy_key(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID, now: datetime
) -> list[UUID]:
    """Forget the tenant's key for good; what it encrypted cannot be read again."""
    rows = await fetch_within(connection, _DESTROY, tenant_id, workspace_id, now)
    return [row["id"] for row in rows]
