"""A worker that breaks everywhere with texts that hold secrets, and commands beside it.

Run as a program: `python -m tests.end_to_end.sabotage PLAN worker|COMMANDS`, with a file of
commands. The plan says which texts, and whether the redactor is on. Without it everything that
keeps foreign text away is taken out, so that a search can prove that it finds what leaks.
"""

import asyncio
import gc
import inspect
import itertools
import json
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import pytest
from sqlalchemy import text as sql

from tests.end_to_end.hostile_errors import SHAPES
from tests.end_to_end.planting import rotated

Patch = pytest.MonkeyPatch
Method = Callable[..., Coroutine[Any, Any, Any]]
# Between two tries; long enough to be seen by whoever looks at what is pending.
PAUSE = timedelta(milliseconds=400)


@dataclass(frozen=True)
class Plan:
    """texts: what exceptions say. times: how often each place breaks before it works.

    journal: file that gets the name of each place that breaks, a line each time.
    """

    texts: tuple[str, ...]
    journal: str
    has_redactor: bool = True
    times: int = 2

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, file: Path) -> "Plan":
        values = json.loads(file.read_text())
        return cls(**values | {"texts": tuple(values["texts"])})


class Sabotage:
    """Breaks places of the product, each with every shape of exception in turn."""

    def __init__(self, plan: Plan, patch: Patch) -> None:
        self._plan = plan
        self._patch = patch
        self._shapes: Iterator[Any] = itertools.cycle(SHAPES)
        self._turns = itertools.count()

    def install(self) -> None:
        """Break what a worker does."""
        from graph.reading import ResourceReader
        from graph.transport import Transport
        from services.admission.admission import AdmissionService
        from services.backups.captures import CaptureService
        from services.backups.lane_reading import LaneReader
        from services.contents.contents import ContentReader
        from services.directory_roles.directory_role_definitions import (
            DirectoryRoleDefinitionsService,
        )
        from services.runs.run_gate import RunGate

        for owner, name in (
            (AdmissionService, "admit_call"),
            (RunGate, "begin"),
            (RunGate, "complete"),
            (DirectoryRoleDefinitionsService, "sync"),
            (LaneReader, "read"),
        ):
            self._break(owner, name, len(SHAPES) // 3)
        self._break(CaptureService, "record_step", self._plan.times, self._repeat_row)
        self._break(Transport, "_exchange", self._plan.times, self._quote_request)
        self._break(ContentReader, "documents_within", self._plan.times)
        self._break_pages(ResourceReader)
        self._break_workflows()
        self._break_heartbeats(LaneReader)
        self._break_unseen(LaneReader)
        if not self._plan.has_redactor:
            self._tell_in_heartbeats(LaneReader)

    def text(self) -> str:
        """Return all texts, each time with another one in front."""
        return " | ".join(rotated(self._plan.texts, next(self._turns)))

    def error(self, place: str) -> Exception:
        """Return the next shape, for a place that breaks."""
        with Path(self._plan.journal).open("a") as journal:
            journal.write(f"{place}\n")
        made: Exception = next(self._shapes)(self.text())
        return made

    def _break(self, owner: type, name: str, times: int, fail: Method | None = None) -> None:
        """Let a method fail so often before it works."""
        method: Method = getattr(owner, name)
        left = itertools.count(times, -1)

        async def broken(this: Any, *arguments: Any, **named: Any) -> Any:
            if next(left) <= 0:
                return await method(this, *arguments, **named)
            error = self.error(name)
            if fail is not None:
                await fail(this, *arguments)
            raise error

        self._patch.setattr(owner, name, broken)

    async def _repeat_row(self, captures: Any, *_: Any) -> NoReturn:
        """Violate a unique constraint for real: PostgreSQL quotes the row in its detail."""
        async with captures._engine.begin() as connection:
            # What the server itself writes down of a statement is for its operator to decide.
            await connection.execute(sql("SET LOCAL log_min_messages = panic"))
            await connection.execute(sql("CREATE TEMP TABLE planted (name text UNIQUE)"))
            twice = sql("INSERT INTO planted SELECT left(:v, 2000) FROM generate_series(1, 2)")
            await connection.execute(twice, {"v": self.text()})
        raise AssertionError

    async def _quote_request(self, _transport: Any, *arguments: Any) -> NoReturn:
        """Quote the headers that were to be sent, the product's real token among them."""
        raise aiohttp.ClientConnectionError(f"{arguments} {self.text()}")

    def _break_pages(self, reader: Any) -> None:
        pages = reader.pages
        left = itertools.count(len(SHAPES), -1)

        async def broken(this: Any, cursor: str | None = None) -> AsyncIterator[Any]:
            async for page in pages(this, cursor):
                if next(left) > 0:
                    raise self.error("pages")
                yield page

        self._patch.setattr(reader, "pages", broken)

    def _break_workflows(self) -> None:
        """Break code that workflows run: these modules pass through the sandbox."""
        import contracts.search_attributes as attributes

        for name in ("outcome_update", "run_attributes"):
            function = getattr(attributes, name)
            left = itertools.count(self._plan.times, -1)

            def broken(*arguments: Any, _left: Any = left, _function: Any = function) -> Any:
                if next(_left) > 0:
                    raise self.error(_function.__name__)
                return _function(*arguments)

            self._patch.setattr(attributes, name, broken)

    def _break_heartbeats(self, reader: Any) -> None:
        progress = reader.progress
        left = itertools.count(self._plan.times, -1)

        def broken(this: Any) -> Any:
            if next(left) > 0:
                raise self.error("progress")
            return progress(this)

        self._patch.setattr(reader, "progress", broken)

    def _tell_in_heartbeats(self, reader: Any) -> None:
        """Let heartbeats hold text, as they would without their list of what is allowed."""
        progress = reader.progress

        def telling(this: Any) -> Any:
            return progress(this).model_copy(update={"resource_type": self.text()})

        self._patch.setattr(reader, "progress", telling)

    def _break_unseen(self, reader: Any) -> None:
        """Break where nobody catches, beside every reading of a lane."""
        read = reader.read

        async def broken(this: Any) -> Any:
            await self._stray()
            return await read(this)

        self._patch.setattr(reader, "read", broken)

    async def _stray(self) -> None:
        async def fail() -> None:
            raise self.error("task")

        task = asyncio.create_task(fail())
        await asyncio.wait([task])
        del task
        asyncio.get_running_loop().call_soon(self._fail)
        thread = threading.Thread(target=self._fail, name="stray")
        thread.start()
        thread.join()
        _Finalized(self.error)
        gc.collect()
        warnings.warn(self.text(), stacklevel=1)
        foreign = logging.getLogger("aiohttp.client")
        foreign.warning("Can not load response cookies: %s", self.text())
        foreign.error(f"Unclosed connection {self.text()}")
        logging.getLogger("planted").debug(self.text())

    def _fail(self) -> NoReturn:
        raise self.error("thread_or_callback")


class _Finalized:
    def __init__(self, error: Callable[[str], Exception]) -> None:
        self._error = error

    def __del__(self) -> None:
        raise self._error("finalizer")


# What the journal of a whole play has to hold.
PLACES = frozenset(
    {
        *("admit_call", "begin", "complete", "documents_within", "sync", "read"),
        *("record_step", "_exchange", "pages", "outcome_update", "run_attributes", "progress"),
        *("task", "thread_or_callback", "finalizer"),
    }
)


def turn_redactor_off(patch: Patch) -> None:
    """Let everything through that the product keeps away: this is the control of the search."""
    from temporalio.contrib.pydantic import pydantic_data_converter

    import activities.errors
    import commands.errors
    import commands.graph_reachability
    import commands.prerequisites
    import commands.session
    import graph.batch_runs
    import graph.client
    import graph.tokens
    import graph.transport
    import services.process.logs
    import services.process.temporal_client
    from services.contents.tenant_keys import TenantCipher

    replaced: tuple[tuple[object, str, Callable[..., Any]], ...] = (
        (services.process.temporal_client, "data_converter", lambda: pydantic_data_converter),
        (activities.errors, "as_operation_error", lambda error: error),
        (services.process.logs.RedactingFormatter, "format", _plain_line),
        (services.process.logs, "log_stray_errors", lambda: None),
        (TenantCipher, "seal", lambda _cipher, plaintext, _context: plaintext),
        (TenantCipher, "open", lambda _cipher, sealed, _context, _key_id=None: sealed),
        (graph.client, "response_error", _quoted_answer),
        (graph.batch_runs, "item_error", _quoted_item),
        (graph.tokens, "_translate", _quoted_refusal),
        (graph.transport, "_translate", _quoted_refusal),
        (commands.errors, "explain", _quoted_explanation),
        (commands.session, "explain", _quoted_explanation),
        (commands.prerequisites, "explain", _quoted_explanation),
        (commands.graph_reachability, "explain", _quoted_explanation),
    )
    for owner, name, stand_in in replaced:
        # What is called otherwise than it was would raise for ever, and nothing would leak.
        assert _ways_to_call(stand_in) == _ways_to_call(getattr(owner, name)), name
        patch.setattr(owner, name, stand_in)


def shorten_pauses(patch: Patch) -> None:
    """Try again soon after a failure: how often and what is tried stays as it is.

    What Graph asks for is still waited for.
    """
    import services.backups.lane_reading as lanes
    import services.directory_roles.directory_role_definitions as roles
    import workflows.policies as policies
    from graph.retry import RetryRules

    for policy in (policies.RECORDING_RETRY, policies.WORK_RETRY):
        patch.setattr(policy, "initial_interval", PAUSE)
        patch.setattr(policy, "maximum_interval", PAUSE)
    patch.setattr(lanes, "OUTAGE_PAUSE", PAUSE)
    patch.setattr(roles, "OUTAGE_PAUSE_SECONDS", PAUSE.total_seconds())
    defaults = RetryRules.__init__.__kwdefaults__
    assert defaults is not None
    patch.setitem(defaults, "first_backoff", PAUSE.total_seconds() / 4)


def _ways_to_call(function: Callable[..., Any]) -> list[tuple[Any, bool]]:
    """Return the kind of each parameter, and whether it may be left out."""
    parameters = inspect.signature(function).parameters.values()
    return [(one.kind, one.default is one.empty) for one in parameters]


def _plain_line(_formatter: object, record: logging.LogRecord) -> str:
    return logging.Formatter("%(levelname)s %(name)s %(message)s").format(record)


def _quoted_answer(_call: object, response: Any, _request_id: str) -> NoReturn:
    raise RuntimeError(f"{response.status} {dict(response.headers)} {response.body.decode()}")


def _quoted_item(_link: str, _target: object, answer: Any) -> NoReturn:
    raise RuntimeError(f"{answer.status} {json.dumps(answer.body)}")


def _quoted_refusal(error: Exception, _beside: object) -> NoReturn:
    raise RuntimeError(str(error)) from error


def _quoted_explanation(error: Exception) -> Any:
    from commands.errors import Explanation

    return Explanation("".join(traceback.format_exception(error)))


def run_commands(commands: list[dict[str, Any]]) -> None:
    """Run commands side by side, each in a fork: what all of them import is imported once.

    A command has `arguments`, the whole `environment`, and a file for `output`.
    """
    import services.assembly  # noqa: F401 - for the forks

    for command in commands:
        if os.fork() == 0:
            _become(**command)
    for _ in commands:
        os.wait()


def _become(arguments: list[str], environment: dict[str, str], output: str) -> NoReturn:
    """Run one command as a process of its own would, to its end."""
    os.environ.clear()
    os.environ.update(environment)
    file = os.open(output, os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(file, sys.stdout.fileno())
    os.dup2(file, sys.stderr.fileno())
    try:
        _run(arguments)
    except SystemExit as leaving:
        sys.stderr.write(f"{leaving.code}\n")
    except BaseException as error:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(type(error), error, error.__traceback__)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _run(arguments: list[str]) -> None:
    if arguments == ["worker"]:
        from worker import main as work

        work()
    else:
        from commands.tree import root

        root()(arguments, prog_name="tenantops")


def main(arguments: list[str]) -> None:
    """Run a sabotaged worker, or the commands of a file."""
    plan = Plan.read(Path(arguments[0]))
    with pytest.MonkeyPatch.context() as patch:
        shorten_pauses(patch)
        if not plan.has_redactor:
            turn_redactor_off(patch)
        if arguments[1:] == ["worker"]:
            Sabotage(plan, patch).install()
            _run(["worker"])
        else:
            run_commands(json.loads(Path(arguments[1]).read_text()))


if __name__ == "__main__":
    main(sys.argv[1:])
