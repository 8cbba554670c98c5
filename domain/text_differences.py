"""Differences of encoded texts, line by line: scripts and profiles, which Graph carries as base64.

Binary values have none; they are compared like any other value.
"""

from collections.abc import Iterable, Mapping
from difflib import unified_diff
from typing import Any

from domain.diff import Change, ChangeKind
from domain.export_payloads import decoded_files

_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_BINARY_PLIST = b"bplist00"


def text_differences(
    before: Mapping[str, Any], after: Mapping[str, Any], changes: Iterable[Change]
) -> dict[str, list[str]]:
    """Return the lines of a unified diff for each changed value that is text, by its pointer."""
    changed = [
        change for change in changes if change.kind is ChangeKind.CHANGED and not change.is_secret
    ]
    if not any(isinstance(change.after, str) for change in changed):
        return {}
    old, new = _texts(before), _texts(after)
    return {
        change.pointer: _lines(old[change.before_pointer or ""], new[change.pointer])
        for change in changed
        if change.before_pointer in old and change.pointer in new
    }


def _lines(old: str, new: str) -> list[str]:
    """Return the lines of a unified diff; ends of lines are written out where only they differ."""
    before, after = old.splitlines(), new.splitlines()
    if before == after:
        before = [repr(line)[1:-1] for line in old.splitlines(keepends=True)]
        after = [repr(line)[1:-1] for line in new.splitlines(keepends=True)]
    return list(unified_diff(before, after, "before", "after", lineterm=""))


def _texts(document: Mapping[str, Any]) -> dict[str, str]:
    return {
        file.pointer: _text(file.content)
        for file in decoded_files(document)
        if not file.content.startswith(_BINARY_PLIST)
    }


def _text(content: bytes) -> str:
    encoding = "utf-16" if content[:2] in _UTF_16_MARKS else "utf-8-sig"
    return content.decode(encoding)
