"""`tenantops dev`: the development stack and a worker, kept running."""

import asyncio
import signal
from typing import Annotated

import typer

from commands.local_product import (
    local_services,
    local_stack,
    local_worker,
    temporal_ui,
    where_to_look,
)
from commands.options import examples
from commands.screen import Screen
from commands.session import conduct

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


@app.command(epilog=examples("make dev", "tenantops dev --profile S"))
def dev(
    profile: Annotated[str, typer.Option(help="Size of the local tenants: S, M, L.")] = "M",
) -> None:
    """Keep the development stack and a worker running until Ctrl-C."""
    screen = Screen(as_json=False)
    conduct(lambda: asyncio.run(_keep_running(screen, profile)), screen)


async def _keep_running(screen: Screen, profile: str) -> None:
    stack = local_stack(profile)
    state = await asyncio.to_thread(stack.start)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with local_services(stack), local_worker(stack):
            for part in where_to_look(temporal_ui(state)):
                screen.out.print(part)
            screen.note("Running; Ctrl-C ends everything.")
            await stop.wait()
    finally:
        await asyncio.to_thread(stack.stop)
