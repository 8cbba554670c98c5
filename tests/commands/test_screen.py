"""What tables do with the room they have, and what never reaches a terminal."""

import asyncio
import fcntl
import io
import os
import re
import struct
import termios
from datetime import timedelta

import pytest
from rich.console import Console, RenderableType
from rich.style import Style

from commands.views.screen import Screen, cell, counted, duration, printable, table
from tests.commands.terminal import Terminal

ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|\]8;[^\x1b]*\x1b\\)")
COLUMNS = ("Run", "Operation", "State", "#Objects", "Reason")
ROW = ("01a2083f-f9b6-71fc", "Directory role definitions sync", "succeeded", "145/145", None)
SLOW = (*ROW[:4], "Graph throttled the tenant for longer than the run may take")


def _rendered(part: RenderableType, width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width, markup=False, highlight=False).print(part)
    return file.getvalue()


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120, 200])
def test_table_never_breaks_a_word_or_leaves_its_width(width: int) -> None:
    lines = _rendered(table(COLUMNS, [ROW, SLOW]), width).splitlines()
    words = {word for line in lines for word in line.split()}
    assert words >= {word for value in SLOW for word in str(value).split()}
    assert max(len(line) for line in lines) <= width


def test_table_too_wide_for_its_room_shows_blocks_without_empty_values() -> None:
    shown = _rendered(table(COLUMNS, [ROW, SLOW], title="Runs"), 40)
    assert shown.startswith("Runs")
    assert shown.count("Objects") == 2
    assert shown.count("Reason") == 1


def test_table_without_rows_is_the_sentence() -> None:
    assert _rendered(table(COLUMNS, [], empty="There are none."), 80) == "There are none.\n"


def test_link_stays_whole_for_a_terminal_that_folds_it() -> None:
    address = "https://temporal.example/namespaces/default/workflows/" + "a" * 100
    assert cell(address).style == Style(link=address)


def test_text_of_tenants_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in printable("\x1b]0;owned\x07 \x1b[31mred")
    assert cell("\x1b[2J").plain == "\N{REPLACEMENT CHARACTER}[2J"
    assert "\x1b" not in str(table(COLUMNS, [ROW], title="\x1b[2J").title)


def test_name_in_a_sentence_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(as_json=False).show({}, lambda: ["From \x1b[31mred\x1b]0;owned\x07 to\nblue"])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert shown.endswith("to\nblue\n")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.04, "0.0s"), (59.9, "59.9s"), (184, "3m 04s"), (3720, "1h 02m")]
)
def test_duration_is_short(seconds: float, shown: str) -> None:
    assert duration(timedelta(seconds=seconds)) == shown


def test_counted_speaks_of_one_and_of_many() -> None:
    assert [counted(number, "tenant") for number in (0, 1, 2)] == [
        "0 tenants",
        "1 tenant",
        "2 tenants",
    ]


async def test_piped_lists_have_no_colours_no_padding_and_whole_values(settled: Terminal) -> None:
    name = "A tenant with a name " + "that goes on and on " * 8
    await settled("tenant", "add", name.strip(), "0a6d2b1c-9c3e-4c7f-8e57-6f1c7a529f10")
    shown = (await settled("tenant", "list")).stdout
    assert "\x1b" not in shown
    assert name.strip() in shown
    assert all(line == line.rstrip() for line in shown.splitlines())


async def test_narrow_terminal_gets_blocks_with_whole_ids(settled: Terminal) -> None:
    tenant = (await settled.json("tenant", "show"))["tenant"]
    shown = await asyncio.to_thread(_on_terminal, settled, 60, "tenant", "list")
    assert tenant["entra_tenant_id"] in shown
    assert max(len(line) for line in shown.splitlines()) <= 60


def _on_terminal(terminal: Terminal, width: int, *arguments: str) -> str:
    """Run a command on a terminal of that width; return what it showed there, without colours."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    with terminal.process(*arguments, stdin=slave, stdout=slave) as process:
        os.close(slave)
        seen = b""
        while chunk := _read(master):
            seen += chunk
        assert process.wait() == 0
    os.close(master)
    return ESCAPE.sub("", seen.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other side is closed
        return b""
