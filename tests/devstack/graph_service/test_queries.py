"""$expand, $select and $filter: what works, what is refused with which text (api.md f.13)."""

import pytest

from devstack.graph_service import GraphService
from tests.devstack.graph_service.graph_client import GraphClient

DM = "/beta/deviceManagement"
DAM = "/beta/deviceAppManagement"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (f"{DM}/deviceCompliancePolicies?$expand=assignments", ["assignments"]),
        (
            (
                f"{DM}/deviceCompliancePolicies"
                "?$expand=scheduledActionsForRule($expand=scheduledActionConfigurations)"
            ),
            ["scheduledActionsForRule"],
        ),
        (f"{DM}/compliancePolicies?$expand=settings", ["settings"]),
        (
            f"{DM}/notificationMessageTemplates?$expand=localizedNotificationMessages",
            ["localizedNotificationMessages"],
        ),
        (f"{DM}/configurationPolicies?$expand=assignments", ["assignments"]),
        (f"{DM}/groupPolicyConfigurations?$expand=assignments", ["assignments"]),
        (f"{DAM}/iosManagedAppProtections?$expand=apps,assignments", ["apps", "assignments"]),
        (f"{DAM}/mobileApps?$expand=categories,assignments", ["categories", "assignments"]),
        (
            "/v1.0/roleManagement/directory/roleDefinitions?$expand=inheritsPermissionsFrom",
            ["inheritsPermissionsFrom"],
        ),
    ],
)
async def test_expand_on_a_list_brings_the_navigation_property(
    client: GraphClient, path: str, names: list[str]
) -> None:
    rows = [row for page in await client.pages(path) for row in page]

    assert all(isinstance(row[name], list) for row in rows for name in names)
    assert any(row[name] for row in rows for name in names)


async def test_nested_expand_brings_the_actions_of_a_rule(client: GraphClient) -> None:
    plain = await client.get(f"{DM}/deviceCompliancePolicies?$expand=scheduledActionsForRule")
    nested = await client.get(
        f"{DM}/deviceCompliancePolicies"
        "?$expand=scheduledActionsForRule($expand=scheduledActionConfigurations)"
    )

    rule = nested.rows[0]["scheduledActionsForRule"][0]
    assert "scheduledActionConfigurations" not in plain.rows[0]["scheduledActionsForRule"][0]
    assert rule["scheduledActionConfigurations"][0]["actionType"] == "block"


@pytest.mark.parametrize(
    "path",
    [f"{DM}/termsAndConditions", f"{DM}/roleScopeTags", f"{DAM}/targetedManagedAppConfigurations"],
)
async def test_expand_of_assignments_is_empty_on_some_lists(client: GraphClient, path: str) -> None:
    rows = (await client.get(f"{path}?$expand=assignments")).rows

    assert [row["assignments"] for row in rows] == [[]] * len(rows)


@pytest.mark.parametrize(
    "path",
    [
        "/v1.0/identity/conditionalAccess/policies?$expand=assignments",
        "/v1.0/identity/conditionalAccess/namedLocations?$expand=assignments",
        f"{DM}/notificationMessageTemplates?$expand=assignments",
        f"{DM}/assignmentFilters?$expand=assignments",
        f"{DM}/reusablePolicySettings?$expand=assignments",
        f"{DAM}/managedAppPolicies?$expand=apps",
        f"{DM}/configurationPolicies?$expand=settings,relationships",
        f"{DM}/deviceConfigurations?$select=id,nonsense",
    ],
)
async def test_unknown_property_is_refused_with_its_name(client: GraphClient, path: str) -> None:
    reply = await client.get(path)

    assert reply.status == 400
    assert reply.error["message"].startswith(
        "Parsing OData Select and Expand failed: Could not find a property named '"
    )


async def test_admx_values_are_read_one_by_one(graph: GraphService, client: GraphClient) -> None:
    identifier = graph.control.object_ids(0, "groupPolicyConfigurations")[0]
    path = f"{DM}/groupPolicyConfigurations/{identifier}/definitionValues"

    values = (await client.get(f"{path}?$expand=definition")).rows
    bare = (await client.get(path)).rows
    presentations = [
        row
        for value in values
        for row in (
            await client.get(f"{path}/{value['id']}/presentationValues?$expand=presentation")
        ).rows
    ]

    assert all(value["definition"]["displayName"] for value in values)
    assert "definition" not in bare[0]
    assert all(row["presentation"]["label"] for row in presentations)


async def test_intent_settings_stand_below_their_categories(
    graph: GraphService, client: GraphClient
) -> None:
    identifier = graph.control.object_ids(0, "intents")[0]
    path = f"{DM}/intents/{identifier}"

    flat = (await client.get(f"{path}/settings")).rows
    categories = (await client.get(f"{path}/categories")).rows
    nested = [
        row
        for category in categories
        for row in (await client.get(f"{path}/categories/{category['id']}/settings")).rows
    ]

    assert flat == nested


@pytest.mark.parametrize(
    ("path", "check"),
    [
        (
            (
                f"{DM}/deviceConfigurations"
                "?$filter=isof('microsoft.graph.windowsUpdateForBusinessConfiguration')"
                " or isof('microsoft.graph.iosUpdateConfiguration')"
            ),
            lambda row: "Update" in row["@odata.type"],
        ),
        (
            (
                f"{DM}/deviceConfigurations"
                "?$filter=not isof('microsoft.graph.windowsUpdateForBusinessConfiguration')"
                " and not isof('microsoft.graph.iosUpdateConfiguration')"
            ),
            lambda row: "Update" not in row["@odata.type"],
        ),
        (f"{DM}/roleDefinitions?$filter=isBuiltIn eq true", lambda row: row["isBuiltIn"]),
        (f"{DM}/roleScopeTags?$filter=isBuiltIn eq true", lambda row: row["id"] == "0"),
        (
            "/v1.0/groups?$filter=groupTypes/any(c:c eq 'DynamicMembership')&$top=999",
            lambda row: row["membershipRule"],
        ),
        (
            (
                f"{DAM}/mobileApps?$filter=(microsoft.graph.managedApp/appAvailability) eq null"
                " or isAssigned eq true"
            ),
            lambda row: row["id"],
        ),
        (
            (
                f"{DM}/configurationPolicies?$filter=platforms eq 'windows10'"
                " and technologies in ('mdm','linuxMdm')"
            ),
            lambda row: row["platforms"] == "windows10",
        ),
    ],
)
async def test_filter_keeps_what_it_says(client: GraphClient, path: str, check) -> None:  # type: ignore[no-untyped-def]  # lambdas over rows
    rows = [row for page in await client.pages(path.replace(" ", "%20")) for row in page]

    assert rows
    assert all(check(row) for row in rows)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1.0/groups?$filter=nonsense%20eq%201", "BadRequest"),
        ("/v1.0/groups?$filter=displayName%20eq", "BadRequest"),
        (
            "/v1.0/roleManagement/directory/roleDefinitions?$filter=isEnabled%20eq%20true",
            "Request_UnsupportedQuery",
        ),
        ("/v1.0/groups?$filter=displayName%20ne%20'x'", "Request_UnsupportedQuery"),
        ("/v1.0/groups?$skip=10", "Request_UnsupportedQuery"),
    ],
)
async def test_filter_that_graph_does_not_take_is_refused(
    client: GraphClient, path: str, code: str
) -> None:
    reply = await client.get(path)

    assert (reply.status, reply.error["code"]) == (400, code)


async def test_advanced_filter_works_with_its_header_and_count(client: GraphClient) -> None:
    path = "/v1.0/groups?$filter=displayName%20ne%20'x'&$count=true&$top=10"
    eventual = {"ConsistencyLevel": "eventual"}

    first = await client.get(path, eventual)
    without_header = await client.get(first.json["@odata.nextLink"])
    second = await client.get(first.json["@odata.nextLink"], eventual)

    assert first.json["@odata.count"] == 60
    assert (without_header.status, second.status) == (400, 200)
    assert "@odata.count" not in second.json


@pytest.mark.parametrize(
    "path",
    ["/beta/nothing", f"{DM}/nothing", "/v1.0/deviceManagement/intents", "/v1.0/deviceManagement"],
)
async def test_unknown_segment_is_a_bad_request(client: GraphClient, path: str) -> None:
    reply = await client.get(path)

    assert reply.status == 400
    assert reply.error["message"].startswith("Resource not found for the segment '")


async def test_path_segments_are_read_in_any_case(client: GraphClient) -> None:
    reply = await client.get("/BETA/DeviceManagement/ASSIGNMENTFILTERS")

    assert len(reply.rows) == 24


async def test_zero_guid_is_a_bad_request(client: GraphClient) -> None:
    reply = await client.get(f"{DM}/assignmentFilters/00000000-0000-0000-0000-000000000000")

    assert reply.status == 400


async def test_missing_object_is_directory_or_intune_style(client: GraphClient) -> None:
    identifier = "11111111-1111-4111-8111-111111111111"

    group = await client.get(f"/v1.0/groups/{identifier}")
    policy = await client.get(f"{DM}/configurationPolicies/{identifier}")

    assert (group.status, group.error["code"]) == (404, "Request_ResourceNotFound")
    assert (policy.status, policy.error["code"]) == (404, "ResourceNotFound")
    assert '"_version": 3' in policy.error["message"]


async def test_full_metadata_adds_annotations_and_actions(client: GraphClient) -> None:
    header = {"Accept": "application/json;odata.metadata=full"}

    row = (await client.get(f"{DM}/configurationPolicies", header)).rows[0]

    assert row["@odata.type"] == "#microsoft.graph.deviceManagementConfigurationPolicy"
    assert "#microsoft.graph.assign" in row
