"""`tenantops demo` and `tenantops dev`: the stack with a worker, shown or kept running."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.status import Status
from rich.table import Table

from commands.errors import EXIT_FAILED
from commands.options import JsonOption
from commands.screen import Screen, details, plain, printable, styled, table
from commands.session import conduct

if TYPE_CHECKING:
    from commands.demo import Demo, DemoReport
    from devstack.stack import Stack
    from devstack.state import StackState
    from services.assembly import Services

_RESULTS = ("Resource type", "#Expected", "#New", "#Changed", "#Same", "#Failed", "#Not given")


def demo(as_json: JsonOption = False) -> None:
    """Show TenantOps at work: a schedule that fires, role syncs, changes found by name.

    Starts the development stack (profile M, Graph's request budget scaled up) and a worker, and
    ends what it started. About a minute and a half.
    """
    screen = Screen(as_json=as_json)

    def work() -> None:
        report = asyncio.run(_demonstrate(screen))
        screen.show(_document(report), lambda: _parts(report))
        for problem in report.problems:
            screen.complain(problem)
        if report.problems:
            raise typer.Exit(EXIT_FAILED)

    conduct(work, screen)


def dev(
    profile: Annotated[str, typer.Option(help="Size of the local tenants: S, M, L.")] = "M",
) -> None:
    """Keep the development stack and a worker running until Ctrl-C."""
    screen = Screen(as_json=False)

    def work() -> None:
        asyncio.run(_keep_running(screen, profile))

    conduct(work, screen)


async def _demonstrate(screen: Screen) -> "DemoReport":
    from commands.demo import BUDGET_SCALE, PROFILE, Demo, demo_worker
    from devstack.graph_service import ControlClient
    from devstack.state import StackPhase

    stack = _stack(PROFILE, BUDGET_SCALE)
    was_running = stack.status().phase is StackPhase.RUNNING
    screen.note("Starting PostgreSQL, Temporal and a local Microsoft Graph.")
    state = await asyncio.to_thread(stack.start)
    screen.note(f"The local Graph's request budget is scaled up {BUDGET_SCALE:.0f} times.")
    try:
        async with _services(stack) as services, demo_worker(stack):
            graph_root = str(services.settings.graph_root)
            control = ControlClient(root_url=graph_root, state_dir=stack.graph_directory)
            async with control:
                demonstration = Demo(services, screen, control)
                async with _live(screen, demonstration):
                    report = await demonstration.run()
        report.temporal_ui = _temporal_ui(state)
        return report
    finally:
        if not was_running:
            screen.note("Stopping the stack; its data stays. `make dev` brings it back.")
            await asyncio.to_thread(stack.stop)


async def _keep_running(screen: Screen, profile: str) -> None:
    from commands.demo import BUDGET_SCALE, demo_worker

    stack = _stack(profile, BUDGET_SCALE)
    state = await asyncio.to_thread(stack.start)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with _services(stack), demo_worker(stack):
            for part in _where(_temporal_ui(state)):
                screen.out.print(part)
            screen.note("Running; Ctrl-C ends everything.")
            await stop.wait()
    finally:
        await asyncio.to_thread(stack.stop)


def _stack(profile: str, budget_scale: float) -> "Stack":
    from devstack.configuration import GraphOptions, StackConfiguration, default_state_directory
    from devstack.stack import Stack
    from services.search_attributes import needed_attributes

    return Stack(
        StackConfiguration(
            state_directory=default_state_directory(),
            search_attributes=needed_attributes(),
            graph=GraphOptions(profile=profile, budget_scale=budget_scale),
        )
    )


@asynccontextmanager
async def _services(stack: "Stack") -> AsyncIterator["Services"]:
    """Give out services on the stack, its database migrated."""
    from services.assembly import open_services
    from settings import load_settings
    from storage.migrate import upgrade

    os.environ.update(stack.environment())
    settings = load_settings()
    await upgrade(settings.database_url.get_secret_value())
    async with open_services(settings, application_name="tenantops demo") as services:
        yield services


@asynccontextmanager
async def _live(screen: Screen, demonstration: "Demo") -> AsyncIterator[None]:
    """Show on a terminal what goes on, below what was said."""

    async def refresh(status: Status) -> None:
        while True:
            status.update(printable(await demonstration.progress()))
            await asyncio.sleep(0.5)

    with screen.err.status("") as status:
        task = asyncio.create_task(refresh(status))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _temporal_ui(state: "StackState") -> str | None:
    return next((part.ui_url for part in state.parts.values() if part.ui_url), None)


def _document(report: "DemoReport") -> dict[str, object]:
    return {
        "runs": [plain(detail.run) for detail in report.runs],
        "changed_in_graph": report.made,
        "changes_found": plain(report.found),
        "temporal_ui_url": report.temporal_ui,
        "seconds": round(report.seconds, 1),
        "problems": report.problems,
    }


def _parts(report: "DemoReport") -> Iterator[RenderableType]:
    rows = [
        (
            detail.label,
            str(detail.run.id),
            detail.run.outcome.value,
            detail.run.summary_counts.get("total"),
            detail.run.summary_counts.get("created"),
            detail.run.summary_counts.get("updated"),
        )
        for detail in report.runs
    ]
    columns = ("Operation", "Run", "Outcome", "#Objects", "#New", "#Changed")
    yield table(columns, rows, title="Runs")
    yield _results(report)
    found = [(change.name, change.resource_type, change.change) for change in report.found]
    yield table(("Policy", "Type", "Change"), found, title="What the last backup found changed")
    if not report.problems:
        yield styled(
            f"Exactly the {len(report.made)} policies that were changed in the tenant. "
            f"The whole took {report.seconds:.0f} s.",
            "green",
        )
    yield from _where(report.temporal_ui)


def _results(report: "DemoReport") -> Table:
    rows = [
        (
            result.resource_type,
            result.expected,
            result.created,
            result.updated,
            result.unchanged,
            result.failed,
            result.not_captured,
        )
        for result in report.runs[-1].results
        if result.expected
    ]
    return table(_RESULTS, rows, title="The last backup, by resource type")


def _where(temporal_ui: str | None) -> Iterator[RenderableType]:
    commands = [
        ("Keep it running", "make dev"),
        ("Temporal UI", temporal_ui),
        ("Only backups", 'OperationType STARTS_WITH "backup_schedule" (in its search field)'),
        ("Runs", "tenantops runs list"),
        ("One run", "tenantops runs show RUN"),
        ("Everything else", "tenantops --help"),
    ]
    yield styled("Where to look", "bold")
    yield details(commands)
