"""Workspaces, their tenants, service principals and people.

Whether the actor may make a change is decided before this service is called. What another
workspace owns answers as if it did not exist (behaviour rows 59, 67).
"""

from collections.abc import Callable, Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.capabilities import Capability, Role
from domain.names import NAME_RULE, is_name
from services.accounts.account_errors import (
    AccountNotFoundError,
    InvalidFieldError,
    NameTakenError,
    TenantExistsError,
)
from services.accounts.audit import Actor, AuditEntry, AuditTrail
from storage import accounts as rows
from storage.accounts import StoredMember, StoredPrincipal, StoredTenant, StoredWorkspace
from storage.tables import principals, tenants, workspaces

ACTIVE = "active"
ARCHIVED = "archived"


class AccountService:
    """Use cases of accounts; every change is audited. Methods raise AccountError."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._new_id = new_id
        self._audit = AuditTrail(clock=clock, new_id=new_id)

    async def create_workspace(self, actor: Actor, name: str) -> StoredWorkspace:
        """Create a workspace; its name is unique in the system."""
        created = StoredWorkspace(self._new_id(), _checked_name(name), self._clock())
        values = {"id": created.id, "name": created.name, "created_at": created.created_at}
        async with self._engine.begin() as connection:
            if not await rows.insert_unless_taken(connection, workspaces, values):
                raise NameTakenError("workspace")
            await self._note(connection, actor, "workspace.create", created.id, created.id)
        return created

    async def list_workspaces(self) -> list[StoredWorkspace]:
        """Return every workspace by name; for operators of the system."""
        async with self._engine.connect() as connection:
            return await rows.list_workspaces(connection)

    async def add_tenant(
        self, actor: Actor, workspace_id: UUID, entra_tenant_id: str, name: str
    ) -> StoredTenant:
        """Add an Entra tenant, ready for work.

        One that another workspace has raises AccountNotFoundError, so that nobody learns of it.
        """
        entra_tenant_id = checked_guid("entra_tenant_id", entra_tenant_id)
        tenant_id = self._new_id()
        values = {
            "id": tenant_id,
            "workspace_id": workspace_id,
            "entra_tenant_id": entra_tenant_id,
            "name": _checked_name(name),
            "lifecycle": ACTIVE,
            "created_at": self._clock(),
        }
        async with self._engine.begin() as connection:
            if await rows.find_workspace(connection, workspace_id) is None:
                raise AccountNotFoundError("workspace")
            if not await rows.insert_unless_taken(connection, tenants, values):
                await _refuse_tenant(connection, workspace_id, entra_tenant_id)
            tenant = await self._tenant(connection, workspace_id, tenant_id)
            await self._note_tenant(connection, actor, "tenant.add", tenant)
        return tenant

    async def list_tenants(self, workspace_id: UUID) -> list[StoredTenant]:
        """Return the tenants of a workspace by name."""
        async with self._engine.connect() as connection:
            return await rows.list_tenants(connection, workspace_id)

    async def show_tenant(self, workspace_id: UUID, tenant_id: UUID) -> StoredTenant:
        """Return one tenant."""
        async with self._engine.connect() as connection:
            return await self._tenant(connection, workspace_id, tenant_id)

    async def archive_tenant(
        self, actor: Actor, workspace_id: UUID, tenant_id: UUID
    ) -> StoredTenant:
        """Accept no more work; what is stored stays. Archived again changes nothing."""
        return await self._move(actor, workspace_id, tenant_id, ARCHIVED)

    async def activate_tenant(
        self, actor: Actor, workspace_id: UUID, tenant_id: UUID
    ) -> StoredTenant:
        """Accept work again. Activated again changes nothing."""
        return await self._move(actor, workspace_id, tenant_id, ACTIVE)

    async def add_principal(
        self, actor: Actor, workspace_id: UUID, name: str, capabilities: Collection[Capability]
    ) -> StoredPrincipal:
        """Register a service under a name unique in its workspace, with what it may do (D13)."""
        values = {
            "id": self._new_id(),
            "workspace_id": workspace_id,
            "name": _checked_name(name),
            "capabilities": _listed(capabilities),
            "created_at": self._clock(),
        }
        async with self._engine.begin() as connection:
            if await rows.find_workspace(connection, workspace_id) is None:
                raise AccountNotFoundError("workspace")
            if not await rows.insert_unless_taken(connection, principals, values):
                raise NameTakenError("principal")
            changed = await self._change_principal(connection, workspace_id, name, {})
            await self._note(
                connection,
                actor,
                "principal.add",
                workspace_id,
                changed.id,
                {"capabilities": list(changed.capabilities)},
            )
        return changed

    async def grant_principal(
        self, actor: Actor, workspace_id: UUID, name: str, capabilities: Collection[Capability]
    ) -> StoredPrincipal:
        """Replace what a principal may do."""
        granted = _listed(capabilities)
        async with self._engine.begin() as connection:
            changed = await self._change_principal(
                connection, workspace_id, name, {"capabilities": granted}
            )
            details = {"capabilities": granted}
            await self._note(
                connection, actor, "principal.grant", workspace_id, changed.id, details
            )
        return changed

    async def set_principal_active(
        self, actor: Actor, workspace_id: UUID, name: str, *, is_active: bool
    ) -> StoredPrincipal:
        """Let a principal act, or stop it from starting anything."""
        verb = "principal.enable" if is_active else "principal.disable"
        async with self._engine.begin() as connection:
            changed = await self._change_principal(
                connection, workspace_id, name, {"is_active": is_active}
            )
            await self._note(connection, actor, verb, workspace_id, changed.id)
        return changed

    async def list_principals(self, workspace_id: UUID) -> list[StoredPrincipal]:
        """Return the principals of a workspace by name."""
        async with self._engine.connect() as connection:
            return await rows.list_principals(connection, workspace_id)

    async def put_user(self, entra_tenant_id: str, entra_object_id: str, display_name: str) -> UUID:
        """Return the id of a person known by tenant and object id; renews the display name."""
        values = {
            "id": self._new_id(),
            "entra_tenant_id": checked_guid("entra_tenant_id", entra_tenant_id),
            "entra_object_id": checked_guid("entra_object_id", entra_object_id),
            "display_name": display_name.strip()[:200] or "Unnamed",
            "created_at": self._clock(),
        }
        async with self._engine.begin() as connection:
            return await rows.upsert_user(connection, values)

    async def put_member(self, actor: Actor, workspace_id: UUID, user_id: UUID, role: Role) -> None:
        """Give a person a role in a workspace."""
        async with self._engine.begin() as connection:
            if await rows.find_workspace(connection, workspace_id) is None:
                raise AccountNotFoundError("workspace")
            if not await rows.user_exists(connection, user_id):
                raise AccountNotFoundError("user")
            await rows.put_member(connection, workspace_id, user_id, role.value)
            details = {"role": role.value}
            await self._note(connection, actor, "membership.put", workspace_id, user_id, details)

    async def remove_member(self, actor: Actor, workspace_id: UUID, user_id: UUID) -> None:
        """Take a person out of a workspace."""
        async with self._engine.begin() as connection:
            if not await rows.remove_member(connection, workspace_id, user_id):
                raise AccountNotFoundError("member")
            await self._note(connection, actor, "membership.remove", workspace_id, user_id)

    async def list_members(self, workspace_id: UUID) -> list[StoredMember]:
        """Return the people of a workspace by name."""
        async with self._engine.connect() as connection:
            return await rows.list_members(connection, workspace_id)

    async def _move(
        self, actor: Actor, workspace_id: UUID, tenant_id: UUID, lifecycle: str
    ) -> StoredTenant:
        async with self._engine.begin() as connection:
            tenant = await self._tenant(connection, workspace_id, tenant_id, lock=True)
            if tenant.lifecycle == lifecycle:
                return tenant
            archived_at = self._clock() if lifecycle == ARCHIVED else None
            tenant = await rows.set_lifecycle(connection, tenant_id, lifecycle, archived_at)
            verb = "tenant.archive" if lifecycle == ARCHIVED else "tenant.activate"
            await self._note_tenant(connection, actor, verb, tenant)
        return tenant

    async def _tenant(
        self,
        connection: AsyncConnection,
        workspace_id: UUID,
        tenant_id: UUID,
        *,
        lock: bool = False,
    ) -> StoredTenant:
        tenant = await rows.find_tenant(connection, workspace_id, tenant_id, lock=lock)
        if tenant is None:
            raise AccountNotFoundError("tenant")
        return tenant

    async def _change_principal(
        self,
        connection: AsyncConnection,
        workspace_id: UUID,
        name: str,
        values: dict[str, object],
    ) -> StoredPrincipal:
        changed = await rows.change_principal(
            connection, workspace_id, name, {"name": name, **values}
        )
        if changed is None:
            raise AccountNotFoundError("principal")
        return changed

    async def _note_tenant(
        self, connection: AsyncConnection, actor: Actor, action: str, tenant: StoredTenant
    ) -> None:
        await self._audit.append(
            connection,
            actor,
            AuditEntry(
                action=action,
                resource_type="tenant",
                resource_id=tenant.id,
                workspace_id=tenant.workspace_id,
                tenant_id=tenant.id,
            ),
        )

    async def _note(
        self,
        connection: AsyncConnection,
        actor: Actor,
        action: str,
        workspace_id: UUID,
        resource_id: UUID,
        details: dict[str, list[str]] | dict[str, str] | None = None,
    ) -> None:
        await self._audit.append(
            connection,
            actor,
            AuditEntry(
                action=action,
                resource_type=action.partition(".")[0],
                resource_id=resource_id,
                workspace_id=workspace_id,
                details=dict(details or {}),
            ),
        )


async def _refuse_tenant(
    connection: AsyncConnection, workspace_id: UUID, entra_tenant_id: str
) -> None:
    if await rows.has_entra_tenant(connection, workspace_id, entra_tenant_id):
        raise TenantExistsError
    if await rows.entra_tenant_exists(connection, entra_tenant_id):
        raise AccountNotFoundError("tenant")
    raise NameTakenError("tenant")


def _listed(capabilities: Collection[Capability]) -> list[str]:
    return sorted({capability.value for capability in capabilities})


def _checked_name(name: str) -> str:
    if not is_name(name):
        raise InvalidFieldError("name", "is not a usable name", NAME_RULE)
    return name


def checked_guid(field: str, text: str) -> str:
    """Return a GUID in lower case with hyphens, as Microsoft writes it; or InvalidFieldError."""
    try:
        return str(UUID(text.strip()))
    except ValueError:
        mend = "use the form 00000000-0000-0000-0000-000000000000"
        raise InvalidFieldError(field, "is not a GUID", mend) from None
