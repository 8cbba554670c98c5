"""Logging as JSON lines, with a fence on the handler against secrets (D7).

Our own records have constant messages and named fields. Lines of libraries are not ours: their
text passes the patterns of `domain.redaction`, and exceptions of anyone are reduced to type names
and places, never their text.
"""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import IO, Any

import orjson

from domain.redaction import scrub

_OURS = (
    "activities",
    "commands",
    "contracts",
    "devstack",
    "domain",
    "graph",
    "services",
    "storage",
    "worker",
    "workflows",
)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LONGEST = 500


class RedactingFormatter(logging.Formatter):
    """Formats a record as one JSON line without exception text."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; an exception only by type and place."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrub(record.getMessage())[:_LONGEST],
        }
        if record.name.partition(".")[0] in _OURS:
            extras = {k: v for k, v in vars(record).items() if k not in _STANDARD}
            line.update({key: _plain(value) for key, value in extras.items()})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = describe_exception(record.exc_info[1])
        return orjson.dumps(line).decode()


def describe_exception(error: BaseException) -> dict[str, Any]:
    """Return type and place of an exception and of its causes; never its text."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    place = [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} in {frame.name}" for frame in frames
    ]
    described: dict[str, Any] = {"type": type(error).__name__, "at": place}
    reason_code = getattr(error, "reason_code", None)
    if isinstance(reason_code, str):
        described["reason_code"] = reason_code
    cause = error.__cause__ or error.__context__
    if cause is not None and cause is not error:
        described["cause"] = type(cause).__name__
    return described


def configure_logging(level: str = "INFO", stream: IO[str] | None = None) -> logging.Handler:
    """Replace the root handlers by one that writes redacted JSON lines; return it."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(RedactingFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Below INFO the SDK logs heartbeat details and payloads.
    root.setLevel(max(logging.getLevelNamesMapping()[level.upper()], logging.INFO))
    return handler


def _plain(value: object) -> object:
    if isinstance(value, bool | int | float) or value is None:
        return value
    return scrub(str(value))[:_LONGEST]
