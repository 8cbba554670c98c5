"""`tenantops stack`: PostgreSQL, Temporal and a local Graph on this machine, for trying and
developing. State lives in one folder; starting twice is harmless.
"""

import asyncio
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType

from commands.errors import CommandError, InputError
from commands.options import JsonOption, command_group, examples
from commands.screen import Screen, table
from commands.session import conduct

if TYPE_CHECKING:
    from devstack.configuration import PortName
    from devstack.stack import Stack
    from devstack.state import StackState

app = command_group("Start and stop PostgreSQL, Temporal and a local Graph on this machine.")

# The sizes that the local Graph generates.
_PROFILES = ("S", "M", "L", "stress")

DirectoryOption = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="PATH",
        envvar="TENANTOPS_DEVSTACK_DIR",
        help="Folder of its data; .devstack of the checkout if left out.",
    ),
]


@app.command(
    "start",
    epilog=examples("tenantops stack start", "tenantops stack start --profile L --scale-budget 20"),
)
def start(
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            metavar="SIZE",
            help="Size of a tenant in the local Graph: S, M, L, stress.",
        ),
    ] = "M",
    tenants: Annotated[
        int, typer.Option("--tenants", metavar="N", min=1, help="Tenants there.")
    ] = 2,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Seed of their generated data.")
    ] = 7,
    scale_budget: Annotated[
        float,
        typer.Option("--scale-budget", metavar="FACTOR", help="Factor on its throttling limits."),
    ] = 1.0,
    postgres_port: Annotated[
        int | None,
        typer.Option(
            "--postgres-port",
            metavar="PORT",
            min=0,
            help="Port of PostgreSQL; 0 takes any free one.",
        ),
    ] = None,
    temporal_port: Annotated[
        int | None,
        typer.Option(
            "--temporal-port", metavar="PORT", min=0, help="Port of Temporal; 0 takes any free one."
        ),
    ] = None,
    temporal_ui_port: Annotated[
        int | None,
        typer.Option(
            "--temporal-ui-port",
            metavar="PORT",
            min=0,
            help="Port of the Temporal UI; 0 takes any free one.",
        ),
    ] = None,
    graph_port: Annotated[
        int | None,
        typer.Option(
            "--graph-port",
            metavar="PORT",
            min=0,
            help="Port of the local Graph; 0 takes any free one.",
        ),
    ] = None,
    state_dir: DirectoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the stack in the background, bring back what was killed, and migrate the database.

    DATABASE_URL, TEMPORAL_ADDRESS and TENANTOPS_GRAPH_ROOT replace its parts by other servers.
    """
    screen = Screen(as_json=as_json)

    def work() -> None:
        from devstack.configuration import GraphOptions, PortName

        if profile not in _PROFILES:
            raise InputError("--profile", "is not known", f"give one of {', '.join(_PROFILES)}")
        graph = GraphOptions(profile=profile, tenants=tenants, seed=seed, budget_scale=scale_budget)
        given = {
            PortName.POSTGRES: postgres_port,
            PortName.TEMPORAL: temporal_port,
            PortName.TEMPORAL_UI: temporal_ui_port,
            PortName.GRAPH: graph_port,
        }
        ports = {name: port for name, port in given.items() if port is not None}
        stack = open_stack(state_dir, ports=ports, graph=graph)
        was_whole = stack.status().is_whole
        state = stack.start(lambda changed: _note_progress(screen, changed))
        if was_whole:
            screen.note("It was running already; other options count from its next start on.")
        migration = asyncio.run(_prepare(stack))
        document = _document(state) | {"migration": migration}
        screen.show(document, lambda: _parts(state))
        screen.note('For other programs: eval "$(tenantops stack env)"')

    _conduct(work, screen)


@app.command("stop", epilog=examples("tenantops stack stop"))
def stop(state_dir: DirectoryOption = None, as_json: JsonOption = False) -> None:
    """End every part; data stays for the next start."""
    screen = Screen(as_json=as_json)

    def work() -> None:
        did_run = open_stack(state_dir).stop()
        said = "Stopped." if did_run else "It was not running."
        screen.show({"did_run": did_run}, lambda: [said])

    _conduct(work, screen)


@app.command("status", epilog=examples("tenantops stack status --json"))
def status(state_dir: DirectoryOption = None, as_json: JsonOption = False) -> None:
    """Show what runs where; exit code 1 unless everything runs."""
    screen = Screen(as_json=as_json)

    def work() -> None:
        state = open_stack(state_dir).status()
        screen.show(_document(state), lambda: _parts(state))
        if not state.is_whole:
            raise CommandError(f"the stack is {state.phase}; start it with `tenantops stack start`")

    _conduct(work, screen)


@app.command("env", epilog=examples('eval "$(tenantops stack env)"'))
def env(state_dir: DirectoryOption = None, as_json: JsonOption = False) -> None:
    """Print the variables that lead other programs to the stack; they hold its password."""
    screen = Screen(as_json=as_json)

    def work() -> None:
        stack = open_stack(state_dir)
        if not stack.status().is_supervised:
            raise CommandError("the stack does not run; start it with `tenantops stack start`")
        variables = dict(stack.environment())
        if as_json:
            screen.show(variables, list)
            return
        # Not through a table: a shell reads it.
        for name, value in variables.items():
            typer.echo(f"export {name}={shlex.quote(value)}")

    _conduct(work, screen)


@app.command("tenants", epilog=examples("tenantops stack tenants"))
def tenants(state_dir: DirectoryOption = None, as_json: JsonOption = False) -> None:
    """List the tenants of the local Graph with the app ids and secret files to connect to them."""
    screen = Screen(as_json=as_json)

    def work() -> None:
        from commands.stack_tenants import local_apps

        stack = open_stack(state_dir)
        if not stack.status().is_supervised:
            raise CommandError("the stack does not run; start it with `tenantops stack start`")
        apps = asyncio.run(local_apps(stack))
        rows = [
            (
                entry.tenant_name,
                entry.entra_tenant_id,
                entry.app_name,
                entry.app_id,
                entry.secret_file,
            )
            for entry in apps
        ]
        columns = ("Tenant", "Entra id", "App", "App id", "Secret file")
        screen.show({"apps": apps}, lambda: [table(columns, rows)])

    _conduct(work, screen)


def open_stack(
    directory: Path | None, ports: "Mapping[PortName, int] | None" = None, graph: Any = None
) -> "Stack":
    """Return the stack of a folder, with the search attributes that the product needs."""
    from devstack.configuration import StackConfiguration, default_state_directory
    from devstack.stack import Stack

    configuration: StackConfiguration = StackConfiguration(
        state_directory=directory or default_state_directory(), ports=ports or {}
    )
    if graph is not None:
        from dataclasses import replace

        from services.search_attributes import needed_attributes

        configuration = replace(configuration, graph=graph, search_attributes=needed_attributes())
    return Stack(configuration)


async def _prepare(stack: "Stack") -> dict[str, str | None]:
    from commands.migrate import migrate_database

    return await migrate_database(stack.environment()["DATABASE_URL"])


def _conduct(work: Any, screen: Screen) -> None:
    def told() -> None:
        from devstack.stack import StackStartError
        from devstack.supervisor import PartStartError

        try:
            work()
        except (StackStartError, PartStartError) as error:
            raise CommandError(str(error)) from None

    conduct(told, screen)


def _note_progress(screen: Screen, state: "StackState") -> None:
    parts = ", ".join(f"{name} {part.status}" for name, part in state.parts.items())
    if parts:
        screen.note(f"{state.phase}: {parts}")


def _document(state: "StackState") -> dict[str, Any]:
    return {
        "phase": state.phase,
        "is_whole": state.is_whole,
        "parts": {
            str(name): {
                "status": part.status,
                "address": part.address,
                "ui_url": part.ui_url,
                "log": part.log,
                "error": part.error,
                "pid": part.process.pid if part.process else None,
            }
            for name, part in state.parts.items()
        },
        "error": state.error,
    }


def _parts(state: "StackState") -> list[RenderableType]:
    rows = [
        (str(name), part.status.value, part.address, part.ui_url, part.error)
        for name, part in state.parts.items()
    ]
    columns = ("Part", "State", "Address", "Web UI", "Error")
    if not rows:
        return [f"The stack is {state.phase}."]
    return [table(columns, rows)]
