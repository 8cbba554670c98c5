"""Device configurations, the update rings in the same collection, BIOS files, conditions."""

from domain.resource_types.rules import (
    ASSIGNED_VOLATILE,
    ASSIGNMENTS_UNORDERED,
    EXPANDED_ASSIGNMENTS,
    USUAL_UNORDERED,
    full_restore,
)
from domain.resource_types.shape import (
    Document,
    EncryptedValues,
    ItemRead,
    NotCapturedRule,
    ResourceType,
    SecretRule,
    ServiceArea,
    UnorderedList,
)

_UPDATE_RING_TYPES = frozenset(
    {
        "#microsoft.graph.windowsUpdateForBusinessConfiguration",
        "#microsoft.graph.iosUpdateConfiguration",
    }
)
_PERSONAL_WIFI = frozenset(
    {"wpaPersonal", "wpa2Personal", "wpa3Personal", "wpaWpa2Personal", "wep", "preSharedKey"}
)


def _is_update_ring(document: Document) -> bool:
    return document.get("@odata.type") in _UPDATE_RING_TYPES


def _is_other_configuration(document: Document) -> bool:
    return not _is_update_ring(document)


DEVICE_CONFIGURATION = ResourceType(
    key="deviceConfiguration",
    label="Device configuration",
    odata_type="#microsoft.graph.deviceConfiguration",
    list_path="/deviceManagement/deviceConfigurations",
    list_query="$expand=assignments",
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    encrypted_values=EncryptedValues(
        list_property="omaSettings",
        flag="isEncrypted",
        reference="secretReferenceValueId",
        function="getOmaSettingPlainTextValue(secretReferenceValueId='{reference}')",
        value="value",
        permission="DeviceManagementConfiguration.ReadWrite.All",
    ),
    belongs=_is_other_configuration,
    needs_odata_type=True,
    volatile=(*ASSIGNED_VOLATILE, "omaSettings/*/secretReferenceValueId"),
    unordered=(*USUAL_UNORDERED, UnorderedList(path="omaSettings", key="omaUri")),
    secrets=(
        SecretRule(property="value", path="omaSettings/*/value", flag="isEncrypted"),
        SecretRule(property="preSharedKey"),
        SecretRule(property="sharedSecret"),
        SecretRule(property="password"),
        SecretRule(property="clientSecret"),
        SecretRule(property="privateKey"),
        SecretRule(property="proxyPassword"),
        SecretRule(property="scepChallengePassword"),
    ),
    not_captured=(
        NotCapturedRule(
            property="preSharedKey",
            when_property="wiFiSecurityType",
            when_values=_PERSONAL_WIFI,
            masked=True,
        ),
        NotCapturedRule(
            property="sharedSecret",
            when_property="authenticationMethod",
            when_values=frozenset({"sharedSecret"}),
            masked=True,
        ),
    ),
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="device-configurations",
)

UPDATE_RINGS = ResourceType(
    key="updateRings",
    label="Update ring",
    odata_type="#microsoft.graph.windowsUpdateForBusinessConfiguration",
    list_path="/deviceManagement/deviceConfigurations",
    list_query=(
        "$filter=isof('microsoft.graph.windowsUpdateForBusinessConfiguration')"
        " or isof('microsoft.graph.iosUpdateConfiguration')&$expand=assignments"
    ),
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    belongs=_is_update_ring,
    needs_odata_type=True,
    volatile=(
        *ASSIGNED_VOLATILE,
        "qualityUpdatesPauseStartDate",
        "featureUpdatesPauseStartDate",
        "qualityUpdatesWillBeRolledBack",
        "featureUpdatesWillBeRolledBack",
        "qualityUpdatesRollbackStartDateTime",
        "featureUpdatesRollbackStartDateTime",
        "qualityUpdatesPauseExpiryDateTime",
        "featureUpdatesPauseExpiryDateTime",
    ),
    unordered=USUAL_UNORDERED,
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="update-rings",
)

# A file's content is a property like a script's body, so the object is read by itself.
HARDWARE_CONFIGURATION = ResourceType(
    key="hardwareConfig",
    label="BIOS configuration",
    odata_type="#microsoft.graph.hardwareConfiguration",
    list_path="/deviceManagement/hardwareConfigurations",
    item=ItemRead(query="$expand=assignments"),
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=(*ASSIGNED_VOLATILE, "runSummary"),
    unordered=USUAL_UNORDERED,
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="hardware-configurations",
)

MANAGEMENT_CONDITION = ResourceType(
    key="managementCondition",
    label="Management condition (legacy)",
    odata_type="#microsoft.graph.managementCondition",
    list_path="/deviceManagement/managementConditions",
    list_query="$expand=assignments",
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=(*ASSIGNED_VOLATILE, "eTag"),
    unordered=(ASSIGNMENTS_UNORDERED, UnorderedList(path="applicablePlatforms")),
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(30),
    export_folder="management-conditions",
)
