"""Budgets, Retry-After in all its forms, and how clients that misbehave are counted."""

import asyncio
import email.utils
import time

import pytest

from devstack.graph_service import GraphConfig, Profile, RetryAfterStyle, running_graph
from tests.devstack.graph_service.conftest import ClientFactory

INTUNE = "/deviceManagement/assignmentFilters?$top=1"
SMALL = 0.02  # 20 requests of an Intune area in 20 s


def config(**more: object) -> GraphConfig:
    values = {"profile": Profile.S, "budget_scale": SMALL, **more}
    return GraphConfig(**values)  # type: ignore[arg-type]  # fields by name from the tests


async def test_requests_beyond_the_budget_are_overruns(connect: ClientFactory) -> None:
    async with running_graph(config()) as graph, connect(graph) as client:
        first = await client.batch(*[INTUNE] * 20)
        second = await client.batch(*[INTUNE] * 5)

    assert {a["status"] for a in first.values()} == {200}
    assert {a["status"] for a in second.values()} == {429}
    assert graph.control.counters(0)["overruns"] == 5
    assert graph.control.counters(0)["overruns_by_area"] == {"device_configuration": 5}


async def test_areas_and_tenants_have_budgets_of_their_own(connect: ClientFactory) -> None:
    async with (
        running_graph(config()) as graph,
        connect(graph) as client,
        connect(graph, tenant=1) as other,
    ):
        await client.batch(*[INTUNE] * 20)
        same = await client.batch(INTUNE, "/deviceAppManagement/mobileApps?$top=1")
        elsewhere = await other.batch(INTUNE)

    assert (same["0"]["status"], same["1"]["status"]) == (429, 200)
    assert elsewhere["0"]["status"] == 200


async def test_writes_have_a_tenth_of_the_budget(connect: ClientFactory) -> None:
    body = {"displayName": "x", "platform": "iOS", "rule": '(device.model -eq "x")'}
    items = [
        {
            "id": str(i),
            "method": "POST",
            "url": "/deviceManagement/assignmentFilters",
            "headers": {"Content-Type": "application/json"},
            "body": body,
        }
        for i in range(5)
    ]
    async with running_graph(config()) as graph, connect(graph) as client:
        answers = await client.send_batch(items)

    assert sorted(a["status"] for a in answers.values()) == [201, 201, 429, 429, 429]


async def test_conditional_access_takes_one_request_a_second_without_retry_after(
    connect: ClientFactory,
) -> None:
    path = "/v1.0/identity/conditionalAccess/policies?$top=1"
    async with running_graph(config(budget_scale=1.0)) as graph, connect(graph) as client:
        replies = [await client.get(path) for _ in range(3)]

    assert [r.status for r in replies] == [200, 429, 429]
    assert not any("Retry-After" in r.headers for r in replies)


async def test_directory_requests_cost_resource_units(connect: ClientFactory) -> None:
    async with running_graph(config(budget_scale=0.001)) as graph, connect(graph) as client:
        group = graph.control.object_ids(0, "groups")[0]
        members = await client.get(f"/v1.0/groups/{group}/members")
        transitive = await client.get(f"/v1.0/groups/{group}/transitiveMembers")

    assert members.headers["x-ms-resource-unit"] == "3"
    assert float(members.headers["x-ms-throttle-limit-percentage"]) > 0.8
    assert transitive.status == 429
    assert "ResourceUnitLimitExceeded" in transitive.headers["x-ms-throttle-information"]


@pytest.mark.parametrize("style", [s for s in RetryAfterStyle if s is not RetryAfterStyle.MIXED])
async def test_retry_after_comes_in_the_chosen_style(
    connect: ClientFactory, style: RetryAfterStyle
) -> None:
    async with running_graph(config(retry_after=style)) as graph, connect(graph) as client:
        await client.batch(*[INTUNE] * 20)
        header = (await client.get(f"/beta{INTUNE}")).headers.get("Retry-After")

    match style:
        case RetryAfterStyle.MISSING:
            assert header is None
        case RetryAfterStyle.CONSTANT_ONE:
            assert header == "1"
        case RetryAfterStyle.HTTP_DATE:
            when = email.utils.parsedate_to_datetime(header or "").timestamp()
            assert 10 < when - time.time() < 25
        case _:
            assert ("." in (header or "")) is (style is RetryAfterStyle.DECIMAL)
            assert 10 < float(header or "") < 25


async def test_coming_back_too_early_is_counted_and_waiting_is_not(
    connect: ClientFactory,
) -> None:
    async with running_graph(GraphConfig(budget_scale=0)) as graph, connect(graph) as client:
        graph.control.add_fault(status=429, retry_after="0.2", path="/organization", times=2)
        await client.get("/v1.0/organization")
        await client.get("/v1.0/organization")
        await asyncio.sleep(0.21)
        reply = await client.get("/v1.0/organization")

    counted = graph.control.counters(0)
    assert reply.status == 200
    assert (counted["early_retries"], counted["injected_throttles"]) == (1, 2)


async def test_admx_hot_spot_throttles_only_its_area(connect: ClientFactory) -> None:
    async with running_graph(config(budget_scale=1.0)) as graph, connect(graph) as client:
        graph.control.set_admx_hot_spot(0, 2)
        answers = await client.batch(*["/deviceManagement/groupPolicyConfigurations"] * 4, INTUNE)

    assert sorted(a["status"] for a in answers.values()) == [200, 200, 200, 429, 429]


async def test_budget_opens_again_when_the_window_has_passed(connect: ClientFactory) -> None:
    # One request per second of conditional access, forty times faster.
    path = "/v1.0/identity/conditionalAccess/namedLocations"
    async with running_graph(config(budget_scale=1.0)) as graph, connect(graph) as client:
        first = await client.get(path)
        await asyncio.sleep(1.06)
        second = await client.get(path)

    assert (first.status, second.status) == (200, 200)
