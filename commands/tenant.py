"""`tenantops tenant`: Microsoft 365 tenants of a workspace."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from commands.options import (
    JsonOption,
    NamedTenant,
    PrincipalOption,
    TenantArgument,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.session import Options, Session, execute
from commands.views.screen import details, short_id, table
from domain.capabilities import Capability

if TYPE_CHECKING:
    from storage.accounts import StoredTenant

_NONE_YET = "No tenants yet; add one with `tenantops tenant add NAME ENTRA_ID`."

app = command_group("Microsoft 365 tenants of a workspace.")


@app.command(
    "add",
    epilog=examples("tenantops tenant add Contoso 6f1c7a52-9c3e-4c7f-8e57-0a6d2b1c9f10"),
)
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name, unique in the workspace.")],
    entra_tenant_id: Annotated[
        str, typer.Argument(metavar="ENTRA_ID", help="The tenant's id in Microsoft Entra.")
    ],
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a tenant, ready for work; it needs a connection next."""

    async def work(session: Session) -> None:
        actor = await session.actor(Capability.SETTINGS_MANAGE)
        home = await session.workspace()
        added = await session.services.accounts.add_tenant(actor, home.id, entra_tenant_id, name)
        session.screen.show({"tenant": added}, lambda: [f"Added tenant {added.name} ({added.id})."])

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


@app.command("list", epilog=examples("tenantops tenant list"))
def list_tenants(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the tenants."""

    async def work(session: Session) -> None:
        home = await session.workspace()
        found = await session.services.accounts.list_tenants(home.id)
        session.screen.show({"tenants": found}, lambda: [_tenants(found)])

    execute(work, Options(as_json=as_json, workspace=workspace))


@app.command("show", epilog=examples("tenantops tenant show Contoso"))
def show(
    tenant: TenantArgument = None, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Show one tenant."""

    async def work(session: Session) -> None:
        found = await session.tenant(tenant)
        _show(session, found)

    execute(work, Options(as_json=as_json, workspace=workspace))


@app.command("archive", epilog=examples("tenantops tenant archive Contoso"))
def archive(
    tenant: NamedTenant,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept no more work for a tenant; what is stored stays."""

    async def work(session: Session) -> None:
        actor = await session.actor(Capability.SETTINGS_MANAGE)
        found = await session.tenant(tenant)
        accounts = session.services.accounts
        _show(session, await accounts.archive_tenant(actor, found.workspace_id, found.id))

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


@app.command("activate", epilog=examples("tenantops tenant activate Contoso"))
def activate(
    tenant: NamedTenant,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept work for an archived tenant again."""

    async def work(session: Session) -> None:
        actor = await session.actor(Capability.SETTINGS_MANAGE)
        found = await session.tenant(tenant)
        accounts = session.services.accounts
        _show(session, await accounts.activate_tenant(actor, found.workspace_id, found.id))

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


def _show(session: Session, tenant: "StoredTenant") -> None:
    session.screen.show(
        {"tenant": tenant},
        lambda: [
            details(
                (
                    ("Name", tenant.name),
                    ("Id", tenant.id),
                    ("Entra tenant", tenant.entra_tenant_id),
                    ("Lifecycle", tenant.lifecycle),
                    ("Created", tenant.created_at),
                    ("Archived", tenant.archived_at),
                )
            )
        ],
    )


def _tenants(found: "Sequence[StoredTenant]") -> Table:
    rows = [
        (entry.name, short_id(entry.id), entry.entra_tenant_id, entry.lifecycle) for entry in found
    ]
    return table(("Name", "Id", "Entra tenant", "Lifecycle"), rows, empty=_NONE_YET)
