"""Logging as JSON lines, with a fence on the handler against secrets (D7).

Our own records have constant messages and named fields. Lines of libraries are not ours: of their
text only what stands in their source is written, and exceptions of anyone are reduced to type names
and places. Errors that nobody catches would be printed with their text; hooks log them like others.
"""

import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import IO, Any, TextIO

import orjson

from domain.reasons import is_registered
from domain.redaction import scrub, static_type_name
from services.process.library_messages import literal_message

logger = logging.getLogger(__name__)

_OURS = (
    "activities",
    "commands",
    "contracts",
    "devstack",
    "domain",
    "graph",
    "services",
    "starter",
    "storage",
    "worker",
    "workflows",
)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LONGEST = 500
_MOST_OF_GROUP = 10
_WITHHELD = "text withheld: it was made at run time"


class RedactingFormatter(logging.Formatter):
    """Formats a record as one JSON line without exception text."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; an exception only by type and place."""
        is_ours = record.name.partition(".")[0] in _OURS
        text = record.getMessage() if is_ours else literal_message(record) or _WITHHELD
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrub(text)[:_LONGEST],
        }
        if is_ours:
            extras = {k: v for k, v in vars(record).items() if k not in _STANDARD}
            line.update({key: _plain(value) for key, value in extras.items()})
        else:
            line["from"] = f"{record.filename}:{record.lineno}"
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = describe_exception(record.exc_info[1])
        return orjson.dumps(line).decode()


def describe_exception(error: BaseException) -> dict[str, Any]:
    """Return type and place of an exception and of its causes; never its text."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    place = [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} in {frame.name}" for frame in frames
    ]
    described: dict[str, Any] = {"type": static_type_name(type(error)), "at": place}
    reason_code = getattr(error, "reason_code", None)
    if isinstance(reason_code, str) and is_registered(reason_code):
        described["reason_code"] = str(reason_code)
    if isinstance(error, BaseExceptionGroup):
        described["group"] = _type_names(error.exceptions)
    cause = error.__cause__ or error.__context__
    if cause is not None and cause is not error:
        described["cause"] = static_type_name(type(cause))
    return described


def configure_logging(level: str = "INFO", stream: IO[str] | None = None) -> logging.Handler:
    """Replace the root handlers by one that writes redacted JSON lines; return it.

    Errors and warnings that nobody handles go the same way from now on.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(RedactingFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Below INFO the SDK logs heartbeat details and payloads.
    least = max(logging.getLevelNamesMapping()[level.upper()], logging.INFO)
    root.setLevel(least)
    # A library may have given its own logger another level.
    handler.setLevel(least)
    log_stray_errors()
    return handler


def log_stray_errors() -> None:
    """Let the interpreter log what it would print: uncaught errors and warnings (D7)."""
    sys.excepthook = _log_uncaught
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_uncaught_in_thread
    warnings.showwarning = _log_warning


def _log_uncaught(
    _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    if not isinstance(error, KeyboardInterrupt):
        logger.critical("an error ended the process", exc_info=error)


def _log_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    logger.error("an error could not be raised", exc_info=unraisable.exc_value)


def _log_uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_type is not SystemExit:
        logger.error("an error ended a thread", exc_info=arguments.exc_value)


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del message, file, line  # may quote anything
    place = f"{filename.rpartition('/')[2]}:{lineno}"
    kind = static_type_name(category)
    logger.warning("Python warns", extra={"category": kind, "place": place})


def _type_names(errors: Sequence[BaseException]) -> list[str]:
    return [static_type_name(type(error)) for error in errors[:_MOST_OF_GROUP]]


def _plain(value: object) -> object:
    if isinstance(value, bool | int | float) or value is None:
        return value
    return scrub(str(value))[:_LONGEST]
