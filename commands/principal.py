"""`tenantops principal`: service principals, the names under which work is started (D13)."""

from typing import Annotated

import typer

from commands.errors import InputError
from commands.options import JsonOption, PrincipalOption, WorkspaceOption, command_group, examples
from commands.session import Options, Session, execute
from commands.views.screen import short_id, table
from domain.capabilities import Capability, Role, capabilities_of

_NONE_YET = "No principals yet; add one with `tenantops principal add NAME --role operator`."

app = command_group("Service principals: who may start and change what.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name, unique in the workspace.")]


@app.command(
    "add",
    epilog=examples(
        "tenantops principal add nightly-jobs --role operator",
        "tenantops principal add exporter --capability tenant.policies.view",
    ),
)
def add(
    name: NameArgument,
    role: Annotated[
        Role | None,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="Give everything that this role permits: owner, manager, operator, readonly.",
        ),
    ] = None,
    capability: Annotated[
        list[Capability] | None,
        typer.Option("--capability", metavar="NAME", help="Give this capability; repeatable."),
    ] = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a service principal with what it may do."""
    granted = set(capability or ()) | (capabilities_of(role) if role else set())

    async def work(session: Session) -> None:
        if not granted:
            raise InputError("--role", "nothing is granted", "give --role or --capability")
        actor = await session.operator(Capability.MEMBERS_MANAGE)
        home = await session.workspace()
        added = await session.services.accounts.add_principal(actor, home.id, name, granted)
        session.screen.show(
            {"principal": added},
            lambda: [f"Added principal {added.name} with {len(added.capabilities)} capabilities."],
        )

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


@app.command("list", epilog=examples("tenantops principal list"))
def list_principals(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the principals and what they may do."""

    async def work(session: Session) -> None:
        home = await session.workspace()
        found = await session.services.accounts.list_principals(home.id)
        rows = [
            (
                entry.name,
                short_id(entry.id),
                "active" if entry.is_active else "disabled",
                summarized(set(entry.capabilities)),
            )
            for entry in found
        ]
        listing = table(("Name", "Id", "State", "May"), rows, empty=_NONE_YET)
        session.screen.show({"principals": found}, lambda: [listing])

    execute(work, Options(as_json=as_json, workspace=workspace))


@app.command("disable", epilog=examples("tenantops principal disable nightly-jobs"))
def disable(
    name: NameArgument,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop a principal from starting or changing anything."""
    options = Options(as_json=as_json, workspace=workspace, principal=principal)
    _set_active(name, options, is_active=False)


@app.command("enable", epilog=examples("tenantops principal enable nightly-jobs"))
def enable(
    name: NameArgument,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a disabled principal act again."""
    options = Options(as_json=as_json, workspace=workspace, principal=principal)
    _set_active(name, options, is_active=True)


def summarized(held: set[str]) -> str:
    """Return capabilities as the role that gives exactly these, or one by one."""
    for role in Role:
        if held == set(capabilities_of(role)):
            return f"everything of the role {role}"
    return ", ".join(sorted(held))


def _set_active(name: str, options: Options, *, is_active: bool) -> None:
    async def work(session: Session) -> None:
        actor = await session.operator(Capability.MEMBERS_MANAGE)
        home = await session.workspace()
        changed = await session.services.accounts.set_principal_active(
            actor, home.id, name, is_active=is_active
        )
        state = "active" if changed.is_active else "disabled"
        session.screen.show({"principal": changed}, lambda: [f"{changed.name} is {state}."])

    execute(work, options)
