"""What a document refers to by id: groups, filters, scope tags, locations and the like.

Pure. A reference follows from the content of a version alone (decision 0005), so it is extracted
once for each new content; `REFERENCES_VERSION` grows with the rules here, and older contents are
extracted again when their objects are next seen. Sources: api.md a.0 and a.1.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from domain.manifests import is_valid_object_id
from domain.resource_types.shape import Document, ResourceType

REFERENCES_VERSION: Final = 2

# Kinds are keys of the registry; these have none, and are recorded as ids only: people are personal
# data, and applications need permissions that a backup does not ask for.
USER: Final = "user"
SERVICE_PRINCIPAL: Final = "servicePrincipal"
APPLICATION: Final = "application"
GROUP: Final = "group"
FILTER: Final = "filter"
SCOPE_TAG: Final = "scopeTag"

# "Nothing", as Graph sometimes writes it instead of null (api.md a.0).
ZERO_GUID: Final = "00000000-0000-0000-0000-000000000000"

_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Ids of Graph are far shorter; what is longer is none, and would not fit an index.
_LONGEST_ID: Final = 250
# Kinds whose ids are no GUIDs: `0`, `c1`, `{guid}_Windows10EnrollmentCompletionPage`.
_PLAIN_IDS: Final = frozenset({SCOPE_TAG, "authContext", "enrollmentConfig", "appProtection"})


class Reference(NamedTuple):
    """One thing that a document names; GUIDs in lower case."""

    kind: str
    external_id: str


@dataclass(frozen=True, slots=True)
class _Rule:
    """The steps of a path of the document (`*` for every element) and the kind of the ids there."""

    steps: tuple[str, ...]
    kind: str


def _rules(**patterns_of_kinds: tuple[str, ...]) -> tuple[_Rule, ...]:
    return tuple(
        _Rule(tuple(pattern.split("/")), kind)
        for kind, patterns in patterns_of_kinds.items()
        for pattern in patterns
    )


# Wherever a document has these, they mean the same.
_COMMON: Final = _rules(
    group=("assignments/*/target/groupId",),
    filter=("assignments/*/target/deviceAndAppManagementAssignmentFilterId",),
    scopeTag=("roleScopeTagIds/*", "roleScopeTags/*"),
)

_ACTIONS: Final = "scheduledActionsForRule/*/scheduledActionConfigurations/*"
_COMPLIANCE: Final = _rules(
    notificationTemplate=(f"{_ACTIONS}/notificationTemplateId",),
    group=(f"{_ACTIONS}/notificationMessageCCList/*",),
    complianceScript=("deviceCompliancePolicyScript/deviceComplianceScriptId",),
)
_PARTNER_ASSIGNMENTS: Final = (
    "androidEnrollmentAssignments",
    "iosEnrollmentAssignments",
    "linuxEnrollmentAssignments",
    "macOsEnrollmentAssignments",
)
_PEOPLE: Final = "conditions/users"
_CLIENTS: Final = "conditions/clientApplications"

_OF_TYPES: Mapping[str, tuple[_Rule, ...]] = MappingProxyType(
    {
        "compliancePolicy": _COMPLIANCE,
        "compliancePolicyV2": _COMPLIANCE,
        "intuneRole": _rules(
            group=(
                "roleAssignments/*/members/*",
                "roleAssignments/*/scopeMembers/*",
                "roleAssignments/*/resourceScopes/*",
            ),
            scopeTag=("roleAssignments/*/roleScopeTagIds/*", "roleAssignments/*/roleScopeTags/*"),
        ),
        "enrollmentConfig": _rules(
            mobileApp=("selectedMobileAppIds/*",),
            notificationTemplate=("notificationMessageTemplateId",),
        ),
        "appleDep": _rules(
            group=(
                "enrollmentTimeAzureAdGroupIds/*",
                "enrollmentProfiles/*/enrollmentTimeAzureAdGroupIds/*",
            ),
        ),
        "managedGooglePlay": _rules(
            group=("targetGroupIds/*",), scopeTag=("managedGooglePlayInitialScopeTagIds/*",)
        ),
        "compliancePartner": _rules(
            group=tuple(f"{name}/*/target/groupId" for name in _PARTNER_ASSIGNMENTS),
            filter=tuple(
                f"{name}/*/target/deviceAndAppManagementAssignmentFilterId"
                for name in _PARTNER_ASSIGNMENTS
            ),
        ),
        "deviceManagementPartner": _rules(
            group=("groupsRequiringPartnerEnrollment/*/target/groupId",),
            filter=(
                "groupsRequiringPartnerEnrollment/*/target/deviceAndAppManagementAssignmentFilterId",
            ),
        ),
        "cloudPcProvisioning": _rules(scopeTag=("scopeIds/*",)),
        "appConfigDevice": _rules(mobileApp=("targetedMobileApps/*",)),
        "mobileApp": _rules(mobileApp=("relationships/*/targetId",), vppToken=("vppTokenId",)),
        "caPolicy": _rules(
            group=(f"{_PEOPLE}/includeGroups/*", f"{_PEOPLE}/excludeGroups/*"),
            user=(f"{_PEOPLE}/includeUsers/*", f"{_PEOPLE}/excludeUsers/*"),
            entraRole=(f"{_PEOPLE}/includeRoles/*", f"{_PEOPLE}/excludeRoles/*"),
            application=(
                "conditions/applications/includeApplications/*",
                "conditions/applications/excludeApplications/*",
            ),
            servicePrincipal=(
                f"{_CLIENTS}/includeServicePrincipals/*",
                f"{_CLIENTS}/excludeServicePrincipals/*",
            ),
            namedLocation=(
                "conditions/locations/includeLocations/*",
                "conditions/locations/excludeLocations/*",
            ),
            authContext=("conditions/applications/includeAuthenticationContextClassReferences/*",),
            authStrength=("grantControls/authenticationStrength/id",),
            termsOfUse=("grantControls/termsOfUse/*",),
        ),
    }
)

_SETTINGS_TYPES: Final = frozenset({"settingsCatalog", "compliancePolicyV2", "inventoryPolicy"})
_SETTING_REFERENCE: Final = "#microsoft.graph.deviceManagementConfigurationReferenceSettingValue"
_SETTING_REFERENCE_TEXT: Final = _SETTING_REFERENCE.encode()

# Lists of `{id, targetType}` or `{target, targetType}`: who a policy of sign-in holds for.
_TARGET_TYPES: Mapping[str, str] = MappingProxyType(
    {"group": GROUP, "user": USER, "application": APPLICATION}
)
# Who holds a directory role, by its `@odata.type`; a role may be held by a group.
_MEMBER_KINDS: Mapping[str, str] = MappingProxyType(
    {f"#microsoft.graph.{name}": name for name in (GROUP, USER, SERVICE_PRINCIPAL)}
)
# Reviewers of requests for consent are queries: the members of a group, or one user.
_REVIEWERS: Final = re.compile(r"/(groups|users)/([0-9a-f-]{36})(?:[/?]|$)", re.IGNORECASE)
_REVIEWER_KINDS: Mapping[str, str] = MappingProxyType({"groups": GROUP, "users": USER})

_TYPES_WITH_TARGETS: Final = frozenset({"authMethodsPolicy", "crossTenantAccess"})

_POLICY_SET_KINDS: Mapping[str, str] = MappingProxyType(
    {
        f"#microsoft.graph.{name}PolicySetItem": kind
        for name, kind in (
            ("deviceCompliancePolicy", "compliancePolicy"),
            ("deviceConfiguration", "deviceConfiguration"),
            ("deviceManagementConfigurationPolicy", "settingsCatalog"),
            ("deviceManagementScript", "powershellScript"),
            ("enrollmentRestrictionsConfiguration", "enrollmentConfig"),
            ("managedAppProtection", "appProtection"),
            ("managedDeviceMobileAppConfiguration", "appConfigDevice"),
            ("mdmWindowsInformationProtectionPolicy", "appProtection"),
            ("mobileApp", "mobileApp"),
            ("targetedManagedAppConfiguration", "appConfigManagedApp"),
            ("windows10EnrollmentCompletionPageConfiguration", "enrollmentConfig"),
            ("windowsAutopilotDeploymentProfile", "autopilotProfile"),
        )
    }
)


def references_of(
    resource_type: str, document: Document, body: bytes | None = None
) -> frozenset[Reference]:
    """Return what a document of this type refers to; whatever is no id is no reference.

    body: the document as JSON; settings are not walked when it nowhere names a setting reference.
    `All`, `None`, `AllTrusted` and other words are none, and the all-zero GUID stands for nothing.
    """
    found = {
        reference
        for kind, value in _named_ids(resource_type, document, body)
        if (reference := reference_to(kind, value)) is not None
    }
    return frozenset(found)


def reference_to(kind: str, value: object) -> Reference | None:
    """Return the reference that an id of this kind makes; None for what is no id."""
    if not isinstance(value, str) or len(value) > _LONGEST_ID or not is_valid_object_id(value):
        return None
    if _GUID.fullmatch(value):
        return None if value == ZERO_GUID else Reference(kind, value.lower())
    return Reference(kind, value) if kind in _PLAIN_IDS else None


def may_refer_to_groups(resource_type: ResourceType) -> bool:
    """Tell whether objects of a type can refer to groups, by assignments or by themselves."""
    if resource_type.key in _TYPES_WITH_TARGETS | {
        "policySet",
        "directoryRole",
        "adminConsentRequest",
    }:
        return True
    if any(rule.kind == GROUP for rule in _OF_TYPES.get(resource_type.key, ())):
        return True
    queries = (resource_type.list_query, resource_type.item.query if resource_type.item else "")
    return any(entry.property == "assignments" for entry in resource_type.follow_ups) or any(
        "assignments" in query for query in queries
    )


def _named_ids(
    resource_type: str, document: Document, body: bytes | None
) -> Iterator[tuple[str, object]]:
    for rule in (*_COMMON, *_OF_TYPES.get(resource_type, ())):
        for value in _values(document, rule.steps):
            yield rule.kind, value
    if resource_type in _SETTINGS_TYPES and (body is None or _SETTING_REFERENCE_TEXT in body):
        yield from _reused_settings(document.get("settings"))
    if resource_type in _TYPES_WITH_TARGETS:
        yield from _targets(document)
    if resource_type == "directoryRole":
        yield from _by_type(document, "members", _MEMBER_KINDS, "id")
    if resource_type == "adminConsentRequest":
        yield from _reviewers(document)
    if resource_type == "policySet":
        yield from _by_type(document, "items", _POLICY_SET_KINDS, "payloadId")


def _values(document: Document, steps: Sequence[str]) -> list[object]:
    """Return what stands at a path; what has another shape holds nothing."""
    found: list[object] = [document]
    for step in steps:
        if step == "*":
            found = [element for value in found if isinstance(value, list) for element in value]
        else:
            found = [value[step] for value in found if isinstance(value, dict) and step in value]
        if not found:
            break
    return found


def _reused_settings(settings: object) -> Iterator[tuple[str, object]]:
    for holder in _objects(settings):
        if holder.get("@odata.type") == _SETTING_REFERENCE:
            yield "reusableSetting", holder.get("value")


def _targets(document: Document) -> Iterator[tuple[str, object]]:
    for holder in _objects(document):
        kind = holder.get("targetType")
        if isinstance(kind, str) and kind.lower() in _TARGET_TYPES:
            yield _TARGET_TYPES[kind.lower()], holder.get("id", holder.get("target"))


def _by_type(
    document: Document, name: str, kinds: Mapping[str, str], id_property: str
) -> Iterator[tuple[str, object]]:
    """Yield what the elements of a list name, whose `@odata.type` says of what kind it is."""
    for element in _values(document, (name, "*")):
        of_type = element.get("@odata.type") if isinstance(element, dict) else None
        if isinstance(element, dict) and isinstance(of_type, str) and of_type in kinds:
            yield kinds[of_type], element.get(id_property)


def _reviewers(document: Document) -> Iterator[tuple[str, object]]:
    for query in _values(document, ("reviewers", "*", "query")):
        found = _REVIEWERS.search(query) if isinstance(query, str) else None
        if found is not None:
            yield _REVIEWER_KINDS[found[1].lower()], found[2]


def _objects(value: object) -> Iterator[Mapping[str, object]]:
    """Yield every object below a value, however deep."""
    stack = [value]
    while stack:
        entry = stack.pop()
        if isinstance(entry, dict):
            yield entry
            stack.extend(entry.values())
        elif isinstance(entry, list):
            stack.extend(entry)
