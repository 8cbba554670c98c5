"""The tree of commands: which groups there are, and how one is loaded when it is called.

The root's help needs the purposes below and none of the modules, so it stays fast (P10).
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

Command = TyperCommand | TyperGroup

# Name → purpose, in the order of the help; the module of a command is `commands.{name}`, apart from
# those whose name Python keeps to itself.
PURPOSES: Mapping[str, str] = {
    "demo": "Show it at work: a schedule fires, roles sync, changes are found by name.",
    "try": "Read your own tenant into a folder: sign in, nothing to set up or register.",
    "dev": "Keep a development stack and a worker running.",
    "stack": "Start and stop PostgreSQL, Temporal and a local Graph on this machine.",
    "migrate": "Bring the database to the newest schema.",
    "doctor": "Check everything that TenantOps needs, and say how to mend it.",
    "worker": "Run the worker in the foreground until Ctrl-C or SIGTERM.",
    "workspace": "Workspaces: the boundary around tenants and everything of theirs.",
    "principal": "Service principals: who may start and change what.",
    "tenant": "Microsoft 365 tenants of a workspace.",
    "connection": "Provider connections: by which app a tenant is reached.",
    "schedule": "Backup schedules, which Temporal fires.",
    "backup": "Run backups, look at backup sets, compare and export them.",
    "coverage": "What of Graph no backup holds, and whether a tenant uses it.",
    "roles": "Directory role definitions: sync, list, and what changed.",
    "keys": "Keys: which root key wraps what, and rotating and destroying keys.",
    "runs": "Operation runs: list, show, watch, cancel and retry them.",
}
_MODULES: Mapping[str, str] = {"try": "try_out"}


class LazyRoot(TyperGroup):
    """The root group; a command's module is imported when the command is asked for."""

    def __init__(self, **attributes: Any) -> None:
        outlines = {name: TyperCommand(name, help=text) for name, text in PURPOSES.items()}
        super().__init__(**{**attributes, "commands": outlines})

    # Typer's own class for contexts is private, hence the ignored override.
    def get_command(  # type: ignore[override]
        self, _ctx: typer.Context, cmd_name: str
    ) -> Command | None:
        """Import a command; None if there is none of that name."""
        return load(cmd_name) if cmd_name in PURPOSES else None

    def format_help(self, ctx, formatter) -> None:  # type: ignore[no-untyped-def]  # private types
        """Show the purposes without importing a single command."""
        outline = TyperGroup(
            name=self.name,
            help=self.help,
            epilog=self.epilog,
            params=self.params,
            commands=dict(self.commands),
            rich_markup_mode=self.rich_markup_mode,
        )
        _hide_flag_types(outline)
        outline.format_help(ctx, formatter)


def load(name: str) -> Command:
    """Import the command or group of that name."""
    app: typer.Typer = import_module(f"commands.{_MODULES.get(name, name)}").app
    command = cast("Command", typer.main.get_command(app))
    command.name = name
    for entry in (command, *getattr(command, "commands", {}).values()):
        _hide_flag_types(entry)
    return command


def _hide_flag_types(command: Command) -> None:
    """Let help pages name flags as `--json` alone; Typer would write `<bool>` behind each."""
    # The context makes the option for help, which is a flag as well.
    for parameter in command.get_params(typer.Context(cast("Any", command))):
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""


def _show_version(wanted: bool) -> None:
    if wanted:
        # Late: it costs a tenth of the help's time.
        from importlib.metadata import version

        typer.echo(version("tenantops"))
        raise typer.Exit


def root() -> typer.Typer:
    """Return the whole command line."""
    app = typer.Typer(
        name="tenantops",
        cls=LazyRoot,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        help="Durable operations for Microsoft 365 tenants, on Temporal and PostgreSQL.",
        epilog="Exit codes: 0 good, 1 something failed, 2 wrong usage or input.",
    )

    @app.callback()
    def tenantops(
        version: Annotated[
            bool,
            typer.Option(
                "--version", help="Show the version.", callback=_show_version, is_eager=True
            ),
        ] = False,
    ) -> None:
        """Hold the options of the root."""

    return app
