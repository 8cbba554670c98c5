"""Listings of whole objects: complete or failed, never silently shorter."""

import json
from collections.abc import Sequence

import pytest

from domain.provider_errors import Disposition, ProviderReason
from domain.resource_types.registry import RESOURCE_TYPES
from graph.client import GraphClient
from graph.errors import (
    GraphError,
    GraphPageTokenExpiredError,
    GraphPermissionDeniedError,
    GraphProtocolError,
    GraphThrottledError,
)
from graph.reading import ListingPage, Presence, ReadObject, ResourceReader
from tests.graph.scripted_graph import Reply, ScriptedGraph, fault, page

CATALOG = "/beta/deviceManagement/configurationPolicies"
FILTERS = "/beta/deviceManagement/assignmentFilters"
WHOLE = "?$expand=settings,assignments"
DEFINITION_VALUES = "definitionValues?$expand=definition,presentationValues($expand=presentation)"


def reader(client: GraphClient, key: str) -> ResourceReader:
    return ResourceReader(client, RESOURCE_TYPES[key])


async def pages_of(client: GraphClient, key: str, cursor: str | None = None) -> list[ListingPage]:
    return [found async for found in reader(client, key).pages(cursor)]


async def objects_of(client: GraphClient, key: str) -> list[ReadObject]:
    return [item for found in await pages_of(client, key) for item in found.documents]


def settings(*numbers: int) -> list[dict[str, object]]:
    return [{"id": str(number)} for number in numbers]


def policy(graph: ScriptedGraph, object_id: str, **properties: object) -> None:
    """Script one settings-catalog policy, whole on its own path."""
    whole = {"id": object_id, "settings": settings(0), "assignments": [], "settingCount": 1}
    graph.on(f"{CATALOG}/{object_id}{WHOLE}", Reply(whole | properties))


async def test_list_type_takes_its_documents_from_the_list(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    second = f"{FILTERS}?$skiptoken=b"
    graph.on(FILTERS, page({"id": "1", "rule": "x"}, next_link=graph.link(second)))
    graph.on(second, page({"id": "2", "rule": "y"}))
    first, last = await pages_of(client, "filter")
    assert (first.page_number, last.page_number) == (1, 2)
    assert first.cursor is not None
    assert last.cursor is None
    assert [item.document for item in first.documents] == [{"id": "1", "rule": "x"}]
    assert json.loads(last.documents[0].body or b"") == {"id": "2", "rule": "y"}
    assert graph.batches == []


async def test_item_type_reads_each_object_whole_with_one_request_each(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(CATALOG, page(*({"id": str(n), "name": "short"} for n in range(30))))
    for number in range(30):
        policy(graph, str(number))
    found = await objects_of(client, "settingsCatalog")
    assert len(found) == 30
    assert all(item.document and "settings" in item.document for item in found)
    assert sum(len(batch) for batch in graph.batches) == 30


async def test_settings_beyond_the_inline_page_are_read(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(CATALOG, page({"id": "a"}))
    policy(graph, "a", settings=settings(*range(25)), settingCount=60)
    rest = f"{CATALOG}/a/settings?$top=1000"
    second = f"{CATALOG}/a/settings?$skiptoken=b"
    graph.on(rest, page(*settings(*range(40)), next_link=graph.link(second)))
    graph.on(second, page(*settings(*range(40, 60))))
    (found,) = await objects_of(client, "settingsCatalog")
    assert found.document is not None
    assert found.document["settings"] == settings(*range(60))


async def test_inline_collection_with_its_own_next_link_is_continued(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(CATALOG, page({"id": "a"}))
    second = f"{CATALOG}/a/settings?$skiptoken=b"
    link = {"settings@odata.nextLink": graph.link(second)}
    policy(graph, "a", settings=settings(0, 1), settingCount=3, **link)
    graph.on(second, page(*settings(2)))
    (found,) = await objects_of(client, "settingsCatalog")
    assert found.document is not None
    assert found.document["settings"] == settings(0, 1, 2)
    assert "settings@odata.nextLink" not in found.document


async def test_missing_expansion_is_read_by_itself(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(CATALOG, page({"id": "a"}))
    graph.on(f"{CATALOG}/a{WHOLE}", Reply({"id": "a", "settings": []}))
    graph.on(f"{CATALOG}/a/assignments", page({"id": "x"}))
    (found,) = await objects_of(client, "settingsCatalog")
    assert found.document is not None
    assert found.document["assignments"] == [{"id": "x"}]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (fault(403, "Forbidden", "x"), ProviderReason.FEATURE_UNAVAILABLE),
        (fault(500, "InternalError"), ProviderReason.SERVER_ERROR),
        (Reply({"id": "a", "value": "no list"}), ProviderReason.RESPONSE_INVALID),
    ],
    ids=["refused", "broken", "no collection"],
)
async def test_failed_follow_up_makes_its_object_failed_not_shorter(
    graph: ScriptedGraph, client: GraphClient, reply: Reply, reason: ProviderReason
) -> None:
    scope_tags = "/beta/deviceManagement/roleScopeTags"
    graph.on(scope_tags, page({"id": "a"}, {"id": "b"}))
    graph.on(f"{scope_tags}/a/assignments", reply)
    graph.on(f"{scope_tags}/b/assignments", page())
    failed, whole = await objects_of(client, "scopeTag")
    assert failed.document is None
    assert failed.failure is not None
    assert failed.failure.reason_code is reason
    assert whole.failure is None


async def test_object_that_vanished_meanwhile_is_skipped(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(CATALOG, page({"id": "a"}, {"id": "b"}))
    policy(graph, "a")
    graph.on(f"{CATALOG}/b{WHOLE}", fault(404, "ResourceNotFound"))
    _whole, gone = await objects_of(client, "settingsCatalog")
    assert gone.failure is not None
    assert gone.failure.reason_code is ProviderReason.OBJECT_NOT_FOUND
    assert gone.failure.disposition is Disposition.SKIPPED_ITEM


async def test_answer_about_another_object_is_not_believed(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(CATALOG, page({"id": "a"}, {"id": "b"}))
    policy(graph, "a")
    graph.on(f"{CATALOG}/b{WHOLE}", Reply({"id": "a", "settings": [], "assignments": []}))
    _first, wrong = await objects_of(client, "settingsCatalog")
    assert isinstance(wrong.failure, GraphProtocolError)


async def test_hostile_ids_are_quoted_or_fail_alone(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(CATALOG, page({"id": "a/../b'c?d"}, {"id": ".."}, {"id": "x"}))
    graph.on(
        f"{CATALOG}/a%2F..%2Fb%27c%3Fd{WHOLE}",
        Reply({"id": "a/../b'c?d", "settings": [], "assignments": []}),
    )
    policy(graph, "x")
    quoted, climbing, plain = await objects_of(client, "settingsCatalog")
    assert quoted.failure is None
    assert isinstance(climbing.failure, GraphProtocolError)
    assert plain.failure is None


async def test_object_without_id_fails_the_type(graph: ScriptedGraph, client: GraphClient) -> None:
    graph.on(FILTERS, page({"displayName": "nameless"}))
    with pytest.raises(GraphProtocolError) as caught:
        await objects_of(client, "filter")
    assert caught.value.resource_type == "filter"


async def test_refused_token_of_one_object_is_final_after_a_new_one(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(CATALOG, page({"id": "a"}, {"id": "b"}))
    policy(graph, "a")
    graph.on(f"{CATALOG}/b{WHOLE}", fault(401, "InvalidAuthenticationToken"))
    _whole, refused = await objects_of(client, "settingsCatalog")
    assert refused.failure is not None
    assert refused.failure.reason_code is ProviderReason.TOKEN_REJECTED
    assert refused.failure.disposition is Disposition.FAILED


async def test_refused_type_names_itself(graph: ScriptedGraph, client: GraphClient) -> None:
    graph.on(FILTERS, fault(403, "Authorization_RequestDenied"))
    with pytest.raises(GraphPermissionDeniedError) as caught:
        await objects_of(client, "filter")
    assert caught.value.resource_type == "filter"


async def test_empty_page_with_a_next_link_is_not_the_end(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    second = f"{FILTERS}?$skiptoken=b"
    graph.on(FILTERS, page(next_link=graph.link(second)))
    graph.on(second, page({"id": "1"}))
    first, last = await pages_of(client, "filter")
    assert first.documents == []
    assert [item.object_id for item in last.documents] == ["1"]


async def test_listing_resumes_from_its_cursor(graph: ScriptedGraph, client: GraphClient) -> None:
    second = f"{FILTERS}?$skiptoken=b"
    graph.on(FILTERS, page({"id": "1"}, next_link=graph.link(second)))
    graph.on(second, page({"id": "2"}))
    first, last = await pages_of(client, "filter")
    (again,) = await pages_of(client, "filter", first.cursor)
    assert again == last


async def test_listing_resumes_within_a_page_whatever_its_order_is_now(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    root = "/beta/deviceManagement/groupPolicyConfigurations"
    ids = [f"p{number}" for number in range(25)]
    entries = [{"id": object_id, "assignments": []} for object_id in ids]
    graph.on(f"{root}?$expand=assignments", page(*entries), page(*entries[::-1]))
    for object_id in ids:
        graph.on(f"{root}/{object_id}/{DEFINITION_VALUES}", page())
    first = await anext(reader(client, "adminTemplate").pages())
    rest = await pages_of(client, "adminTemplate", first.cursor)
    later = [item.object_id for found in rest for item in found.documents]
    assert [found.page_number for found in rest] == list(range(2, 8))
    assert sorted([*(item.object_id for item in first.documents), *later]) == sorted(ids)


async def test_expired_page_token_asks_the_caller_to_restart(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    second = f"{FILTERS}?$skiptoken=b"
    graph.on(FILTERS, page({"id": "1"}, next_link=graph.link(second)))
    graph.on(second, fault(400, "Directory_ExpiredPageToken"))
    seen = []
    with pytest.raises(GraphPageTokenExpiredError):  # noqa: PT012 - pages come before the error
        async for found in reader(client, "filter").pages():
            seen.append(found.page_number)  # noqa: PERF401 - the loop ends by an error
    assert seen == [1]


@pytest.mark.parametrize("cursor", ["", "{}", "no json", '{"link":1,"done":[],"page":1}'])
async def test_unreadable_cursor_asks_the_caller_to_restart(
    client: GraphClient, cursor: str
) -> None:
    with pytest.raises(GraphPageTokenExpiredError):
        await pages_of(client, "filter", cursor)


async def test_stored_cursor_cannot_lead_off_our_host(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    cursor = json.dumps({"link": "//evil.example/beta/x", "done": [], "page": 2})
    with pytest.raises(GraphProtocolError):
        await pages_of(client, "filter", cursor)
    assert graph.seen == []


async def test_long_throttling_ends_the_page_not_the_object(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(CATALOG, page({"id": "a"}, {"id": "b"}))
    policy(graph, "a")
    graph.on(f"{CATALOG}/b{WHOLE}", fault(429, "TooManyRequests", Retry_After="60"))
    with pytest.raises(GraphThrottledError) as caught:
        await objects_of(client, "settingsCatalog")
    assert caught.value.resource_type == "settingsCatalog"


TEMPLATES = "/beta/deviceManagement/groupPolicyConfigurations"
EXPANDED_VALUE = {"id": "e", "presentation": {"id": "p"}}


def defined(key: str) -> dict[str, object]:
    return {"id": key, "definition": {"id": "d"}}


def template(graph: ScriptedGraph, **presentations: object) -> None:
    """Script a policy whose definition values have these inline presentation values, or none."""
    graph.on(f"{TEMPLATES}?$expand=assignments", page({"id": "p", "assignments": []}))
    values = [
        defined(key) | ({} if inline is None else {"presentationValues": inline})
        for key, inline in presentations.items()
    ]
    graph.on(f"{TEMPLATES}/p/{DEFINITION_VALUES}", page(*values))
    for key in presentations:
        graph.on(
            f"{TEMPLATES}/p/definitionValues/{key}/presentationValues?$expand=presentation",
            page({"id": f"{key}p", "presentation": {"id": "p"}}),
        )


async def test_expanded_presentation_values_cost_no_reads_of_their_own(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    template(graph, v1=[EXPANDED_VALUE], v2=[EXPANDED_VALUE, EXPANDED_VALUE])
    (found,) = await objects_of(client, "adminTemplate")
    assert found.document is not None
    assert found.document["definitionValues"] == [
        defined("v1") | {"presentationValues": [EXPANDED_VALUE]},
        defined("v2") | {"presentationValues": [EXPANDED_VALUE, EXPANDED_VALUE]},
    ]
    assert not [path for path in graph.paths() if "/presentationValues?" in path]


@pytest.mark.parametrize(
    "inline", [None, [], [{"id": "e"}]], ids=["missing", "empty", "without its presentation"]
)
async def test_doubtful_expansion_is_read_by_itself(
    graph: ScriptedGraph, client: GraphClient, inline: object
) -> None:
    template(graph, v1=[EXPANDED_VALUE], v2=inline)
    (found,) = await objects_of(client, "adminTemplate")
    assert found.document is not None
    assert found.document["definitionValues"] == [
        defined("v1") | {"presentationValues": [EXPANDED_VALUE]},
        defined("v2") | {"presentationValues": [{"id": "v2p", "presentation": {"id": "p"}}]},
    ]


async def test_refused_expansion_is_replaced_by_single_reads_from_then_on(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    ids = [f"p{number}" for number in range(16)]
    listed = page(*({"id": object_id, "assignments": []} for object_id in ids))
    graph.on(f"{TEMPLATES}?$expand=assignments", listed)
    for object_id in ids:
        own = f"{TEMPLATES}/{object_id}"
        graph.on(f"{own}/{DEFINITION_VALUES}", fault(400, "BadRequest"))
        graph.on(f"{own}/definitionValues?$expand=definition", page(defined("v")))
        single = f"{own}/definitionValues/v/presentationValues?$expand=presentation"
        graph.on(single, page({"id": "x", "presentation": {"id": "p"}}))
    found = await objects_of(client, "adminTemplate")
    read = {"presentationValues": [{"id": "x", "presentation": {"id": "p"}}]}
    values = [defined("v") | read]
    assert [item.document and item.document["definitionValues"] for item in found] == [values] * 16
    asked = [path for batch in graph.batches for path in batch]
    # Four slices of four may be on their way before the first refusal is known.
    assert 4 <= len([path for path in asked if "presentationValues(" in path]) <= 16


async def test_role_assignments_are_replaced_by_their_own_reads(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    root = "/beta/deviceManagement/roleDefinitions"
    listed = page({"id": "r"}, {"id": "built-in", "isBuiltIn": True})
    graph.on(f"{root}?$filter=isBuiltIn%20eq%20false", listed)
    graph.on(f"{root}/r/roleAssignments", page({"id": "a1"}))
    whole = {"id": "a1", "members": ["g"]}
    graph.on("/beta/deviceManagement/roleAssignments/a1", Reply(whole))
    (found,) = await objects_of(client, "intuneRole")
    assert found.document == {"id": "r", "roleAssignments": [whole]}


async def test_app_protection_is_read_from_its_typed_collection_and_keeps_its_type(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    ios = "#microsoft.graph.iosManagedAppProtection"
    default = "#microsoft.graph.defaultManagedAppProtection"
    other = "#microsoft.graph.targetedManagedAppConfiguration"
    listed = [{"id": n, "@odata.type": t} for n, t in (("i", ios), ("d", default), ("c", other))]
    root = "/beta/deviceAppManagement"
    graph.on(f"{root}/managedAppPolicies", page(*listed))
    graph.on(
        f"{root}/iosManagedAppProtections/i?$expand=apps,assignments",
        Reply({"id": "i", "apps": [], "assignments": []}),
    )
    graph.on(f"{root}/defaultManagedAppProtections/d?$expand=apps", Reply({"id": "d", "apps": []}))
    first, second = await objects_of(client, "appProtection")
    assert first.document is not None
    assert second.document is not None
    assert first.odata_type == first.document["@odata.type"] == ios
    assert "assignments" not in second.document


async def test_update_rings_and_other_configurations_split_one_collection(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    root = "/beta/deviceManagement/deviceConfigurations"
    ring = "#microsoft.graph.windowsUpdateForBusinessConfiguration"
    listed = page(
        {"id": "r", "@odata.type": ring, "assignments": []},
        {"id": "c", "@odata.type": "#microsoft.graph.iosWiFiConfiguration", "assignments": []},
    )
    graph.on(f"{root}?$expand=assignments", listed)
    query = RESOURCE_TYPES["updateRings"].list_query.replace(" ", "%20")
    graph.on(f"{root}?{query}", listed)
    rings = await objects_of(client, "updateRings")
    others = await objects_of(client, "deviceConfiguration")
    assert [item.object_id for item in rings] == ["r"]
    assert [item.object_id for item in others] == ["c"]


def encrypted(graph: ScriptedGraph) -> str:
    """Script a custom profile with an encrypted value; return the path of the plain one."""
    root = "/beta/deviceManagement/deviceConfigurations"
    custom = "#microsoft.graph.windows10CustomConfiguration"
    oma = {"omaUri": "./x", "value": "****", "isEncrypted": True, "secretReferenceValueId": "s'1"}
    plain = {"omaUri": "./y", "value": "visible", "isEncrypted": False}
    graph.on(
        f"{root}?$expand=assignments",
        page({"id": "c", "@odata.type": custom, "assignments": [], "omaSettings": [plain, oma]}),
    )
    return f"{root}/c/getOmaSettingPlainTextValue(secretReferenceValueId='s%27%271')"


async def test_encrypted_value_without_write_permission_is_not_captured(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    path = encrypted(graph)
    graph.roles = ["DeviceManagementConfiguration.Read.All"]
    (found,) = await objects_of(client, "deviceConfiguration")
    assert found.failure is None
    assert found.not_captured == ("/omaSettings/1/value",)
    assert path not in graph.paths()


async def test_encrypted_value_with_write_permission_is_captured(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(encrypted(graph), Reply({"value": "P@ss"}))
    graph.roles = ["DeviceManagementConfiguration.ReadWrite.All"]
    (found,) = await objects_of(client, "deviceConfiguration")
    assert found.not_captured == ()
    assert b"P@ss" in (found.body or b"")
    assert "P@ss" not in repr(found)


async def test_encrypted_value_that_is_refused_all_the_same_is_not_captured(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(encrypted(graph), fault(403, "Forbidden"))
    graph.roles = ["DeviceManagementConfiguration.ReadWrite.All"]
    (found,) = await objects_of(client, "deviceConfiguration")
    assert found.failure is None
    assert found.not_captured == ("/omaSettings/1/value",)


async def test_secret_setting_of_the_catalog_is_not_captured(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    value = {
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationSecretSettingValue",
        "valueState": "encryptedValueToken",
        "value": "0d3f",
    }
    graph.on(CATALOG, page({"id": "a"}))
    policy(graph, "a", settings=[{"id": "0", "settingInstance": {"simpleSettingValue": value}}])
    (found,) = await objects_of(client, "settingsCatalog")
    assert found.not_captured == ("/settings/0/settingInstance/simpleSettingValue/value",)


async def test_numbers_of_a_document_survive_in_its_body(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    raw = b'{"value":[{"id":"1","n":123456789012345678901234567890,"d":1.00000000000000000001}]}'
    graph.on(FILTERS, Reply(raw))
    (found,) = await objects_of(client, "filter")
    assert found.body == raw[len(b'{"value":[') : -len(b"]}")]
    assert found.document is not None
    assert type(found.document["d"]) is float


async def test_probe_tells_gone_from_everything_else(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    for number, reply in enumerate(
        (
            Reply({"id": "0"}),
            fault(404, "ResourceNotFound"),
            fault(404, "Request_ResourceNotFound"),
            fault(404, "UnknownError"),
            fault(403, "Forbidden"),
            fault(503, "serviceNotAvailable"),
            Reply({"id": "another"}),
            fault(404, "BadRequest", "Resource not found for the segment 'x'."),
        )
    ):
        graph.on(f"{CATALOG}/{number}", reply)
    found = await reader(client, "settingsCatalog").probe([*map(str, range(8)), ".."])
    gone, unknown = Presence.GONE, Presence.UNKNOWN
    expected = [Presence.EXISTS, gone, gone, *[unknown] * 6]
    assert list(found.values()) == expected


UNUSED_APP = {"appAvailability": "global", "isAssigned": False}


async def test_probe_of_an_object_that_does_not_belong_any_more_finds_it(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    path = "/beta/deviceAppManagement/mobileApps/a"
    graph.on(path, Reply({"id": "a", **UNUSED_APP}))
    assert await reader(client, "mobileApp").probe(["a"]) == {"a": Presence.EXISTS}


async def test_object_that_does_not_belong_is_read_only_if_it_is_known(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    path = "/beta/deviceAppManagement/mobileApps"
    graph.on(path, page(*({"id": name, **UNUSED_APP} for name in "ab")))
    whole = Reply({"id": "b", **UNUSED_APP, "categories": [], "assignments": []})
    graph.on(f"{path}/b?$expand=categories,assignments", whole)
    asked: list[str] = []

    async def known(object_ids: Sequence[str]) -> set[str]:
        asked.extend(object_ids)
        return {"b"}

    reading = ResourceReader(client, RESOURCE_TYPES["mobileApp"], known)
    found = [item.object_id async for read in reading.pages() for item in read.documents]
    assert (found, asked) == (["b"], ["a", "b"])


async def test_two_readers_share_a_client_without_mixing(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(FILTERS, page({"id": "f"}))
    graph.on(CATALOG, page({"id": "a"}))
    policy(graph, "a")
    filters, catalog = reader(client, "filter").pages(), reader(client, "settingsCatalog").pages()
    assert (await anext(filters)).documents[0].object_id == "f"
    assert (await anext(catalog)).documents[0].object_id == "a"


PUSH = "/beta/deviceManagement/applePushNotificationCertificate"
TENANT = "/beta/deviceManagement/settings"
AUTHORIZATION = "/v1.0/policies/authorizationPolicy"


async def test_singleton_is_a_listing_of_one_object_by_its_own_id(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(PUSH, Reply({"id": "c1", "appleIdentifier": "a@b.example", "certificate": None}))
    (only,) = await pages_of(client, "apnsCertificate")
    (found,) = only.documents
    assert only.cursor is None
    assert found.object_id == "c1"
    assert found.not_captured == ("/certificate",)


async def test_singleton_without_an_id_is_known_by_the_end_of_its_path(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(TENANT, Reply({"secureByDefault": True}))
    (found,) = await objects_of(client, "tenantSettings")
    assert found.object_id == "settings"
    assert found.document == {"secureByDefault": True}
    probed = await reader(client, "tenantSettings").probe(["settings"])
    assert probed == {"settings": Presence.EXISTS}
    assert await reader(client, "tenantSettings").still_listed({"settings", "x"}) == {"settings"}


async def test_singleton_that_is_not_set_up_is_a_complete_listing_of_none(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(PUSH, fault(404, "ResourceNotFound"))
    (only,) = await pages_of(client, "apnsCertificate")
    assert (only.documents, only.cursor) == ([], None)
    assert await reader(client, "apnsCertificate").probe(["c1"]) == {"c1": Presence.GONE}


async def test_singleton_with_another_id_took_the_place_of_the_old_one(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    graph.on(PUSH, Reply({"id": "c2"}))
    found = await reader(client, "apnsCertificate").probe(["c1", "c2"])
    assert found == {"c1": Presence.GONE, "c2": Presence.EXISTS}


@pytest.mark.parametrize(
    "reply",
    [
        fault(403, "Authorization_RequestDenied"),
        fault(404, "Request_ResourceNotFound"),
        fault(404, "UnknownError"),
        fault(500, "InternalServerError"),
    ],
    ids=["refused", "not found", "unknown 404", "broken"],
)
async def test_singleton_of_every_tenant_is_never_gone(
    graph: ScriptedGraph, client: GraphClient, reply: Reply
) -> None:
    graph.on(AUTHORIZATION, reply)
    with pytest.raises(GraphError) as caught:
        await objects_of(client, "authorizationPolicy")
    assert caught.value.disposition is not Disposition.SKIPPED_ITEM
    probed = await reader(client, "authorizationPolicy").probe(["authorizationPolicy"])
    assert probed == {"authorizationPolicy": Presence.UNKNOWN}


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_refused_read_of_a_singleton_does_not_end_it(
    graph: ScriptedGraph, client: GraphClient, status: int
) -> None:
    graph.on(PUSH, fault(status, "Forbidden"))
    with pytest.raises(GraphError):
        await objects_of(client, "apnsCertificate")
    assert await reader(client, "apnsCertificate").probe(["c1"]) == {"c1": Presence.UNKNOWN}


async def test_single_parts_that_do_not_exist_are_null(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    root = "/v1.0/policies/crossTenantAccessPolicy"
    graph.on(root, Reply({"id": "x"}))
    graph.on(f"{root}/default", Reply({"inboundTrust": None}))
    graph.on(f"{root}/partners", page({"tenantId": "a"}, {"tenantId": "b"}))
    graph.on(f"{root}/partners/a/identitySynchronization", Reply({"tenantId": "a"}))
    graph.on(f"{root}/partners/b/identitySynchronization", fault(404, "Request_ResourceNotFound"))
    graph.on(f"{root}/partners/b", Reply({"tenantId": "b"}))
    (found,) = await objects_of(client, "crossTenantAccess")
    assert found.document == {
        "id": "x",
        "default": {"inboundTrust": None},
        "partners": [
            {"tenantId": "a", "identitySynchronization": {"tenantId": "a"}},
            {"tenantId": "b", "identitySynchronization": None},
        ],
    }


@pytest.mark.parametrize("inline", [{}, {"authenticationMethodConfigurations": []}])
async def test_part_of_a_singleton_that_did_not_come_along_is_read_by_itself(
    graph: ScriptedGraph, client: GraphClient, inline: dict[str, list[object]]
) -> None:
    root, part = "/v1.0/policies/authenticationMethodsPolicy", "authenticationMethodConfigurations"
    graph.on(root, Reply({"id": "x", **inline}))
    graph.on(f"{root}/{part}", page({"id": "Fido2"}, {"id": "Sms"}))
    (found,) = await objects_of(client, "authMethodsPolicy")
    assert found.document == {"id": "x", part: [{"id": "Fido2"}, {"id": "Sms"}]}


async def test_part_of_a_singleton_that_came_along_is_not_read_again(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    whole = {"id": "x", "authenticationMethodConfigurations": [{"id": "Fido2"}]}
    graph.on("/v1.0/policies/authenticationMethodsPolicy", Reply(whole))
    (found,) = await objects_of(client, "authMethodsPolicy")
    assert found.document == whole


async def test_pictures_are_read_from_paths_of_their_own(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    root = "/beta/deviceManagement/intuneBrandingProfiles"
    logo = {"type": "image/png", "value": "AA=="}
    graph.on(f"{root}?$expand=assignments", page({"id": "b", "assignments": []}))
    graph.on(f"{root}/b/themeColorLogo", Reply(logo))
    graph.on(f"{root}/b/lightBackgroundLogo", Reply({"@odata.null": True}))
    graph.on(f"{root}/b/landingPageCustomizedImage", fault(404, "ResourceNotFound"))
    graph.on(f"{root}/b", Reply({"id": "b"}))
    (found,) = await objects_of(client, "brandingProfile")
    assert found.document is not None
    pictures = ("themeColorLogo", "lightBackgroundLogo", "landingPageCustomizedImage")
    assert [found.document[name] for name in pictures] == [logo, None, None]


async def test_part_that_must_exist_fails_its_object(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    root = "/v1.0/policies/crossTenantAccessPolicy"
    graph.on(root, Reply({"id": "x"}))
    graph.on(f"{root}/partners", page())
    (found,) = await objects_of(client, "crossTenantAccess")
    assert found.failure is not None
    assert found.document is None
