"""The text of a library's log line as its source has it, without any value put into it (D7).

Owns the reading of logging calls from source files. A pattern cannot tell a secret from a word, so
of a foreign line only what its author wrote down is kept; a text made at run time is not.
"""

import ast
import linecache
import logging
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

_VALUE: Final = "…"
_CALLS: Final = frozenset(
    {"critical", "debug", "error", "exception", "fatal", "info", "log", "warn", "warning"}
)


class _Call(NamedTuple):
    first_line: int
    last_line: int
    text: str


def literal_message(record: logging.LogRecord) -> str:
    """Return the constant parts of a record's message; empty when its source shows none."""
    calls = [
        call
        for call in _logging_calls(record.pathname)
        if call.first_line <= record.lineno <= call.last_line
    ]
    if not calls:
        return ""
    return min(calls, key=lambda call: call.last_line - call.first_line).text


@lru_cache(maxsize=256)
def _logging_calls(path: str) -> tuple[_Call, ...]:
    try:
        tree = ast.parse("".join(linecache.getlines(path)))
    except (SyntaxError, ValueError, RecursionError):
        return ()
    return tuple(_calls(tree))


def _calls(tree: ast.Module) -> Iterator[_Call]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        position = 1 if node.func.attr == "log" else 0
        if node.func.attr in _CALLS and len(node.args) > position:
            text = _text(node.args[position])
            yield _Call(node.lineno, node.end_lineno or node.lineno, text)


def _text(node: ast.expr) -> str:
    """Return the constant parts of an expression that makes a string."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(_text(value) for value in values)
        case ast.FormattedValue():
            return _VALUE
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
    return ""
