"""The development stack with the product on it: started, its database migrated, services opened.

What `tenantops demo` and `tenantops dev` share.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from commands.errors import RefusedError
from commands.options import TenantSize
from commands.views.screen import Screen, details, styled

if TYPE_CHECKING:
    from devstack.locks import DirectoryLock
    from devstack.stack import Stack
    from devstack.state import StackState
    from services.assembly import Services

# The local Graph throttles as Microsoft does, but a demonstration must not take minutes.
BUDGET_SCALE = 20.0
# As `make` calls the program: it is not on the PATH of a fresh clone.
PROGRAM = ".venv/bin/tenantops"

_OPTIONS = {
    "profile": "tenants of profile",
    "tenants": "tenants:",
    "seed": "seed",
    "budget_scale": "budgets scaled by",
}


def local_stack(size: TenantSize) -> "Stack":
    """Return the stack of the usual state directory, with tenants of a size."""
    from devstack.configuration import GraphOptions, StackConfiguration, default_state_directory
    from devstack.stack import Stack
    from services.runs.search_attributes import needed_attributes

    return Stack(
        StackConfiguration(
            state_directory=default_state_directory(),
            search_attributes=needed_attributes(),
            graph=GraphOptions(profile=size.value, budget_scale=BUDGET_SCALE),
        )
    )


def refuse_other_graph(stack: "Stack", **wanted: Any) -> None:
    """Raise RefusedError when the stack runs with another local Graph than what is wanted.

    `wanted` are fields of GraphOptions, None where anything will do. Started again, it would have
    them; while it runs, nothing can change them.
    """
    running = stack.running_graph()
    if running is None:
        return
    other = [
        f"{_OPTIONS[name]} {getattr(running, name)}, not {value}"
        for name, value in wanted.items()
        if value is not None and getattr(running, name) != value
    ]
    if other:
        message = f"the stack runs with {'; '.join(other)}: stop it first (`make stop`)"
        raise RefusedError(message, "input_invalid")


@asynccontextmanager
async def running_stack(stack: "Stack", screen: Screen) -> AsyncIterator["StackState"]:
    """Make the stack run, and stop it in the end if it did not run before.

    One that `tenantops dev` has come to use meanwhile is left to it.
    """
    from devstack.state import StackPhase

    was_running = stack.status().phase in (StackPhase.STARTING, StackPhase.RUNNING)
    starting = asyncio.create_task(asyncio.to_thread(stack.start))
    try:
        yield await asyncio.shield(starting)
    finally:
        # A thread cannot be cancelled: what it started is known only when it is through.
        (state,) = await asyncio.gather(starting, return_exceptions=True)
        is_ours = not was_running and not isinstance(state, BaseException)
        if is_ours and not dev_lock(stack).is_held_by_another():
            screen.note("Stopping the stack; its data stays. `make dev` brings it back.")
            await asyncio.to_thread(stack.stop)


def dev_lock(stack: "Stack") -> "DirectoryLock":
    """Return what a running `tenantops dev` holds."""
    from devstack.locks import DirectoryLock

    return DirectoryLock(stack.directory / "dev.lock")


@asynccontextmanager
async def local_services(stack: "Stack") -> AsyncIterator["Services"]:
    """Give out services on the stack, its database migrated."""
    from services.assembly import open_services
    from settings import load_settings
    from storage.migrate import upgrade

    os.environ.update(stack.environment())
    settings = load_settings()
    await upgrade(settings.database_url.get_secret_value())
    async with open_services(settings, application_name="tenantops demo") as services:
        yield services


def temporal_ui(state: "StackState") -> str | None:
    """Return the address of the Temporal UI."""
    return next((part.ui_url for part in state.parts.values() if part.ui_url), None)


def where_to_look(temporal_ui_url: str | None, *, is_running: bool) -> Iterator[RenderableType]:
    """Yield what a newcomer may do next; commands of the second list need a running stack."""
    if not is_running:
        yield styled("The stack is stopped; its runs are kept. First bring it back", "bold")
        yield details([("In another terminal", "make dev")])
    yield styled("Where to look" if is_running else "Then look", "bold")
    yield details(
        [
            ("Temporal UI", temporal_ui_url),
            ("Only backups", 'OperationType STARTS_WITH "backup_schedule" (in its search field)'),
            ("Runs", f"{PROGRAM} runs list"),
            ("One run", f"{PROGRAM} runs show RUN"),
            ("Everything else", f"{PROGRAM} --help"),
        ]
    )
