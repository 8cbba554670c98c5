"""Rows of workspaces, tenants, principals, users and memberships; no rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import principals, tenants, users, workspace_memberships, workspaces


@dataclass(frozen=True, slots=True)
class StoredWorkspace:
    """A workspace: the boundary of everything."""

    id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredTenant:
    """A Microsoft 365 tenant in its one workspace; `archived_at` is set while archived."""

    id: UUID
    workspace_id: UUID
    entra_tenant_id: str
    name: str
    lifecycle: str
    created_at: datetime
    archived_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredPrincipal:
    """A service principal of a workspace and the names of what it may do."""

    id: UUID
    workspace_id: UUID
    name: str
    capabilities: tuple[str, ...]
    is_active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredMember:
    """A person in a workspace."""

    user_id: UUID
    display_name: str
    role: str


async def insert_unless_taken(
    connection: AsyncConnection, table: Table, values: dict[str, Any]
) -> bool:
    """Insert a row; False if any unique constraint of the table already has it."""
    query = insert(table).values(values).on_conflict_do_nothing().returning(table.c.id)
    return await connection.scalar(query) is not None


async def list_workspaces(connection: AsyncConnection) -> list[StoredWorkspace]:
    """Return every workspace by name."""
    query = select(*workspaces.c).order_by(workspaces.c.name)
    return [StoredWorkspace(*row) for row in await connection.execute(query)]


async def find_workspace(connection: AsyncConnection, workspace_id: UUID) -> StoredWorkspace | None:
    """Return a workspace."""
    query = select(*workspaces.c).where(workspaces.c.id == workspace_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else StoredWorkspace(*row)


async def list_tenants(connection: AsyncConnection, workspace_id: UUID) -> list[StoredTenant]:
    """Return the tenants of a workspace by name."""
    query = select(*tenants.c).where(tenants.c.workspace_id == workspace_id)
    return [StoredTenant(*row) for row in await connection.execute(query.order_by(tenants.c.name))]


async def find_tenant(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID, *, lock: bool = False
) -> StoredTenant | None:
    """Return a tenant of the workspace; with `lock` until the transaction ends.

    The lock lets others refer to the tenant: a start that holds the tenant's connections inserts
    rows of the tenant, and would deadlock with one who holds the tenant and wants the connections.
    """
    query = select(*tenants.c).where(
        tenants.c.id == tenant_id, tenants.c.workspace_id == workspace_id
    )
    locked = query.with_for_update(key_share=True)  # FOR NO KEY UPDATE
    row = (await connection.execute(locked if lock else query)).one_or_none()
    return None if row is None else StoredTenant(*row)


async def has_entra_tenant(
    connection: AsyncConnection, workspace_id: UUID, entra_tenant_id: str
) -> bool:
    """Tell whether this workspace, and no other, has the Entra tenant."""
    query = select(tenants.c.id).where(
        tenants.c.entra_tenant_id == entra_tenant_id, tenants.c.workspace_id == workspace_id
    )
    return await connection.scalar(query) is not None


async def entra_tenant_exists(connection: AsyncConnection, entra_tenant_id: str) -> bool:
    """Tell whether any workspace has the Entra tenant."""
    query = select(tenants.c.id).where(tenants.c.entra_tenant_id == entra_tenant_id)
    return await connection.scalar(query) is not None


async def set_lifecycle(
    connection: AsyncConnection, tenant_id: UUID, lifecycle: str, archived_at: datetime | None
) -> StoredTenant:
    """Write the lifecycle of a tenant whose lock the caller holds."""
    query = (
        update(tenants)
        .where(tenants.c.id == tenant_id)
        .values(lifecycle=lifecycle, archived_at=archived_at)
        .returning(*tenants.c)
    )
    return StoredTenant(*(await connection.execute(query)).one())


async def list_principals(connection: AsyncConnection, workspace_id: UUID) -> list[StoredPrincipal]:
    """Return the principals of a workspace by name."""
    query = select(*principals.c).where(principals.c.workspace_id == workspace_id)
    found = await connection.execute(query.order_by(principals.c.name))
    return [_principal(row) for row in found]


async def change_principal(
    connection: AsyncConnection, workspace_id: UUID, name: str, values: dict[str, Any]
) -> StoredPrincipal | None:
    """Change a principal of the workspace; None if there is none of that name."""
    query = (
        update(principals)
        .where(principals.c.workspace_id == workspace_id, principals.c.name == name)
        .values(values)
        .returning(*principals.c)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _principal(row)


async def upsert_user(connection: AsyncConnection, values: dict[str, Any]) -> UUID:
    """Insert a person or renew the display name; the id never changes."""
    query = insert(users).values(values)
    upsert = query.on_conflict_do_update(
        index_elements=[users.c.entra_tenant_id, users.c.entra_object_id],
        set_={"display_name": query.excluded.display_name},
    ).returning(users.c.id)
    user_id: UUID = (await connection.execute(upsert)).scalar_one()
    return user_id


async def user_exists(connection: AsyncConnection, user_id: UUID) -> bool:
    """Tell whether there is such a person."""
    return await connection.scalar(select(users.c.id).where(users.c.id == user_id)) is not None


async def put_member(
    connection: AsyncConnection, workspace_id: UUID, user_id: UUID, role: str
) -> None:
    """Give a person a role in a workspace, instead of any other."""
    query = insert(workspace_memberships).values(
        workspace_id=workspace_id, user_id=user_id, role=role
    )
    keys = [workspace_memberships.c.workspace_id, workspace_memberships.c.user_id]
    await connection.execute(query.on_conflict_do_update(index_elements=keys, set_={"role": role}))


async def remove_member(connection: AsyncConnection, workspace_id: UUID, user_id: UUID) -> bool:
    """Take a person out of a workspace; False if nobody was taken out."""
    query = delete(workspace_memberships).where(
        workspace_memberships.c.workspace_id == workspace_id,
        workspace_memberships.c.user_id == user_id,
    )
    found = await connection.scalar(query.returning(workspace_memberships.c.user_id))
    return found is not None


async def list_members(connection: AsyncConnection, workspace_id: UUID) -> list[StoredMember]:
    """Return the people of a workspace by name."""
    query = (
        select(users.c.id, users.c.display_name, workspace_memberships.c.role)
        .join(workspace_memberships, workspace_memberships.c.user_id == users.c.id)
        .where(workspace_memberships.c.workspace_id == workspace_id)
        .order_by(users.c.display_name, users.c.id)
    )
    return [StoredMember(*row) for row in await connection.execute(query)]


def _principal(row: Sequence[Any]) -> StoredPrincipal:
    identity, workspace_id, name, capabilities, is_active, created_at = row
    return StoredPrincipal(identity, workspace_id, name, tuple(capabilities), is_active, created_at)
