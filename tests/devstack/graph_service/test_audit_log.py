"""Audit events follow what was really changed, through Graph and through the control."""

from urllib.parse import quote

import pytest

from devstack.graph_service import GraphService
from tests.devstack.graph_service.conftest import ClientFactory
from tests.devstack.graph_service.graph_client import GraphClient

FILTERS = "/beta/deviceManagement/assignmentFilters"
POLICIES = "/beta/deviceManagement/configurationPolicies"
CONDITIONAL = "/v1.0/identity/conditionalAccess/policies"
EVERYONE = {"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}


async def events(client: GraphClient, path: str) -> list[dict[str, object]]:
    """Return the events of the last minute, oldest first."""
    since = client.service.clock.isoformat(plus_s=-60)
    reply = await client.get(f"/v1.0/{path}?$filter={quote(f'activityDateTime gt {since}')}")
    assert reply.status == 200, reply.body
    return reply.rows


async def test_write_through_graph_leaves_an_event_of_its_app(
    fresh: GraphService, connect: ClientFactory
) -> None:
    identifier = fresh.control.object_ids(0, "assignmentFilters")[0]
    async with connect(fresh) as client:
        await client.send("PATCH", f"{FILTERS}/{identifier}", {"description": "new"})
        await client.send("DELETE", f"{FILTERS}/{identifier}")
        changed, deleted = await events(client, "deviceManagement/auditEvents")

    app = fresh.tenants[0].write_app
    assert [e["activityOperationType"] for e in (changed, deleted)] == ["Patch", "Delete"]
    assert {e["resources"][0]["resourceId"] for e in (changed, deleted)} == {identifier}  # type: ignore[index] # JSON
    assert changed["actor"]["applicationId"] == app.client_id  # type: ignore[index] # JSON
    assert changed["resources"] == deleted["resources"]


async def test_created_and_assigned_policy_is_named_by_its_id(
    fresh: GraphService, connect: ClientFactory
) -> None:
    async with connect(fresh) as client:
        created = await client.send("POST", POLICIES, {"name": "new", "settings": []})
        path = f"{POLICIES}/{created.json['id']}/assign"
        await client.send("POST", path, {"assignments": [EVERYONE]})
        found = await events(client, "deviceManagement/auditEvents")

    assert [event["activityOperationType"] for event in found] == ["Create", "Action"]
    assert [event["resources"][0]["resourceId"] for event in found] == [created.json["id"]] * 2  # type: ignore[index] # JSON


async def test_refused_write_leaves_no_event(fresh: GraphService, connect: ClientFactory) -> None:
    async with connect(fresh) as client:
        refused = await client.send("PATCH", f"{FILTERS}/none", {"description": "new"})

        assert refused.status == 404
        assert await events(client, "deviceManagement/auditEvents") == []


async def test_control_change_of_conditional_access_names_the_person(
    fresh: GraphService, connect: ClientFactory
) -> None:
    identifier = fresh.control.object_ids(0, "conditionalAccessPolicies")[0]
    fresh.control.update_object(
        0, "conditionalAccessPolicies", identifier, {"state": "disabled"}, actor="eve@contoso.com"
    )

    async with connect(fresh) as client:
        [event] = await events(client, "auditLogs/directoryAudits")
        intune = await events(client, "deviceManagement/auditEvents")

    assert (event["category"], event["operationType"]) == ("Policy", "Update")
    assert event["initiatedBy"]["user"]["userPrincipalName"] == "eve@contoso.com"  # type: ignore[index] # JSON
    assert event["targetResources"][0]["id"] == identifier  # type: ignore[index] # JSON
    assert intune == []


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/v1.0/deviceManagement/auditEvents", "DeviceManagementApps.Read.All"),
        ("/v1.0/auditLogs/directoryAudits", "AuditLog.Read.All"),
    ],
)
async def test_events_need_their_permission(
    fresh: GraphService, connect: ClientFactory, path: str, permission: str
) -> None:
    fresh.control.set_permissions(0, "read", [permission])
    async with connect(fresh, app="read") as client:
        allowed = await client.get(path)
        fresh.control.set_permissions(0, "read", ["Organization.Read.All"])
        client.renew_token()
        refused = await client.get(path)

    assert (allowed.status, refused.status) == (200, 403)
