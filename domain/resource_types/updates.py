"""Windows update profiles: feature, quality (with its newer sibling) and driver updates."""

from domain.resource_types.rules import (
    ASSIGNED_VOLATILE,
    EXPANDED_ASSIGNMENTS,
    USUAL_UNORDERED,
    full_restore,
)
from domain.resource_types.shape import ResourceType, ServiceArea

_READ = "DeviceManagementConfiguration.Read.All"
_WRITE = "DeviceManagementConfiguration.ReadWrite.All"

FEATURE_UPDATE = ResourceType(
    key="featureUpdate",
    label="Feature update profile",
    odata_type="#microsoft.graph.windowsFeatureUpdateProfile",
    list_path="/deviceManagement/windowsFeatureUpdateProfiles",
    list_query="$expand=assignments",
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=(*ASSIGNED_VOLATILE, "deployableContentDisplayName", "endOfSupportDate"),
    unordered=USUAL_UNORDERED,
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="feature-updates",
)

QUALITY_UPDATE = ResourceType(
    key="qualityUpdate",
    label="Quality update profile",
    odata_type="#microsoft.graph.windowsQualityUpdateProfile",
    list_path="/deviceManagement/windowsQualityUpdateProfiles",
    list_query="$expand=assignments",
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=(*ASSIGNED_VOLATILE, "releaseDateDisplayName", "deployableContentDisplayName"),
    unordered=USUAL_UNORDERED,
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="quality-updates",
)

# The newer sibling of quality update profiles: hotpatch (note of qualityUpdate in api.md a.1).
QUALITY_UPDATE_POLICY = ResourceType(
    key="qualityUpdatePolicy",
    label="Quality update policy (hotpatch)",
    odata_type="#microsoft.graph.windowsQualityUpdatePolicy",
    list_path="/deviceManagement/windowsQualityUpdatePolicies",
    list_query="$expand=assignments",
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=ASSIGNED_VOLATILE,
    unordered=USUAL_UNORDERED,
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="quality-update-policies",
)

DRIVER_UPDATE = ResourceType(
    key="driverUpdate",
    label="Driver update profile",
    odata_type="#microsoft.graph.windowsDriverUpdateProfile",
    list_path="/deviceManagement/windowsDriverUpdateProfiles",
    list_query="$expand=assignments",
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=(*ASSIGNED_VOLATILE, "newUpdates", "inventorySyncStatus", "deviceReporting"),
    unordered=USUAL_UNORDERED,
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="driver-updates",
)
