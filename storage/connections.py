"""Rows of `provider_connections`; the credential leaves this module sealed and by name only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import provider_connections

_t = provider_connections.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConnection:
    """A connection without its credential; `disabled_at` is set while nobody may use it."""

    id: UUID
    workspace_id: UUID
    tenant_id: UUID
    provider: str
    purpose: str
    name: str
    cloud: str
    entra_tenant_id: str
    app_id: str
    credential_kind: str
    credential_expires_at: datetime | None
    is_default: bool
    consent_status: str
    verification_status: str
    last_reason_code: str | None
    circuit_open_until: datetime | None
    disabled_at: datetime | None
    created_at: datetime
    updated_at: datetime
    has_credential: bool


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """An encrypted credential and the key that opens it; both None when there is none."""

    sealed: bytes | None = field(repr=False)
    key_id: UUID | None


_SHOWN = [
    *(_t[name] for name in StoredConnection.__slots__ if name != "has_credential"),
    _t.credential.is_not(None).label("has_credential"),
]


async def lock_connections(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
) -> list[StoredConnection]:
    """Return a tenant's connections, oldest first, locked until the transaction ends."""
    query = select(*_SHOWN).where(_t.workspace_id == workspace_id, _t.tenant_id == tenant_id)
    found = await connection.execute(query.order_by(_t.id).with_for_update())
    return [_stored(row) for row in found]


async def list_connections(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
) -> list[StoredConnection]:
    """Return a tenant's connections, oldest first."""
    query = select(*_SHOWN).where(_t.workspace_id == workspace_id, _t.tenant_id == tenant_id)
    return [_stored(row) for row in await connection.execute(query.order_by(_t.id))]


async def read_connections(connection: AsyncConnection, tenant_id: UUID) -> list[StoredConnection]:
    """Return a tenant's connections for reading, oldest first."""
    query = select(*_SHOWN).where(_t.tenant_id == tenant_id, _t.purpose == "read")
    return [_stored(row) for row in await connection.execute(query.order_by(_t.id))]


async def find_connection(
    connection: AsyncConnection, connection_id: UUID
) -> StoredConnection | None:
    """Return a connection, whatever its workspace: for work that was authorized before."""
    row = (await connection.execute(select(*_SHOWN).where(_t.id == connection_id))).one_or_none()
    return None if row is None else _stored(row)


async def insert_connection(
    connection: AsyncConnection, values: dict[str, Any]
) -> StoredConnection:
    """Insert a row of columns."""
    query = insert(provider_connections).values(values).returning(*_SHOWN)
    return _stored((await connection.execute(query)).one())


async def change_connection(
    connection: AsyncConnection, connection_id: UUID, now: datetime, values: dict[str, Any]
) -> StoredConnection | None:
    """Change a row; None if it is gone."""
    query = (
        update(provider_connections)
        .where(_t.id == connection_id)
        .values(**values, updated_at=now)
        .returning(*_SHOWN)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _stored(row)


async def clear_default(connection: AsyncConnection, chosen: StoredConnection) -> None:
    """Take the default from the others of the same tenant, provider and purpose."""
    await connection.execute(
        update(provider_connections)
        .where(
            _t.tenant_id == chosen.tenant_id,
            _t.provider == chosen.provider,
            _t.purpose == chosen.purpose,
            _t.is_default,
        )
        .values(is_default=False)
    )


async def sealed_credential(connection: AsyncConnection, connection_id: UUID) -> SealedCredential:
    """Return the sealed credential of a connection."""
    query = select(_t.credential, _t.credential_key_id).where(_t.id == connection_id)
    row = (await connection.execute(query)).one_or_none()
    return SealedCredential(None, None) if row is None else SealedCredential(*row)


def _stored(row: Row[Any]) -> StoredConnection:
    names: Sequence[str] = StoredConnection.__slots__
    return StoredConnection(**{name: getattr(row, name) for name in names})
