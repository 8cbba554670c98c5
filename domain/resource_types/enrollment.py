"""How devices come in: enrollment, Autopilot, Apple users, Cloud PCs, terms, categories."""

from domain.resource_types.rules import (
    ASSIGNED_VOLATILE,
    ASSIGNMENTS_UNORDERED,
    COMMON_VOLATILE,
    EXPANDED_ASSIGNMENTS,
    READ_ASSIGNMENTS,
    SCOPE_TAGS_UNORDERED,
    USUAL_UNORDERED,
    full_restore,
    preview_only,
)
from domain.resource_types.shape import (
    ItemRead,
    ResourceType,
    SecretRule,
    ServiceArea,
    UnorderedList,
)

_READ = "DeviceManagementServiceConfig.Read.All"
_WRITE = "DeviceManagementServiceConfig.ReadWrite.All"

# One type for all kinds: limit, platform restrictions, Windows Hello, co-management,
# notifications, enrollment status page. Their order is configuration, but it is set by its own
# call and shifts when another is created, so it does not count as a change (api.md a.1).
ENROLLMENT_CONFIGURATION = ResourceType(
    key="enrollmentConfig",
    label="Enrollment configuration",
    odata_type="#microsoft.graph.deviceEnrollmentConfiguration",
    list_path="/deviceManagement/deviceEnrollmentConfigurations",
    list_query="$expand=assignments",
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=(*ASSIGNED_VOLATILE, "priority"),
    unordered=(*USUAL_UNORDERED, UnorderedList(path="selectedMobileAppIds")),
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.ENROLLMENT,
    restore=full_restore(100),
    export_folder="enrollment-configurations",
)

AUTOPILOT_PROFILE = ResourceType(
    key="autopilotProfile",
    label="Autopilot profile",
    odata_type="#microsoft.graph.windowsAutopilotDeploymentProfile",
    list_path="/deviceManagement/windowsAutopilotDeploymentProfiles",
    list_query="$expand=assignments",
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=ASSIGNED_VOLATILE,
    unordered=USUAL_UNORDERED,
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.ENROLLMENT,
    restore=full_restore(100),
    export_folder="autopilot-profiles",
)

TERMS_AND_CONDITIONS = ResourceType(
    key="termsAndConditions",
    label="Terms and conditions",
    odata_type="#microsoft.graph.termsAndConditions",
    list_path="/deviceManagement/termsAndConditions",
    follow_ups=(READ_ASSIGNMENTS,),
    volatile=(*ASSIGNED_VOLATILE, "acceptanceStatuses"),
    unordered=USUAL_UNORDERED,
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.ENROLLMENT,
    restore=full_restore(100),
    export_folder="terms-and-conditions",
)

DEVICE_CATEGORY = ResourceType(
    key="deviceCategory",
    label="Device category",
    odata_type="#microsoft.graph.deviceCategory",
    list_path="/deviceManagement/deviceCategories",
    volatile=COMMON_VOLATILE,
    unordered=(SCOPE_TAGS_UNORDERED,),
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.ENROLLMENT,
    restore=full_restore(30),
    export_folder="device-categories",
)

# Devices, not configuration: a schedule has to name the type.
AUTOPILOT_DEVICE = ResourceType(
    key="autopilotDevice",
    label="Autopilot device",
    odata_type="#microsoft.graph.windowsAutopilotDeviceIdentity",
    list_path="/deviceManagement/windowsAutopilotDeviceIdentities",
    volatile=(
        *COMMON_VOLATILE,
        "enrollmentState",
        "lastContactedDateTime",
        "deploymentProfileAssignmentStatus",
        "deploymentProfileAssignmentDetailedStatus",
        "deploymentProfileAssignedDateTime",
        "remediationState",
        "remediationStateLastModifiedDateTime",
    ),
    secrets=(SecretRule(property="deviceAccountPassword"), SecretRule(property="productKey")),
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.ENROLLMENT,
    restore=preview_only(100, "inventory_not_configuration"),
    export_folder="autopilot-devices",
    in_backups=False,
    left_out_reason="inventory of devices, not configuration, and large",
)

APPLE_USER_ENROLLMENT = ResourceType(
    key="appleUserEnroll",
    label="Apple user enrollment profile",
    odata_type="#microsoft.graph.appleUserInitiatedEnrollmentProfile",
    list_path="/deviceManagement/appleUserInitiatedEnrollmentProfiles",
    list_query="$expand=assignments",
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=ASSIGNED_VOLATILE,
    unordered=(ASSIGNMENTS_UNORDERED,),
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.ENROLLMENT,
    restore=full_restore(100),
    export_folder="apple-user-enrollment",
)

CLOUD_PC_PROVISIONING = ResourceType(
    key="cloudPcProvisioning",
    label="Cloud PC provisioning policy",
    odata_type="#microsoft.graph.cloudPcProvisioningPolicy",
    list_path="/deviceManagement/virtualEndpoint/provisioningPolicies",
    item=ItemRead(query="$expand=assignments"),
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=(*ASSIGNED_VOLATILE, "createdBy", "lastModifiedBy"),
    unordered=(ASSIGNMENTS_UNORDERED, UnorderedList(path="scopeIds")),
    permission_read="CloudPC.Read.All",
    permission_write="CloudPC.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="cloud-pc-provisioning",
)
