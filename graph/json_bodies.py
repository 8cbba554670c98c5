"""JSON in and out without losing a digit.

Owns parsing of Graph's answers and writing of documents. orjson turns integers above 64 bits into
floats and rounds decimals; a body is stored losslessly (D9), so numbers that would change are kept
with their text: they behave as numbers and are written back as they came.
"""

import json
from collections.abc import Iterator
from typing import NoReturn, Self

import orjson

JsonValue = dict[str, "JsonValue"] | list["JsonValue"] | str | int | float | bool | None

# Digits and points become 9, the rest of an exponent stays, all else goes: two searches in C find
# numbers that a 64-bit integer or a double may not hold. Hits in strings only cost the slow parser.
_SKELETON = bytes(
    57 if chr(code) in "0123456789." else {101: 101, 69: 101, 45: 45}.get(code, 32)
    for code in range(256)
)
_MANY_DIGITS = b"9" * 16
_TINY = b"9e-999"
_TOKEN_BORDERS = frozenset({b":", b",", b"[", b" ", b"\n", b"\r", b"\t", b""})
_SAFE_DEPTH = 200


class BodyError(ValueError):
    """The bytes are no JSON that can be kept: cut off, not JSON, not UTF-8, nested too deeply."""


class ExactInt(int):
    """An integer outside 64 bits."""

    __slots__ = ()

    def json_text(self) -> bytes:
        """Return the number as it was sent."""
        return str(int(self)).encode()


class ExactFloat(float):
    """A decimal that its nearest double would not give back."""

    text: str

    def __new__(cls, text: str) -> Self:  # noqa: D102 - the class docstring says it
        number = super().__new__(cls, text)
        number.text = text
        return number

    def json_text(self) -> bytes:
        """Return the number as it was sent."""
        return self.text.encode()

    def __reduce__(self) -> tuple[type["ExactFloat"], tuple[str]]:
        return (ExactFloat, (self.text,))


def parse_json(raw: bytes) -> JsonValue:
    """Return the value of a UTF-8 body, with or without byte order mark. Raises BodyError.

    Depth is limited so that no later walk over a document can exhaust the stack.
    """
    body = raw.removeprefix(b"\xef\xbb\xbf")
    failed = False
    try:
        value = _parse(body)
        # orjson writes at most 254 levels, so what it cannot write is refused at the door.
        if body.count(b"{") + body.count(b"[") > _SAFE_DEPTH:
            for part in _parts(value):
                dump_json(part)
    except (ValueError, RecursionError):
        failed = True
    if failed:
        # Outside the except block: the parser's error quotes the document.
        raise BodyError("not a JSON body")
    return value


def _parts(value: JsonValue) -> Iterator[JsonValue]:
    """Yield the items of a page or of a batch, or the whole: a copy of all at once is large."""
    if isinstance(value, dict):
        for entry in value.values():
            yield from entry if isinstance(entry, list) else [entry]
    else:
        yield value


def parse_plain(body: bytes) -> JsonValue:
    """Return a written body with nothing but plain numbers, as hashing and comparing need it.

    Integers keep all digits; decimals are doubles, as in RFC 8785.
    """
    value: JsonValue = json.loads(body) if has_delicate_numbers(body) else orjson.loads(body)
    return value


def has_delicate_numbers(body: bytes) -> bool:
    """Tell whether a body may hold numbers beyond 64-bit integers and doubles."""
    skeleton = body.translate(_SKELETON)
    return _MANY_DIGITS in skeleton or _has_tiny_number(body, skeleton)


def _has_tiny_number(body: bytes, skeleton: bytes) -> bool:
    """Tell a number like 1e-400 from the many GUIDs that look like one in the middle."""
    at = skeleton.find(_TINY)
    while at >= 0:
        # A longer row of digits was found before.
        window = skeleton[max(at + 1 - len(_MANY_DIGITS), 0) : at + 1]
        start = at - len(window) + len(window.rstrip(b"9"))
        before = (
            body[start - 1 : start] if body[start : start + 1] == b"-" else body[start : start + 1]
        )
        if start < 0 or before in _TOKEN_BORDERS:
            return True
        at = skeleton.find(_TINY, at + 1)
    return False


def dump_json(value: JsonValue) -> bytes:
    """Return compact UTF-8 JSON; `parse_json` of it gives an equal value. Raises BodyError."""
    return dump_exactly(value)[0]


def dump_exactly(value: JsonValue) -> tuple[bytes, bool]:
    """Like `dump_json`; also tell whether any of its numbers was kept as text."""
    exact: list[object] = []

    def text_of(number: object) -> orjson.Fragment:
        exact.append(number)
        return _exact_text(number)

    failed = False
    try:
        written = orjson.dumps(value, default=text_of, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
        # orjson's own result keeps its buffer, up to eight times its length, for as long as it
        # lives; bodies of whole pages wait here to be stored.
        return bytes(memoryview(written)), bool(exact)
    except TypeError:
        failed = True
    if failed:
        raise BodyError("not a JSON value")
    raise AssertionError  # pragma: no cover - one of the two above has happened


def _parse(body: bytes) -> JsonValue:
    if has_delicate_numbers(body):
        return _parse_exactly(body)
    try:
        value: JsonValue = orjson.loads(body)
    except ValueError:
        # orjson refuses numbers beyond the range of a double; anything else fails again here.
        return _parse_exactly(body)
    return value


def _parse_exactly(body: bytes) -> JsonValue:
    value: JsonValue = json.loads(
        body.decode(), parse_int=_integer, parse_float=_decimal, parse_constant=_refuse
    )
    dump_json(value)  # half a surrogate pair passes json.loads and could never be stored
    return value


def _integer(text: str) -> int:
    if len(text) > 4_000:
        raise ValueError("an integer of absurd length")
    number = int(text)
    return number if -(2**63) <= number < 2**64 else ExactInt(number)


def _decimal(text: str) -> float:
    number = float(text)
    return number if _digits(repr(number)) == _digits(text) else ExactFloat(text)


def _digits(text: str) -> tuple[str, int, bool]:
    """Return significant digits, power of ten and sign: equal for equal decimals."""
    mantissa, _, exponent = text.lower().lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    significant = (whole + fraction).lstrip("0")
    power = int(exponent or 0) - len(fraction) + len(significant) - len(significant.rstrip("0"))
    stripped = significant.rstrip("0")
    return (stripped, power if stripped else 0, text.startswith("-"))


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _exact_text(value: object) -> orjson.Fragment:
    if isinstance(value, ExactInt | ExactFloat):
        return orjson.Fragment(value.json_text())
    raise TypeError
