"""What a command shows: one JSON document, or tables for people, on stdout; the rest on stderr.

Owns colours, columns, times and how text of tenants is made harmless. Knows nothing of what is
shown.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import measure_renderables
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

# Wider than any line: a pipe has no width of its own, and nothing may be folded there.
_UNBOUNDED = 100_000
# Of a UUIDv7: the whole time and half of the random part, which tells rows of one moment apart.
_SHORT_ID = 18

_NONE = Text("-", style="dim")

STYLES = {
    "succeeded": "green",
    "healthy": "green",
    "active": "green",
    "accepted": "green",
    "granted": "green",
    "complete": "green",
    "ok": "green",
    "partially_succeeded": "yellow",
    "partial": "yellow",
    "degraded": "yellow",
    "warning": "yellow",
    "skipped": "yellow",
    "failed": "red",
    "blocked": "magenta",
    "cancelled": "dim",
    "archived": "dim",
    "disabled": "dim",
    "running": "cyan",
    "queued": "cyan",
}


class Screen:
    """Where one command writes to."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # With JSON: whether the one document on stdout is out.
        self.has_shown = False

    @cached_property
    def out(self) -> Console:
        """Tables for people."""
        return _console(sys.stdout)

    @cached_property
    def err(self) -> Console:
        """Notes, progress and errors."""
        return _console(sys.stderr)

    def show(
        self, document: Mapping[str, Any], render: Callable[[], Iterable[RenderableType]]
    ) -> None:
        """Print the document as JSON, or what `render` makes for people."""
        if self.as_json:
            sys.stdout.write(json_text(document))
            self.has_shown = True
            return
        for part in render():
            self._print(part)

    def _print(self, part: RenderableType) -> None:
        # A sentence may hold a name of a tenant; parts that are no plain text were made harmless.
        part = Text(printable(part, keep="\n")) if isinstance(part, str) else part
        if self.out.is_terminal:
            self.out.print(part)
            return
        # Columns are padded; in a pipe that is only in the way.
        with self.out.capture() as captured:
            self.out.print(part)
        lines = captured.get().split("\n")
        sys.stdout.write("\n".join(line.rstrip() for line in lines))

    def note(self, text: str) -> None:
        """Say something that is not the result."""
        self.err.print(Text(printable(text), style="dim"), soft_wrap=True)

    def complain(self, text: str) -> None:
        """Say what went wrong."""
        for line in printable(text, keep="\n").splitlines():
            self.err.print(Text(f"Error: {line}", style="red"), soft_wrap=True)


def json_text(document: Mapping[str, Any]) -> str:
    """Return a document as indented JSON with a newline; datetimes in UTC, durations in seconds."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(plain(document), option=options).decode()


def json_value(value: object) -> str:
    """Return a value on one line, as JSON."""
    return orjson.dumps(plain(value)).decode()


def plain(value: Any) -> Any:
    """Make dataclasses, mappings and sequences into what JSON has; the rest stays as it is."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(entry) for entry in value]
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str):
        # Names of files may hold bytes that are no text.
        return value if value.isascii() else value.encode(errors="backslashreplace").decode()
    # The driver of PostgreSQL has a UUID of its own, which JSON does not know.
    return str(value) if isinstance(value, UUID) else value


class Listing(Table):
    """A table that shows its rows as blocks where it would have to break words into pieces.

    Without rows it is the sentence `empty`, if that is given.
    """

    def __init__(self, *, title: str | None, empty: str | None) -> None:
        super().__init__(
            box=SIMPLE_HEAD,
            title=None if title is None else printable(title),
            title_justify="left",
            pad_edge=False,
            padding=(0, 1, 0, 0),
        )
        self._empty = empty
        self._records: list[list[Text]] = []

    def add_record(self, cells: Iterable[Text]) -> None:
        """Add a row."""
        self._records.append(list(cells))
        self.add_row(*self._records[-1])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the table, the blocks or the sentence."""
        if not self._records and self._empty is not None:
            yield Text(self._empty)
        elif self._fit(console, options):
            yield from super().__rich_console__(console, options)
        else:
            yield from self._blocks()

    def _fit(self, console: Console, options: ConsoleOptions) -> bool:
        """Share the width out, so that lines break between words only; tell whether that works."""
        wide = options.update_width(_UNBOUNDED)
        spans = [
            measure_renderables(console, wide, [Text(str(column.header)), *cells])
            for column, *cells in zip(self.columns, *self._records, strict=True)
        ]
        most = sum(span.maximum for span in spans)
        slack = sum(span.span for span in spans)
        frame = self.__rich_measure__(console, wide).maximum - most
        room = min(options.max_width - frame - most + slack, slack)
        if room < 0:
            return False
        for column, span in zip(self.columns, spans, strict=True):
            column.width = span.minimum + (room * span.span // slack if slack else 0)
        return True

    def _blocks(self) -> RenderResult:
        if self.title is not None:
            yield self.title
        names = [str(column.header) for column in self.columns[1:]]
        for first, *rest in self._records:
            yield Text.assemble("\n", first)
            shown = (
                (name, value) for name, value in zip(names, rest, strict=True) if value != _NONE
            )
            yield Padding(details(shown), (0, 0, 0, 2))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    empty: str | None = None,
) -> Listing:
    """Return a table; columns that begin with `#` hold numbers, None shows as a dash.

    A column without a single value is left out, which leaves room for those that have some.
    `empty` is shown instead of a table without rows.
    """
    listed = list(rows)
    kept = [
        number
        for number in range(len(columns))
        if not listed or any(row[number] not in (None, "") for row in listed)
    ]
    result = Listing(title=title, empty=empty)
    for column in (columns[number] for number in kept):
        is_number = column.startswith("#")
        result.add_column(
            column.removeprefix("#"), justify="right" if is_number else "left", overflow="fold"
        )
    for row in listed:
        result.add_record(cell(row[number]) for number in kept)
    return result


def details(pairs: Iterable[tuple[str, object]]) -> Table:
    """Return names and values one below another; pairs without a value are left out."""
    result = Table.grid(padding=(0, 2))
    result.add_column(style="dim", no_wrap=True)
    result.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None:
            result.add_row(name, cell(value))
    return result


def cell(value: object) -> Text:
    """Return a value as harmless text, known states in their colour."""
    if isinstance(value, Text):
        return value
    if value is None or value == "":
        return _NONE.copy()
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, datetime):
        return Text(moment(value))
    text = printable(str(value))
    if text.startswith(("http://", "https://")):
        # A terminal may have to fold it, and then only this keeps it in one piece.
        return Text(text, style=Style(link=text))
    return Text(text.replace("_", " "), style=STYLES[text]) if text in STYLES else Text(text)


def styled(text: str, style: str) -> Text:
    """Return harmless text in a style."""
    return Text(printable(text), style=style)


def stacked(lines: Iterable[Text]) -> Text:
    """Return lines one below another; each has been made harmless before."""
    return Text("\n").join(lines)


def printable(text: str, keep: str = "") -> str:
    """Replace what a terminal would obey: text of a tenant may hold escape sequences."""
    return "".join(
        sign if sign.isprintable() or sign in keep else "\N{REPLACEMENT CHARACTER}" for sign in text
    )


def moment(value: datetime) -> str:
    """Return a time in UTC, to the second."""
    return f"{value:%Y-%m-%d %H:%M:%S}Z"


def duration(value: timedelta) -> str:
    """Return a duration as `1h 02m`, `3m 04s` or `5.6s`."""
    seconds = value.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {rest:02}s"


def counted(number: int, thing: str) -> str:
    """Return `1 tenant` or `2 tenants`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def short_id(value: object) -> str:
    """Return the start of an id that is enough to find it again."""
    return str(value)[:_SHORT_ID]


def _console(stream: Any) -> Console:
    # No markup: names of tenants may hold brackets.
    width = None if stream.isatty() else _UNBOUNDED
    return Console(file=stream, markup=False, highlight=False, emoji=False, width=width)
