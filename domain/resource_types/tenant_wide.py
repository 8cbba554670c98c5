"""What Intune has for the tenant as a whole: company portal, settings, connections to partners."""

from domain.resource_types.rules import (
    ASSIGNED_VOLATILE,
    COMMON_VOLATILE,
    EXPANDED_ASSIGNMENTS,
    USUAL_UNORDERED,
    full_restore,
    preview_only,
)
from domain.resource_types.shape import (
    FollowUp,
    ResourceType,
    RestoreLevel,
    RestoreRule,
    ServiceArea,
    Singleton,
    UnorderedList,
)

_SERVICE_READ = "DeviceManagementServiceConfig.Read.All"
_SERVICE_WRITE = "DeviceManagementServiceConfig.ReadWrite.All"

# Lists show pictures as null; each has a path of its own (api.md a.1).
_PICTURES = ("themeColorLogo", "lightBackgroundLogo", "landingPageCustomizedImage")

BRANDING_PROFILE = ResourceType(
    key="brandingProfile",
    label="Company portal branding",
    odata_type="#microsoft.graph.intuneBrandingProfile",
    list_path="/deviceManagement/intuneBrandingProfiles",
    list_query="$expand=assignments",
    follow_ups=(
        EXPANDED_ASSIGNMENTS,
        *(FollowUp(property=name, path=name, single=True, optional=True) for name in _PICTURES),
    ),
    name_property="profileName",
    volatile=ASSIGNED_VOLATILE,
    unordered=(*USUAL_UNORDERED, UnorderedList(path="companyPortalBlockedActions")),
    permission_read="DeviceManagementApps.Read.All",
    permission_write="DeviceManagementApps.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="branding-profiles",
)

# A complex property of deviceManagement: it has no id and no name.
TENANT_SETTINGS = ResourceType(
    key="tenantSettings",
    label="Intune tenant settings",
    odata_type="#microsoft.graph.deviceManagementSettings",
    list_path="/deviceManagement/settings",
    singleton=Singleton.ALWAYS,
    named_by_path=True,
    volatile=COMMON_VOLATILE,
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=RestoreRule(level=RestoreLevel.UPDATE_ONLY, order=100),
    export_folder="tenant-settings",
)

# Three collections of Graph are three types, so that each has a complete listing of its own. Graph
# lists partners that a tenant never connected, too; these are kept, because connecting one is a
# change that a backup should show.
COMPLIANCE_PARTNER = ResourceType(
    key="compliancePartner",
    label="Compliance partner",
    odata_type="#microsoft.graph.complianceManagementPartner",
    list_path="/deviceManagement/complianceManagementPartners",
    volatile=(*COMMON_VOLATILE, "lastHeartbeatDateTime"),
    unordered=tuple(
        UnorderedList(path=f"{platform}EnrollmentAssignments", key="target")
        for platform in ("android", "ios", "linux", "macOs")
    ),
    permission_read=_SERVICE_READ,
    permission_write=_SERVICE_WRITE,
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=preview_only(100, "connected_by_the_partner"),
    export_folder="compliance-partners",
)

DEVICE_MANAGEMENT_PARTNER = ResourceType(
    key="deviceManagementPartner",
    label="Device management partner",
    odata_type="#microsoft.graph.deviceManagementPartner",
    list_path="/deviceManagement/deviceManagementPartners",
    volatile=(*COMMON_VOLATILE, "lastHeartbeatDateTime"),
    unordered=(UnorderedList(path="groupsRequiringPartnerEnrollment", key="target"),),
    permission_read=_SERVICE_READ,
    permission_write=_SERVICE_WRITE,
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=preview_only(100, "connected_by_the_partner"),
    export_folder="device-management-partners",
)

REMOTE_ASSISTANCE_PARTNER = ResourceType(
    key="remoteAssistancePartner",
    label="Remote assistance partner",
    odata_type="#microsoft.graph.remoteAssistancePartner",
    list_path="/deviceManagement/remoteAssistancePartners",
    volatile=(*COMMON_VOLATILE, "lastConnectionDateTime"),
    permission_read=_SERVICE_READ,
    permission_write=_SERVICE_WRITE,
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=preview_only(100, "connected_by_the_partner"),
    export_folder="remote-assistance-partners",
)
