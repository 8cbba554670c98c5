"""A worker that stands still between a commit and Temporal's marker of it, waiting to be killed.

`python -m tests.end_to_end.pausing_worker POINT FOLDER`: at POINT (admit, begin or complete) the
service returns, so its transaction is committed, and its local activity never does. A file in
FOLDER tells each time that this happened.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from services.assembly import Services, open_services
from services.process.logs import configure_logging
from settings import load_settings
from worker import run_worker

Method = Callable[..., Awaitable[Any]]


def pausing(method: Method, folder: Path) -> Method:
    """Return a method that does its work, says so, and never returns."""

    async def paused(*arguments: Any) -> Any:
        await method(*arguments)
        (folder / uuid4().hex).touch()
        await asyncio.Event().wait()

    return paused


def plant(services: Services, point: str, folder: Path) -> None:
    """Make the service of a point pause after its commit."""
    owner, name = {
        "admit": (services.admission, "admit_call"),
        "begin": (services.gate, "begin"),
        "complete": (services.gate, "complete"),
    }[point]
    setattr(owner, name, pausing(getattr(owner, name), folder))


async def serve(point: str, folder: Path) -> None:
    """Serve until killed."""
    configure_logging("INFO")
    async with open_services(load_settings(), application_name="pausing worker") as services:
        plant(services, point, folder)
        await run_worker(services, asyncio.Event())


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2])))
