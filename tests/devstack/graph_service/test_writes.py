"""Creating, changing, assigning and deleting through Graph (api.md a.1)."""

from typing import Any

import pytest

from devstack.graph_service import GraphService
from tests.devstack.graph_service.conftest import ClientFactory

DM = "/beta/deviceManagement"
POLICIES = f"{DM}/configurationPolicies"
SETTING = {
    "settingInstance": {
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance",
        "settingDefinitionId": "device_x",
        "choiceSettingValue": {"value": "device_x_1", "children": []},
    }
}
EVERYONE = {"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}


async def test_created_policy_gets_id_dates_count_and_numbered_settings(
    fresh: GraphService, connect: ClientFactory
) -> None:
    body = {"name": "new", "platforms": "windows10", "technologies": "mdm"}
    async with connect(fresh) as client:
        created = await client.send("POST", POLICIES, {**body, "settings": [SETTING, SETTING]})
        identifier = created.json["id"]
        settings = (await client.get(f"{POLICIES}/{identifier}/settings")).rows

    assert (created.status, created.json["settingCount"]) == (201, 2)
    assert created.json["createdDateTime"] == created.json["lastModifiedDateTime"]
    assert [row["id"] for row in settings] == ["0", "1"]


async def test_put_replaces_settings_and_patch_changes_the_header_only(
    fresh: GraphService, connect: ClientFactory
) -> None:
    identifier = fresh.control.object_ids(0, "configurationPolicies")[0]
    path = f"{POLICIES}/{identifier}"
    async with connect(fresh) as client:
        patched = await client.send("PATCH", path, {"description": "d", "settings": [SETTING]})
        after_patch = fresh.control.get_object(0, "configurationPolicies", identifier)
        put = await client.send("PUT", path, {"name": "whole", "settings": [SETTING]})
        after_put = fresh.control.get_object(0, "configurationPolicies", identifier)

    assert (patched.status, put.status) == (200, 204)
    assert after_patch["description"] == "d"
    assert after_patch["settings"][0]["settingInstance"] != SETTING["settingInstance"]
    assert after_put["settings"] == [{"id": "0", **SETTING}]
    assert after_put["assignments"] == after_patch["assignments"]


@pytest.mark.parametrize(
    ("collection", "key"),
    [
        ("configurationPolicies", "assignments"),
        ("deviceManagementScripts", "deviceManagementScriptAssignments"),
        ("deviceHealthScripts", "deviceHealthScriptAssignments"),
        ("deviceEnrollmentConfigurations", "enrollmentConfigurationAssignments"),
    ],
)
async def test_assign_replaces_the_whole_list(
    fresh: GraphService, connect: ClientFactory, collection: str, key: str
) -> None:
    identifier = fresh.control.object_ids(0, collection)[-1]
    path = f"{DM}/{collection}/{identifier}"
    async with connect(fresh) as client:
        for _ in range(2):
            await client.send("POST", f"{path}/assign", {key: [EVERYONE]})
        rows = (await client.get(f"{path}/assignments")).rows

    assert [row["target"] for row in rows] == [EVERYONE["target"]]
    assert rows[0]["source"] == "direct"


async def test_autopilot_takes_one_assignment_per_post(
    fresh: GraphService, connect: ClientFactory
) -> None:
    identifier = fresh.control.object_ids(0, "windowsAutopilotDeploymentProfiles")[0]
    path = f"{DM}/windowsAutopilotDeploymentProfiles/{identifier}/assignments"
    before = len(
        fresh.control.get_object(0, "windowsAutopilotDeploymentProfiles", identifier)["assignments"]
    )
    async with connect(fresh) as client:
        added = await client.send("POST", path, EVERYONE)
        deleted = await client.send("DELETE", f"{path}/{added.json['id']}")
        pages = await client.pages(path)

    assert (added.status, deleted.status) == (201, 204)
    assert sum(map(len, pages)) == before


def compliance(*actions: str) -> dict[str, Any]:
    rows = [{"actionType": action, "gracePeriodHours": 0} for action in actions]
    rule = {"ruleName": "PasswordRequired", "scheduledActionConfigurations": rows}
    kind = "#microsoft.graph.windows10CompliancePolicy"
    return {"@odata.type": kind, "displayName": "c", "scheduledActionsForRule": [rule]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("deviceCompliancePolicies", compliance("notification")),
        ("deviceCompliancePolicies", {**compliance("block"), "scheduledActionsForRule": []}),
        ("deviceConfigurations", {"displayName": "no type"}),
        ("configurationPolicies", {"platforms": "windows10"}),
    ],
    ids=["no block action", "no rule", "abstract type", "no name"],
)
async def test_create_that_graph_refuses_is_refused(
    fresh: GraphService, connect: ClientFactory, path: str, body: dict[str, Any]
) -> None:
    async with connect(fresh) as client:
        reply = await client.send("POST", f"{DM}/{path}", body)

    assert reply.status == 400


async def test_compliance_policy_is_created_with_its_rule(
    fresh: GraphService, connect: ClientFactory
) -> None:
    async with connect(fresh) as client:
        created = await client.send("POST", f"{DM}/deviceCompliancePolicies", compliance("block"))
        shown = await client.get(
            f"{DM}/deviceCompliancePolicies/{created.json['id']}"
            "?$expand=scheduledActionsForRule($expand=scheduledActionConfigurations)"
        )

    rule = shown.json["scheduledActionsForRule"][0]
    assert rule["scheduledActionConfigurations"][0]["actionType"] == "block"
    assert rule["id"]


@pytest.mark.parametrize(
    ("collection", "position", "method"),
    [
        ("directoryRoleDefinitions", 0, "PATCH"),
        ("roleDefinitions", 0, "DELETE"),
        ("roleScopeTags", 0, "PATCH"),
        ("deviceEnrollmentConfigurations", 0, "DELETE"),
    ],
)
async def test_built_in_object_is_read_only(
    fresh: GraphService, connect: ClientFactory, collection: str, position: int, method: str
) -> None:
    from devstack.graph_service.catalog import CATALOG

    identifier = fresh.control.object_ids(0, collection)[position]
    path = f"/beta/{CATALOG.get(collection).path}/{identifier}"
    async with connect(fresh) as client:
        reply = await client.send(method, path, {"displayName": "x"})

    assert reply.status == 400


async def test_write_raises_version_and_modification_date(
    fresh: GraphService, connect: ClientFactory
) -> None:
    identifier = fresh.control.object_ids(0, "deviceConfigurations")[0]
    before = fresh.control.get_object(0, "deviceConfigurations", identifier)
    async with connect(fresh) as client:
        reply = await client.send(
            "PATCH", f"{DM}/deviceConfigurations/{identifier}", {"description": "d", "version": 99}
        )

    assert reply.json["version"] == before["version"] + 1
    assert reply.json["lastModifiedDateTime"] > before["lastModifiedDateTime"]


async def test_encrypted_value_written_comes_back_masked(
    fresh: GraphService, connect: ClientFactory
) -> None:
    row = {
        "@odata.type": "#microsoft.graph.omaSettingString",
        "omaUri": "./x",
        "value": "plain",
        "isEncrypted": True,
    }
    body = {
        "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
        "displayName": "oma",
        "omaSettings": [row],
    }
    async with connect(fresh) as client:
        created = (await client.send("POST", f"{DM}/deviceConfigurations", body)).json
        shown = created["omaSettings"][0]
        path = f"{DM}/deviceConfigurations/{created['id']}/getOmaSettingPlainTextValue"
        reference = shown["secretReferenceValueId"]
        plain = await client.get(f"{path}(secretReferenceValueId='{reference}')")

    assert (shown["value"], plain.json["value"]) == ("****", "plain")
    assert "_secrets" not in created


async def test_new_object_appears_after_the_replication_delay(
    fresh: GraphService, connect: ClientFactory
) -> None:
    fresh.control.set_replication_delay(0, 60)
    async with connect(fresh) as client:
        created = await client.send(
            "POST", "/v1.0/groups", {"displayName": "g", "mailNickname": "g"}
        )
        shown = await client.get(f"/v1.0/groups/{created.json['id']}")

    assert (created.status, shown.status) == (201, 404)


async def test_admx_values_are_added_updated_and_deleted(
    fresh: GraphService, connect: ClientFactory
) -> None:
    identifier = fresh.control.object_ids(0, "groupPolicyConfigurations")[0]
    rows = fresh.control.get_object(0, "groupPolicyConfigurations", identifier)["definitionValues"]
    bound = "https://graph.microsoft.com/beta/deviceManagement/groupPolicyDefinitions('d-1')"
    body = {
        "added": [{"enabled": True, "definition@odata.bind": bound}],
        "updated": [{"id": rows[1]["id"], "enabled": not rows[1]["enabled"]}],
        "deletedIds": [rows[0]["id"]],
    }
    path = f"{DM}/groupPolicyConfigurations/{identifier}/updateDefinitionValues"
    async with connect(fresh) as client:
        reply = await client.send("POST", path, body)

    after = fresh.control.get_object(0, "groupPolicyConfigurations", identifier)["definitionValues"]
    assert reply.status == 204
    assert [row["id"] for row in after[:-1]] == [row["id"] for row in rows[1:]]
    assert after[0]["enabled"] is not rows[1]["enabled"]
    assert after[-1]["definition"]["id"] == "d-1"


async def test_delete_takes_the_object_away(fresh: GraphService, connect: ClientFactory) -> None:
    identifier = fresh.control.object_ids(0, "mobileApps")[3]
    path = f"/beta/deviceAppManagement/mobileApps/{identifier}"
    async with connect(fresh) as client:
        statuses = [
            (await client.send("DELETE", path)).status,
            (await client.get(path)).status,
            (await client.send("DELETE", path)).status,
        ]

    assert statuses == [204, 404, 404]
