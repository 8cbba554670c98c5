"""Documents that Graph answers in part: read to their end or failed, never silently shorter."""

from typing import Any

import pytest

from domain.provider_errors import ProviderReason
from domain.resource_types.registry import RESOURCE_TYPES
from graph.client import GraphClient
from graph.errors import GraphProtocolError
from graph.reading import Presence, ReadObject
from tests.graph.scripted_graph import Reply, ScriptedGraph, fault, page
from tests.graph.test_reading import (
    DEFINITION_VALUES,
    TEMPLATES,
    encrypted,
    objects_of,
    reader,
)

COMPLIANCE = "/beta/deviceManagement/deviceCompliancePolicies"
COMPLIANCE_LIST = (
    f"{COMPLIANCE}?$expand=assignments,scheduledActionsForRule"
    "($expand=scheduledActionConfigurations)"
)
RULE: dict[str, Any] = {"id": "r", "scheduledActionConfigurations": [{"id": "1"}]}
PROFILES = "/beta/deviceManagement/windowsAutopilotDeploymentProfiles"
BRANDING = "/beta/deviceManagement/intuneBrandingProfiles"
PICTURES = ("themeColorLogo", "lightBackgroundLogo", "landingPageCustomizedImage")
PARTNERS = "/v1.0/policies/crossTenantAccessPolicy"
ROLES = "/beta/deviceManagement/roleDefinitions"
NONE = fault(404, "ResourceNotFound")


async def only(client: GraphClient, key: str) -> ReadObject:
    (found,) = await objects_of(client, key)
    return found


def document(found: ReadObject) -> dict[str, Any]:
    assert found.document is not None, found.failure
    return found.document


def compliance(graph: ScriptedGraph, rule: dict[str, Any]) -> None:
    entry = {"id": "c", "assignments": [], "scheduledActionsForRule": [rule]}
    graph.on(COMPLIANCE_LIST, page(entry))


async def test_page_within_an_expansion_is_read_to_its_end(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    rest = f"{COMPLIANCE}/c/scheduledActionsForRule/r/scheduledActionConfigurations?$skiptoken=b"
    link = {"scheduledActionConfigurations@odata.nextLink": graph.link(rest)}
    compliance(graph, RULE | link)
    graph.on(rest, page({"id": "2"}))
    (rule,) = document(await only(client, "compliancePolicy"))["scheduledActionsForRule"]
    assert rule == {"id": "r", "scheduledActionConfigurations": [{"id": "1"}, {"id": "2"}]}


async def test_expansion_that_is_left_out_within_another_is_read_by_itself(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    compliance(graph, {"id": "r"})
    own = f"{COMPLIANCE}/c/scheduledActionsForRule/r/scheduledActionConfigurations"
    graph.on(own, page({"id": "1"}))
    assert document(await only(client, "compliancePolicy"))["scheduledActionsForRule"] == [RULE]


def profile(graph: ScriptedGraph, **values: object) -> None:
    graph.on(f"{PROFILES}?$expand=assignments", page({"id": "p", "assignments": []} | values))


async def test_page_of_a_list_that_no_entry_names_is_read_to_its_end(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    one, two, three = ({"n": number} for number in range(3))
    second, third = (f"{PROFILES}/p/things?$skiptoken={n}" for n in "bc")
    part = {"list": [one], "list@odata.nextLink": graph.link(second)}
    profile(graph, deep=[{"er": part}])
    graph.on(second, page(two, next_link=graph.link(third)))
    graph.on(third, page(three))
    found = await only(client, "autopilotProfile")
    assert document(found)["deep"] == [{"er": {"list": [one, two, three]}}]
    assert b"nextLink" not in (found.body or b"")


@pytest.mark.parametrize(
    "reply", [fault(403, "Forbidden"), fault(404, "NotFound"), Reply({"id": "x"})]
)
async def test_page_whose_rest_is_refused_fails_its_object(
    graph: ScriptedGraph, client: GraphClient, reply: Reply
) -> None:
    rest = f"{PROFILES}/p/things?$skiptoken=b"
    profile(graph, things=[1], **{"things@odata.nextLink": graph.link(rest)})
    graph.on(rest, reply)
    found = await only(client, "autopilotProfile")
    assert (found.document, found.failure is None) == (None, False)


async def test_refused_rest_of_an_expansion_is_read_from_the_start(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    rest = f"{PROFILES}/p/assignments?$skiptoken=b"
    link = {"assignments@odata.nextLink": graph.link(rest)}
    profile(graph, assignments=[{"id": "1"}], **link)
    graph.on(rest, fault(400, "BadRequest"))
    graph.on(f"{PROFILES}/p/assignments", page({"id": "1"}, {"id": "2"}))
    found = document(await only(client, "autopilotProfile"))
    assert found["assignments"] == [{"id": "1"}, {"id": "2"}]


@pytest.mark.parametrize("count", [20, 25, 100])
async def test_expansion_of_the_length_of_a_page_is_read_by_itself(
    graph: ScriptedGraph, client: GraphClient, count: int
) -> None:
    whole = [{"id": str(number)} for number in range(count + 1)]
    profile(graph, assignments=whole[:count])
    graph.on(f"{PROFILES}/p/assignments", page(*whole))
    assert document(await only(client, "autopilotProfile"))["assignments"] == whole


async def test_empty_assignments_of_an_assigned_object_are_not_believed(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    profile(graph, isAssigned=True)
    graph.on(f"{PROFILES}/p/assignments", page({"id": "1"}))
    assert document(await only(client, "autopilotProfile"))["assignments"] == [{"id": "1"}]


def definitions(graph: ScriptedGraph, *values: dict[str, Any]) -> str:
    graph.on(f"{TEMPLATES}?$expand=assignments", page({"id": "p", "assignments": []}))
    graph.on(f"{TEMPLATES}/p/{DEFINITION_VALUES}", page(*values))
    return f"{TEMPLATES}/p/definitionValues/v"


async def test_definition_that_an_expansion_left_out_is_read_by_itself(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    own = definitions(graph, {"id": "v"})
    graph.on(f"{own}/definition", Reply({"id": "d"}))
    graph.on(f"{own}/presentationValues?$expand=presentation", page({"id": "x"}))
    graph.on(f"{own}/presentationValues/x/presentation", Reply({"id": "y"}))
    (value,) = document(await only(client, "adminTemplate"))["definitionValues"]
    assert value["definition"] == {"id": "d"}
    assert value["presentationValues"] == [{"id": "x", "presentation": {"id": "y"}}]


def role(graph: ScriptedGraph, *replies: Reply) -> None:
    graph.on(f"{ROLES}?$filter=isBuiltIn%20eq%20false", page({"id": "r"}))
    listed = [{"id": f"a{number}"} for number in range(len(replies))]
    graph.on(f"{ROLES}/r/roleAssignments", page(*listed))
    for number, reply in enumerate(replies):
        graph.on(f"/beta/deviceManagement/roleAssignments/a{number}", reply)


@pytest.mark.parametrize(
    "reply", [Reply({"id": "another"}), Reply({}), Reply(b"", status=204)], ids=str
)
@pytest.mark.parametrize("others", [0, 1], ids=["alone", "in a batch"])
async def test_answer_that_is_not_the_role_assignment_fails_the_role(
    graph: ScriptedGraph, client: GraphClient, reply: Reply, others: int
) -> None:
    if others and reply.status == 204:
        reply = Reply(None, status=204)
    role(graph, reply, *[Reply({"id": "a1", "members": ["g"]})] * others)
    found = await only(client, "intuneRole")
    assert isinstance(found.failure, GraphProtocolError)


def branding(graph: ScriptedGraph, profile_reply: Reply) -> None:
    graph.on(f"{BRANDING}?$expand=assignments", page({"id": "b", "assignments": []}))
    for name in PICTURES:
        graph.on(f"{BRANDING}/b/{name}", NONE)
    graph.on(f"{BRANDING}/b", profile_reply)


async def test_picture_that_does_not_exist_is_none(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    branding(graph, Reply({"id": "b"}))
    assert [document(await only(client, "brandingProfile"))[name] for name in PICTURES] == [
        None
    ] * 3


async def test_pictures_of_a_profile_that_vanished_are_no_change_of_it(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    branding(graph, NONE)
    found = await only(client, "brandingProfile")
    assert found.failure is not None
    assert found.failure.reason_code is ProviderReason.OBJECT_NOT_FOUND


@pytest.mark.parametrize(
    "reply",
    [Reply({"@odata.null": True}), Reply({}), Reply(None, status=204), Reply({"error": {}})],
    ids=str,
)
async def test_empty_answer_for_what_every_tenant_has_fails_the_object(
    graph: ScriptedGraph, client: GraphClient, reply: Reply
) -> None:
    graph.on(PARTNERS, Reply({"id": "policy"}))
    graph.on(f"{PARTNERS}/default", reply)
    graph.on(f"{PARTNERS}/partners", page())
    found = await only(client, "crossTenantAccess")
    assert found.failure is not None


async def test_app_that_does_not_count_its_relationships_is_asked_for_them(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    root = "/beta/deviceAppManagement/mobileApps"
    graph.on(root, page({"id": "a"}, {"id": "b"}))
    whole: dict[str, Any] = {"categories": [], "assignments": []}
    counts = {"dependentAppCount": 0, "supersedingAppCount": 0, "supersededAppCount": 0}
    graph.on(f"{root}/a?$expand=categories,assignments", Reply({"id": "a", **whole}))
    graph.on(f"{root}/b?$expand=categories,assignments", Reply({"id": "b", **whole, **counts}))
    graph.on(f"{root}/a/relationships", page({"id": "x"}))
    uncounted, counted = await objects_of(client, "mobileApp")
    assert document(uncounted)["relationships"] == [{"id": "x"}]
    assert "relationships" not in document(counted)


async def test_encrypted_value_that_is_null_is_not_captured(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(encrypted(graph), Reply({"value": None}))
    graph.roles = ["DeviceManagementConfiguration.ReadWrite.All"]
    found = await only(client, "deviceConfiguration")
    assert found.not_captured == ("/omaSettings/1/value",)


async def test_unreadable_answer_for_an_encrypted_value_fails_the_object(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(encrypted(graph), Reply(b"<html>", headers={"Content-Type": "text/html"}))
    graph.roles = ["DeviceManagementConfiguration.ReadWrite.All"]
    found = await only(client, "deviceConfiguration")
    assert found.failure is not None
    assert found.failure.reason_code is ProviderReason.RESPONSE_INVALID


@pytest.mark.parametrize("key", ["deviceConfiguration", "updateRings"])
async def test_object_without_the_type_that_tells_its_kind_fails_alone(
    graph: ScriptedGraph, client: GraphClient, key: str
) -> None:
    ring = {"id": "r", "assignments": []}
    root = "/beta/deviceManagement/deviceConfigurations"
    graph.on(f"{root}?$expand=assignments", page(ring))
    isof = "isof('microsoft.graph.windowsUpdateForBusinessConfiguration')"
    other = "isof('microsoft.graph.iosUpdateConfiguration')"
    graph.on(f"{root}?$filter={isof}%20or%20{other}&$expand=assignments", page(ring))
    found = await only(client, key)
    assert isinstance(found.failure, GraphProtocolError)


PUSH = "/beta/deviceManagement/applePushNotificationCertificate"
AUTHORIZATION = "/v1.0/policies/authorizationPolicy"
NULL = Reply({"@odata.context": "x", "@odata.null": True})
NO_CONTENT = Reply(b"", status=204)
NO_OBJECTS = {
    "an empty object": Reply({}),
    "notes only": Reply({"@odata.context": "x"}),
    "a list": page({"id": "a"}, {"id": "b"}),
    "an error": Reply({"error": {"code": "Unknown"}}),
    "no id": Reply({"displayName": "x"}),
}


# Graph gives the settings of a tenant no id.
SINGLETONS = [
    (key, name)
    for key in ("authorizationPolicy", "apnsCertificate", "tenantSettings")
    for name in NO_OBJECTS
    if (key, name) != ("tenantSettings", "no id")
]


@pytest.mark.parametrize(("key", "name"), SINGLETONS)
async def test_answer_that_is_no_singleton_is_neither_stored_nor_an_end(
    graph: ScriptedGraph, client: GraphClient, key: str, name: str
) -> None:
    entry = RESOURCE_TYPES[key]
    graph.on(f"/{entry.version}{entry.list_path}", NO_OBJECTS[name])
    with pytest.raises(GraphProtocolError):
        await objects_of(client, key)
    assert await reader(client, key).probe(["x"]) == {"x": Presence.UNKNOWN}


@pytest.mark.parametrize("reply", [NULL, NO_CONTENT], ids=["null", "no content"])
async def test_singleton_that_is_null_is_not_set_up(
    graph: ScriptedGraph, client: GraphClient, reply: Reply
) -> None:
    graph.on(PUSH, reply)
    assert await objects_of(client, "apnsCertificate") == []
    assert await reader(client, "apnsCertificate").probe(["c"]) == {"c": Presence.GONE}


@pytest.mark.parametrize("reply", [NULL, NO_CONTENT], ids=["null", "no content"])
async def test_singleton_of_every_tenant_that_is_null_is_a_failure(
    graph: ScriptedGraph, client: GraphClient, reply: Reply
) -> None:
    graph.on(AUTHORIZATION, reply)
    with pytest.raises(GraphProtocolError):
        await objects_of(client, "authorizationPolicy")
    found = await reader(client, "authorizationPolicy").probe(["authorizationPolicy"])
    assert found == {"authorizationPolicy": Presence.UNKNOWN}
