"""$batch: up to 20 requests in one, each with its own status and headers (api.md d.3)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import orjson

from devstack.graph_service.answers import Answer, GraphRefusalError, Transport
from devstack.graph_service.call import Call, split_path
from devstack.graph_service.generation.draw import Draw
from devstack.graph_service.odata import parse_options

MAXIMUM_ITEMS = 20
Handler = Callable[[Call], Answer]


def read_items(call: Call) -> list[dict[str, Any]]:
    """The checked items of a batch, or the 400 that a malformed one gets as a whole."""
    items = call.json().get("requests")
    if not isinstance(items, list) or not items:
        raise _malformed("The batch request needs a 'requests' array.")
    if len(items) > MAXIMUM_ITEMS:
        raise _malformed(
            f"Number of batch request steps exceeds the maximum value of {MAXIMUM_ITEMS}."
        )
    seen: set[str] = set()
    for item in items:
        identifier = item.get("id") if isinstance(item, dict) else None
        if isinstance(identifier, int) and not isinstance(identifier, bool):
            # Documented as a string; IntuneCD sends numbers, and the service takes them.
            identifier = item["id"] = str(identifier)
        if not isinstance(identifier, str) or not identifier:
            raise _malformed("Every request needs an id that is a string.")
        if identifier.lower() in seen:
            raise _malformed("Request Id values have to be unique in a batch.")
        seen.add(identifier.lower())
        if not item.get("method") or not isinstance(item.get("url"), str):
            raise _malformed(f"Request '{identifier}' needs a method and a url.")
        if item.get("body") is not None and not _content_type(item):
            raise _malformed(f"Request '{identifier}' has a body but no Content-Type header.")
    for item in items:
        if any(str(parent).lower() not in seen for parent in item.get("dependsOn") or []):
            raise _malformed("A dependsOn value names no request of this batch.")
    return items


def answer_batch(
    call: Call, items: list[dict[str, Any]], handle: Handler, *, number: int
) -> Answer:
    """One answer for all items, in an order drawn from `number`."""
    statuses: dict[str, int] = {}
    parts: list[bytes] = []
    batch = Answer(200)
    for item in items:
        parents = [str(parent).lower() for parent in item.get("dependsOn") or []]
        if any(statuses.get(parent, 424) >= 400 for parent in parents):
            answer = _failed_dependency()
        else:
            answer = handle(_item_call(call, item))
        statuses[item["id"].lower()] = answer.status
        if answer.transport is Transport.OMITTED:
            continue
        parts.append(_render(item["id"], answer, lower_case=(number + len(parts)) % 2 == 0))
        batch.delay_s = max(batch.delay_s, answer.delay_s)
        if answer.transport is not Transport.WHOLE:
            batch.transport = answer.transport
    order = Draw("batch order", number)
    parts.sort(key=lambda _: order.number(0, 1 << 30))
    batch.body = b'{"responses":[' + b",".join(parts) + b"]}"
    return batch


def _item_call(outer: Call, item: dict[str, Any]) -> Call:
    path, _, query = item["url"].partition("?")
    if "://" in path:
        path = "/{absolute}"
    headers = {str(k).lower(): str(v) for k, v in (item.get("headers") or {}).items()}
    body = item.get("body")
    return Call(
        tenant=outer.tenant,
        identity=outer.identity,
        method=str(item["method"]).upper(),
        version=outer.version,
        path="/" + path.lstrip("/"),
        segments=split_path(path),
        options=parse_options(query),
        headers=headers,
        body=b"" if body is None else orjson.dumps(body),
        root_url=outer.root_url,
        trace=outer.trace,
        in_batch=True,
    )


def _render(identifier: str, answer: Answer, *, lower_case: bool) -> bytes:
    headers = {"Cache-Control": "no-cache", "Content-Type": answer.content_type, **answer.headers}
    if "Retry-After" in headers and lower_case:
        # Seen in both spellings within one batch (api.md d.3).
        headers["retry-after"] = headers.pop("Retry-After")
    head = orjson.dumps({"id": identifier, "status": answer.status, "headers": headers})[:-1]
    if not answer.body:
        return head + b"}"
    if answer.is_json:
        return head + b',"body":' + answer.body + b"}"
    return head + b',"body":' + orjson.dumps(base64.b64encode(answer.body).decode()) + b"}"


def _failed_dependency() -> Answer:
    content = {"error": {"code": "FailedDependency", "message": "A required request failed."}}
    return Answer(424, orjson.dumps(content))


def _content_type(item: dict[str, Any]) -> str:
    headers = item.get("headers") or {}
    return next((str(v) for k, v in headers.items() if k.lower() == "content-type"), "")


def _malformed(message: str) -> GraphRefusalError:
    return GraphRefusalError(400, "BadRequest", message)
