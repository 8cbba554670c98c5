"""How devices come in: enrollment configurations, Autopilot profiles, terms, categories."""

from domain.resource_types.rules import (
    ASSIGNED_VOLATILE,
    COMMON_VOLATILE,
    EXPANDED_ASSIGNMENTS,
    READ_ASSIGNMENTS,
    SCOPE_TAGS_UNORDERED,
    USUAL_UNORDERED,
    full_restore,
)
from domain.resource_types.shape import ResourceType, ServiceArea, UnorderedList

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
