"""Whatever shape an error has that carries a secret, no way out of a process shows it (D7)."""

import asyncio
import gc
import io
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from activities.errors import safe_errors
from commands.errors import explain
from contracts.converter import data_converter
from services.process.logs import configure_logging
from tests.end_to_end.hostile_errors import SHAPES, Shape, nested_groups, plain

# No pattern knows it: only what is allowed may pass.
SECRET = "plum-anchor-velvet"


def named(shape: Shape) -> str:
    return shape.__name__


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    hooks = (sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning)
    stream = io.StringIO()
    configure_logging("DEBUG", stream)
    yield stream
    root.handlers[:], root.level = before
    sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning = hooks


def raised(shape: Shape) -> Exception:
    error = shape(SECRET)
    try:
        raise error  # noqa: TRY301 - gives it a traceback whose source lines hold names only
    except Exception as caught:  # noqa: BLE001 - any shape
        return caught


@pytest.mark.parametrize("shape", SHAPES, ids=named)
def test_error_that_crosses_temporal_says_nothing_of_the_secret(
    stream: io.StringIO, shape: Shape
) -> None:
    converter, failure = data_converter(), Failure()
    with pytest.raises(ApplicationError) as caught, safe_errors("read_lane"):
        raise shape(SECRET)
    for error in (caught.value, raised(shape)):
        converter.failure_converter.to_failure(error, converter.payload_converter, failure)
        assert SECRET.encode() not in failure.SerializeToString()
    assert SECRET not in stream.getvalue()


@pytest.mark.parametrize("shape", SHAPES, ids=named)
def test_error_that_is_logged_says_nothing_of_the_secret(stream: io.StringIO, shape: Shape) -> None:
    for name in ("services.x", "temporalio.activity", "asyncio"):
        logging.getLogger(name).error("it broke", exc_info=raised(shape))
    assert stream.getvalue().count('"it broke"') == 3
    assert SECRET not in stream.getvalue()


@pytest.mark.parametrize("shape", SHAPES, ids=named)
def test_error_of_a_command_says_nothing_of_the_secret(shape: Shape) -> None:
    explanation = explain(raised(shape))
    assert explanation.message
    assert SECRET not in f"{explanation} {explanation.to_json()}"


@pytest.mark.parametrize("shape", SHAPES, ids=named)
async def test_task_that_nobody_awaits_is_logged_without_the_secret(
    stream: io.StringIO, shape: Shape
) -> None:
    async def fail() -> None:
        raise shape(SECRET)

    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda loop, context: loop.default_exception_handler(context))
    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()
    loop.set_exception_handler(before)
    assert '"logger":"asyncio"' in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_error_that_nobody_catches_is_logged_without_its_text(stream: io.StringIO) -> None:
    error = raised(nested_groups)
    sys.excepthook(type(error), error, error.__traceback__)
    thread = threading.Thread(target=raised_in_thread)
    thread.start()
    thread.join()
    assert "an error ended the process" in stream.getvalue()
    assert "an error ended a thread" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def raised_in_thread() -> None:
    raise plain(SECRET)


def test_error_of_a_finalizer_is_logged_without_its_text(stream: io.StringIO) -> None:
    class Broken:
        def __del__(self) -> None:
            raise plain(SECRET)

    broken = Broken()
    del broken
    gc.collect()
    assert "an error could not be raised" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_warning_is_logged_by_kind_and_place(stream: io.StringIO, tmp_path: Path) -> None:
    warnings.showwarning(UserWarning(SECRET), UserWarning, str(tmp_path / "module.py"), 7)
    assert '"place":"module.py:7"' in stream.getvalue()
    assert SECRET not in stream.getvalue()
