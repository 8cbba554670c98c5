"""Following a run until it ends, with live progress on stderr.

Reads PostgreSQL only (behaviour row 105): a Temporal that is down does not stop anybody from
looking. Leaving never touches the run.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import UUID

from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn
from rich.progress_bar import ProgressBar
from rich.text import Text

from commands.finding.run_finding import read_detail
from commands.pollers import QueueWatch
from commands.session import Session
from commands.views.run_views import ProgressView, progress_of
from commands.views.screen import Screen, printable
from domain.runs import RunOutcome, RunStatus

if TYPE_CHECKING:
    from services.runs.run_reads import RunDetail

_POLL_SECONDS = 0.5
NO_WORKER = "no worker asks for work; run `tenantops worker`"
LEFT_ALONE = "Stopped watching; the run goes on. See `tenantops runs list`."


async def follow(session: Session, run_id: UUID, *, is_live: bool) -> "RunDetail":
    """Return the run once it is completed; `is_live` shows how far it is meanwhile."""
    queue = QueueWatch(session.services)
    with ProgressDisplay(session.screen, is_live=is_live) as display:
        while True:
            detail = await read_detail(session, run_id)
            if detail.run.status is RunStatus.COMPLETED:
                return detail
            view = progress_of(detail)
            is_queued = detail.run.status is RunStatus.QUEUED
            if is_live and is_queued and await queue.is_unattended():
                view = replace(view, warning=NO_WORKER)
            display.update(view)
            await asyncio.sleep(_POLL_SECONDS)


def is_good(outcome: RunOutcome) -> bool:
    """Tell whether an ended run did all that was asked; anything else is exit code 1."""
    return outcome is RunOutcome.SUCCEEDED


class ProgressDisplay:
    """A live line on a terminal, single lines elsewhere, nothing when not live.

    A bar appears only with true totals (behaviour row 45).
    """

    def __init__(self, screen: Screen, *, is_live: bool) -> None:
        self._show: Callable[[ProgressView], None] = lambda _: None
        self._progress: Progress | None = None
        self._last: tuple[int | None, int | None, str | None] | None = None
        self._screen = screen
        if is_live and sys.stderr.isatty():
            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                KnownBar(bar_width=24),
                TextColumn("{task.fields[numbers]}"),
                console=screen.err,
                transient=True,
            )
            self._task = self._progress.add_task("", total=None, numbers="")
            self._show = self._redraw
        elif is_live:
            self._show = self._write_line

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def update(self, view: ProgressView) -> None:
        """Show where the run is."""
        self._show(view)

    def _redraw(self, view: ProgressView) -> None:
        assert self._progress is not None  # noqa: S101 - chosen together
        self._progress.update(
            self._task,
            description=printable("; ".join(filter(None, (view.sentence, view.warning)))),
            completed=view.done or 0,
            total=view.of,
            numbers=numbers_text(view),
        )

    def _write_line(self, view: ProgressView) -> None:
        # A log gets a line when something has moved, not twice a second.
        moved = (view.done, view.of, view.warning)
        if moved != self._last:
            self._last = moved
            said = (view.sentence, numbers_text(view), view.warning)
            self._screen.note(", ".join(filter(None, said)))


class KnownBar(BarColumn):
    """A bar that is there only when the total is known; rich would pulse without one."""

    def render(self, task: Task) -> ProgressBar | Text:  # type: ignore[override] # nothing is right
        """Return the bar, or nothing."""
        return Text() if task.total is None else super().render(task)


def numbers_text(view: ProgressView) -> str:
    """Return how many parts are done of how many; empty while nobody can say."""
    return "" if view.of is None else f"{view.done} of {view.of} {view.parts}"
