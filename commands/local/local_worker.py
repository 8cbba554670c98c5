"""The worker process of `tenantops demo` and `tenantops dev`, watched while it serves.

A worker that ends by itself is replaced, aloud: without one every run would stay queued for ever.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from commands.errors import CommandError, RefusedError
from commands.views.screen import Screen

if TYPE_CHECKING:
    from devstack.stack import Stack

Result = TypeVar("Result")

STOPPED = "the stack was stopped from elsewhere"

# One that does not live this long would not live longer the next time either.
LEAST_SECONDS = 10.0


class LocalWorker:
    """A worker process on a stack; use it through `local_worker`."""

    def __init__(self, stack: "Stack", screen: Screen) -> None:
        self._stack = stack
        self._screen = screen
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    async def beside(self, work: Awaitable[Result]) -> Result:
        """Return what `work` returns; raises CommandError once no worker can be kept running."""
        assert self._watch is not None  # noqa: S101 - begun before anybody has the worker
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, self._watch}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                self._watch.result()
            return await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def begin(self) -> None:
        """Start the process, and watch it from now on."""
        self._process = await self._launch()
        self._watch = asyncio.create_task(self._keep())

    async def end(self) -> None:
        """Let the worker drain, and wait for its end."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()

    async def _keep(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._process is not None:
            began = clock()
            code = await self._process.wait()
            if not self._stack.status().is_supervised:
                raise CommandError(STOPPED)
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            if clock() - began < LEAST_SECONDS:
                message = f"the worker ended at once ({how}); its log is {self._log}"
                raise RefusedError(message, "worker_error")
            self._screen.complain(f"the worker ended ({how}); starting another")
            self._process = await self._launch()

    async def _launch(self) -> asyncio.subprocess.Process:
        from devstack.processes import launch_command

        # It ends with this process whatever becomes of that, but not by Ctrl-C in the terminal:
        # that would look like a worker that ended by itself.
        command = launch_command((sys.executable, "-m", "worker"), death_signal=signal.SIGTERM)
        with self._log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                env={**os.environ, **self._stack.environment()},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._screen.note(f"Worker: process {process.pid}.")
        return process

    @property
    def _log(self) -> Path:
        return self._stack.directory / "worker.log"


@asynccontextmanager
async def local_worker(stack: "Stack", screen: Screen) -> AsyncIterator[LocalWorker]:
    """Run a worker process on the stack; it drains in the end."""
    worker = LocalWorker(stack, screen)
    try:
        await worker.begin()
        yield worker
    finally:
        await worker.end()
