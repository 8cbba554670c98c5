"""Bodies keep every digit, and hostile ones end at the door."""

import json
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.json_bodies import (
    BodyError,
    ExactInt,
    dump_exactly,
    dump_json,
    has_delicate_numbers,
    parse_json,
    parse_plain,
)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":123456789012345678901234567890}',
        b'{"a":-9223372036854775809,"b":18446744073709551615}',
        b"[1.00000000000000000001]",
        b"[0.1234567890123456789]",
        b"[1e400]",
        b"[1e-400]",
        b"[12345678901234567.5]",
        b'{"text":"1.00000000000000000001 stays text","n":7}',
    ],
)
def test_parse_and_dump_keep_every_digit(text: bytes) -> None:
    assert dump_json(parse_json(text)) == text


@pytest.mark.parametrize(
    ("body", "is_delicate"),
    [
        (b'{"id":"5f0e8a9e-1234-4000-8000-00000000000a"}', False),
        (b'{"id":"x 12e-1234"}', True),
        (b"1e-400", True),
        (b"[-1.5e-400]", True),
        (b'{"n":1e-30}', False),
        (b'{"n":1234567890123456}', True),
    ],
)
def test_delicate_numbers_are_told_from_guids(body: bytes, is_delicate: bool) -> None:
    assert has_delicate_numbers(body) is is_delicate


def test_dump_exactly_tells_numbers_that_only_their_text_holds() -> None:
    assert dump_exactly(parse_json(b"[12345678901234567,0.5]")) == (
        b"[12345678901234567,0.5]",
        False,
    )
    assert dump_exactly(parse_json(b'{"a":1e400}')) == (b'{"a":1e400}', True)
    assert dump_exactly([ExactInt(2**64)]) == (b"[18446744073709551616]", True)


def test_parse_plain_gives_whole_integers_and_doubles() -> None:
    value = parse_plain(b'{"a":123456789012345678901234567890,"b":1.00000000000000000001}')
    assert value == {"a": 123456789012345678901234567890, "b": 1.0}
    assert isinstance(value, dict)
    assert type(value["a"]) is int
    assert type(value["b"]) is float


def test_parse_accepts_a_byte_order_mark() -> None:
    assert parse_json(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b'{"a":',
        b"<html>secret</html>",
        b"NaN",
        b'["\xff"]',
        b'["\\ud800"]',
        b"[" * 100_000,
        b"[" * 300 + b"]" * 300,
        b"1" * 10_000,
    ],
    ids=["empty", "cut off", "html", "nan", "bytes", "surrogate", "open", "deep", "long number"],
)
def test_parse_refuses_what_cannot_be_stored_without_quoting_it(raw: bytes) -> None:
    with pytest.raises(BodyError) as caught:
        parse_json(raw)
    assert "secret" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**40), 10**40)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
def test_any_json_survives_parsing_and_dumping(value: object) -> None:
    raw = json.dumps(value).encode()
    assert json.loads(dump_json(parse_json(raw))) == value
