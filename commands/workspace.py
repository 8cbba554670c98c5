"""`tenantops workspace`: the boundary around tenants and everything of theirs."""

from typing import Annotated

import typer

from commands.options import JsonOption, command_group, examples
from commands.session import Options, Session, execute, set_up_actor
from commands.views.screen import short_id, table

_NONE_YET = "No workspaces yet; make one with `tenantops workspace create NAME`."

app = command_group("Workspaces: the boundary around tenants and everything of theirs.")


@app.command("create", epilog=examples("tenantops workspace create Contoso-IT"))
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name, unique in the system.")],
    as_json: JsonOption = False,
) -> None:
    """Create a workspace."""

    async def work(session: Session) -> None:
        created = await session.services.accounts.create_workspace(set_up_actor(), name)
        session.screen.show(
            {"workspace": created}, lambda: [f"Created workspace {created.name} ({created.id})."]
        )

    execute(work, Options(as_json=as_json))


@app.command("list", epilog=examples("tenantops workspace list --json"))
def list_workspaces(as_json: JsonOption = False) -> None:
    """List the workspaces."""

    async def work(session: Session) -> None:
        found = await session.services.accounts.list_workspaces()
        rows = [(entry.name, short_id(entry.id), entry.created_at) for entry in found]
        listing = table(("Name", "Id", "Created"), rows, empty=_NONE_YET)
        session.screen.show({"workspaces": found}, lambda: [listing])

    execute(work, Options(as_json=as_json))
