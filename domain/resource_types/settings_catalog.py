"""Policies of setting instances: settings catalog, Linux compliance, inventory, reusable settings.

Endpoint security, baselines, LAPS, Windows Hello and Defender are settings-catalog policies too;
their template family tells which (api.md a.1).
"""

from domain.resource_types.rules import (
    ASSIGNED_VOLATILE,
    COMMON_VOLATILE,
    EXPANDED_ASSIGNMENTS,
    READ_ASSIGNMENTS,
    SCHEDULED_ACTIONS,
    SCOPE_TAGS_UNORDERED,
    USUAL_UNORDERED,
    full_restore,
)
from domain.resource_types.shape import (
    FollowUp,
    ItemRead,
    NotCapturedRule,
    ResourceType,
    SecretRule,
    ServiceArea,
    UnorderedList,
)

_SECRET_SETTING = "#microsoft.graph.deviceManagementConfigurationSecretSettingValue"  # noqa: S105 - a type name

_SETTING_SECRETS = (SecretRule(property="value", odata_type=_SECRET_SETTING),)

# Graph hands out a token that stands for the secret, never the secret itself.
_SETTING_NOT_CAPTURED = (
    NotCapturedRule(
        property="value",
        when_property="valueState",
        when_values=frozenset({"encryptedValueToken"}),
    ),
)

# Inline settings come as a page of 25; a list with nextLink annotation or a higher count goes on.
_SETTINGS = FollowUp(
    property="settings",
    path="settings",
    query="$top=1000",
    expanded=True,
    counted_by="settingCount",
)

_SETTINGS_UNORDERED = UnorderedList(path="settings", key="settingInstance/settingDefinitionId")

SETTINGS_CATALOG = ResourceType(
    key="settingsCatalog",
    label="Settings catalog policy",
    odata_type="#microsoft.graph.deviceManagementConfigurationPolicy",
    list_path="/deviceManagement/configurationPolicies",
    item=ItemRead(query="$expand=settings,assignments"),
    follow_ups=(_SETTINGS, EXPANDED_ASSIGNMENTS),
    is_bulky=True,
    name_property="name",
    volatile=(*ASSIGNED_VOLATILE, "settingCount", "creationSource", "priorityMetaData"),
    unordered=(*USUAL_UNORDERED, _SETTINGS_UNORDERED),
    positional_ids=("settings",),
    secrets=_SETTING_SECRETS,
    not_captured=_SETTING_NOT_CAPTURED,
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="settings-catalog",
)

COMPLIANCE_POLICY_V2 = ResourceType(
    key="compliancePolicyV2",
    label="Compliance policy (Linux)",
    odata_type="#microsoft.graph.deviceManagementCompliancePolicy",
    list_path="/deviceManagement/compliancePolicies",
    list_query="$expand=settings,assignments",
    follow_ups=(
        _SETTINGS,
        EXPANDED_ASSIGNMENTS,
        FollowUp(
            property="scheduledActionsForRule",
            path="scheduledActionsForRule",
            query="$expand=scheduledActionConfigurations",
            nested=(SCHEDULED_ACTIONS,),
        ),
    ),
    name_property="name",
    volatile=(
        *ASSIGNED_VOLATILE,
        "settingCount",
        "creationSource",
        "scheduledActionsForRule/*/id",
        "scheduledActionsForRule/*/scheduledActionConfigurations/*/id",
    ),
    unordered=(
        *USUAL_UNORDERED,
        _SETTINGS_UNORDERED,
        UnorderedList(path="scheduledActionsForRule", key="ruleName"),
        UnorderedList(
            path="scheduledActionsForRule/*/scheduledActionConfigurations", key="actionType"
        ),
    ),
    positional_ids=("settings",),
    secrets=_SETTING_SECRETS,
    not_captured=_SETTING_NOT_CAPTURED,
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="compliance-policies-v2",
)

# Peers expand settings alone here, so assignments are read from their own path (api.md a.1).
INVENTORY_POLICY = ResourceType(
    key="inventoryPolicy",
    label="Inventory policy",
    odata_type="#microsoft.graph.deviceManagementConfigurationPolicy",
    list_path="/deviceManagement/inventoryPolicies",
    item=ItemRead(query="$expand=settings"),
    follow_ups=(_SETTINGS, READ_ASSIGNMENTS),
    name_property="name",
    volatile=(*ASSIGNED_VOLATILE, "settingCount", "creationSource"),
    unordered=(*USUAL_UNORDERED, _SETTINGS_UNORDERED),
    positional_ids=("settings",),
    secrets=_SETTING_SECRETS,
    not_captured=_SETTING_NOT_CAPTURED,
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="inventory-policies",
)

# The list hides `settingInstance` unless a `$select` names it, and a `$select` would drop every
# property that Microsoft adds later; the item read keeps the document lossless.
REUSABLE_SETTING = ResourceType(
    key="reusableSetting",
    label="Reusable setting",
    odata_type="#microsoft.graph.deviceManagementReusablePolicySetting",
    list_path="/deviceManagement/reusablePolicySettings",
    item=ItemRead(),
    volatile=(*COMMON_VOLATILE, "referencingConfigurationPolicyCount"),
    unordered=(SCOPE_TAGS_UNORDERED,),
    secrets=_SETTING_SECRETS,
    not_captured=_SETTING_NOT_CAPTURED,
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(70),
    export_folder="reusable-settings",
)
