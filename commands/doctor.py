"""`tenantops doctor`: check everything that TenantOps needs, and say how to mend it."""

import asyncio
from typing import Annotated

import typer

from commands.errors import EXIT_FAILED
from commands.local.environment import Surroundings, load_surroundings
from commands.options import JsonOption, examples
from commands.prerequisites import Finding, State, examine
from commands.session import conduct
from commands.views.screen import Screen, table

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


@app.command(epilog=examples("tenantops doctor", "tenantops doctor --json"))
def doctor(
    seconds: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="SECONDS", min=1, help="Longest time of one check, in seconds."
        ),
    ] = 15.0,
    as_json: JsonOption = False,
) -> None:
    """Check every prerequisite; exit code 1 when something does not work. Changes nothing."""
    screen = Screen(as_json=as_json)

    def work() -> None:
        findings = _examined(screen, seconds)
        failed = [finding for finding in findings if finding.state is State.FAILED]
        document = {"is_good": not failed, "checks": findings}
        rows = [
            (finding.check, finding.state.value, finding.detail, finding.mend or None)
            for finding in findings
        ]
        screen.show(document, lambda: [table(("Check", "State", "Found", "Do this"), rows)])
        if failed:
            raise typer.Exit(EXIT_FAILED)

    conduct(work, screen)


def _examined(screen: Screen, seconds: float) -> list[Finding]:
    from settings import SettingsError

    try:
        surroundings: Surroundings = load_surroundings(screen)
    except SettingsError as error:
        return [
            Finding("settings", State.FAILED, problem, "change the environment")
            for problem in error.problems
        ]
    return asyncio.run(examine(surroundings.settings, seconds))
