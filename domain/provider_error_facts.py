"""What may be kept of an error body: allow-listed facts, each held to its exact shape (D7).

Owns the reading of Graph's error envelope, of the JSON that Intune puts into `message` (sometimes
twice, api.md d.4) and of the token endpoint's refusal (d.7). Provider text goes in and never comes
out: what leaves is a code, numbers, GUIDs, permission names and markers of our own.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

_CODE = re.compile(r"[A-Za-z]{1,40}(?:[_.][A-Za-z]{1,40}){0,3}")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# The second word of a permission says what may be done: `Jane.Doe` and a host name are none.
_OPERATION = (
    r"(?:Access|Add|Compute|Create|Delete|Disable|Enable|Evaluate|FullControl|Initiate|Invite|Join"
    r"|Manage|Privileged|Process|Read|Remove|Send|Update|Upload|Write)[A-Za-z]{0,30}"
)
_SCOPE = re.compile(rf"\b[A-Z][A-Za-z]{{1,60}}\.{_OPERATION}(?:\.[A-Z][A-Za-z]{{1,40}}){{0,2}}\b")
_AADSTS = re.compile(r"AADSTS(\d{4,8})\b")
_OAUTH_ERROR = re.compile(r"[a-z]{1,30}(?:_[a-z]{1,30}){0,4}")
_SCOPES_FOLLOW = "must have one of the following scopes:"
_ACTIVITY = re.compile(r"Activity ID:\s*(" + _GUID.pattern + ")")
_ENOUGH_SCOPES = 20
_DEEPEST_NESTING = 6
_LONGEST_TEXT = 20_000


class ErrorMarker(StrEnum):
    """What a provider's sentence says, in our own word."""

    PERMISSION_MISSING = "permission_missing"  # the app lacks an application permission
    SEGMENT_NOT_FOUND = "segment_not_found"  # the path does not exist in this cloud or version
    CLAIMS_CHALLENGE = "claims_challenge"  # another token, with claims, is asked for


_MARKER_TEXTS: tuple[tuple[str, ErrorMarker], ...] = (
    ("not authorized to perform this operation", ErrorMarker.PERMISSION_MISSING),
    (_SCOPES_FOLLOW, ErrorMarker.PERMISSION_MISSING),
    ("does not have application permissions", ErrorMarker.PERMISSION_MISSING),
    ("insufficient privileges", ErrorMarker.PERMISSION_MISSING),
    ("resource not found for the segment", ErrorMarker.SEGMENT_NOT_FOUND),
    ("insufficient_claims", ErrorMarker.CLAIMS_CHALLENGE),
    ("interaction_required", ErrorMarker.CLAIMS_CHALLENGE),
)


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """Facts of a Graph error body. Null means: not sent, or not in its proper shape."""

    code: str | None = None
    request_id: str | None = None
    client_request_id: str | None = None
    activity_id: str | None = None
    missing_scopes: tuple[str, ...] = ()
    markers: frozenset[ErrorMarker] = frozenset()


@dataclass(frozen=True, slots=True)
class TokenErrorFacts:
    """Facts of a refusal of the token endpoint. Null means: not sent, or not in its shape."""

    aadsts_code: int | None = None
    oauth_error: str | None = None


def read_error_body(body: object) -> ErrorFacts:
    """Return the facts of a parsed Graph error body; any other shape gives empty facts."""
    error = _mapping(_mapping(body).get("error"))
    inner = _mapping(error.get("innerError") or error.get("innererror"))
    texts = [text[:_LONGEST_TEXT] for text in _texts(error.get("message"), _DEEPEST_NESTING)]
    return ErrorFacts(
        code=safe_code(error.get("code")),
        request_id=safe_guid(inner.get("request-id")),
        client_request_id=safe_guid(inner.get("client-request-id")),
        activity_id=_activity_id(texts),
        missing_scopes=_missing_scopes(texts),
        markers=frozenset(_markers(texts)),
    )


def read_token_error(body: object, text: str = "") -> TokenErrorFacts:
    """Return the facts of the token endpoint's JSON body, or of the text that holds an AADSTS."""
    fields = _mapping(body)
    numbers = fields.get("error_codes")
    first = numbers[0] if isinstance(numbers, list) and numbers else None
    if isinstance(first, bool) or not isinstance(first, int):
        found = _AADSTS.search(f"{fields.get('error_description', '')} {text}")
        first = int(found.group(1)) if found else None
    oauth_error = fields.get("error")
    known = isinstance(oauth_error, str) and _OAUTH_ERROR.fullmatch(oauth_error)
    return TokenErrorFacts(aadsts_code=first, oauth_error=str(oauth_error) if known else None)


def safe_code(value: object) -> str | None:
    """Return a Graph error code if it is made of words only, so no secret can pass as one."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None


def safe_guid(value: object) -> str | None:
    """Return a request id if it is a GUID."""
    return value if isinstance(value, str) and _GUID.fullmatch(value) else None


def safe_scopes(values: object) -> tuple[str, ...]:
    """Return those strings of a list that have the shape of a permission name."""
    if not isinstance(values, list | tuple):
        return ()
    return tuple(v for v in values if isinstance(v, str) and _SCOPE.fullmatch(v))


def _texts(message: object, depth: int) -> Iterator[str]:
    """Yield the sentences of a message: itself, and those of the JSON documents inside it."""
    if depth == 0:
        return
    if isinstance(message, Mapping):
        for key in ("Message", "message", "CustomApiErrorPhrase"):
            yield from _texts(message.get(key), depth - 1)
    elif isinstance(message, str) and message.lstrip().startswith("{"):
        yield from _texts(_parsed(message), depth - 1)
    elif isinstance(message, str) and message:
        yield message


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        # Cut-off JSON still shows which permission is missing; only patterns are read from it.
        return text.replace("{", " ")


def _markers(texts: list[str]) -> Iterator[ErrorMarker]:
    for text in texts:
        lowered = text.lower()
        yield from (marker for part, marker in _MARKER_TEXTS if part in lowered)


def _missing_scopes(texts: list[str]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for text in texts:
        _, found, rest = text.partition(_SCOPES_FOLLOW)
        sentence = rest.partition(" - Operation ID")[0] if found else ""
        names.update(dict.fromkeys(_SCOPE.findall(sentence)))
    return tuple(names)[:_ENOUGH_SCOPES]


def _activity_id(texts: list[str]) -> str | None:
    found = (_ACTIVITY.search(text) for text in texts)
    return next((match.group(1) for match in found if match), None)


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
