"""One call of a command: its settings, services and actor, and what becomes of its errors."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from commands.errors import EXIT_INTERRUPTED, RefusedError, explain
from commands.finding.selection import choose, only
from commands.views.screen import Screen, json_text

if TYPE_CHECKING:
    from domain.capabilities import Capability
    from services.accounts.audit import Actor
    from services.assembly import Services
    from settings import Settings
    from storage.accounts import StoredPrincipal, StoredTenant, StoredWorkspace

_NO_WORKSPACE = "make one with `tenantops workspace create NAME`"
_NO_TENANT = "add one with `tenantops tenant add NAME ENTRA_ID`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every command takes; None where it was not given."""

    as_json: bool = False
    workspace: str | None = None
    principal: str | None = None
    # What is said when somebody presses Ctrl-C.
    interrupt_note: str = "Interrupted."


class Session:
    """What a command works with; nothing is connected before it is used."""

    def __init__(
        self,
        options: Options,
        screen: Screen,
        services: "Services",
        temporal_ui_url: str | None = None,
    ) -> None:
        self.screen = screen
        self.services = services
        self.temporal_ui_url = temporal_ui_url
        self._options = options
        self._workspace: StoredWorkspace | None = None

    @property
    def settings(self) -> "Settings":
        """The settings of this process."""
        return self.services.settings

    async def workspace(self) -> "StoredWorkspace":
        """Return the workspace that was named, or the only one."""
        if self._workspace is None:
            known = await self.services.accounts.list_workspaces()
            wanted = self._options.workspace
            if wanted is None:
                self._workspace = only(known, "--workspace", "workspace", _NO_WORKSPACE)
            else:
                self._workspace = choose(known, wanted, "--workspace", "workspace")
        return self._workspace

    async def tenant(self, wanted: str | None, field: str = "TENANT") -> "StoredTenant":
        """Return a tenant of the workspace by name, id or start of id; None means the only one."""
        workspace = await self.workspace()
        known = await self.services.accounts.list_tenants(workspace.id)
        if wanted is None:
            return only(known, field, "tenant", _NO_TENANT)
        return choose(known, wanted, field, "tenant", also=lambda tenant: tenant.entra_tenant_id)

    async def principal(self, needed: "Capability") -> "StoredPrincipal":
        """Return the principal to act as: the named one, else the only one that may (D13)."""
        workspace = await self.workspace()
        known = await self.services.accounts.list_principals(workspace.id)
        wanted = self._options.principal or self.settings.principal
        if wanted is not None:
            return _entitled(choose(known, wanted, "--principal", "principal"), needed)
        from domain.capabilities import Role, capabilities_of

        able = [entry for entry in known if entry.is_active and needed in entry.capabilities]
        role = next(
            (entry for entry in reversed(Role) if needed in capabilities_of(entry)), "owner"
        )
        mend = f"add one with `tenantops principal add NAME --role {role}`"
        return only(able, "--principal", f"principal that holds {needed}", mend)

    async def actor(self, needed: "Capability") -> "Actor":
        """Return who makes a change, entitled to it; a workspace without principals is set up."""
        from services.accounts.audit import Actor, ActorKind

        workspace = await self.workspace()
        if not await self.services.accounts.list_principals(workspace.id):
            return set_up_actor()
        principal = await self.principal(needed)
        return Actor(ActorKind.SERVICE, principal.name, principal.id)

    async def operator(self, needed: "Capability") -> "Actor":
        """Return who changes principals: the named one, else whoever has the database in hand."""
        if self._options.principal or self.settings.principal:
            return await self.actor(needed)
        return set_up_actor()


def set_up_actor() -> "Actor":
    """Return the actor of setting up: the system, with the account that ran the command."""
    from services.accounts.audit import Actor, ActorKind

    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        account = "unknown account"
    return Actor(ActorKind.SYSTEM, f"Command line ({account})")


def execute(work: Callable[[Session], Awaitable[None]], options: Options) -> None:
    """Run a command to its end; errors become one line and an exit code.

    With `--json` the error is the one document on stdout as well, unless the result is there.
    """
    screen = Screen(as_json=options.as_json)

    async def run() -> None:
        from commands.local.environment import load_surroundings

        surroundings = load_surroundings(screen)
        quiet_libraries()
        from services.assembly import open_services

        async with open_services(surroundings.settings, application_name="tenantops") as services:
            await work(Session(options, screen, services, surroundings.temporal_ui_url))

    conduct(lambda: asyncio.run(run()), screen, options.interrupt_note)


def conduct(work: Callable[[], None], screen: Screen, interrupt_note: str = "Interrupted.") -> None:
    """Do the work of a command, whatever it stands on; raises typer.Exit unless all is good."""
    try:
        work()
    except typer.Exit:
        raise
    except KeyboardInterrupt:
        screen.note(interrupt_note)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last place where anybody can explain it
        explanation = explain(error)
        screen.complain(explanation.message)
        if screen.as_json and not screen.has_shown:
            sys.stdout.write(json_text(explanation.to_json()))
        raise typer.Exit(explanation.exit_code) from None


def _entitled(principal: "StoredPrincipal", needed: "Capability") -> "StoredPrincipal":
    if not principal.is_active:
        message = f"--principal: {principal.name} is disabled; enable it or name another"
        raise RefusedError(message, "initiator_not_entitled")
    if needed not in principal.capabilities:
        message = f"--principal: {principal.name} does not hold {needed}; grant it or name another"
        raise RefusedError(message, "missing_capability")
    return principal


def quiet_libraries() -> None:
    """Keep what libraries would say away from the screen."""
    import logging

    from services.process.logs import log_stray_errors

    # Libraries warn on stderr when nobody has said where to; their text is not ours (D7).
    logging.getLogger().addHandler(logging.NullHandler())
    log_stray_errors()
