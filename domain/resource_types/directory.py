"""Objects of the Entra directory: groups that others refer to, and role definitions.

Role definitions are read by their own sync, not by backups.
"""

from domain.resource_types.rules import COMMON_VOLATILE, full_restore
from domain.resource_types.shape import (
    ItemRead,
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
    left_out_reason="read by the sync of role definitions",
)

# What a group is; who its members are is no configuration (api.md c).
_GROUP_PROPERTIES = (
    "id",
    "displayName",
    "description",
    "groupTypes",
    "securityEnabled",
    "mailEnabled",
    "mailNickname",
    "membershipRule",
    "membershipRuleProcessingState",
    "isAssignableToRole",
    "visibility",
    "onPremisesSyncEnabled",
)

# Read one by one in batches, one resource unit each. `getByIds` costs less, but its least
# permission is Directory.Read.All, and it leaves out what it does not find or may not show.
GROUP = ResourceType(
    key="group",
    label="Referenced group",
    odata_type="#microsoft.graph.group",
    version="v1.0",
    list_path="/groups",
    list_query="$select=id&$top=999",
    item=ItemRead(query=f"$select={','.join(_GROUP_PROPERTIES)}"),
    volatile=(*COMMON_VOLATILE, "renewedDateTime", "securityIdentifier", "proxyAddresses", "mail"),
    unordered=(UnorderedList(path="groupTypes"),),
    permission_read="Group.Read.All",
    permission_write="Group.ReadWrite.All",
    service_area=ServiceArea.DIRECTORY,
    restore=full_restore(5),
    export_folder="groups",
    is_foundation=True,
    by_reference=True,
)
