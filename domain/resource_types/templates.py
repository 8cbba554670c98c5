"""Policies made from templates: administrative templates (ADMX) and legacy security intents."""

from domain.resource_types.rules import (
    ASSIGNED_VOLATILE,
    EXPANDED_ASSIGNMENTS,
    USUAL_UNORDERED,
    full_restore,
)
from domain.resource_types.shape import FollowUp, ResourceType, ServiceArea, UnorderedList

# One read per definition value in the most throttled area of all peers: slices stay small, so that
# a long wait undoes little and every attempt gets further.
ADMIN_TEMPLATE = ResourceType(
    key="adminTemplate",
    label="Administrative template",
    odata_type="#microsoft.graph.groupPolicyConfiguration",
    list_path="/deviceManagement/groupPolicyConfigurations",
    list_query="$expand=assignments",
    follow_ups=(
        EXPANDED_ASSIGNMENTS,
        FollowUp(
            property="definitionValues",
            path="definitionValues",
            query="$expand=definition",
            nested=(
                FollowUp(
                    property="presentationValues",
                    path="presentationValues",
                    query="$expand=presentation",
                ),
            ),
        ),
    ),
    slice_size=4,
    is_bulky=True,
    volatile=(
        *ASSIGNED_VOLATILE,
        "policyConfigurationIngestionType",
        "definitionValues/*/id",
        "definitionValues/*/createdDateTime",
        "definitionValues/*/lastModifiedDateTime",
        "definitionValues/*/definition/lastModifiedDateTime",
        "definitionValues/*/presentationValues/*/id",
        "definitionValues/*/presentationValues/*/createdDateTime",
        "definitionValues/*/presentationValues/*/lastModifiedDateTime",
        "definitionValues/*/presentationValues/*/presentation/lastModifiedDateTime",
    ),
    unordered=(
        *USUAL_UNORDERED,
        UnorderedList(path="definitionValues", key="definition/id"),
        UnorderedList(path="definitionValues/*/presentationValues", key="presentation/id"),
    ),
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="administrative-templates",
)

ENDPOINT_SECURITY_INTENT = ResourceType(
    key="endpointSecurityIntent",
    label="Endpoint security (legacy)",
    odata_type="#microsoft.graph.deviceManagementIntent",
    list_path="/deviceManagement/intents",
    list_query="$expand=assignments",
    follow_ups=(EXPANDED_ASSIGNMENTS, FollowUp(property="settings", path="settings")),
    volatile=(*ASSIGNED_VOLATILE, "isMigratingToConfigurationPolicy", "settings/*/id"),
    unordered=(*USUAL_UNORDERED, UnorderedList(path="settings", key="definitionId")),
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="endpoint-security-intents",
)
