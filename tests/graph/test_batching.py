"""Batches: each item has its own fate, and none is ever lost."""

import pytest

from domain.provider_errors import ProviderReason
from graph.batching import BatchRequest
from graph.client import GraphClient
from graph.errors import GraphProtocolError, GraphThrottledError
from graph.json_bodies import JsonValue
from tests.graph.clocks import FakeClock
from tests.graph.scripted_graph import Reply, ScriptedGraph, fault, page

ROOT = "/deviceManagement/configurationPolicies"


def requests(count: int) -> list[BatchRequest]:
    return [BatchRequest(f"{ROOT}/{place}") for place in range(count)]


def script(graph: ScriptedGraph, count: int) -> None:
    for place in range(count):
        graph.on(f"/beta{ROOT}/{place}", Reply({"id": str(place)}))


def ids(results: list[object]) -> list[JsonValue]:
    return [result.body["id"] for result in results]  # type: ignore[attr-defined] # BatchResult


async def test_batch_of_45_goes_out_in_three_calls_and_keeps_the_order(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    script(graph, 45)
    results = await client.batch("beta", requests(45))
    assert ids(list(results)) == [str(place) for place in range(45)]
    assert sorted(len(batch) for batch in graph.batches) == [5, 20, 20]


async def test_reordered_answer_is_matched_by_id(graph: ScriptedGraph, client: GraphClient) -> None:
    script(graph, 5)

    def reversed_answer(body: dict[str, object]) -> object:
        items = [graph.item("/beta", item) for item in body["requests"]]  # type: ignore[attr-defined]
        return {"responses": items[::-1]}

    graph.batch_answer = reversed_answer
    results = await client.batch("beta", requests(5))
    assert ids(list(results)) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("times", [0, 2], ids=["dropped", "duplicated"])
async def test_item_without_exactly_one_answer_is_asked_for_again(
    graph: ScriptedGraph, client: GraphClient, times: int
) -> None:
    script(graph, 3)

    def answer(body: dict[str, object]) -> object:
        items = [graph.item("/beta", item) for item in body["requests"]]  # type: ignore[attr-defined]
        is_first = len(graph.batches) == 1
        return {"responses": [*items[:2], *items[2:] * times] if is_first else items}

    graph.batch_answer = answer
    assert ids(list(await client.batch("beta", requests(3)))) == ["0", "1", "2"]
    assert graph.batches[1] == [f"{ROOT}/2"]


async def test_item_that_never_gets_an_answer_is_an_error_of_that_item(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    script(graph, 2)
    graph.batch_answer = lambda _body: {"responses": [{"id": "0", "status": 200, "body": {}}]}
    first, second = await client.batch("beta", requests(2))
    assert first.error is None or first.error.reason_code is ProviderReason.RESPONSE_INVALID
    assert isinstance(second.error, GraphProtocolError)
    assert second.body is None


async def test_answer_for_a_foreign_id_makes_the_whole_answer_untrusted(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    script(graph, 2)

    def answer(body: dict[str, object]) -> object:
        items = [graph.item("/beta", item) for item in body["requests"]]  # type: ignore[attr-defined]
        foreign = {"id": "99", "status": 200, "headers": {}, "body": {"id": "foreign"}}
        return {"responses": [*items, foreign] if len(graph.batches) == 1 else items}

    graph.batch_answer = answer
    assert ids(list(await client.batch("beta", requests(2)))) == ["0", "1"]
    assert len(graph.batches) == 2


async def test_only_throttled_items_are_repeated_after_the_largest_wish(
    graph: ScriptedGraph, client: GraphClient, clock: FakeClock
) -> None:
    script(graph, 4)
    slow = fault(429, "TooManyRequests", retry_after="2.5")
    quick = fault(429, "TooManyRequests", Retry_After="1")
    graph.on(f"/beta{ROOT}/1", slow, Reply({"id": "1"}))
    graph.on(f"/beta{ROOT}/3", quick, Reply({"id": "3"}))
    assert ids(list(await client.batch("beta", requests(4)))) == ["0", "1", "2", "3"]
    assert graph.batches[1] == [f"{ROOT}/1", f"{ROOT}/3"]
    assert clock.slept == [2.5]


async def test_item_with_a_long_wait_leaves_the_slot(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    script(graph, 3)
    graph.on(f"/beta{ROOT}/1", fault(429, "TooManyRequests", Retry_After="120"))
    with pytest.raises(GraphThrottledError) as caught:
        await client.batch("beta", requests(3))
    assert caught.value.retry_after == 120


ACCESS = "/identity/conditionalAccess/policies"
REFUSED = fault(429, "TooManyRequests")


async def test_late_item_does_not_cost_what_the_others_answered(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    for place in range(12):
        graph.on(f"/beta{ACCESS}/{place}", Reply({"id": str(place)}))
    # More refusals than one request has patience for.
    graph.on(f"/beta{ACCESS}/3", *[REFUSED] * 5, Reply({"id": "3"}))
    results = await client.batch("beta", [BatchRequest(f"{ACCESS}/{n}") for n in range(12)])
    assert ids(list(results)) == [str(place) for place in range(12)]
    assert len(graph.seen) == 12 + 5


async def test_item_that_stays_throttled_ends_the_batch_once_nothing_else_gets_on(
    graph: ScriptedGraph, client: GraphClient, clock: FakeClock
) -> None:
    for place in range(12):
        graph.on(f"/beta{ACCESS}/{place}", Reply({"id": str(place)}))
    graph.on(f"/beta{ACCESS}/3", REFUSED)
    with pytest.raises(GraphThrottledError):
        await client.batch("beta", [BatchRequest(f"{ACCESS}/{n}") for n in range(12)])
    assert len(graph.seen) <= 11 + 2 * 4
    assert sum(clock.slept) <= 30


async def test_item_that_fails_for_good_fails_alone(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    script(graph, 4)
    graph.on(f"/beta{ROOT}/0", fault(403, "Authorization_RequestDenied"))
    graph.on(f"/beta{ROOT}/1", fault(404, "ResourceNotFound"))
    graph.on(f"/beta{ROOT}/2", fault(503, "serviceNotAvailable"))
    graph.on(f"/beta{ROOT}/3", fault(424, "FailedDependency"))
    results = await client.batch("beta", requests(4))
    assert [result.error and result.error.reason_code for result in results] == [
        ProviderReason.PERMISSION_DENIED,
        ProviderReason.OBJECT_NOT_FOUND,
        ProviderReason.UNAVAILABLE,
        ProviderReason.DEPENDENCY_FAILED,
    ]


async def test_item_401_gets_one_new_token(graph: ScriptedGraph, client: GraphClient) -> None:
    script(graph, 2)
    graph.on(f"/beta{ROOT}/1", fault(401, "InvalidAuthenticationToken"), Reply({"id": "1"}))
    assert ids(list(await client.batch("beta", requests(2)))) == ["0", "1"]
    assert len(graph.token_requests) == 2


async def test_next_link_inside_a_batch_is_followed_to_its_end(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    script(graph, 1)
    path = f"{ROOT}/7/settings"
    second, third = f"{path}?$skiptoken=%255Bb%255D", f"{path}?$skiptoken=c"
    graph.on(f"/beta{path}", page({"id": "0"}, next_link=graph.link(f"/beta{second}")))
    graph.on(f"/beta{second}", page(next_link=graph.link(f"/beta{third}")))
    graph.on(f"/beta{third}", page({"id": "1"}))
    _other, result = await client.batch("beta", [*requests(1), BatchRequest(path)])
    assert result.body == {"value": [{"id": "0"}, {"id": "1"}]}


async def test_expired_page_token_inside_a_batch_restarts_that_collection(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    script(graph, 1)
    path = f"{ROOT}/7/settings"
    second = f"{path}?$skiptoken=b"
    graph.on(f"/beta{path}", page({"id": "0"}, next_link=graph.link(f"/beta{second}")))
    expired = fault(400, "Directory_ExpiredPageToken")
    graph.on(f"/beta{second}", expired, page({"id": "1"}))
    _other, result = await client.batch("beta", [*requests(1), BatchRequest(path)])
    assert result.body == {"value": [{"id": "0"}, {"id": "1"}]}


async def test_foreign_next_link_inside_a_batch_fails_that_item(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    script(graph, 1)
    path = f"{ROOT}/7/settings"
    graph.on(f"/beta{path}", page(next_link="https://evil.example/beta/x"))
    other, result = await client.batch("beta", [*requests(1), BatchRequest(path)])
    assert other.error is None
    assert isinstance(result.error, GraphProtocolError)


async def test_outer_424_is_read_like_an_answer(graph: ScriptedGraph, client: GraphClient) -> None:
    responses = [
        {"id": "0", "status": 200, "headers": {}, "body": {"id": "0"}},
        {"id": "1", "status": 200, "headers": {}, "body": {"id": "1"}},
    ]
    graph.on("/beta/$batch", Reply({"responses": responses}, 424))
    assert ids(list(await client.batch("beta", requests(2)))) == ["0", "1"]


async def test_base64_body_of_an_item_is_an_error_not_content(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    script(graph, 2)
    graph.on(f"/beta{ROOT}/1", Reply("aGVsbG8="))
    _first, second = await client.batch("beta", requests(2))
    assert isinstance(second.error, GraphProtocolError)


async def test_page_of_a_gateway_in_place_of_an_item_is_asked_for_again(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    script(graph, 2)
    graph.on(f"/beta{ROOT}/1", Reply("<html>"), Reply({"id": "1"}))
    assert ids(list(await client.batch("beta", requests(2)))) == ["0", "1"]
    assert graph.batches[1:] == [[f"{ROOT}/1"]]


async def test_conditional_access_is_not_batched(graph: ScriptedGraph, client: GraphClient) -> None:
    root = "/identity/conditionalAccess/policies"
    for place in range(3):
        graph.on(f"/beta{root}/{place}", Reply({"id": str(place)}))
    found = await client.batch("beta", [BatchRequest(f"{root}/{n}") for n in range(3)])
    assert ids(list(found)) == ["0", "1", "2"]
    assert graph.batches == []


async def test_empty_batch_asks_nothing(graph: ScriptedGraph, client: GraphClient) -> None:
    assert await client.batch("beta", []) == []
    assert graph.seen == []
