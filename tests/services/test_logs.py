"""Log lines are JSON, carry our fields, and never the text of an exception (D7)."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from services.process.logs import configure_logging

WITHHELD = "text withheld: it was made at run time"
SECRET = "Qx~8Q~hT3v.dK1nR7-aaBbCcDdEeFfGg1234ab"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    stream = io.StringIO()
    configure_logging("INFO", stream)
    yield stream
    root.handlers[:], root.level = before


def _line(stream: io.StringIO) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(stream.getvalue())
    return line


def test_log_of_ours_keeps_its_fields(stream: io.StringIO) -> None:
    logging.getLogger("services.x").info("type read", extra={"resource_type": "filter"})
    assert _line(stream)["resource_type"] == "filter"


def test_log_of_an_exception_names_type_and_place_only(stream: io.StringIO) -> None:
    def fail() -> None:
        raise ValueError(SECRET) from KeyError(SECRET)

    with pytest.raises(ValueError, match="8Q") as caught:
        fail()
    logging.getLogger("services.x").error("it broke", exc_info=caught.value)
    assert SECRET not in stream.getvalue()
    assert _line(stream)["error"]["type"] == "ValueError"
    assert "in fail" in _line(stream)["error"]["at"][-1]


@pytest.mark.parametrize("secret", [SECRET, "correct horse battery staple"])
def test_log_of_a_library_keeps_what_its_source_says_and_no_value(
    stream: io.StringIO, secret: str
) -> None:
    logging.getLogger("aiohttp").warning("sent %s", secret, extra={"body": secret})
    logging.getLogger("aiohttp").warning(f"lost {secret} again")  # noqa: G004 - as libraries do
    logging.getLogger("aiohttp").log(logging.ERROR, secret)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert secret not in stream.getvalue()
    assert [line["message"] for line in lines] == ["sent %s", "lost … again", WITHHELD]
    assert lines[0]["from"].startswith("test_logs.py:")


def test_log_below_info_is_never_written(stream: io.StringIO) -> None:
    configure_logging("DEBUG", stream)
    logging.getLogger("temporalio").debug("Recording heartbeat with details %s", SECRET)
    assert stream.getvalue() == ""
