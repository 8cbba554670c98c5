"""Which resource type a document of unknown origin is.

In this order: its `@odata.type`, its `@odata.context`, and the folders that it lies in together
with its shape. Each gives a collection of Graph; the registry says which type reads it. A folder
is named by people, so it only counts if the shape does not say otherwise: real exports have
conditional access policies in a folder "Compliance", and bundles of filters in one "Filters".
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from domain.import_faults import FileFault, FileFaultError
from domain.import_layouts import collection_of
from domain.resource_types.registry import RESOURCE_TYPES
from domain.resource_types.shape import ResourceType

_DM: Final = "/deviceManagement"
_DAM: Final = "/deviceAppManagement"
_PREFIX: Final = "#microsoft.graph."

_PLATFORMS: Final = (
    r"\A(android|aosp|apple|eas|editionUpgrade|ios|macOS|sharedPC|unsupported|vpn|windows)"
)

# Ends and starts of the names of derived types, in the order in which they hold: new ones of
# Microsoft keep to them (metadata of Graph, beta).
_DERIVED: Final = tuple(
    (re.compile(pattern), collection)
    for pattern, collection in (
        (r"CompliancePolicy\Z", f"{_DM}/deviceCompliancePolicies"),
        (
            r"(MobileAppConfiguration|\AandroidManagedStoreAppConfiguration)\Z",
            f"{_DAM}/mobileAppConfigurations",
        ),
        (r"ManagedAppProtection\Z|InformationProtectionPolicy\Z", f"{_DAM}/managedAppPolicies"),
        (
            r"\A(deviceEnrollment|deviceComanagementAuthority)|(DeviceEnrollment|CompletionPage)Co",
            f"{_DM}/deviceEnrollmentConfigurations",
        ),
        (r"WindowsAutopilotDeploymentProfile\Z", f"{_DM}/windowsAutopilotDeploymentProfiles"),
        (r"NamedLocation\Z", "/identity/conditionalAccess/namedLocations"),
        (
            _PLATFORMS + r".*(Configuration|Certificate|Profile)(Profile|Base|Interface)*\Z",
            f"{_DM}/deviceConfigurations",
        ),
        (r"(App|AppX|AppXBundle|MSI|WebClip|XAP)\Z", f"{_DAM}/mobileApps"),
    )
)

# Properties that only one collection has together.
_SHAPES: Final = tuple(
    (frozenset(names), collection)
    for names, collection in (
        (("conditions", "grantControls"), "/identity/conditionalAccess/policies"),
        (("conditions", "sessionControls"), "/identity/conditionalAccess/policies"),
        (("conditions", "state", "displayName"), "/identity/conditionalAccess/policies"),
        (("ipRanges", "isTrusted"), "/identity/conditionalAccess/namedLocations"),
        (("countriesAndRegions",), "/identity/conditionalAccess/namedLocations"),
        (("definitionValues",), f"{_DM}/groupPolicyConfigurations"),
        (("rule", "platform"), f"{_DM}/assignmentFilters"),
        (("detectionScriptContent", "remediationScriptContent"), f"{_DM}/deviceHealthScripts"),
        (("detectionScriptContent", "publisher"), f"{_DM}/deviceComplianceScripts"),
        (("scheduledActionsForRule", "settings", "technologies"), f"{_DM}/compliancePolicies"),
        (("settings", "technologies"), f"{_DM}/configurationPolicies"),
        (("settings", "technologies"), f"{_DM}/compliancePolicies"),
        (("settings", "templateReference"), f"{_DM}/configurationPolicies"),
        (("settings", "platforms", "name"), f"{_DM}/configurationPolicies"),
        (("settingsDelta",), f"{_DM}/intents"),
        (("templateId", "settings"), f"{_DM}/intents"),
        (("scheduledActionsForRule",), f"{_DM}/deviceCompliancePolicies"),
        (("omaSettings",), f"{_DM}/deviceConfigurations"),
        (("localizedNotificationMessages",), f"{_DM}/notificationMessageTemplates"),
        (("bodyText", "acceptanceStatement"), f"{_DM}/termsAndConditions"),
        (("customAttributeName", "scriptContent"), f"{_DM}/deviceCustomAttributeShellScripts"),
        (("scriptContent", "executionFrequency"), f"{_DM}/deviceShellScripts"),
        (("scriptContent", "enforceSignatureCheck"), f"{_DM}/deviceManagementScripts"),
        (("rolePermissions", "isPrivileged"), "/roleManagement/directory/roleDefinitions"),
        (("rolePermissions", "resourceScopes"), "/roleManagement/directory/roleDefinitions"),
        (("groupTypes",), "/groups"),
        (("membershipRule",), "/groups"),
        (("mailNickname", "securityEnabled"), "/groups"),
    )
)
_NAMING: Final = ("displayName", "name", "id")
_LONGEST_DETAIL: Final = 120


def resource_type_of(document: Mapping[str, Any], folders: Sequence[str]) -> str:
    """Return the key of a document's resource type; `folders` lie above its file, outermost first.

    Raises FileFaultError (unknown_type) naming what was found instead.
    """
    odata_type = document.get("@odata.type")
    found = _by_odata_type(odata_type) if isinstance(odata_type, str) else None
    collections = [] if found is None else [found]
    context = document.get("@odata.context")
    if isinstance(context, str):
        collections += _by_context(context)
    collections += _by_place_and_shape(collection_of(folders), document)
    for collection in collections:
        key = _choose(collection, document)
        if key is not None:
            return key
    said = odata_type if isinstance(odata_type, str) else next(iter(collections), None)
    raise FileFaultError(FileFault.UNKNOWN_TYPE, None if said is None else said[:_LONGEST_DETAIL])


def _choose(collection: str, document: Mapping[str, Any]) -> str | None:
    """Return the type that reads the collection; where several do, the one that it belongs to."""
    entries = _by_collection().get(collection.lower(), ())
    for entry in entries:
        if entry.belongs(document):
            return entry.key
    # `belongs` also leaves out what a tenant does not use; that is no reason here.
    return entries[0].key if entries else None


def _refined(collection: str, document: Mapping[str, Any]) -> str:
    """Tell the two kinds of compliance policies apart, which IntuneCD puts into one folder."""
    is_catalog = isinstance(document.get("settings"), list)
    if collection == f"{_DM}/deviceCompliancePolicies" and is_catalog:
        return f"{_DM}/compliancePolicies"
    return collection


def _by_odata_type(odata_type: str) -> str | None:
    name = odata_type.removeprefix("#").removeprefix("microsoft.graph.")
    exact = _by_type_name().get(f"{_PREFIX}{name}".lower())
    if exact is not None:
        return exact.list_path
    return next((path for pattern, path in _DERIVED if pattern.search(name)), None)


def _by_context(context: str) -> list[str]:
    """Return the collection that a context names: `…/$metadata#a/b('id')/c(d())/$entity`."""
    _, _, fragment = context.partition("#")
    cleaned = fragment
    while (shorter := re.sub(r"\([^()]*\)", "", cleaned)) != cleaned:
        cleaned = shorter
    segments = [
        part
        for part in cleaned.split("/")
        if part and part != "$entity" and not part.startswith("microsoft.graph.")
    ]
    return [f"/{'/'.join(segments)}"] if segments else []


def _by_place_and_shape(place: str | None, document: Mapping[str, Any]) -> list[str]:
    shapes = [path for names, path in _SHAPES if names <= document.keys()]
    if place is None:
        return shapes
    place = _refined(place, document)
    if shapes:
        return [place] if place in shapes else shapes
    # What has neither a name nor an id is something that lies there, but no object.
    return [place] if any(isinstance(document.get(name), str) for name in _NAMING) else []


@cache
def _by_collection() -> dict[str, list[ResourceType]]:
    found: dict[str, list[ResourceType]] = {}
    for entry in RESOURCE_TYPES.values():
        found.setdefault(entry.list_path.lower(), []).append(entry)
    return found


@cache
def _by_type_name() -> dict[str, ResourceType]:
    # The first one wins: the entry of a collection before those for parts of it.
    entries = reversed(list(RESOURCE_TYPES.values()))
    return {entry.odata_type.lower(): entry for entry in entries}
