"""`tenantops demo`: TenantOps at work on this machine, in about a minute and a half."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import RenderableType
from rich.status import Status
from rich.table import Table

from commands.errors import EXIT_FAILED
from commands.local.local_product import (
    BUDGET_SCALE,
    local_services,
    local_stack,
    refuse_other_graph,
    running_stack,
    temporal_ui,
    where_to_look,
)
from commands.local.local_worker import local_worker
from commands.options import JsonOption, TenantSize, examples
from commands.session import conduct
from commands.views.screen import Screen, plain, printable, styled, table

if TYPE_CHECKING:
    from commands.local.demonstration import Demo, DemoReport

SIZE = TenantSize.M
_RESULTS = ("Resource type", "#Expected", "#New", "#Changed", "#Same", "#Failed", "#Not given")

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


@app.command(epilog=examples("make demo", "tenantops demo --json"))
def demo(as_json: JsonOption = False) -> None:
    """Show TenantOps at work: a schedule that fires, role syncs, changes found by name.

    Starts the development stack (profile M, Graph's request budget scaled up) and a worker, and
    ends what it started.
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


async def _demonstrate(screen: Screen) -> "DemoReport":
    from commands.local.demonstration import Demo
    from devstack.graph_service import ControlClient

    stack = local_stack(SIZE)
    refuse_other_graph(stack, profile=SIZE.value, budget_scale=BUDGET_SCALE)
    screen.note("Starting PostgreSQL, Temporal and a local Microsoft Graph.")
    async with (
        running_stack(stack, screen) as state,
        local_services(stack) as services,
        local_worker(stack, screen) as worker,
    ):
        screen.note(f"The local Graph's request budget is scaled up {BUDGET_SCALE:.0f} times.")
        graph_root = str(services.settings.graph_root)
        async with ControlClient(root_url=graph_root, state_dir=stack.graph_directory) as control:
            demonstration = Demo(services, screen, control)
            async with _live(screen, demonstration):
                report = await worker.beside(demonstration.run())
    report.temporal_ui = temporal_ui(state)
    report.is_stack_running = stack.status().is_supervised
    return report


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
    yield from where_to_look(report.temporal_ui, is_running=report.is_stack_running)


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
