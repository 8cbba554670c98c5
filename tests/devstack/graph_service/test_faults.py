"""Injected faults: each kind, alone and within a batch, with its limits."""

import asyncio
import json

import aiohttp
import orjson
import pytest

from devstack.graph_service import PLANTED_SECRETS, GraphService
from devstack.graph_service.hostile import hostile_token_answer
from tests.devstack.graph_service.conftest import ClientFactory
from tests.devstack.graph_service.graph_client import GraphClient

FILTERS = "/beta/deviceManagement/assignmentFilters"
POLICIES = "/beta/deviceManagement/configurationPolicies"
NEW_FILTER = {"displayName": "new", "platform": "iOS", "rule": '(device.model -eq "x")'}


@pytest.fixture(autouse=True)
def _no_faults_left(graph: GraphService) -> None:
    graph.control.clear_faults()


@pytest.mark.parametrize(
    ("status", "style"),
    [
        (403, "directory"),
        (500, "intune"),
        (503, "nested_inner"),
        (502, "html"),
        (504, "none"),
        (429, "empty"),
        (400, "lower_inner"),
        (500, "empty_code"),
        (409, "no_inner"),
    ],
)
async def test_status_fault_has_the_chosen_body(
    graph: GraphService, client: GraphClient, status: int, style: str
) -> None:
    graph.control.add_fault(
        path="/deviceManagement/assignmentFilters", status=status, body_style=style, times=1
    )

    struck, healthy = await client.get(FILTERS), await client.get(FILTERS)

    assert (struck.status, healthy.status) == (status, 200)
    assert (b'"error"' in struck.body) is (style not in ("html", "none"))


async def test_fault_skips_and_stops_as_told(graph: GraphService, client: GraphClient) -> None:
    graph.control.add_fault(path="/deviceManagement/assignmentFilters", skip=1, times=2)

    statuses = [(await client.get(FILTERS)).status for _ in range(4)]

    assert statuses == [200, 500, 500, 200]


async def test_fault_with_probability_repeats_with_its_seed(
    graph: GraphService, client: GraphClient
) -> None:
    rounds = []
    for _ in range(2):
        fault = graph.control.add_fault(
            path="/deviceManagement/assignmentFilters", probability=0.5, seed=3
        )
        rounds.append([(await client.get(FILTERS)).status for _ in range(8)])
        graph.control.remove_fault(fault)

    assert rounds[0] == rounds[1]
    assert set(rounds[0]) == {200, 500}


async def test_fault_meets_only_its_tenant_and_pattern(
    graph: GraphService, client: GraphClient, connect: ClientFactory
) -> None:
    graph.control.add_fault(
        tenant=graph.tenants[0].tenant_id, path="/deviceManagement/configurationPolicies/{id}"
    )
    identifier = graph.control.object_ids(0, "configurationPolicies")[0]
    foreign = graph.control.object_ids(1, "configurationPolicies")[0]
    async with connect(graph, tenant=1) as other:
        statuses = [
            (await client.get(f"{POLICIES}/{identifier}")).status,
            (await client.get(f"{POLICIES}/{identifier}/settings")).status,
            (await other.get(f"{POLICIES}/{foreign}")).status,
        ]

    assert statuses == [500, 200, 200]


@pytest.mark.parametrize("kind", ["reset", "cut"])
async def test_connection_fault_breaks_the_connection(
    graph: GraphService, client: GraphClient, kind: str
) -> None:
    # aiohttp itself repeats a GET once when a reused connection breaks, hence two.
    times = 2 if kind == "reset" else 1
    graph.control.add_fault(kind=kind, path="/deviceManagement/assignmentFilters", times=times)

    with pytest.raises(aiohttp.ClientError):
        await client.get(FILTERS)

    assert (await client.get(FILTERS)).status == 200


async def test_reset_of_an_item_breaks_the_whole_batch(
    graph: GraphService, client: GraphClient
) -> None:
    graph.control.add_fault(kind="reset", path="/domains", times=1)

    with pytest.raises(aiohttp.ClientError):
        await client.batch("/organization", "/domains")


async def test_truncated_answer_is_no_json(graph: GraphService, client: GraphClient) -> None:
    graph.control.add_fault(kind="truncated", path="/deviceManagement/assignmentFilters", times=2)

    alone = await client.get(FILTERS)
    item = {"id": "1", "method": "GET", "url": "/deviceManagement/assignmentFilters"}
    batch = await client.send("POST", "/beta/$batch", {"requests": [item]})

    for reply in (alone, batch):
        assert reply.status == 200
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(reply.body)


async def test_wrong_content_type_and_html_keep_their_status(
    graph: GraphService, client: GraphClient
) -> None:
    graph.control.add_fault(kind="wrong_content_type", path="/organization", times=1)
    graph.control.add_fault(kind="html", status=200, path="/domains", times=1)

    plain, page = await client.get("/v1.0/organization"), await client.get("/v1.0/domains")

    assert plain.headers["Content-Type"].startswith("text/plain")
    assert plain.rows
    assert page.body.startswith(b"<html>")


async def test_hostile_answer_plants_secrets_in_body_and_headers(
    graph: GraphService, client: GraphClient
) -> None:
    graph.control.add_fault(kind="hostile", path="/organization", times=1)

    reply = await client.get("/v1.0/organization")

    assert reply.status == 500
    assert all(secret in reply.error["message"] for secret in PLANTED_SECRETS)
    assert PLANTED_SECRETS[0] in reply.headers["x-ms-diagnostics"]


async def test_hostile_answer_carries_the_headers_it_is_given(
    graph: GraphService, client: GraphClient
) -> None:
    headers = {"Retry-After": "planted", "Set-Cookie": "[planted]=1"}
    graph.control.add_fault(kind="hostile", path="/organization", times=1, headers=headers)

    reply = await client.get("/v1.0/organization")

    assert reply.headers["Retry-After"] == "planted"
    assert reply.headers["Set-Cookie"] == "[planted]=1"


def test_hostile_answer_of_the_token_endpoint_plants_secrets_everywhere() -> None:
    answer = hostile_token_answer(401, "7000215", PLANTED_SECRETS)

    content = json.loads(answer.body)
    assert content["error_codes"] == [7000215]
    assert all(secret in content["error_description"] for secret in PLANTED_SECRETS)
    assert PLANTED_SECRETS[0] in answer.headers["x-ms-ests-server"]


async def test_applied_write_is_lost_on_its_way_back(
    fresh: GraphService, connect: ClientFactory
) -> None:
    fresh.control.add_fault(kind="applied_then_lost", method="POST", times=1)
    before = fresh.control.count(0, "assignmentFilters")
    async with connect(fresh) as client:
        reply = await client.send("POST", FILTERS, NEW_FILTER)

    assert reply.status == 504
    assert fresh.control.count(0, "assignmentFilters") == before + 1


async def test_created_object_is_seen_late(fresh: GraphService, connect: ClientFactory) -> None:
    fresh.control.add_fault(kind="late_visibility", method="POST", delay_s=0.2)
    async with connect(fresh) as client:
        created = (await client.send("POST", FILTERS, NEW_FILTER)).json["id"]
        early = await client.get(f"{FILTERS}/{created}")
        await asyncio.sleep(0.21)
        late = await client.get(f"{FILTERS}/{created}")

    assert (early.status, late.status) == (404, 200)


async def test_empty_list_hides_objects_that_answer_on_their_own_path(
    graph: GraphService, client: GraphClient
) -> None:
    graph.control.add_fault(kind="empty_list", path="/deviceManagement/configurationPolicies")
    identifier = graph.control.object_ids(0, "configurationPolicies")[0]

    listed, item = await client.get(POLICIES), await client.get(f"{POLICIES}/{identifier}")

    assert (listed.status, listed.rows, item.status) == (200, [], 200)
    assert "@odata.nextLink" not in listed.json


@pytest.mark.parametrize("page", [0, 1])
async def test_empty_page_has_a_next_link_and_loses_nothing(
    graph: GraphService, client: GraphClient, page: int
) -> None:
    graph.control.add_fault(
        kind="empty_page", path="/deviceManagement/configurationPolicies", page=page, times=1
    )

    pages = await client.pages(POLICIES)

    assert [len(rows) for rows in pages].index(0) == page
    assert sum(len(rows) for rows in pages) == 75


async def test_second_page_breaks(graph: GraphService, client: GraphClient) -> None:
    graph.control.add_fault(
        kind="broken_page", path="/deviceManagement/configurationPolicies", page=1
    )

    first = await client.get(POLICIES)
    second = await client.get(first.json["@odata.nextLink"])

    assert (first.status, second.status) == (200, 500)


async def test_page_token_expires_at_the_third_page(
    graph: GraphService, client: GraphClient
) -> None:
    graph.control.add_fault(
        kind="expired_page", path="/deviceManagement/configurationPolicies", page=2, times=1
    )
    first = await client.get(POLICIES)
    second = await client.get(first.json["@odata.nextLink"])
    link = second.json["@odata.nextLink"]

    refused, accepted = await client.get(link), await client.get(link)

    assert refused.error["code"] == "Directory_ExpiredPageToken"
    assert accepted.status == 200


async def test_unauthorized_once_although_the_token_is_good(
    graph: GraphService, client: GraphClient
) -> None:
    graph.control.add_fault(kind="unauthorized", path="/organization", times=1)

    statuses = [(await client.get("/v1.0/organization")).status for _ in range(2)]

    assert statuses == [401, 200]


async def test_delay_holds_the_right_answer_back(graph: GraphService, client: GraphClient) -> None:
    graph.control.add_fault(kind="delay", path="/organization", delay_s=0.2, times=1)
    loop = asyncio.get_running_loop()

    before = loop.time()
    reply = await client.get("/v1.0/organization")

    assert reply.status == 200
    assert loop.time() - before >= 0.2


async def test_outer_batch_may_fail_as_a_whole(graph: GraphService, client: GraphClient) -> None:
    graph.control.add_fault(path="/$batch", status=424, times=1)
    item = {"id": "1", "method": "GET", "url": "/organization"}

    reply = await client.send("POST", "/v1.0/$batch", {"requests": [item]})

    assert reply.status == 424


async def test_token_endpoint_fails_transiently(graph: GraphService, client: GraphClient) -> None:
    graph.control.add_fault(path="/token", status=503, times=1)
    tenant = graph.tenants[0]
    form = {
        "client_id": tenant.read_app.client_id,
        "client_secret": tenant.read_app.secret,
        "grant_type": "client_credentials",
        "scope": "https://graph.microsoft.com/.default",
    }
    url = f"{graph.authority_url}/{tenant.tenant_id}/oauth2/v2.0/token"
    statuses = []
    for _ in range(2):
        async with client.session.post(url, data=form) as response:
            statuses.append(response.status)

    assert statuses == [503, 200]


async def test_client_request_id_is_echoed_in_header_and_error(client: GraphClient) -> None:
    header = {"client-request-id": "5b0f6ca1-1111-4222-8333-444455556666"}

    reply = await client.get("/beta/nothing", header)

    assert reply.headers["client-request-id"] == header["client-request-id"]
    assert reply.error["innerError"]["client-request-id"] == header["client-request-id"]
    assert reply.error["innerError"]["request-id"] == reply.headers["request-id"]
    assert "ServerInfo" in reply.headers["x-ms-ags-diagnostic"]


async def test_delay_fault_gives_the_right_answer_with_its_headers(
    graph: GraphService, client: GraphClient
) -> None:
    graph.control.add_fault(kind="delay", times=1, headers={"x-ms-planted": "plum"})

    struck, healthy = await client.get(FILTERS), await client.get(FILTERS)

    assert (struck.status, struck.headers["x-ms-planted"]) == (200, "plum")
    assert "x-ms-planted" not in healthy.headers


async def test_omitted_item_has_no_answer_in_its_batch(
    graph: GraphService, client: GraphClient
) -> None:
    graph.control.add_fault(kind="omitted", path="/deviceManagement/assignmentFilters", times=1)
    urls = ("/deviceManagement/assignmentFilters", "/deviceManagement/deviceCategories")

    struck, healthy = await client.batch(*urls), await client.batch(*urls)

    assert (len(struck), len(healthy)) == (1, 2)
