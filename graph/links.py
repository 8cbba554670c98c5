"""Addresses that Graph gives us and addresses that we make: kept on our host, safely quoted.

A next link is opaque: its path and query are kept as they came and never rebuilt (api.md d.1). The
bearer token goes with every request, so a link is followed only on the configured Graph root.
"""

import re
from urllib.parse import SplitResult, quote, unquote, urlsplit

from graph.errors import protocol_error

_LONGEST_LINK = 16_000
_LONGEST_ID = 1_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A backslash is read as a slash by some servers.
_SUSPECT = re.compile(r"[\x00-\x1f\x7f\\]")
# All that may stand in an address, the percent sign included: it is quoted already.
_LEGAL = "%/?:@!$&'()*+,;=-._~"
_QUERY_LEGAL = "/?:@!$&'()*+,;=-._~"


def relative_link(graph_root: str, version: str, link: object) -> str:
    """Return path and query of a next link, beginning with `/{version}/`.

    Raises GraphProtocolError unless scheme, host, port and version are the configured ones and
    the path stays below them.
    """
    if not isinstance(link, str) or len(link) > _LONGEST_LINK or _SUSPECT.search(link):
        raise protocol_error("malformed_next_link")
    root, parts = urlsplit(graph_root), _split(link)
    same = (parts.scheme.lower(), parts.netloc.lower()) == (root.scheme, root.netloc)
    if not same or parts.fragment:
        raise protocol_error("foreign_next_link")
    tail = link[len(parts.scheme) + len("://") + len(parts.netloc) :]
    return checked_link(version, tail)


def checked_link(version: str, link: str) -> str:
    """Return a stored continuation if it is a path below the version. Raises GraphProtocolError."""
    if len(link) > _LONGEST_LINK or _SUSPECT.search(link) or "#" in link:
        raise protocol_error("malformed_next_link")
    path = link.partition("?")[0]
    steps = [unquote(step) for step in path.split("/")]
    if not path.lower().startswith(f"/{version}/") or {".", "..", ""} & set(steps[1:]):
        raise protocol_error("foreign_next_link")
    return quote(link, safe=_LEGAL)


def path_segment(object_id: object) -> str:
    """Return an id quoted as one path segment. Raises GraphProtocolError if it cannot be one.

    Slashes, quotes and percent signs are quoted; an id of dots would climb up the path.
    """
    if not isinstance(object_id, str) or len(object_id) > _LONGEST_ID:
        raise protocol_error("unusable_object_id")
    if not object_id.strip(".") or _CONTROL.search(object_id) or not _is_text(object_id):
        raise protocol_error("unusable_object_id")
    return quote(object_id, safe="")


def string_literal(value: str) -> str:
    """Return a value quoted for an OData string literal in a path: quotes doubled."""
    return path_segment(value.replace("'", "''"))


def with_query(path: str, query: str) -> str:
    """Return a quoted path with a plainly written query."""
    return f"{path}?{quote(query, safe=_QUERY_LEGAL)}" if query else path


def below_version(link: str) -> str:
    """Return a path without its leading version."""
    return "/" + link.lstrip("/").partition("/")[2]


def _split(link: str) -> SplitResult:
    try:
        return urlsplit(link)
    except ValueError:
        pass
    raise protocol_error("malformed_next_link")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
