"""One request to Graph, alone or as an item of a batch, after its token was accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from devstack.graph_service.answers import GraphRefusalError, Trace
from devstack.graph_service.odata import QueryOptions
from devstack.graph_service.tenant import TenantState
from devstack.graph_service.tokens import Identity


@dataclass(slots=True)
class Call:
    """Method, path and options, with the tenant they concern.

    `path` has a leading slash and no version; `segments` are its decoded parts in the case they
    came in. Header names are lower case.
    """

    tenant: TenantState
    identity: Identity
    method: str
    version: str
    path: str
    segments: tuple[str, ...]
    options: QueryOptions
    headers: Mapping[str, str]
    body: bytes
    root_url: str
    trace: Trace
    in_batch: bool = False
    template: str = ""  # path with {id} for ids, known after routing
    created_id: str = ""  # id of an object this call created

    @property
    def base(self) -> str:
        """Root of this API version, for contexts and links."""
        return f"{self.root_url}/{self.version}"

    @property
    def is_write(self) -> bool:
        """Whether the method counts against write budgets."""
        return self.method != "GET"

    def json(self) -> dict[str, Any]:
        """The body as an object, or the refusal Graph gives."""
        try:
            content = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise GraphRefusalError(
                400, "BadRequest", "Unable to read JSON request payload."
            ) from None
        if not isinstance(content, dict):
            raise GraphRefusalError(400, "BadRequest", "Empty Payload. JSON content expected.")
        return content


def split_path(path: str) -> tuple[str, ...]:
    """Decoded segments; `policies('id')` counts as two segments, a function call as one."""
    segments: list[str] = []
    for raw in path.strip("/").split("/"):
        segment = unquote(raw)
        name, parenthesis, inner = segment.partition("(")
        if parenthesis and inner.startswith("'") and inner.endswith("')"):
            segments.extend((name, inner[1:-2]))
        elif segment:
            segments.append(segment)
    return tuple(segments)
