"""Answers and refusals of the local Graph, before they become HTTP or a part of a batch."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import orjson

JSON = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8"


class Transport(enum.StrEnum):
    """What happens to the bytes of an answer."""

    WHOLE = "whole"  # sent as it is
    RESET = "reset"  # connection aborted before any byte
    CUT = "cut"  # connection closed in the middle of the body
    TRUNCATED = "truncated"  # well-formed HTTP with the first half of the body
    OMITTED = "omitted"  # left out of the batch; alone it is a reset


class BodyStyle(enum.StrEnum):
    """Shapes of error bodies seen in the wild (api.md d.4)."""

    DIRECTORY = "directory"  # code, message, innerError
    INTUNE = "intune"  # message is a JSON document as a string
    INTUNE_DOUBLE = "intune_double"  # that document wrapped once more, code UnknownError
    INTUNE_PLAIN = "intune_plain"  # the Intune text without its JSON wrapping
    LOWER_INNER = "lower_inner"  # innererror in lower case
    NESTED_INNER = "nested_inner"  # innerError within innerError, quota style
    NO_INNER = "no_inner"  # code and message alone
    EMPTY_CODE = "empty_code"  # code ""
    EMPTY = "empty"  # UnknownError with an empty message
    HTML = "html"  # a gateway's page
    NONE = "none"  # no body at all


@dataclass(slots=True)
class Answer:
    """Status, body and headers; `delay_s` and `transport` are faults of the network."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON
    delay_s: float = 0.0
    transport: Transport = Transport.WHOLE

    @property
    def is_json(self) -> bool:
        """Whether a batch may embed the body as it is."""
        return "json" in self.content_type


class GraphRefusalError(Exception):
    """A request that Graph answers with an error: status, code, message and body shape."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        style: BodyStyle = BodyStyle.DIRECTORY,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message
        self.style = style
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Trace:
    """Ids of one request as they are echoed in headers and bodies."""

    request_id: str
    client_request_id: str
    date: str  # 2026-08-01T10:11:12

    def inner(self) -> dict[str, str]:
        """The innerError object."""
        return {
            "date": self.date,
            "request-id": self.request_id,
            "client-request-id": self.client_request_id,
        }


def json_answer(status: int, content: object, headers: dict[str, str] | None = None) -> Answer:
    """An answer whose body is rendered here."""
    return Answer(status, orjson.dumps(content), headers or {})


def render_refusal(refusal: GraphRefusalError, trace: Trace) -> Answer:
    """The HTTP form of a refusal in its body style."""
    headers = dict(refusal.headers)
    if refusal.style is BodyStyle.NONE:
        return Answer(refusal.status, b"", headers)
    if refusal.style is BodyStyle.HTML:
        head = f"<head><title>{refusal.status}</title></head>"
        page = f"<html>{head}<body>{refusal.message}</body></html>"
        return Answer(refusal.status, page.encode(), headers, "text/html; charset=us-ascii")
    return json_answer(refusal.status, {"error": _error_object(refusal, trace)}, headers)


def _error_object(refusal: GraphRefusalError, trace: Trace) -> dict[str, object]:
    code, message = refusal.code, refusal.message
    match refusal.style:
        case BodyStyle.INTUNE:
            message = intune_document(message, trace)
        case BodyStyle.INTUNE_DOUBLE:
            inner = intune_document(message, trace)
            message = orjson.dumps({"ErrorCode": code, "Message": inner}).decode()
            code = "UnknownError"
        case BodyStyle.INTUNE_PLAIN:
            message = intune_text(message, trace)
        case BodyStyle.NO_INNER:
            return {"code": code, "message": message}
        case BodyStyle.EMPTY_CODE:
            code = ""
        case BodyStyle.EMPTY:
            code, message = "UnknownError", ""
        case BodyStyle.LOWER_INNER:
            return {"code": code, "message": message, "innererror": trace.inner()}
        case BodyStyle.NESTED_INNER:
            nested = {"code": "throttledRequest", "innerError": {"code": "quota"}}
            return {"code": code, "message": message, "innerError": {**nested, **trace.inner()}}
        case _:
            pass
    return {"code": code, "message": message, "innerError": trace.inner()}


def intune_text(message: str, trace: Trace) -> str:
    """Intune's sentence with its operation and activity ids and an internal address."""
    return (
        f"{message} - Operation ID (for customer support): {'0' * 8}-0000-0000-0000-{'0' * 12}"
        f" - Activity ID: {trace.request_id} - Url: https://fef.local01.manage.microsoft.example/"
        "DeviceFE/StatelessDeviceFEService/deviceManagement?api-version=2024-06-14"
    )


def intune_document(message: str, trace: Trace) -> str:
    """Intune's error document as the string that Graph puts into `message`."""
    document = {
        "_version": 3,
        "Message": intune_text(message, trace),
        "CustomApiErrorPhrase": "",
        "RetryAfter": None,
        "ErrorSourceService": "",
        "HttpHeaders": "{}",
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode().replace("\n", "\r\n")
