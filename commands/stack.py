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

from commands.errors import CommandError
from commands.local.local_product import refuse_other_graph
from commands.options import JsonOption, TenantSize, command_group, examples
from commands.session import conduct
from commands.views.screen import Screen, table

if TYPE_CHECKING:
    from devstack.configuration import PortName
    from devstack.stack import Stack
    from devstack.state import StackState

app = command_group("Start and stop PostgreSQL, Temporal and a local Graph on this machine.")

_LAST_PORT = 65_535

DirectoryOption = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="PATH",
        envvar="TENANTOPS_DEVSTACK_DIR",
        help="Folder of its data; .devstack of the checkout if left out.",
    ),
]
SizeOption = Annotated[
    TenantSize | None,
    typer.Option(
        "--profile",
        metavar="SIZE",
        help="Size of a tenant in the local Graph: S, M, L, stress; M if left out.",
    ),
]
TenantsOption = Annotated[
    int | None,
    typer.Option("--tenants", metavar="N", min=1, help="Tenants there; 2 if left out."),
]
SeedOption = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="Seed of their generated data; 7 if left out."),
]
ScaleOption = Annotated[
    float | None,
    typer.Option(
        "--scale-budget",
        metavar="FACTOR",
        min=0,
        help="Factor on its throttling limits; 0 switches them off, 1 if left out.",
    ),
]


def _port(option: str, server: str) -> Any:
    text = f"Port of {server}; 0 takes any free one."
    return typer.Option(option, metavar="PORT", min=0, max=_LAST_PORT, help=text)


PostgresPortOption = Annotated[int | None, _port("--postgres-port", "PostgreSQL")]
TemporalPortOption = Annotated[int | None, _port("--temporal-port", "Temporal")]
TemporalUiPortOption = Annotated[int | None, _port("--temporal-ui-port", "the Temporal UI")]
GraphPortOption = Annotated[int | None, _port("--graph-port", "the local Graph")]


@app.command(
    "start",
    epilog=examples("tenantops stack start", "tenantops stack start --profile L --scale-budget 20"),
)
def start(
    profile: SizeOption = None,
    tenants: TenantsOption = None,
    seed: SeedOption = None,
    scale_budget: ScaleOption = None,
    postgres_port: PostgresPortOption = None,
    temporal_port: TemporalPortOption = None,
    temporal_ui_port: TemporalUiPortOption = None,
    graph_port: GraphPortOption = None,
    state_dir: DirectoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the stack in the background, bring back what was killed, and migrate the database.

    DATABASE_URL, TEMPORAL_ADDRESS and TENANTOPS_GRAPH_ROOT replace its parts by other servers.
    """
    screen = Screen(as_json=as_json)
    given = {
        "profile": profile and profile.value,
        "tenants": tenants,
        "seed": seed,
        "budget_scale": scale_budget,
    }
    ports = {
        "postgres": postgres_port,
        "temporal": temporal_port,
        "temporal_ui": temporal_ui_port,
        "graph": graph_port,
    }
    conduct(lambda: _start(screen, state_dir, given, ports), screen)


def _start(
    screen: Screen,
    state_dir: Path | None,
    given: Mapping[str, Any],
    given_ports: Mapping[str, int | None],
) -> None:
    from devstack.configuration import GraphOptions, PortName

    graph = GraphOptions(**{name: value for name, value in given.items() if value is not None})
    ports = {PortName(name): port for name, port in given_ports.items() if port is not None}
    stack = open_stack(state_dir, ports=ports, graph=graph)
    refuse_other_graph(stack, **given)
    was_whole = stack.status().is_whole
    state = stack.start(lambda changed: _note_progress(screen, changed))
    if was_whole:
        screen.note("It was running already.")
    migration = asyncio.run(_prepare(stack))
    document = _document(state) | {"migration": migration}
    screen.show(document, lambda: _parts(state))
    screen.note('For other programs: eval "$(tenantops stack env)"')


@app.command("stop", epilog=examples("tenantops stack stop"))
def stop(state_dir: DirectoryOption = None, as_json: JsonOption = False) -> None:
    """End every part; data stays for the next start."""
    screen = Screen(as_json=as_json)

    def work() -> None:
        did_run = open_stack(state_dir).stop()
        said = "Stopped." if did_run else "It was not running."
        screen.show({"did_run": did_run}, lambda: [said])

    conduct(work, screen)


@app.command("status", epilog=examples("tenantops stack status --json"))
def status(state_dir: DirectoryOption = None, as_json: JsonOption = False) -> None:
    """Show what runs where; exit code 1 unless everything runs."""
    screen = Screen(as_json=as_json)

    def work() -> None:
        state = open_stack(state_dir).status()
        screen.show(_document(state), lambda: _parts(state))
        if not state.is_whole:
            raise CommandError(_not_whole(state))

    conduct(work, screen)


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

    conduct(work, screen)


@app.command("tenants", epilog=examples("tenantops stack tenants"))
def tenants(state_dir: DirectoryOption = None, as_json: JsonOption = False) -> None:
    """List the tenants of the local Graph with the app ids and secret files to connect to them."""
    screen = Screen(as_json=as_json)

    def work() -> None:
        from commands.local.stack_tenants import local_apps

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

    conduct(work, screen)


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

        from services.runs.search_attributes import needed_attributes

        configuration = replace(configuration, graph=graph, search_attributes=needed_attributes())
    return Stack(configuration)


async def _prepare(stack: "Stack") -> dict[str, str | None]:
    from commands.migrate import migrate_database

    return await migrate_database(stack.environment()["DATABASE_URL"])


def _not_whole(state: "StackState") -> str:
    if state.is_supervised and state.phase == "running":
        return "a part is down; bring it back with `tenantops stack start`"
    if state.is_supervised:
        return f"the stack is {state.phase}; look again in a moment"
    return f"the stack is {state.phase}; start it with `tenantops stack start`"


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
