"""What stands encoded in a document and reads better as a file: scripts, profiles, layouts.

Graph carries them as base64. An export writes them decoded beside the JSON, which keeps them as
they were: the file is an addition, never a replacement. Where files go is not known here.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

# Property → word in the file name, ending unless something better is known.
# Sources: metadata of Graph (Edm.Binary, or a string that the reference calls base64).
_ENCODED: Final[Mapping[str, tuple[str, str]]] = {
    "scriptContent": ("script", "ps1"),
    "detectionScriptContent": ("detection", "ps1"),
    "remediationScriptContent": ("remediation", "ps1"),
    "rulesContent": ("rules", "json.txt"),
    "payload": ("payload", "txt"),
    "payloadJson": ("payload", "json.txt"),
    "encodedSettingXml": ("settings", "xml"),
    "configurationXml": ("configuration", "xml"),
    "startMenuLayoutXml": ("start-menu", "xml"),
    "startLayoutXml": ("start-layout", "xml"),
    "value": ("value", "txt"),
}
# `value` is base64 in these only; elsewhere it is plain.
_VALUE_TYPES: Final = frozenset(
    {"#microsoft.graph.omaSettingBase64", "#microsoft.graph.omaSettingStringXml"}
)
# Files that an import would take for objects get another ending behind theirs.
_OBJECT_ENDINGS: Final = frozenset({"json", "yaml", "yml"})
_ENDING = re.compile(r"\.([A-Za-z0-9]{1,12})\Z")
_BINARY_PLIST: Final = b"bplist00"
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
# Scripts colour their output with escape sequences; other controls are in binary values only.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
# File names have 255 bytes, of which the object's own part takes up to 140.
_LONGEST_PLACE: Final = 80
# As deep as a document may be (domain.canonical).
_DEEPEST: Final = 200


@dataclass(frozen=True)
class DecodedFile:
    """One decoded value: where it stands (JSON Pointer), the end of its file's name, its bytes."""

    pointer: str
    ending: str
    content: bytes


def decoded_files(document: Mapping[str, Any]) -> list[DecodedFile]:
    """Return the encoded values of a document that are text or property lists, each decoded.

    Binary values are left out. Endings are unique within the document.
    """
    files: dict[str, DecodedFile] = {}
    for found in _decoded(document, (), 0):
        # Two places may give one word; names of properties are the schema's, so this is rare.
        number = f"{len(files)}-" if found.ending.lower() in files else ""
        ending = f"{number}{found.ending}"
        files[ending.lower()] = replace(found, ending=ending)
    return list(files.values())


def _decoded(value: Any, path: tuple[str, ...], depth: int) -> Iterator[DecodedFile]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for position, item in enumerate(value):
            yield from _decoded(item, (*path, str(position)), depth + 1)
    elif isinstance(value, Mapping):
        for name in sorted(value):
            item = value[name]
            if isinstance(item, str):
                yield from _decoded_value(value, path, name, item)
            else:
                yield from _decoded(item, (*path, name), depth + 1)


def _decoded_value(
    parent: Mapping[str, Any], path: tuple[str, ...], name: str, text: str
) -> Iterator[DecodedFile]:
    known = _ENCODED.get(name)
    if known is None or (name == "value" and parent.get("@odata.type") not in _VALUE_TYPES):
        return
    content = _readable(text)
    if content is None:
        return
    word, usual = known
    place = "-".join((*(_plain(part) for part in path), word))[-_LONGEST_PLACE:]
    pointer = "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in (*path, name))
    yield DecodedFile(pointer, f"{place}.{_ending(parent, name, usual, content)}", content)


def _plain(part: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", part)[:24] or "x"


def _readable(text: str) -> bytes | None:
    """Return the decoded bytes if they are text or a property list."""
    try:
        content = base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except (binascii.Error, ValueError):
        return None
    if content.startswith(_BINARY_PLIST):
        return content
    encoding = "utf-16" if content[:2] in _UTF_16_MARKS else "utf-8"
    try:
        shown = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return content if shown and not _CONTROL.search(shown) else None


def _ending(parent: Mapping[str, Any], name: str, usual: str, content: bytes) -> str:
    """Return the ending: of the name that the object gives its file, or by the content."""
    given = parent.get("payloadFileName" if name == "payload" else "fileName")
    match = _ENDING.search(given) if isinstance(given, str) and name != "rulesContent" else None
    if match is not None and usual != "xml":
        ending = match[1].lower()
        return f"{ending}.txt" if ending in _OBJECT_ENDINGS else ending
    if content.startswith(_BINARY_PLIST):
        return "plist"
    if content.startswith(b"#!") and usual == "ps1":
        return "sh"
    if usual == "txt" and content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "plist" if b"<plist" in content[:1024] else "xml"
    return usual
