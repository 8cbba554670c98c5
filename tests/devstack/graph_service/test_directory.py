"""Groups delta, members, look-ups by id and role definitions (api.md b, c)."""

import json
from pathlib import Path
from typing import Any

import pytest

from devstack.graph_service import GraphService
from tests.devstack.graph_service.conftest import ClientFactory
from tests.devstack.graph_service.graph_client import GraphClient

DELTA = "/v1.0/groups/delta?$select=id,displayName"
SHARED_ROLES = (
    Path(__file__).parents[4] / "shared/graph/data/entra/unifiedRoleDefinitions.derived.json"
)


async def delta_round(client: GraphClient, path: str) -> tuple[list[dict[str, Any]], str]:
    rows: list[dict[str, Any]] = []
    while True:
        reply = await client.get(path)
        assert reply.status == 200, reply.body
        rows += reply.rows
        if "@odata.deltaLink" in reply.json:
            return rows, reply.json["@odata.deltaLink"]
        path = reply.json["@odata.nextLink"]


async def test_first_delta_round_shows_every_group_with_the_frozen_selection(
    graph: GraphService, client: GraphClient
) -> None:
    rows, _ = await delta_round(client, DELTA)

    assert [row["id"] for row in rows] == graph.control.object_ids(0, "groups")
    assert all(set(row) == {"id", "displayName"} for row in rows)


async def test_later_round_shows_changes_deletions_and_new_groups(
    fresh: GraphService, connect: ClientFactory
) -> None:
    ids = fresh.control.object_ids(0, "groups")
    async with connect(fresh) as client:
        _, link = await delta_round(client, DELTA)
        fresh.control.update_object(0, "groups", ids[0], {"displayName": "renamed"})
        fresh.control.delete_object(0, "groups", ids[1], reason="changed")
        added = fresh.control.insert_object(0, "groups", {"displayName": "added"})
        rows, link = await delta_round(client, link)
        again, _ = await delta_round(client, link)

    assert rows == [
        {"id": ids[0], "displayName": "renamed"},
        {"id": ids[1], "@removed": {"reason": "changed"}},
        {"id": added, "displayName": "added"},
    ]
    assert again == []


async def test_group_created_and_deleted_between_rounds_is_only_a_removal(
    fresh: GraphService, connect: ClientFactory
) -> None:
    async with connect(fresh) as client:
        _, link = await delta_round(client, DELTA)
        gone = fresh.control.insert_object(0, "groups", {"displayName": "brief"})
        fresh.control.delete_object(0, "groups", gone)
        rows, _ = await delta_round(client, link)

    assert rows == [{"id": gone, "@removed": {"reason": "deleted"}}]


async def test_member_changes_come_as_members_delta(
    fresh: GraphService, connect: ClientFactory
) -> None:
    group = fresh.control.object_ids(0, "groups")[0]
    user = "99999999-9999-4999-8999-999999999999"
    async with connect(fresh) as client:
        _, link = await delta_round(client, "/v1.0/groups/delta?$select=id,members")
        fresh.control.add_group_members(0, group, [user])
        fresh.control.remove_group_members(0, group, [user])
        rows, _ = await delta_round(client, link)

    kind = "#microsoft.graph.user"
    assert [row["members@delta"] for row in rows] == [
        [{"@odata.type": kind, "id": user}],
        [{"@odata.type": kind, "id": user, "@removed": {"reason": "deleted"}}],
    ]


async def test_forced_resync_answers_410_with_a_location(
    fresh: GraphService, connect: ClientFactory
) -> None:
    async with connect(fresh) as client:
        _, link = await delta_round(client, DELTA)
        fresh.control.require_group_resync(0)
        reply = await client.get(link)

    assert (reply.status, reply.error["code"]) == (410, "resyncRequired")
    assert "/groups/delta" in reply.headers["Location"]


async def test_delta_token_of_eight_days_ago_needs_a_resync(
    fresh: GraphService, connect: ClientFactory
) -> None:
    async with connect(fresh) as client:
        _, link = await delta_round(client, DELTA)
        fresh.control.move_clock(8 * 86400)
        client.renew_token()
        reply = await client.get(link)

    assert reply.status == 410


async def test_latest_token_starts_without_data(client: GraphClient) -> None:
    rows, _ = await delta_round(client, "/v1.0/groups/delta?$deltatoken=latest")

    assert rows == []


@pytest.mark.parametrize("option", ["$top=5", "$expand=members", "$orderby=displayName"])
async def test_delta_refuses_what_it_does_not_support(client: GraphClient, option: str) -> None:
    assert (await client.get(f"/v1.0/groups/delta?{option}")).status == 400


async def test_get_by_ids_leaves_the_missing_out(graph: GraphService, client: GraphClient) -> None:
    ids = graph.control.object_ids(0, "groups")[:3]
    body = {"ids": [*ids, "11111111-1111-4111-8111-111111111111"], "types": ["group"]}

    reply = await client.send("POST", "/v1.0/directoryObjects/getByIds?$select=id", body)

    assert [row["id"] for row in reply.rows] == ids


async def test_members_are_added_by_reference_and_not_twice(
    fresh: GraphService, connect: ClientFactory
) -> None:
    group = fresh.control.object_ids(0, "groups")[0]
    user = "99999999-9999-4999-8999-999999999999"
    body = {"@odata.id": f"{fresh.root_url}/v1.0/directoryObjects/{user}"}
    async with connect(fresh) as client:
        path = f"/v1.0/groups/{group}/members/$ref"
        statuses = [(await client.send("POST", path, body)).status for _ in range(2)]
        removed = await client.send("DELETE", f"/v1.0/groups/{group}/members/{user}/$ref")

    assert [*statuses, removed.status] == [204, 400, 204]


async def test_built_in_roles_are_the_same_in_every_tenant(graph: GraphService) -> None:
    first, second = (graph.control.object_ids(n, "directoryRoleDefinitions") for n in (0, 1))

    roles = [graph.control.get_object(0, "directoryRoleDefinitions", i) for i in first]

    assert first == second
    assert len(roles) == 145
    assert all(role["id"] == role["templateId"] and role["isBuiltIn"] for role in roles)
    assert all(role["rolePermissions"][0]["allowedResourceActions"] for role in roles)


@pytest.mark.skipif(not SHARED_ROLES.exists(), reason="the shared role definitions are not here")
async def test_real_role_definitions_replace_the_generated(
    fresh: GraphService, connect: ClientFactory
) -> None:
    loaded = fresh.control.load_roles(0, str(SHARED_ROLES))
    content = json.loads(SHARED_ROLES.read_text())["value"]
    expected = {
        role["id"]: {k: v for k, v in role.items() if not k.startswith("_")} for role in content
    }
    async with connect(fresh) as client:
        pages = await client.pages("/beta/roleManagement/directory/roleDefinitions")

    rows = {row["id"]: row for page in pages for row in page}
    assert loaded == len(expected) == 145
    assert rows == expected
