"""`tenantops keys`: which root key wraps what, and rotating and destroying keys."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from commands.errors import EXIT_FAILED, InputError
from commands.options import (
    JsonOption,
    NamedTenant,
    PrincipalOption,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.session import Options, Session, execute, set_up_actor
from commands.views.screen import Screen, counted, table
from domain.capabilities import Capability

if TYPE_CHECKING:
    from services.contents.key_rotation import TenantRotation
    from services.contents.root_rotation import RootKeyUse, RootRotation

YesOption = Annotated[bool, typer.Option("--yes", help="Do it; nothing brings the data back.")]

_COLUMNS = (
    "Root key",
    "Use",
    "At hand as",
    "#Tenants",
    "#Tenant keys",
    "#Retired",
    "#Destroyed",
    "#Credentials",
    "#Signing keys",
)
_LEFT = "Keys are left under another root key, which has to stay. Mend it and run this again."
_DAMAGED = "Some values do not open, so the old key stays. See `tenantops backup verify`."
_ENDED = "Stopped. Nothing is half done: run the command again to go on."

app = command_group("Keys: which root key wraps what, and rotating and destroying keys.")


@app.command("status", epilog=examples("tenantops keys status", "tenantops keys status --json"))
def status(as_json: JsonOption = False) -> None:
    """Show what each root key wraps; changes nothing."""

    async def work(session: Session) -> None:
        uses = await session.services.root_key_rotation.uses()
        session.screen.show({"root_keys": uses}, lambda: [_uses(uses)])

    execute(work, Options(as_json=as_json))


@app.command("rotate-root", epilog=examples("tenantops keys rotate-root"))
def rotate_root(as_json: JsonOption = False) -> None:
    """Wrap with the current root key what another one wrapped; exit code 1 if anything is left.

    Before, give every process the new key as the current and the old one as
    TENANTOPS_ROOT_KEY_PREVIOUS; afterwards the old one can go. Of a key vault the newest version
    takes over. Graph is not read, contents stay as they are, and it may be stopped and run again.
    """

    async def work(session: Session) -> None:
        rotation = session.services.root_key_rotation
        with _counting(session.screen, "keys wrapped") as count:
            report = await rotation.rotate(set_up_actor(), count)
        uses = await rotation.uses()
        document = {"rotation": report, "is_complete": report.is_complete, "root_keys": uses}
        session.screen.show(document, lambda: [_said(report), _uses(uses)])
        if not report.is_complete:
            for problem in report.problems:
                session.screen.complain(problem)
            session.screen.complain(_LEFT)
            raise typer.Exit(EXIT_FAILED)

    execute(work, Options(as_json=as_json, interrupt_note=_ENDED))


@app.command("rotate-tenant", epilog=examples("tenantops keys rotate-tenant Contoso"))
def rotate_tenant(
    tenant: NamedTenant,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a tenant a new data key and seal everything of it again; the old key is destroyed.

    Hashes of versions stay, Graph is not read, and backups and readers may go on meanwhile. It may
    be stopped and run again. Exit code 1 if something does not open any more.
    """

    async def work(session: Session) -> None:
        actor = await session.actor(Capability.SETTINGS_MANAGE)
        found = await session.tenant(tenant)
        rotation = session.services.tenant_key_rotation
        with _counting(session.screen, "values sealed again") as count:
            report = await rotation.rotate(
                actor, found.workspace_id, found.id, lambda _kind, number: count(number)
            )
        session.screen.show({"rotation": report}, lambda: [_resealed(report)])
        if not report.is_complete:
            session.screen.complain(_DAMAGED)
            raise typer.Exit(EXIT_FAILED)

    options = Options(
        as_json=as_json, workspace=workspace, principal=principal, interrupt_note=_ENDED
    )
    execute(work, options)


@app.command("destroy-tenant", epilog=examples("tenantops keys destroy-tenant Contoso --yes"))
def destroy_tenant(
    tenant: NamedTenant,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a tenant: destroy its keys, so that contents, names and credentials never open again.

    Rows with ids, hashes and counts stay. The next use of the tenant makes a new key.
    """

    async def work(session: Session) -> None:
        actor = await session.actor(Capability.SETTINGS_MANAGE)
        found = await session.tenant(tenant)
        _confirmed(yes, f"erases {found.name}")
        rotation = session.services.tenant_key_rotation
        number = await rotation.erase(actor, found.workspace_id, found.id)
        session.screen.show(
            {"destroyed_keys": number},
            lambda: [f"Destroyed {counted(number, 'key')} of {found.name}."],
        )

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


@app.command("give-up", epilog=examples("tenantops keys give-up 0b5f9c2e4d7a1836 --yes"))
def give_up(
    root_key: Annotated[
        str, typer.Argument(metavar="ROOT_KEY", help="Id of the lost root key, whole.")
    ],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Destroy what a lost root key wrapped, so that its tenants can begin anew.

    Refused for a root key that is at hand. Sets, hashes and counts stay. Contents and names stay
    unreadable, and credentials have to be entered again.
    """

    async def work(session: Session) -> None:
        from services.contents.root_rotation import RootKeyAtHandError

        uses = await session.services.root_key_rotation.uses()
        known = [use.root_key_id for use in uses if use.setting is None and use.in_use]
        if root_key not in known:
            mend = f"choose from {', '.join(known)}" if known else "no root key is lost"
            raise InputError("ROOT_KEY", "is not the id of a lost root key", mend)
        _confirmed(yes, "destroys all keys that it wrapped")
        try:
            gone = await session.services.root_key_rotation.give_up(set_up_actor(), root_key)
        except RootKeyAtHandError as error:
            raise InputError("ROOT_KEY", str(error), "rotate it instead") from None
        parts = (
            counted(gone.tenant_keys, "tenant key"),
            counted(gone.credentials, "credential"),
            counted(gone.signing_keys, "signing key"),
        )
        lines = [f"Destroyed {', '.join(parts)}."]
        session.screen.show({"given_up": gone}, lambda: lines)

    execute(work, Options(as_json=as_json))


def _confirmed(yes: bool, what: str) -> None:
    if not yes:
        raise InputError("--yes", f"this {what}, for good", "add it if that is what you want")


@contextmanager
def _counting(screen: Screen, what: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many there were so far."""
    columns = (SpinnerColumn(), TextColumn("{task.completed} {task.description}"))
    is_live = screen.err.is_terminal and not screen.as_json
    with Progress(*columns, console=screen.err, transient=True, disable=not is_live) as progress:
        task = progress.add_task(what, total=None)
        yield lambda number: progress.advance(task, number)


def _uses(uses: "Sequence[RootKeyUse]") -> Table:
    return table(
        _COLUMNS,
        [
            (
                use.root_key_id,
                "current" if use.is_current else "previous" if use.setting else "lost",
                use.setting,
                use.tenants,
                use.tenant_keys,
                use.retired_keys,
                use.destroyed_keys,
                use.credentials,
                use.signing_keys,
            )
            for use in uses
        ],
        empty="No key is wrapped yet.",
    )


def _said(report: "RootRotation") -> str:
    tenants = counted(report.tenant_keys, "tenant key")
    signing = counted(report.signing_keys, "signing key")
    return f"Wrapped {tenants} and {signing} with root key {report.root_key_id}."


def _resealed(report: "TenantRotation") -> Table:
    kinds = sorted(report.resealed.keys() | report.damaged.keys())
    return table(
        ("Kind", "#Sealed again", "#Damaged"),
        [(kind, report.resealed[kind], report.damaged[kind]) for kind in kinds],
        title="The old key is destroyed" if report.is_complete else "The old key stays",
    )
