"""Search attributes of a Temporal namespace: read, registered, and their types verified.

Registering an existing attribute with another type answers OK and changes nothing (measured), so
only reading the type back proves anything.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING

from devstack.ports import LOOPBACK

if TYPE_CHECKING:
    from temporalio.api.enums.v1 import IndexedValueType
    from temporalio.client import Client

TYPE_PREFIX = "INDEXED_VALUE_TYPE_"
HTTP_SECONDS = 2.0


class SearchAttributeTypeError(RuntimeError):
    """An attribute exists with another type than the one asked for."""


def read_search_attributes(http_port: int, namespace: str) -> dict[str, str] | None:
    """Name → type of the custom attributes, from a dev server's HTTP port; None before it answers.

    Types are spelled as the server does, without prefix: `KEYWORD`, `KEYWORD_LIST`.
    """
    url = f"http://{LOOPBACK}:{http_port}/cluster/namespaces/{namespace}/search-attributes"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=HTTP_SECONDS) as response:
            found: dict[str, str] = json.load(response).get("customAttributes", {})
    except (OSError, urllib.error.URLError, ValueError):
        return None
    return {name: kind.removeprefix(TYPE_PREFIX) for name, kind in found.items()}


def mismatched_types(wanted: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Name → type found, for each wanted attribute that exists with another type."""
    return {
        name: found[name]
        for name, kind in wanted.items()
        if name in found and _comparable(found[name]) != _comparable(kind)
    }


async def ensure_search_attributes(client: "Client", wanted: Mapping[str, str]) -> None:
    """Register what is missing in the client's namespace, then read every type back.

    Idempotent. Raises SearchAttributeTypeError when one exists with another type.
    """
    # Imported late: it costs half a second that a stack does not need.
    from temporalio.api.enums.v1 import IndexedValueType
    from temporalio.api.operatorservice.v1 import (
        AddSearchAttributesRequest,
        ListSearchAttributesRequest,
    )

    async def read() -> dict[str, str]:
        request = ListSearchAttributesRequest(namespace=client.namespace)
        answer = await client.operator_service.list_search_attributes(request)
        return {
            name: IndexedValueType.Name(kind).removeprefix(TYPE_PREFIX)
            for name, kind in answer.custom_attributes.items()
        }

    found = await read()
    missing = {name: _type_value(kind) for name, kind in wanted.items() if name not in found}
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        )
        found = await read()
    if mismatches := mismatched_types(wanted, found):
        raise SearchAttributeTypeError(f"search attributes exist with other types: {mismatches}")


def _type_value(kind: str) -> "IndexedValueType.ValueType":
    from temporalio.api.enums.v1 import IndexedValueType

    by_name = {
        _comparable(name.removeprefix(TYPE_PREFIX)): name for name, _ in IndexedValueType.items()
    }
    return IndexedValueType.Value(by_name[_comparable(kind)])


def _comparable(kind: str) -> str:
    return kind.replace("_", "").lower()
