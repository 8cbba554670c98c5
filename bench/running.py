"""What every measurement is given: rounds, progress, and how programs of peers are run."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress, TaskID

PROJECT = Path(__file__).resolve().parents[1]
PEERS = PROJECT / ".venv-bench/bin/python"


class PeersMissingError(Exception):
    """`.venv-bench` does not exist."""

    def __init__(self) -> None:
        super().__init__("the peers are not installed: run `make bench`, which makes .venv-bench")


class ProgramFailedError(Exception):
    """A program of a peer, or the bare client, ended badly."""


class UnfitRunError(Exception):
    """A run measured something else than the text says: it failed, or left something out."""


@dataclass(slots=True)
class Bench:
    """One run of the bench. is_quick: small tenants, to see that everything works.

    folder: where charts and raw rounds go.
    """

    rounds: int
    is_quick: bool
    progress: Progress
    task: TaskID
    folder: Path

    def say(self, what: str) -> None:
        """Show what is being measured."""
        self.progress.update(self.task, description=what)


Measure = Callable[[Bench], Awaitable[Any]]


async def run_program(*command: str, **environment: str) -> dict[str, Any]:
    """Run a program of ours to its end and return the JSON of its last line."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=PROJECT,
        env={**os.environ, **environment},
    )
    try:
        output, errors = await process.communicate()
    finally:
        # A measurement that is given up leaves nothing running.
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ProgramFailedError(errors.decode(errors="replace")[-800:])
    found: dict[str, Any] = json.loads(output.decode().strip().splitlines()[-1])
    return found


async def run_bare_client(
    root: str, ca_file: Path, token: str, in_flight: int = 16
) -> dict[str, Any]:
    """Run the limit client in a process of its own."""
    module = (sys.executable, "-m", "bench.bare_client")
    return await run_program(*module, root, str(ca_file), token, str(in_flight))


async def run_intunecd(
    root: str, ca_file: Path, token: str, folder: Path, *options: str
) -> dict[str, Any]:
    """Run IntuneCD into an empty folder."""
    await asyncio.to_thread(_prepare, folder)
    program = str(PROJECT / "bench/intunecd_run.py")
    return await run_program(
        str(PEERS), program, root, token, str(folder), *options, REQUESTS_CA_BUNDLE=str(ca_file)
    )


def _prepare(folder: Path) -> None:
    if not PEERS.exists():
        raise PeersMissingError
    folder.mkdir(parents=True)
