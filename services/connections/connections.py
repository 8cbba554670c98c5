"""Provider connections: how a tenant is reached, by which app, and whether that works.

The credential is encrypted with the tenant's key and never comes back from here (behaviour row 78).
Whether the actor may make a change is decided before this service is called.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.connections import Purpose, VerificationStatus
from domain.names import NAME_RULE, is_name
from graph.clouds import Cloud
from services.accounts.account_errors import (
    AccountNotFoundError,
    InvalidFieldError,
    NameTakenError,
)
from services.accounts.accounts import checked_guid
from services.accounts.audit import Actor, AuditEntry, AuditTrail
from services.connections.connection_use import ConnectionUse
from services.connections.credential_documents import (
    StorableCredential,
    check_credential,
    credential_context,
)
from services.contents.tenant_keys import TenantKeys
from storage import connections as rows
from storage.accounts import StoredTenant, find_tenant
from storage.connections import StoredConnection
from storage.tenant_keys import hold_key

PROVIDER = "microsoft"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """A connection to add; the Entra tenant is that of the tenant it is added to."""

    name: str
    app_id: str
    credential: StorableCredential
    purpose: Purpose = Purpose.READ
    cloud: Cloud = Cloud.GLOBAL


class ConnectionService(ConnectionUse):
    """Use cases of provider connections; every change by a person is audited."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        keys: TenantKeys,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        super().__init__(engine=engine, keys=keys, clock=clock)
        self._new_id = new_id
        self._audit = AuditTrail(clock=clock, new_id=new_id)

    async def add(
        self, actor: Actor, workspace_id: UUID, tenant_id: UUID, new: NewConnection
    ) -> StoredConnection:
        """Add a connection; the first usable one of its purpose becomes the default."""
        if not is_name(new.name):
            raise InvalidFieldError("name", "is not a usable name", NAME_RULE)
        app_id = checked_guid("app_id", new.app_id)
        connection_id = self._new_id()
        try:
            async with self._engine.begin() as connection:
                tenant = await _lock_tenant(connection, workspace_id, tenant_id)
                others = await rows.lock_connections(connection, workspace_id, tenant_id)
                is_first = not any(
                    row.purpose == new.purpose and row.disabled_at is None for row in others
                )
                now = self._clock()
                values = {
                    "id": connection_id,
                    "workspace_id": workspace_id,
                    "tenant_id": tenant_id,
                    "provider": PROVIDER,
                    "purpose": new.purpose.value,
                    "name": new.name,
                    "cloud": new.cloud.value,
                    "entra_tenant_id": tenant.entra_tenant_id,
                    "app_id": app_id,
                    "is_default": is_first,
                    "created_at": now,
                    "updated_at": now,
                }
                values |= await self._sealed(connection, tenant, connection_id, new.credential)
                added = await rows.insert_connection(connection, values)
                await self._note(connection, actor, "add", added)
        except IntegrityError:
            raise NameTakenError("connection of this app and purpose") from None
        return added

    async def replace_credential(
        self,
        actor: Actor,
        workspace_id: UUID,
        connection_id: UUID,
        credential: StorableCredential,
    ) -> StoredConnection:
        """Put another credential in place of the present one; closes the circuit."""
        async with self._engine.begin() as connection:
            found = await self._find(connection, workspace_id, connection_id)
            # Before the connections, as `add` does.
            tenant = await _lock_tenant(connection, workspace_id, found.tenant_id)
            stored = await self._lock(connection, workspace_id, connection_id)
            values = await self._sealed(connection, tenant, connection_id, credential)
            values |= {"circuit_open_until": None, "last_reason_code": None}
            values |= {"verification_status": VerificationStatus.UNKNOWN.value}
            return await self._change(connection, actor, "replace_credential", stored, values)

    async def set_default(
        self, actor: Actor, workspace_id: UUID, connection_id: UUID
    ) -> StoredConnection:
        """Make a connection the one that work of its purpose uses."""
        async with self._engine.begin() as connection:
            stored = await self._lock(connection, workspace_id, connection_id)
            if stored.disabled_at is not None:
                mend = "enable it first or choose another"
                raise InvalidFieldError("connection", "is disabled", mend)
            await rows.clear_default(connection, stored)
            return await self._change(
                connection, actor, "set_default", stored, {"is_default": True}
            )

    async def disable(
        self, actor: Actor, workspace_id: UUID, connection_id: UUID
    ) -> StoredConnection:
        """Let nobody use a connection; no other one becomes the default by itself."""
        async with self._engine.begin() as connection:
            stored = await self._lock(connection, workspace_id, connection_id)
            values = {"disabled_at": self._clock(), "is_default": False}
            return await self._change(connection, actor, "disable", stored, values)

    async def enable(
        self, actor: Actor, workspace_id: UUID, connection_id: UUID
    ) -> StoredConnection:
        """Let a disabled connection be used again; it is not the default."""
        async with self._engine.begin() as connection:
            stored = await self._lock(connection, workspace_id, connection_id)
            return await self._change(connection, actor, "enable", stored, {"disabled_at": None})

    async def list_connections(self, workspace_id: UUID, tenant_id: UUID) -> list[StoredConnection]:
        """Return a tenant's connections, oldest first."""
        async with self._engine.connect() as connection:
            return await rows.list_connections(connection, workspace_id, tenant_id)

    async def show(self, workspace_id: UUID, connection_id: UUID) -> StoredConnection:
        """Return one connection."""
        async with self._engine.connect() as connection:
            return await self._find(connection, workspace_id, connection_id)

    async def _sealed(
        self,
        connection: AsyncConnection,
        tenant: StoredTenant,
        connection_id: UUID,
        credential: StorableCredential,
    ) -> dict[str, object]:
        checked = check_credential(credential)
        if checked.expires_at is not None and checked.expires_at <= self._clock():
            raise InvalidFieldError("credential", "has expired", "give one that is valid")
        cipher = await self._keys.cipher_within(connection, tenant.workspace_id, tenant.id)
        await hold_key(connection, cipher.key_id)
        context = credential_context(tenant.id, connection_id)
        return {
            "credential_kind": checked.kind,
            "credential": cipher.seal(checked.document, context),
            "credential_key_id": cipher.key_id,
            "credential_expires_at": checked.expires_at,
        }

    async def _find(
        self, connection: AsyncConnection, workspace_id: UUID, connection_id: UUID
    ) -> StoredConnection:
        found = await rows.find_connection(connection, connection_id)
        if found is None or found.workspace_id != workspace_id:
            raise AccountNotFoundError("connection")
        return found

    async def _lock(
        self, connection: AsyncConnection, workspace_id: UUID, connection_id: UUID
    ) -> StoredConnection:
        found = await self._find(connection, workspace_id, connection_id)
        # All of the tenant, so that two new defaults take turns instead of colliding.
        locked = await rows.lock_connections(connection, workspace_id, found.tenant_id)
        return next(row for row in locked if row.id == connection_id)

    async def _change(
        self,
        connection: AsyncConnection,
        actor: Actor,
        verb: str,
        stored: StoredConnection,
        values: dict[str, object],
    ) -> StoredConnection:
        changed = await rows.change_connection(connection, stored.id, self._clock(), values)
        if changed is None:
            raise AccountNotFoundError("connection")
        await self._note(connection, actor, verb, changed)
        return changed

    async def _note(
        self, connection: AsyncConnection, actor: Actor, verb: str, stored: StoredConnection
    ) -> None:
        await self._audit.append(
            connection,
            actor,
            AuditEntry(
                action=f"provider_connection.{verb}",
                resource_type="provider_connection",
                resource_id=stored.id,
                workspace_id=stored.workspace_id,
                tenant_id=stored.tenant_id,
                details={"purpose": stored.purpose, "credential_kind": stored.credential_kind},
            ),
        )


async def _lock_tenant(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
) -> StoredTenant:
    tenant = await find_tenant(connection, workspace_id, tenant_id, lock=True)
    if tenant is None:
        raise AccountNotFoundError("tenant")
    return tenant
