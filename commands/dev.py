"""`tenantops dev`: the development stack and a worker, kept running."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from commands.errors import CommandError, RefusedError
from commands.local.local_product import (
    dev_lock,
    local_services,
    local_stack,
    refuse_other_graph,
    running_stack,
    temporal_ui,
    where_to_look,
)
from commands.local.local_worker import STOPPED, local_worker
from commands.options import TenantSize, examples
from commands.session import conduct
from commands.views.screen import Screen

if TYPE_CHECKING:
    from devstack.stack import Stack

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)

# A former `tenantops dev` may be ending.
_LOCK_SECONDS = 2.0
_POLL_SECONDS = 1.0


@app.command(epilog=examples("make dev", "tenantops dev --profile S"))
def dev(
    profile: Annotated[
        TenantSize | None,
        typer.Option(
            "--profile",
            metavar="SIZE",
            help="Size of the local tenants: S, M, L, stress; M if left out.",
        ),
    ] = None,
) -> None:
    """Keep the development stack and a worker running until Ctrl-C.

    Ends what it started itself: a stack that ran before goes on.
    """
    screen = Screen(as_json=False)
    conduct(lambda: asyncio.run(_until_told(screen, profile)), screen)


async def _until_told(screen: Screen, profile: TenantSize | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = asyncio.create_task(_keep_running(screen, profile))
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if serving.done():
        serving.result()
    serving.cancel()
    (ended,) = await asyncio.gather(serving, return_exceptions=True)
    if isinstance(ended, Exception):
        raise ended


async def _keep_running(screen: Screen, profile: TenantSize | None) -> None:
    stack = local_stack(profile or TenantSize.M)
    refuse_other_graph(stack, profile=profile and profile.value)
    async with running_stack(stack, screen) as state:
        with _alone(stack):
            async with local_services(stack), local_worker(stack, screen) as worker:
                for part in where_to_look(temporal_ui(state), is_running=True):
                    screen.out.print(part)
                screen.note("Running; Ctrl-C ends it.")
                await worker.beside(_watch(stack))


@contextmanager
def _alone(stack: "Stack") -> Iterator[None]:
    lock = dev_lock(stack)
    if not lock.acquire(seconds=_LOCK_SECONDS):
        message = "`make dev` runs already on this stack; it needs no second one"
        raise RefusedError(message, "input_invalid")
    try:
        yield
    finally:
        lock.release()


async def _watch(stack: "Stack") -> None:
    """Return never; raises CommandError when somebody stopped the stack."""
    # Its supervisor is another process, which sets no event here.
    while (await asyncio.to_thread(stack.status)).is_supervised:  # noqa: ASYNC110
        await asyncio.sleep(_POLL_SECONDS)
    raise CommandError(STOPPED)
