"""Exceptions in every shape that libraries raise, each with a given text wherever one fits."""

from collections.abc import Callable

import aiohttp
import asyncpg
from azure.core.exceptions import ClientAuthenticationError
from multidict import CIMultiDict, CIMultiDictProxy
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import IntegrityError
from temporalio.exceptions import ApplicationError
from yarl import URL

Shape = Callable[[str], Exception]


class Counted(BaseModel):
    count: int


def plain(text: str) -> Exception:
    return ValueError(text)


def with_attributes(text: str) -> Exception:
    error = OSError(5, text, text)
    error.reason_code = text  # type: ignore[attr-defined]  # as foreign errors may have
    error.retry_after = text  # type: ignore[attr-defined]  # as foreign errors may have
    error.add_note(text)
    return error


def with_causes(text: str) -> Exception:
    outer, inner = KeyError(text), RuntimeError(text)
    inner.__context__ = LookupError(text)
    outer.__cause__ = inner
    return outer


def nested_groups(text: str) -> Exception:
    return ExceptionGroup(text, [plain(text), ExceptionGroup(text, [with_causes(text)])])


def class_made_at_run_time(text: str) -> Exception:
    made: type[Exception] = type(text, (Exception,), {"reason_code": text})
    return made(text)


def undecodable(text: str) -> Exception:
    return UnicodeDecodeError("utf-8", text.encode(), 0, 1, text)


def refused_by_a_model(text: str) -> Exception:
    try:
        Counted.model_validate({"count": text})
    except ValidationError as error:
        return error
    raise AssertionError


def row_of_postgresql(text: str) -> Exception:
    cause = asyncpg.UniqueViolationError(f"duplicate key {text}")
    cause.detail = f"Key (name)=({text}) already exists."
    error = IntegrityError(f"INSERT {text}", {"name": text}, cause)
    error.__cause__ = cause
    return error


def refused_by_login(text: str) -> Exception:
    return ClientAuthenticationError(message=f"AADSTS50020: {text}")


def answer_of_http(text: str) -> Exception:
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": text}))
    request = aiohttp.RequestInfo(URL("https://planted.example"), "GET", headers)
    return aiohttp.ClientResponseError(request, (), message=text, headers=headers)


def application_error(text: str) -> Exception:
    return ApplicationError(text, text, {"token": text}, type=text)


SHAPES: tuple[Shape, ...] = (
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
