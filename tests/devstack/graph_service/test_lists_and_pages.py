"""Lists: page sizes, next links, what a list leaves out (api.md d.1, a.0)."""

import pytest

from devstack.graph_service import GraphService
from devstack.graph_service.catalog import CATALOG, Collection
from tests.devstack.graph_service.conftest import ClientFactory
from tests.devstack.graph_service.graph_client import GraphClient

POLICIES = "/beta/deviceManagement/configurationPolicies"
LISTED = [c for c in CATALOG.by_key.values() if not c.singleton]


@pytest.mark.parametrize("collection", LISTED, ids=lambda c: c.key)
async def test_list_of_every_collection_yields_each_object_once(
    graph: GraphService, client: GraphClient, collection: Collection
) -> None:
    pages = await client.pages(f"/beta/{collection.path}")

    ids = [row["id"] for page in pages for row in page]

    assert sorted(ids) == sorted(set(ids))
    assert len(ids) == graph.control.count(0, collection.key)
    assert all(len(page) <= collection.page_size for page in pages)


@pytest.mark.parametrize("collection", LISTED, ids=lambda c: c.key)
async def test_item_of_every_collection_answers_on_its_own_path(
    graph: GraphService, client: GraphClient, collection: Collection
) -> None:
    ids = [r["id"] for p in await client.pages(f"/beta/{collection.path}") for r in p][:3]

    answers = [await client.get(f"/beta/{collection.path}/{i}") for i in ids]

    assert [a.json["id"] for a in answers] == ids


@pytest.mark.parametrize(
    "key", [c.key for c in CATALOG.by_key.values() if c.singleton], ids=lambda key: key
)
async def test_singleton_answers_without_an_id(client: GraphClient, key: str) -> None:
    reply = await client.get(f"/beta/{CATALOG.get(key).path}")

    assert reply.status == 200
    assert "value" not in reply.json


async def test_configuration_policies_page_by_25_with_double_encoded_token(
    client: GraphClient,
) -> None:
    first = await client.get(POLICIES)

    assert len(first.rows) == first.json["@odata.count"] == 25
    assert "$skiptoken=%255Bcosmosdb%255D" in first.json["@odata.nextLink"]
    assert "@microsoft.graph.tips" in first.json


async def test_next_link_decoded_by_the_client_is_refused(client: GraphClient) -> None:
    link = (await client.get(POLICIES)).json["@odata.nextLink"]

    reply = await client.get(link.replace("%255Bcosmosdb%255D", "cosmosdb"))

    assert reply.status == 400


async def test_settings_page_by_25_unless_top_asks_for_more(
    graph: GraphService, client: GraphClient
) -> None:
    identifier = graph.control.object_ids(0, "configurationPolicies")[1]
    path = f"{POLICIES}/{identifier}/settings"

    default = await client.pages(path)
    whole = await client.pages(f"{path}?$top=1000")
    undollared = await client.pages(f"{path}?&top=1000")

    assert [len(page) for page in default] == [25] * 10 + [6]
    assert [len(page) for page in whole] == [len(page) for page in undollared] == [256]


async def test_groups_top_above_999_is_refused(client: GraphClient) -> None:
    allowed = await client.get("/v1.0/groups?$top=999&$select=id")
    refused = await client.get("/v1.0/groups?$top=1000")

    assert (allowed.status, len(allowed.rows)) == (200, 60)
    assert (refused.status, refused.error["code"]) == (400, "Request_UnsupportedQuery")


async def test_next_link_keeps_the_other_options(client: GraphClient) -> None:
    first = await client.get("/v1.0/groups?$select=id,displayName&$top=20")

    second = await client.get(first.json["@odata.nextLink"])

    assert [set(row) for row in second.rows] == [{"id", "displayName"}] * 20


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("deviceManagementScripts", ["scriptContent"]),
        ("deviceShellScripts", ["scriptContent"]),
        ("deviceCustomAttributeShellScripts", ["scriptContent"]),
        ("deviceHealthScripts", ["detectionScriptContent", "remediationScriptContent"]),
        ("deviceComplianceScripts", ["detectionScriptContent"]),
    ],
)
async def test_script_bodies_stand_in_the_item_only(
    client: GraphClient, path: str, names: list[str]
) -> None:
    row = (await client.get(f"/beta/deviceManagement/{path}")).rows[0]
    item = (await client.get(f"/beta/deviceManagement/{path}/{row['id']}")).json

    assert all(row[name] is None for name in names)
    assert all(item[name] for name in names)


async def test_list_has_neither_settings_nor_assignments(client: GraphClient) -> None:
    row = (await client.get(POLICIES)).rows[0]

    assert not {"settings", "assignments"} & set(row)


async def test_reusable_setting_instance_is_listed_only_when_selected(client: GraphClient) -> None:
    path = "/beta/deviceManagement/reusablePolicySettings"

    plain = (await client.get(path)).rows[0]
    selected = (await client.get(f"{path}?$select=id,settinginstance,displayname")).rows[0]

    assert "settingInstance" not in plain
    assert selected["settingInstance"]


async def test_page_tokens_expired_on_command_ask_to_begin_again(
    graph: GraphService, client: GraphClient
) -> None:
    link = (await client.get(POLICIES)).json["@odata.nextLink"]
    graph.control.expire_page_tokens(0)

    reply = await client.get(link)

    assert (reply.status, reply.error["code"]) == (400, "Directory_ExpiredPageToken")


async def test_deletion_between_pages_shifts_the_rest(
    fresh: GraphService, connect: ClientFactory
) -> None:
    async with connect(fresh) as client:
        first = await client.get(POLICIES)
        ids = fresh.control.object_ids(0, "configurationPolicies")
        fresh.control.delete_object(0, "configurationPolicies", ids[0])
        second = await client.get(first.json["@odata.nextLink"])

    assert second.rows[0]["id"] == ids[26]


async def test_page_token_used_too_often_expires(
    fresh: GraphService, connect: ClientFactory
) -> None:
    fresh.control.set_page_tokens(uses=1)
    async with connect(fresh) as client:
        link = (await client.get(POLICIES)).json["@odata.nextLink"]
        statuses = [(await client.get(link)).status for _ in range(2)]

    assert statuses == [200, 400]


async def test_page_token_past_its_lifetime_expires(
    fresh: GraphService, connect: ClientFactory
) -> None:
    async with connect(fresh) as client:
        link = (await client.get(POLICIES)).json["@odata.nextLink"]
        fresh.control.set_page_tokens(ttl_s=0)
        reply = await client.get(link)

    assert reply.error["code"] == "Directory_ExpiredPageToken"
