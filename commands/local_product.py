"""The development stack with the product on it: services, a migrated database, a worker process.

What `tenantops demo` and `tenantops dev` share.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from rich.console import RenderableType

from commands.errors import RefusedError
from commands.screen import details, styled

if TYPE_CHECKING:
    from devstack.stack import Stack
    from devstack.state import StackState
    from services.assembly import Services

# The local Graph throttles as Microsoft does, but a demonstration must not take minutes.
BUDGET_SCALE = 20.0


def local_stack(profile: str) -> "Stack":
    """Return the stack of the usual state directory, with tenants of a profile."""
    from devstack.configuration import GraphOptions, StackConfiguration, default_state_directory
    from devstack.stack import Stack
    from services.search_attributes import needed_attributes

    return Stack(
        StackConfiguration(
            state_directory=default_state_directory(),
            search_attributes=needed_attributes(),
            graph=GraphOptions(profile=profile, budget_scale=BUDGET_SCALE),
        )
    )


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


@asynccontextmanager
async def local_worker(stack: "Stack") -> AsyncIterator[None]:
    """Run a worker process on the stack; it drains in the end."""
    log = stack.directory / "worker.log"
    environment = {**os.environ, **stack.environment()}
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "worker", env=environment, stdout=output, stderr=output
        )
        try:
            yield
            if process.returncode is not None:
                raise RefusedError(f"the worker ended early; its log is {log}", "worker_error")
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def temporal_ui(state: "StackState") -> str | None:
    """Return the address of the Temporal UI."""
    return next((part.ui_url for part in state.parts.values() if part.ui_url), None)


def where_to_look(temporal_ui_url: str | None) -> Iterator[RenderableType]:
    """Yield what a newcomer may do next."""
    commands = [
        ("Keep it running", "make dev"),
        ("Temporal UI", temporal_ui_url),
        ("Only backups", 'OperationType STARTS_WITH "backup_schedule" (in its search field)'),
        ("Runs", "tenantops runs list"),
        ("One run", "tenantops runs show RUN"),
        ("Everything else", "tenantops --help"),
    ]
    yield styled("Where to look", "bold")
    yield details(commands)
