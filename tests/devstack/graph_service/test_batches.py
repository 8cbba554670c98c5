"""$batch: limits, order, per-item status and headers (api.md d.3)."""

import base64
from typing import Any

import pytest

from devstack.graph_service import GraphService
from tests.devstack.graph_service.conftest import ClientFactory
from tests.devstack.graph_service.graph_client import GraphClient

POLICIES = "/deviceManagement/configurationPolicies"


def get(identifier: str, url: str = "/organization", **more: Any) -> dict[str, Any]:
    return {"id": identifier, "method": "GET", "url": url, **more}


async def test_batch_answers_each_item_on_its_own(graph: GraphService, client: GraphClient) -> None:
    known = graph.control.object_ids(0, "configurationPolicies")[0]

    answers = await client.batch(f"{POLICIES}/{known}", f"{POLICIES}/unknown", "nothing/here")

    assert {k: a["status"] for k, a in answers.items()} == {"0": 200, "1": 404, "2": 400}
    assert answers["0"]["body"]["id"] == known


async def test_batch_answers_come_in_another_order(client: GraphClient) -> None:
    items = [get(str(i)) for i in range(20)]

    reply = await client.send("POST", "/v1.0/$batch", {"requests": items})

    order = [answer["id"] for answer in reply.json["responses"]]
    assert order != [item["id"] for item in items]
    assert sorted(order, key=int) == [item["id"] for item in items]


@pytest.mark.parametrize(
    "items",
    [
        [get(str(i)) for i in range(21)],
        [get("a"), get("A")],
        [{"method": "GET", "url": "/organization"}],
        [{"id": None, "method": "GET", "url": "/organization"}],
        [get("a", method="POST", body={})],
        [get("a", dependsOn=["b"])],
        [],
    ],
    ids=[
        "twenty-one items",
        "same id in another case",
        "no id",
        "id is null",
        "body without content type",
        "unknown parent",
        "no items",
    ],
)
async def test_malformed_batch_is_refused_as_a_whole(
    client: GraphClient, items: list[dict[str, Any]]
) -> None:
    reply = await client.send("POST", "/beta/$batch", {"requests": items})

    assert (reply.status, reply.error["code"]) == (400, "BadRequest")


async def test_item_numbered_as_intunecd_does_is_answered_by_its_text(client: GraphClient) -> None:
    answers = await client.send_batch([{"id": 1, "method": "GET", "url": "/organization"}])

    assert answers["1"]["status"] == 200


async def test_child_of_a_failed_item_fails_with_424(client: GraphClient) -> None:
    items = [get("a", f"{POLICIES}/unknown"), get("b", dependsOn=["a"]), get("c", dependsOn=["b"])]

    answers = await client.send_batch(items)

    assert {k: a["status"] for k, a in answers.items()} == {"a": 404, "b": 424, "c": 424}


async def test_next_link_stands_in_the_body_of_an_item(client: GraphClient) -> None:
    body = (await client.batch(POLICIES))["0"]["body"]

    following = await client.get(body["@odata.nextLink"])

    assert len(body["value"]) == len(following.rows) == 25


async def test_body_that_is_not_json_is_base64(client: GraphClient) -> None:
    item = get("a", "/groups/$count", headers={"ConsistencyLevel": "eventual"})

    answer = (await client.send_batch([item]))["a"]

    assert base64.b64decode(answer["body"]) == b"60"


async def test_beta_type_in_a_v1_batch_is_an_unknown_segment(client: GraphClient) -> None:
    answer = (await client.batch(POLICIES, version="v1.0"))["0"]

    assert answer["status"] == 400
    assert "Resource not found for the segment" in answer["body"]["error"]["message"]


async def test_items_count_one_by_one(fresh: GraphService, connect: ClientFactory) -> None:
    async with connect(fresh) as client:
        await client.batch("/organization", "/domains", "/groups?$top=1")

    counted = fresh.control.counters(0)
    assert (counted["requests"], counted["batch_requests"], counted["sub_requests"]) == (1, 1, 3)
    assert counted["by_path"]["GET /groups"] == 1


async def test_batch_may_be_several_megabytes(client: GraphClient) -> None:
    padded = get("a", headers={"x-padding": "x" * 3_000_000})

    assert (await client.send_batch([padded]))["a"]["status"] == 200


async def test_throttled_items_spell_retry_after_in_both_cases(
    fresh: GraphService, connect: ClientFactory
) -> None:
    fresh.control.add_fault(status=429, retry_after="2.5", path="/organization")
    async with connect(fresh) as client:
        answers = await client.batch(*["/organization"] * 6)

    spellings = {name for a in answers.values() for name in a["headers"] if "etry" in name}
    assert {a["status"] for a in answers.values()} == {429}
    assert spellings == {"Retry-After", "retry-after"}
