"""Whatever shape an error has that carries a secret, no way out of a process shows it (D7)."""

import asyncio
import gc
import io
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from azure.core.exceptions import ClientAuthenticationError
from multidict import CIMultiDict, CIMultiDictProxy
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import IntegrityError
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError
from yarl import URL

from activities.errors import safe_errors
from commands.errors import explain
from contracts.converter import data_converter
from services.logs import configure_logging

# No pattern knows it: only what is allowed may pass.
SECRET = "plum-anchor-velvet"


class Counted(BaseModel):
    count: int


def plain() -> Exception:
    return ValueError(SECRET)


def with_attributes() -> Exception:
    error = OSError(5, SECRET, SECRET)
    error.reason_code = SECRET  # type: ignore[attr-defined]  # as foreign errors may
    error.retry_after = SECRET  # type: ignore[attr-defined]  # as foreign errors may
    error.add_note(SECRET)
    return error


def with_causes() -> Exception:
    outer, inner = KeyError(SECRET), RuntimeError(SECRET)
    inner.__context__ = LookupError(SECRET)
    outer.__cause__ = inner
    return outer


def nested_groups() -> Exception:
    return ExceptionGroup(SECRET, [plain(), ExceptionGroup(SECRET, [with_causes()])])


def class_made_at_run_time() -> Exception:
    made: type[Exception] = type(SECRET, (Exception,), {"reason_code": SECRET})
    return made(SECRET)


def undecodable() -> Exception:
    return UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET)


def refused_by_a_model() -> Exception:
    try:
        Counted.model_validate({"count": SECRET})
    except ValidationError as error:
        return error
    raise AssertionError


def row_of_postgresql() -> Exception:
    cause = asyncpg.UniqueViolationError(f"duplicate key {SECRET}")
    cause.detail = f"Key (name)=({SECRET}) already exists."
    error = IntegrityError(f"INSERT {SECRET}", {"name": SECRET}, cause)
    error.__cause__ = cause
    return error


def refused_by_login() -> Exception:
    return ClientAuthenticationError(message=f"AADSTS50020: {SECRET}")


def answer_of_http() -> Exception:
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": SECRET}))
    request = aiohttp.RequestInfo(URL(f"https://x/?sig={SECRET}"), "GET", headers)
    return aiohttp.ClientResponseError(request, (), message=SECRET, headers=headers)


def application_error() -> Exception:
    return ApplicationError(SECRET, SECRET, {"token": SECRET}, type=SECRET)


SHAPES = (
    plain,
    with_attributes,
    with_causes,
    nested_groups,
    class_made_at_run_time,
    undecodable,
    refused_by_a_model,
    row_of_postgresql,
    refused_by_login,
    answer_of_http,
    application_error,
)
Shape = Callable[[], Exception]


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
    error = shape()
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
        raise shape()
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
        raise shape()

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
    raise plain()


def test_error_of_a_finalizer_is_logged_without_its_text(stream: io.StringIO) -> None:
    class Broken:
        def __del__(self) -> None:
            raise plain()

    broken = Broken()
    del broken
    gc.collect()
    assert "an error could not be raised" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_warning_is_logged_by_kind_and_place(stream: io.StringIO, tmp_path: Path) -> None:
    warnings.showwarning(UserWarning(SECRET), UserWarning, str(tmp_path / "module.py"), 7)
    assert '"place":"module.py:7"' in stream.getvalue()
    assert SECRET not in stream.getvalue()
