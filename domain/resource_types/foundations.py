"""What other policies refer to: filters, scope tags, Intune roles. Restored first (a.0)."""

from domain.resource_types.rules import (
    ASSIGNED_VOLATILE,
    ASSIGNMENTS_UNORDERED,
    COMMON_VOLATILE,
    READ_ASSIGNMENTS,
    SCOPE_TAGS_UNORDERED,
    full_restore,
)
from domain.resource_types.shape import (
    Document,
    FollowUp,
    ResourceType,
    ServiceArea,
    UnorderedList,
)

FILTER = ResourceType(
    key="filter",
    label="Assignment filter",
    odata_type="#microsoft.graph.deviceAndAppManagementAssignmentFilter",
    list_path="/deviceManagement/assignmentFilters",
    volatile=(*COMMON_VOLATILE, "payloads"),
    unordered=(UnorderedList(path="roleScopeTags"),),
    permission_read="DeviceManagementConfiguration.Read.All",
    permission_write="DeviceManagementConfiguration.ReadWrite.All",
    service_area=ServiceArea.DEVICE_CONFIGURATION,
    restore=full_restore(15),
    export_folder="assignment-filters",
    is_foundation=True,
)

# An id is a small number in a string, "0" is the default tag: it is volatile like every id.
SCOPE_TAG = ResourceType(
    key="scopeTag",
    label="Scope tag",
    odata_type="#microsoft.graph.roleScopeTag",
    list_path="/deviceManagement/roleScopeTags",
    follow_ups=(READ_ASSIGNMENTS,),
    volatile=ASSIGNED_VOLATILE,
    unordered=(ASSIGNMENTS_UNORDERED,),
    permission_read="DeviceManagementRBAC.Read.All",
    permission_write="DeviceManagementRBAC.ReadWrite.All",
    service_area=ServiceArea.INTUNE_RBAC,
    restore=full_restore(10),
    export_folder="scope-tags",
    is_foundation=True,
)


def _is_custom_role(document: Document) -> bool:
    return document.get("isBuiltIn") is not True


INTUNE_ROLE = ResourceType(
    key="intuneRole",
    label="Intune role",
    odata_type="#microsoft.graph.deviceAndAppManagementRoleDefinition",
    list_path="/deviceManagement/roleDefinitions",
    list_query="$filter=isBuiltIn eq false",
    follow_ups=(
        FollowUp(
            property="roleAssignments",
            path="roleAssignments",
            # Members and scopes are only on the assignment's own path.
            element_path="/deviceManagement/roleAssignments/{element}",
        ),
    ),
    belongs=_is_custom_role,
    volatile=(
        *COMMON_VOLATILE,
        "permissions",
        "rolePermissions/*/actions",
        "isBuiltInRoleDefinition",
        "roleAssignments/*/id",
    ),
    unordered=(
        SCOPE_TAGS_UNORDERED,
        UnorderedList(path="roleAssignments", key="displayName"),
        UnorderedList(path="roleAssignments/*/members"),
        UnorderedList(path="roleAssignments/*/scopeMembers"),
        UnorderedList(path="roleAssignments/*/resourceScopes"),
        UnorderedList(path="rolePermissions/*/resourceActions/*/allowedResourceActions"),
        UnorderedList(path="rolePermissions/*/resourceActions/*/notAllowedResourceActions"),
    ),
    permission_read="DeviceManagementRBAC.Read.All",
    permission_write="DeviceManagementRBAC.ReadWrite.All",
    service_area=ServiceArea.INTUNE_RBAC,
    restore=full_restore(20),
    export_folder="intune-roles",
    is_foundation=True,
)
