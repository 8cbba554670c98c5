"""`tenantops worker`: the worker in the foreground."""

import typer

from commands.local.environment import load_surroundings
from commands.options import examples
from commands.session import conduct
from commands.views.screen import Screen

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


@app.command(epilog=examples("tenantops worker"))
def worker() -> None:
    """Run the worker until Ctrl-C or SIGTERM, which let it finish what it holds.

    Logs are JSON lines on stderr. Start as many as you like, on as many machines.
    """
    screen = Screen(as_json=False)

    def work() -> None:
        # For its side effect: without DATABASE_URL, the development stack's variables.
        load_surroundings(screen)
        from worker import main

        main()

    conduct(work, screen)
