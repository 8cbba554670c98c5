"""Objects of the Entra directory. Role definitions are read by their own sync, not by backups."""

from domain.resource_types.rules import COMMON_VOLATILE
from domain.resource_types.shape import (
    ResourceType,
    RestoreLevel,
    RestoreRule,
    ServiceArea,
    UnorderedList,
)

# A built-in role keeps its id and version while Microsoft changes its actions (api.md b.1).
ENTRA_ROLE = ResourceType(
    key="entraRole",
    label="Directory role definition",
    odata_type="#microsoft.graph.unifiedRoleDefinition",
    version="v1.0",
    list_path="/roleManagement/directory/roleDefinitions",
    list_query="$expand=inheritsPermissionsFrom",
    volatile=COMMON_VOLATILE,
    unordered=(
        UnorderedList(path="rolePermissions/*/allowedResourceActions"),
        UnorderedList(path="rolePermissions/*/excludedResourceActions"),
        UnorderedList(path="inheritsPermissionsFrom", key="id"),
    ),
    permission_read="RoleManagement.Read.Directory",
    permission_write="RoleManagement.ReadWrite.Directory",
    service_area=ServiceArea.DIRECTORY,
    restore=RestoreRule(level=RestoreLevel.PREVIEW_ONLY, order=20, reason="synced_not_backed_up"),
    export_folder="directory-roles",
    in_backups=False,
)
