"""Calling `tenantops` and reading what it says."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from typer.testing import CliRunner, Result

from commands.tree import root

PROGRAM = (sys.executable, "-c", "from starter import main; main()")


@contextmanager
def process_kept() -> Iterator[None]:
    """Take back what a command changes about its process, which is this one."""
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    handlers = list(logging.getLogger().handlers)
    variables = set(os.environ)
    with warnings.catch_warnings():
        yield
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
    logging.getLogger().handlers[:] = handlers
    # A command may adopt those of a development stack.
    for name in set(os.environ) - variables:
        del os.environ[name]


@dataclass
class Terminal:
    """A shell with variables; keeps everything that was ever shown, to search it for secrets."""

    variables: dict[str, str]
    shown: list[str] = field(default_factory=list)

    async def __call__(
        self, *arguments: str, code: int = 0, typed: str | None = None, **more: str
    ) -> Result:
        """Run a command in this process; `more` are further variables."""
        variables = {**self.variables, **more}
        with process_kept():
            # In a thread: the command has an event loop of its own.
            result = await asyncio.to_thread(
                CliRunner().invoke, root(), list(arguments), typed, variables
            )
        self.shown.append(result.output)
        assert result.exit_code == code, (arguments, result.exit_code, result.output)
        return result

    async def json(self, *arguments: str, code: int = 0, **more: str) -> Any:
        """Run a command with `--json` and return its one document."""
        result = await self(*arguments, "--json", code=code, **more)
        return json.loads(result.stdout)

    def process(
        self,
        *arguments: str,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> "subprocess.Popen[str]":
        """Start a command as a process of its own."""
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            env=_without_size(os.environ) | {"TERM": "xterm"} | self.variables,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )


def _without_size(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables that do not overrule the size of a terminal."""
    return {name: value for name, value in variables.items() if name not in {"COLUMNS", "LINES"}}
