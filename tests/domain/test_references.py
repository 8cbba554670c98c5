"""What documents refer to: by table, and in real exports of others."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.references import (
    ZERO_GUID,
    Reference,
    may_refer_to_groups,
    reference_to,
    references_of,
)
from domain.resource_types.registry import RESOURCE_TYPES, resource_type

EXPORTS = Path("../shared/graph/data/policies")
ONE, TWO = "0a0e8a9e-58c1-4d0e-9d64-6a3f5f0e2c11", "1b0e8a9e-58c1-4d0e-9d64-6a3f5f0e2c12"
GRAPH = "#microsoft.graph."
LISTS = {
    "includeGroups": "group",
    "excludeGroups": "group",
    "includeRoles": "entraRole",
    "excludeRoles": "entraRole",
}


def assigned(kind: str = "group", **target: Any) -> dict[str, Any]:
    return {
        "assignments": [{"target": {"@odata.type": f"{GRAPH}{kind}AssignmentTarget", **target}}]
    }


CASES: dict[str, tuple[str, dict[str, Any], set[tuple[str, str]]]] = {
    "who holds a directory role": (
        "directoryRole",
        {
            "members": [
                {"@odata.type": f"{GRAPH}group", "id": ONE},
                {"@odata.type": f"{GRAPH}user", "id": TWO},
                {"@odata.type": f"{GRAPH}device", "id": TWO},
            ]
        },
        {("group", ONE), ("user", TWO)},
    ),
    "who reviews requests for consent": (
        "adminConsentRequest",
        {
            "reviewers": [
                {"query": f"/v1.0/groups/{ONE.upper()}/transitiveMembers/microsoft.graph.user"},
                {"query": f"/users/{TWO}"},
                {"query": "./manager"},
            ]
        },
        {("group", ONE), ("user", TWO)},
    ),
    "a group that is included": ("filter", assigned(groupId=ONE), {("group", ONE)}),
    "a group that is excluded": (
        "settingsCatalog",
        assigned("exclusionGroup", groupId=ONE),
        {("group", ONE)},
    ),
    "a group of cloud PCs": (
        "cloudPcProvisioning",
        {**assigned("cloudPcManagementGroup", groupId=ONE), "scopeIds": ["0"]},
        {("group", ONE), ("scopeTag", "0")},
    ),
    "all devices": ("settingsCatalog", assigned("allDevices"), set()),
    "a collection of Configuration Manager": (
        "settingsCatalog",
        assigned("configurationManagerCollection", collectionId="SMS00001"),
        set(),
    ),
    "a filter": (
        "settingsCatalog",
        assigned("allDevices", deviceAndAppManagementAssignmentFilterId=ONE),
        {("filter", ONE)},
    ),
    "no filter as the zero GUID": (
        "settingsCatalog",
        assigned("allDevices", deviceAndAppManagementAssignmentFilterId=ZERO_GUID),
        set(),
    ),
    "no filter as null": (
        "settingsCatalog",
        assigned("allDevices", deviceAndAppManagementAssignmentFilterId=None),
        set(),
    ),
    "scope tags": (
        "filter",
        {"roleScopeTags": ["0", "7"], "roleScopeTagIds": ["7"]},
        {("scopeTag", "0"), ("scopeTag", "7")},
    ),
    "scope tags that are objects": ("filter", {"roleScopeTags": [{"id": "0"}]}, set()),
    "a GUID in capitals": ("filter", assigned(groupId=ONE.upper()), {("group", ONE)}),
    "a notification": (
        "compliancePolicy",
        {
            "scheduledActionsForRule": [
                {
                    "scheduledActionConfigurations": [
                        {"notificationTemplateId": ONE, "notificationMessageCCList": [TWO]},
                        {"notificationTemplateId": ZERO_GUID, "notificationMessageCCList": []},
                    ]
                }
            ]
        },
        {("notificationTemplate", ONE), ("group", TWO)},
    ),
    "a compliance script": (
        "compliancePolicy",
        {"deviceCompliancePolicyScript": {"deviceComplianceScriptId": ONE, "rulesContent": "e30="}},
        {("complianceScript", ONE)},
    ),
    "a role with its members": (
        "intuneRole",
        {"roleAssignments": [{"members": [ONE], "scopeMembers": [TWO], "resourceScopes": [TWO]}]},
        {("group", ONE), ("group", TWO)},
    ),
    "apps of an enrollment page": (
        "enrollmentConfig",
        {"selectedMobileAppIds": [ONE]},
        {("mobileApp", ONE)},
    ),
    "targeted apps": ("appConfigDevice", {"targetedMobileApps": [ONE]}, {("mobileApp", ONE)}),
    "an app that needs another": (
        "mobileApp",
        {"relationships": [{"targetId": ONE}], "vppTokenId": TWO},
        {("mobileApp", ONE), ("vppToken", TWO)},
    ),
    "conditional access": (
        "caPolicy",
        {
            "conditions": {
                "users": {
                    "includeUsers": ["All", ONE],
                    "excludeGroups": [ONE],
                    "includeRoles": [TWO],
                },
                "applications": {
                    "includeApplications": ["Office365", ONE],
                    "includeAuthenticationContextClassReferences": ["c1"],
                },
                "clientApplications": {"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]},
                "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted", TWO]},
            },
            "grantControls": {"authenticationStrength": {"id": TWO}, "termsOfUse": [ONE]},
        },
        {
            ("user", ONE),
            ("group", ONE),
            ("entraRole", TWO),
            ("application", ONE),
            ("authContext", "c1"),
            ("namedLocation", TWO),
            ("authStrength", TWO),
            ("termsOfUse", ONE),
        },
    ),
    "conditional access without conditions": (
        "caPolicy",
        {"conditions": {"locations": None, "users": {"includeUsers": None}}, "grantControls": None},
        set(),
    ),
    "a reused setting, deep inside": (
        "settingsCatalog",
        {
            "settings": [
                {
                    "settingInstance": {
                        "groupSettingCollectionValue": [
                            {
                                "children": [
                                    {
                                        "simpleSettingValue": {
                                            "@odata.type": f"{GRAPH}deviceManagement"
                                            "ConfigurationReferenceSettingValue",
                                            "value": ONE,
                                        }
                                    }
                                ]
                            }
                        ]
                    }
                }
            ]
        },
        {("reusableSetting", ONE)},
    ),
    "what a policy set holds": (
        "policySet",
        {
            "items": [
                {"@odata.type": f"{GRAPH}mobileAppPolicySetItem", "payloadId": ONE},
                {"@odata.type": f"{GRAPH}deviceConfigurationPolicySetItem", "payloadId": TWO},
                {"@odata.type": f"{GRAPH}unheardOfPolicySetItem", "payloadId": TWO},
            ]
        },
        {("mobileApp", ONE), ("deviceConfiguration", TWO)},
    ),
    "who may use a method": (
        "authMethodsPolicy",
        {"configurations": [{"includeTargets": [{"id": ONE, "targetType": "group"}]}]},
        {("group", ONE)},
    ),
    "all users of a method": (
        "authMethodsPolicy",
        {"configurations": [{"includeTargets": [{"id": "all_users", "targetType": "group"}]}]},
        set(),
    ),
}


@pytest.mark.parametrize(("key", "document", "expected"), CASES.values(), ids=CASES)
def test_references_of_a_document(
    key: str, document: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    assert references_of(key, document) == {Reference(*pair) for pair in expected}


@pytest.mark.parametrize(
    "document",
    [
        {"assignments": None},
        {"assignments": {"target": {"groupId": ONE}}},
        {"assignments": ["text", 4, [{"target": {"groupId": ONE}}]]},
        {"assignments": [{"target": {"groupId": {"id": ONE}}}]},
        {"roleScopeTagIds": ["", "a\nb", "\ud800", "x" * 1_000, None, 3]},
        {"settings": {"settingInstance": []}},
    ],
)
def test_references_of_a_document_of_another_shape_are_none(document: dict[str, Any]) -> None:
    assert references_of("settingsCatalog", document) == frozenset()


@pytest.mark.parametrize(
    ("key", "document"),
    [
        ("policySet", {"items": [None, {}, {"@odata.type": {}, "payloadId": ONE}]}),
        ("directoryRole", {"members": [{"id": ONE}, {"@odata.type": [], "id": ONE}, "x"]}),
        ("adminConsentRequest", {"reviewers": [None, {"query": 3}, {"query": "/groups/x"}]}),
    ],
)
def test_elements_of_another_shape_refer_to_nothing(key: str, document: dict[str, Any]) -> None:
    assert references_of(key, document) == frozenset()


def test_words_are_no_references_but_ids_of_their_own_kind_are() -> None:
    assert reference_to("namedLocation", "AllTrusted") is None
    assert reference_to("group", "my-group") is None
    assert reference_to("scopeTag", "12") == Reference("scopeTag", "12")
    page = f"{ONE}_Windows10EnrollmentCompletionPageConfiguration"
    assert reference_to("enrollmentConfig", page) == Reference("enrollmentConfig", page)


def test_kinds_that_are_followed_are_keys_of_the_registry() -> None:
    kinds = {kind for _, document, found in CASES.values() for kind, _ in found}
    known_later = {"vppToken", "authContext", "authStrength", "termsOfUse"}
    assert kinds - set(RESOURCE_TYPES) - known_later == {"user", "application"}


@pytest.mark.parametrize(
    ("key", "may"),
    [("settingsCatalog", True), ("mobileApp", True), ("caPolicy", True), ("intuneRole", True),
     ("scopeTag", True), ("directoryRole", True), ("adminConsentRequest", True),
     ("filter", False), ("namedLocation", False), ("group", False)],
)  # fmt: skip
def test_types_that_may_refer_to_groups(key: str, may: bool) -> None:
    assert may_refer_to_groups(resource_type(key)) is may


def documents_in(folder: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted(folder.rglob("*.json")):
        raw = path.read_bytes()
        encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        try:
            content = json.loads(raw.decode(encoding))
        except ValueError:
            continue
        found += [entry for entry in (content if isinstance(content, list) else [content])
                  if isinstance(entry, dict)]  # fmt: skip
    return found


@pytest.mark.skipif(not EXPORTS.exists(), reason="the shared exports are not here")
def test_references_of_real_exports_name_every_id_of_a_condition_or_an_assignment() -> None:
    policies = [
        entry for entry in documents_in(EXPORTS) if isinstance(entry.get("conditions"), dict)
    ]
    assert len(policies) > 60
    for policy in policies:
        found = references_of("caPolicy", policy)
        users = policy["conditions"].get("users") or {}
        for name, kind in LISTS.items():
            ids = {value.lower() for value in users.get(name) or () if value.count("-") == 4}
            assert {Reference(kind, value) for value in ids - {ZERO_GUID}} <= found


@pytest.mark.skipif(not EXPORTS.exists(), reason="the shared exports are not here")
def test_references_of_real_exports_never_name_nothing() -> None:
    documents = documents_in(EXPORTS)
    found = {
        entry for key in RESOURCE_TYPES for doc in documents for entry in references_of(key, doc)
    }
    assert len(found) > 40
    assert not any(entry.external_id == ZERO_GUID for entry in found)
