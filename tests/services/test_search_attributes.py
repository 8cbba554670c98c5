from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from services.runs.search_attributes import (
    SearchAttributesError,
    needed_attributes,
    register_and_verify,
    verify,
)
from tests.eventually import eventually


async def in_new_namespace(
    address: str, attributes: Mapping[str, "IndexedValueType.ValueType"]
) -> Client:
    """Return a client of a fresh namespace that has some search attributes."""
    name = f"attributes-{uuid4()}"
    client = await Client.connect(address, namespace=name)
    request = RegisterNamespaceRequest(namespace=name)
    request.workflow_execution_retention_period.FromTimedelta(timedelta(days=1))
    await client.workflow_service.register_namespace(request)

    async def known() -> Any:
        try:
            await verify(client)
        except RPCError:
            return None
        return client

    await eventually(known)
    if attributes:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=name, search_attributes=attributes)
        )
    return client


async def test_register_in_an_empty_namespace_leaves_no_problem(temporal_address: str) -> None:
    client = await in_new_namespace(temporal_address, {})
    assert len(await verify(client)) == len(needed_attributes()) == 6
    await register_and_verify(client)
    await register_and_verify(client)
    assert await verify(client) == []


async def test_register_attribute_of_another_type_is_named_with_its_mend(
    temporal_address: str,
) -> None:
    wrong = {"TenantId": IndexedValueType.INDEXED_VALUE_TYPE_INT}
    client = await in_new_namespace(temporal_address, wrong)
    with pytest.raises(SearchAttributesError) as caught:
        await register_and_verify(client)
    assert len(caught.value.problems) == 1
    assert "TenantId has the type Int instead of Keyword" in caught.value.problems[0]


async def test_verify_missing_attribute_says_how_to_register_it(temporal_address: str) -> None:
    client = await in_new_namespace(temporal_address, {})
    problems = await verify(client)
    assert "temporal operator search-attribute create --name TenantId --type Keyword" in (
        "\n".join(problems)
    )
