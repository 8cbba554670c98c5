"""JSON batches: how requests are packed, and what the answer says of each (api.md d.3). No I/O.

The answer comes in any order and may lack items, repeat them or name others: whatever is not
exactly one well-formed answer to an item counts as no answer, never as an empty one.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from domain.provider_errors import RequestTarget
from graph.errors import GraphError, protocol_error
from graph.json_bodies import JsonValue, dump_json
from graph.paging import JsonObject

LARGEST_BATCH = 20


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A GET within a batch: quoted path with query, below the version."""

    path: str
    target: RequestTarget = RequestTarget.OBJECT


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The outcome of one request: exactly one of body and error is set, except for an empty 204.

    The body of a collection holds all pages in `value`.
    """

    request: BatchRequest
    body: JsonObject | None = field(default=None, repr=False)
    error: GraphError | None = None


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """What a batch said of one item. Header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: JsonValue = field(repr=False)


def pack_batch(paths: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
    """Return the body of a batch of GETs: ids to relative addresses."""
    requests: list[JsonValue] = [
        {"id": key, "method": "GET", "url": path, "headers": dict(headers)}
        for key, path in paths.items()
    ]
    return dump_json({"requests": requests})


def read_batch(body: JsonObject, expected: frozenset[str]) -> dict[str, ItemAnswer]:
    """Return the answers by id. Items without exactly one answer are missing.

    Raises GraphProtocolError if the body is no batch answer or names an id that was not sent: then
    nothing in it can be trusted.
    """
    responses = body.get("responses")
    if not isinstance(responses, list):
        raise protocol_error("not_a_batch_answer")
    entries = [_entry(response) for response in responses]
    counts = Counter(key for key, _answer in entries)
    if not counts.keys() <= expected:
        raise protocol_error("foreign_batch_item")
    return {key: answer for key, answer in entries if counts[key] == 1 and answer is not None}


def _entry(response: JsonValue) -> tuple[str, ItemAnswer | None]:
    if not isinstance(response, dict) or not isinstance(response.get("id"), str):
        raise protocol_error("malformed_batch_item")
    key, status = cast("str", response["id"]), response.get("status")
    if isinstance(status, bool) or not isinstance(status, int):
        return key, None
    headers = response.get("headers")
    names = headers if isinstance(headers, dict) else {}
    plain = {name.lower(): str(value) for name, value in names.items()}
    return key, ItemAnswer(status, plain, response.get("body"))
