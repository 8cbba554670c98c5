"""Each part of a document that is read by itself, failing alone: its object fails, no other does.

Against the local Graph, for every type that reads parts: a refusal, a part that is not there, a
defect, throttling, an item that a batch left out, a gateway's page. Whatever the document lacks
then would be lost without a word.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from devstack.graph_service.config import GraphConfig, Profile
from devstack.graph_service.service import GraphService, running_graph
from domain.resource_types.registry import RESOURCE_TYPES, backup_types
from graph.client import GraphClient
from graph.errors import GraphThrottledError
from graph.reading import ReadObject
from tests.graph.test_local_graph import COUNTS, client_of, read_all

# Parts that an object may not have: that one is not there is an answer.
OPTIONAL = {
    entry.key for entry in backup_types() if any(part.optional for part in entry.follow_ups)
}
FAULTS: dict[str, dict[str, Any]] = {
    "refused": {"status": 403, "code": "Authorization_RequestDenied"},
    "not there": {"status": 404, "code": "ResourceNotFound"},
    "a defect": {"status": 500},
    "throttled": {"status": 429, "retry_after": "60"},
    "left out": {"kind": "omitted"},
    "a gateway's page": {"kind": "html"},
}


def parts_of(key: str) -> list[str]:
    """Return the path patterns of what a type reads by itself, below the version."""
    entry = RESOURCE_TYPES[key]
    base = entry.list_path if entry.singleton else f"{entry.list_path}/*"
    items = [base] if entry.item is not None and key != "appProtection" else []
    own = [f"{base}/{part.path}" for part in entry.follow_ups if not part.expanded]
    elements = [
        part.element_path.replace("{element}", "*")
        for part in entry.follow_ups
        if part.element_path is not None
    ]
    return [*items, *own, *elements]


CASES = [
    (entry.key, part)
    for entry in backup_types()
    if not entry.by_reference
    for part in parts_of(entry.key)
]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def service() -> AsyncIterator[GraphService]:
    config = GraphConfig(profile=Profile.S, budget_scale=0, tenants=1, counts=COUNTS)
    async with running_graph(config) as running:
        yield running


async def read_under(
    service: GraphService, client: GraphClient, key: str, part: str, fault: dict[str, Any]
) -> tuple[dict[str, bytes | None], bool]:
    """Return what was read whole while a fault struck, and whether it did."""
    service.control.add_fault(path=part, **fault)
    try:
        found = await read_all(client, key)
    except GraphThrottledError:
        found = []
    is_struck = bool(service.control.list_faults()[0]["struck"])
    service.control.clear_faults()
    return bodies(found), is_struck


def bodies(found: list[ReadObject]) -> dict[str, bytes | None]:
    return {item.object_id: item.body for item in found if item.failure is None}


@pytest.mark.long
@pytest.mark.parametrize("name", FAULTS)
async def test_part_that_fails_alone_fails_its_object_and_changes_no_other(
    service: GraphService, name: str
) -> None:
    struck = set()
    for key, part in CASES:
        if name == "not there" and key in OPTIONAL:
            continue
        # Throttling is remembered by a client, so each has its own.
        async with client_of(service, first_backoff=0.01) as client:
            whole = bodies(await read_all(client, key))
            read, is_struck = await read_under(service, client, key, part, FAULTS[name])
        assert read == {object_id: whole[object_id] for object_id in read}, (key, part)
        assert len(read) < len(whole) or not is_struck, (key, part)
        struck |= {key} if is_struck else set()
    # Apps without relations are not asked for them.
    assert struck | {"mobileApp"} | OPTIONAL == {key for key, _ in CASES} | OPTIONAL
