import base64
from collections.abc import Mapping

from domain.canonical_rules import CanonicalRules
from domain.diff import diff
from domain.text_differences import text_differences


def encoded(text: str, encoding: str = "utf-8") -> str:
    return base64.b64encode(text.encode(encoding)).decode()


def lines_of(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, list[str]]:
    return text_differences(before, after, diff(before, after, CanonicalRules()))


def test_changed_script_is_shown_line_by_line() -> None:
    before = {"scriptContent": encoded("one\ntwo\n"), "displayName": "a"}
    after = {"scriptContent": encoded("one\nthree\n"), "displayName": "b"}
    assert lines_of(before, after) == {
        "/scriptContent": ["--- before", "+++ after", "@@ -1,2 +1,2 @@", " one", "-two", "+three"]
    }


def test_script_in_another_encoding_is_the_same_text() -> None:
    before = {"scriptContent": encoded("one\n")}
    after = {"scriptContent": encoded("one\n", "utf-16")}
    assert lines_of(before, after) == {"/scriptContent": []}


def test_binary_added_and_plain_values_have_no_lines() -> None:
    binary = base64.b64encode(bytes(range(256))).decode()
    before = {"payload": binary, "scriptContent": None, "rule": "a"}
    after = {"payload": binary[4:], "scriptContent": encoded("new"), "rule": "b", "value": "x"}
    assert lines_of(before, after) == {}


def test_script_that_colours_its_output_is_shown_line_by_line() -> None:
    before = {"scriptContent": encoded("Write-Host '\x1b[31mone'\n")}
    after = {"scriptContent": encoded("Write-Host '\x1b[31mtwo'\n")}
    assert lines_of(before, after)["/scriptContent"][-1] == "+Write-Host '\x1b[31mtwo'"


def test_ends_of_lines_that_changed_are_written_out() -> None:
    before, after = {"scriptContent": encoded("a\r\n")}, {"scriptContent": encoded("a\n")}
    assert lines_of(before, after)["/scriptContent"][-2:] == ["-a\\r\\n", "+a\\n"]
