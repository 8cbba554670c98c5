"""Apps, their protection and their configuration, and the sets that bundle them with policies."""

from collections.abc import Mapping
from types import MappingProxyType

from domain.resource_types.rules import (
    ASSIGNED_VOLATILE,
    ASSIGNMENTS_UNORDERED,
    EXPANDED_ASSIGNMENTS,
    USUAL_UNORDERED,
    full_restore,
)
from domain.resource_types.shape import (
    Document,
    FollowUp,
    ItemRead,
    ResourceType,
    RestoreLevel,
    RestoreRule,
    ServiceArea,
    UnorderedList,
)

_READ = "DeviceManagementApps.Read.All"
_WRITE = "DeviceManagementApps.ReadWrite.All"
_MANAGED_APP_CONFIGURATION = "#microsoft.graph.targetedManagedAppConfiguration"
_EXPANDED_APPS = FollowUp(
    property="apps", path="apps", expanded=True, counted_by="deployedAppCount"
)
_APPS_UNORDERED = UnorderedList(path="apps", key="mobileAppIdentifier")

_PROTECTION_COLLECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "#microsoft.graph.mdmWindowsInformationProtectionPolicy": (
            "mdmWindowsInformationProtectionPolicies"
        ),
        "#microsoft.graph.windowsInformationProtectionPolicy": (
            "windowsInformationProtectionPolicies"
        ),
    }
)
# Windows Information Protection has no apps; the default policy has no assignments.
_PROTECTION_QUERIES: Mapping[str, str] = MappingProxyType(
    {
        "#microsoft.graph.mdmWindowsInformationProtectionPolicy": "$expand=assignments",
        "#microsoft.graph.windowsInformationProtectionPolicy": "$expand=assignments",
        "#microsoft.graph.defaultManagedAppProtection": "$expand=apps",
    }
)
_LOB_APPS = frozenset(
    f"#microsoft.graph.{name}"
    for name in (
        "androidLobApp",
        "iosLobApp",
        "macOSDmgApp",
        "macOSLobApp",
        "macOSPkgApp",
        "managedAndroidLobApp",
        "managedIOSLobApp",
        "win32LobApp",
        "windowsAppX",
        "windowsMobileMSI",
        "windowsUniversalAppX",
    )
)


def _protection_collection(odata_type: str | None) -> str:
    """Return the typed collection: apps and assignments exist only there (api.md a.1)."""
    if odata_type is None:
        return "/deviceAppManagement/managedAppPolicies"
    name = odata_type.removeprefix("#microsoft.graph.")
    return f"/deviceAppManagement/{_PROTECTION_COLLECTIONS.get(odata_type, name + 's')}"


def _is_protection(document: Document) -> bool:
    # The collection lists app configurations as well; they have a type and a path of their own.
    return document.get("@odata.type") != _MANAGED_APP_CONFIGURATION


APP_PROTECTION = ResourceType(
    key="appProtection",
    label="App protection policy",
    odata_type="#microsoft.graph.managedAppPolicy",
    list_path="/deviceAppManagement/managedAppPolicies",
    item=ItemRead(
        query="$expand=apps,assignments",
        collection_of=_protection_collection,
        query_of=_PROTECTION_QUERIES,
    ),
    follow_ups=(_EXPANDED_APPS, EXPANDED_ASSIGNMENTS),
    belongs=_is_protection,
    needs_odata_type=True,
    volatile=(*ASSIGNED_VOLATILE, "deployedAppCount", "apps/*/id", "apps/*/version"),
    unordered=(*USUAL_UNORDERED, _APPS_UNORDERED),
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.APP_PROTECTION,
    restore=full_restore(100),
    export_folder="app-protection",
)

APP_CONFIG_MANAGED_APP = ResourceType(
    key="appConfigManagedApp",
    label="App configuration (managed apps)",
    odata_type=_MANAGED_APP_CONFIGURATION,
    list_path="/deviceAppManagement/targetedManagedAppConfigurations",
    item=ItemRead(query="$expand=apps,assignments"),
    follow_ups=(_EXPANDED_APPS, EXPANDED_ASSIGNMENTS),
    volatile=(*ASSIGNED_VOLATILE, "deployedAppCount", "apps/*/id", "apps/*/version"),
    unordered=(
        *USUAL_UNORDERED,
        _APPS_UNORDERED,
        UnorderedList(path="customSettings", key="name"),
    ),
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.APP_PROTECTION,
    restore=full_restore(100),
    export_folder="app-configuration-managed-apps",
)

APP_CONFIG_DEVICE = ResourceType(
    key="appConfigDevice",
    label="App configuration (managed devices)",
    odata_type="#microsoft.graph.managedDeviceMobileAppConfiguration",
    list_path="/deviceAppManagement/mobileAppConfigurations",
    list_query="$expand=assignments",
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=ASSIGNED_VOLATILE,
    unordered=(
        *USUAL_UNORDERED,
        UnorderedList(path="targetedMobileApps"),
        UnorderedList(path="settings", key="appConfigKey"),
    ),
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.APPLICATIONS,
    restore=full_restore(100),
    export_folder="app-configuration-devices",
)


def _is_tenant_app(document: Document) -> bool:
    """Leave out the store's built-in managed apps that the tenant does not use.

    The same rule as the `$filter` of peers (api.md a.1), applied here so that a service that
    ignores or refuses the cast in the filter gives the same backup.
    """
    availability = document.get("appAvailability")
    return availability in {None, "lineOfBusiness"} or document.get("isAssigned") is True


MOBILE_APP = ResourceType(
    key="mobileApp",
    label="App",
    odata_type="#microsoft.graph.mobileApp",
    list_path="/deviceAppManagement/mobileApps",
    # The list lacks roleScopeTagIds, and expanding assignments on it times out in big tenants.
    item=ItemRead(query="$expand=categories,assignments"),
    follow_ups=(
        FollowUp(property="categories", path="categories", expanded=True),
        EXPANDED_ASSIGNMENTS,
        FollowUp(
            property="relationships",
            path="relationships",
            only_if_positive=("dependentAppCount", "supersedingAppCount", "supersededAppCount"),
        ),
    ),
    slice_size=20,
    is_bulky=True,
    belongs=_is_tenant_app,
    volatile=(
        *ASSIGNED_VOLATILE,
        "uploadState",
        "publishingState",
        "dependentAppCount",
        "supersedingAppCount",
        "supersededAppCount",
        "usedLicenseCount",
        "totalLicenseCount",
        "relationships/*/id",
        "categories/*/lastModifiedDateTime",
    ),
    unordered=(
        *USUAL_UNORDERED,
        UnorderedList(path="categories", key="displayName"),
        UnorderedList(path="relationships", key="targetId"),
    ),
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.APPLICATIONS,
    restore=RestoreRule(
        level=RestoreLevel.FULL,
        order=60,
        reason="app_package_not_in_graph",
        preview_only_types=_LOB_APPS,
    ),
    export_folder="apps",
)

# Expanding on the list gives empty collections (api.md a.0).
POLICY_SET = ResourceType(
    key="policySet",
    label="Policy set",
    odata_type="#microsoft.graph.policySet",
    list_path="/deviceAppManagement/policySets",
    item=ItemRead(query="$expand=items,assignments"),
    follow_ups=(FollowUp(property="items", path="items", expanded=True), EXPANDED_ASSIGNMENTS),
    volatile=(
        *ASSIGNED_VOLATILE,
        "status",
        "errorCode",
        "items/*/id",
        "items/*/createdDateTime",
        "items/*/lastModifiedDateTime",
        "items/*/status",
        "items/*/errorCode",
        "items/*/displayName",
        "items/*/itemType",
    ),
    unordered=(
        ASSIGNMENTS_UNORDERED,
        UnorderedList(path="roleScopeTags"),
        UnorderedList(path="guidedDeploymentTags"),
        UnorderedList(path="items", key="payloadId"),
    ),
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.APPLICATIONS,
    restore=full_restore(2000),
    export_folder="policy-sets",
)
