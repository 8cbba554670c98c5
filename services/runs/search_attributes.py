"""Search attributes of the namespace: registered once, and their types read back.

Registering an attribute that exists with another type answers OK and changes nothing (measured), so
only what the server lists proves anything. Temporal Cloud and namespaces with an authorizer may
refuse registration; what exists already is then enough.
"""

from collections.abc import Mapping
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from contracts.search_attributes import SEARCH_ATTRIBUTES

_PREFIX = "INDEXED_VALUE_TYPE_"
_ATTEMPT_TIMEOUT = timedelta(seconds=10)
# A second worker registered them at the same moment, or this one may not.
_HARMLESS = (
    RPCStatusCode.ALREADY_EXISTS,
    RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.UNIMPLEMENTED,
)


class SearchAttributesError(Exception):
    """The namespace lacks attributes or has them with other types; `problems` names each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def needed_attributes() -> dict[str, str]:
    """Return name → type of every attribute, types spelled as the `temporal` command takes them."""
    return {key.name: _spelled(_value(key)) for key in SEARCH_ATTRIBUTES}


async def register_and_verify(client: Client) -> None:
    """Register what is missing in the client's namespace; harmless when nothing is.

    Raises SearchAttributesError when a needed attribute is not there afterwards with its type, and
    RPCError when Temporal cannot be reached.
    """
    found = await _read(client)
    missing = {key.name: _value(key) for key in SEARCH_ATTRIBUTES if key.name not in found}
    if missing:
        await _add(client, missing)
        found = await _read(client)
    if problems := _problems(found):
        raise SearchAttributesError(tuple(problems))


async def verify(client: Client) -> list[str]:
    """Return a sentence for each attribute that is missing or has another type; changes nothing."""
    return _problems(await _read(client))


def _problems(found: Mapping[str, str]) -> list[str]:
    problems = []
    for name, kind in needed_attributes().items():
        if name not in found:
            problems.append(
                f"search attribute {name} is missing; register it with `temporal operator "
                f"search-attribute create --name {name} --type {kind}`"
            )
        elif found[name] != kind:
            problems.append(
                f"search attribute {name} has the type {found[name]} instead of {kind}; remove it "
                "and register it again"
            )
    return problems


async def _read(client: Client) -> dict[str, str]:
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace),
        retry=True,
        timeout=_ATTEMPT_TIMEOUT,
    )
    return {name: _spelled(kind) for name, kind in answer.custom_attributes.items()}


async def _add(client: Client, missing: Mapping[str, "IndexedValueType.ValueType"]) -> None:
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
    try:
        await client.operator_service.add_search_attributes(
            request, retry=True, timeout=_ATTEMPT_TIMEOUT
        )
    except RPCError as error:
        if error.status not in _HARMLESS:
            raise


def _value(key: SearchAttributeKey[str]) -> "IndexedValueType.ValueType":
    return IndexedValueType.Value(_PREFIX + key.indexed_value_type.name)


def _spelled(kind: "IndexedValueType.ValueType") -> str:
    return IndexedValueType.Name(kind).removeprefix(_PREFIX).title().replace("_", "")
