"""The five script kinds. Their lists hold no script body, so each object is read by itself.

They need DeviceManagementScripts permissions since 2025-07-31 (api.md a.2). Bodies are policy
content and compared; a secret inside a script cannot be told from the script.
"""

from domain.resource_types.rules import (
    ASSIGNED_VOLATILE,
    COMMON_VOLATILE,
    EXPANDED_ASSIGNMENTS,
    SCOPE_TAGS_UNORDERED,
    USUAL_UNORDERED,
    full_restore,
)
from domain.resource_types.shape import ItemRead, ResourceType, RestoreLevel, RestoreRule
from domain.resource_types.shape import ServiceArea as Area

_READ = "DeviceManagementScripts.Read.All"
_WRITE = "DeviceManagementScripts.ReadWrite.All"
_WITH_ASSIGNMENTS = ItemRead(query="$expand=assignments")
_RUN_STATE = ("runSummary",)

COMPLIANCE_SCRIPT = ResourceType(
    key="complianceScript",
    label="Compliance script",
    odata_type="#microsoft.graph.deviceComplianceScript",
    list_path="/deviceManagement/deviceComplianceScripts",
    item=ItemRead(),
    volatile=(*COMMON_VOLATILE, *_RUN_STATE),
    unordered=(SCOPE_TAGS_UNORDERED,),
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=Area.DEVICE_CONFIGURATION,
    restore=full_restore(80),
    export_folder="compliance-scripts",
)

POWERSHELL_SCRIPT = ResourceType(
    key="powershellScript",
    label="PowerShell script",
    odata_type="#microsoft.graph.deviceManagementScript",
    list_path="/deviceManagement/deviceManagementScripts",
    item=_WITH_ASSIGNMENTS,
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=(*ASSIGNED_VOLATILE, *_RUN_STATE),
    unordered=USUAL_UNORDERED,
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=Area.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="powershell-scripts",
)

SHELL_SCRIPT = ResourceType(
    key="shellScript",
    label="Shell script (macOS, Linux)",
    odata_type="#microsoft.graph.deviceShellScript",
    list_path="/deviceManagement/deviceShellScripts",
    item=_WITH_ASSIGNMENTS,
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=(*ASSIGNED_VOLATILE, *_RUN_STATE),
    unordered=USUAL_UNORDERED,
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=Area.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="shell-scripts",
)

CUSTOM_ATTRIBUTE = ResourceType(
    key="customAttribute",
    label="Custom attribute (macOS)",
    odata_type="#microsoft.graph.deviceCustomAttributeShellScript",
    list_path="/deviceManagement/deviceCustomAttributeShellScripts",
    item=_WITH_ASSIGNMENTS,
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=(*ASSIGNED_VOLATILE, *_RUN_STATE),
    unordered=USUAL_UNORDERED,
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=Area.DEVICE_CONFIGURATION,
    restore=full_restore(100),
    export_folder="custom-attributes",
)

# Scripts of the publisher Microsoft are kept too: their assignments belong to the tenant.
REMEDIATION = ResourceType(
    key="remediation",
    label="Remediation",
    odata_type="#microsoft.graph.deviceHealthScript",
    list_path="/deviceManagement/deviceHealthScripts",
    item=_WITH_ASSIGNMENTS,
    follow_ups=(EXPANDED_ASSIGNMENTS,),
    volatile=(
        *ASSIGNED_VOLATILE,
        *_RUN_STATE,
        "isGlobalScript",
        "highestAvailableVersion",
        "deviceHealthScriptType",
    ),
    unordered=USUAL_UNORDERED,
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=Area.DEVICE_CONFIGURATION,
    restore=RestoreRule(level=RestoreLevel.FULL, order=100),
    export_folder="remediations",
)
