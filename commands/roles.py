"""`tenantops roles`: directory role definitions of a tenant."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from commands.errors import InputError
from commands.finding.run_finding import find_detail
from commands.options import (
    JsonOption,
    KeyOption,
    PrincipalOption,
    TenantArgument,
    WaitOption,
    WatchOption,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.session import Options, Session, execute
from commands.starting import Start, start_and_report
from commands.views.screen import stacked, styled, table
from commands.views.watching import LEFT_ALONE
from domain.operation_types import OperationType, resolve_type

if TYPE_CHECKING:
    from services.directory_roles.directory_role_reads import RoleChange, RoleView

app = command_group("Directory role definitions: sync, list, and what changed.")

_SYNC = OperationType.DIRECTORY_ROLE_DEFINITIONS_SYNC


@app.command("sync", epilog=examples("tenantops roles sync Contoso --wait"))
def sync(
    tenant: TenantArgument = None,
    wait: WaitOption = False,
    watch: WatchOption = False,
    key: KeyOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refresh the directory role definitions of a tenant; an active sync is joined."""

    async def work(session: Session) -> None:
        found = await session.tenant(tenant)
        start = Start(type=_SYNC, tenant_id=found.id, inputs={}, key=key, wait=wait, watch=watch)
        await start_and_report(session, start)

    options = Options(
        as_json=as_json, workspace=workspace, principal=principal, interrupt_note=LEFT_ALONE
    )
    execute(work, options)


@app.command("list", epilog=examples("tenantops roles list Contoso --search admin"))
def list_roles(
    tenant: TenantArgument = None,
    search: Annotated[
        str | None, typer.Option("--search", help="Only roles with this in their name.")
    ] = None,
    removed: Annotated[bool, typer.Option("--removed", help="Show removed roles too.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the role definitions as the last sync saw them."""

    async def work(session: Session) -> None:
        found = await session.tenant(tenant)
        roles = await session.services.role_reads.list_roles(
            found.workspace_id, found.id, search=search, with_removed=removed
        )
        session.screen.show({"roles": roles}, lambda: [_roles(roles, is_search=search is not None)])

    execute(work, Options(as_json=as_json, workspace=workspace))


@app.command("changes", epilog=examples("tenantops roles changes 01934c2a-7b3c-7def"))
def changes(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A sync, by id or start of it.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what one sync created, updated and removed, down to single actions."""

    async def work(session: Session) -> None:
        detail = await find_detail(session, run)
        if resolve_type(detail.run.type) is not _SYNC or detail.run.tenant_id is None:
            raise InputError("RUN", "is no role definition sync", "see `tenantops runs list`")
        found = await session.services.role_reads.changes(
            detail.run.id, detail.run.workspace_id, detail.run.tenant_id
        )
        session.screen.show(
            {"operation_run_id": detail.run.id, "changes": found}, lambda: _changes(found)
        )

    execute(work, Options(as_json=as_json, workspace=workspace))


def _roles(roles: "Sequence[RoleView]", *, is_search: bool) -> Table:
    rows = [
        (
            role.display_name,
            "built-in" if role.is_built_in else "custom",
            role.is_enabled,
            role.version_count,
            role.last_changed_at,
            role.removed_at,
        )
        for role in roles
    ]
    columns = ("Name", "Kind", "Enabled", "#Versions", "Last changed", "Removed")
    unknown = "No role definitions are known; sync them with `tenantops roles sync`."
    return table(columns, rows, empty="No name holds that." if is_search else unknown)


def _changes(found: "Sequence[RoleChange]") -> list[RenderableType]:
    if not found:
        return ["Nothing changed."]
    return [change_text(change) for change in found]


def change_text(change: "RoleChange") -> Text:
    """Return what a sync changed about one role, an action on each line."""
    kind = "built-in" if change.is_built_in else "custom"
    return stacked(
        [
            styled(f"{change.change}: {change.display_name} ({kind})", "bold"),
            *(styled(f"  + {action}", "green") for action in change.added_actions),
            *(styled(f"  - {action}", "red") for action in change.removed_actions),
        ]
    )
