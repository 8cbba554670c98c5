"""The demonstration's workspace, principal, tenants and connections; found or made."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from devstack.graph_service import ControlClient
    from services.accounts.audit import Actor
    from services.assembly import Services

WORKSPACE = "Demo"
PRINCIPAL = "demo"


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """A tenant of the demonstration; `actor` is who edits it."""

    id: UUID
    name: str
    entra_tenant_id: str
    actor: "Actor"


async def settle(
    services: "Services", control: "ControlClient"
) -> tuple[UUID, tuple[DemoTenant, ...]]:
    """Return workspace and tenants, one for each tenant of the local Graph."""
    from domain.capabilities import Role, capabilities_of
    from services.accounts.audit import Actor, ActorKind

    actor = Actor(ActorKind.SERVICE, PRINCIPAL)
    known = {entry.name: entry for entry in await services.accounts.list_workspaces()}
    workspace = known.get(WORKSPACE) or await services.accounts.create_workspace(actor, WORKSPACE)
    principals = await services.accounts.list_principals(workspace.id)
    if not any(entry.name == PRINCIPAL for entry in principals):
        await services.accounts.add_principal(
            actor, workspace.id, PRINCIPAL, capabilities_of(Role.OWNER)
        )
    twins: list[dict[str, Any]] = await control.call("list_tenants")
    tenants = [await _tenant(services, actor, workspace.id, twin) for twin in twins]
    return workspace.id, tuple(tenants)


async def _tenant(
    services: "Services", actor: "Actor", workspace_id: UUID, twin: dict[str, Any]
) -> DemoTenant:
    known = {
        entry.entra_tenant_id: entry for entry in await services.accounts.list_tenants(workspace_id)
    }
    entra_tenant_id = str(twin["tenant_id"])
    tenant = known.get(entra_tenant_id) or await services.accounts.add_tenant(
        actor, workspace_id, entra_tenant_id, str(twin["name"])
    )
    if not await services.connections.list_connections(workspace_id, tenant.id):
        await _connect(services, actor, workspace_id, tenant.id, twin["apps"]["read"])
    return DemoTenant(tenant.id, tenant.name, entra_tenant_id, actor)


async def _connect(
    services: "Services", actor: "Actor", workspace_id: UUID, tenant_id: UUID, app: dict[str, Any]
) -> None:
    from graph.clouds import Cloud
    from graph.credentials import ClientSecret
    from services.connections.connections import NewConnection

    await services.connections.add(
        actor,
        workspace_id,
        tenant_id,
        NewConnection(
            name="read",
            app_id=str(app["client_id"]),
            credential=ClientSecret(str(app["secret"])),
            cloud=Cloud.CUSTOM,
        ),
    )
