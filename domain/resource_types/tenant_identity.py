"""What the tenant is in Entra: its organization, its domains, and who holds its directory roles."""

from domain.resource_types.rules import COMMON_VOLATILE, preview_only
from domain.resource_types.shape import (
    FollowUp,
    ResourceType,
    RestoreLevel,
    RestoreRule,
    ServiceArea,
    UnorderedList,
)

# Only the activated roles, with who holds them. A member's name may change without a change of the
# role, so only the id is compared.
DIRECTORY_ROLE = ResourceType(
    key="directoryRole",
    label="Activated directory role with its members",
    odata_type="#microsoft.graph.directoryRole",
    version="v1.0",
    list_path="/directoryRoles",
    follow_ups=(
        FollowUp(
            property="members", path="members", query="$select=id,displayName,userPrincipalName"
        ),
    ),
    volatile=(*COMMON_VOLATILE, "members/*/displayName", "members/*/userPrincipalName"),
    unordered=(UnorderedList(path="members", key="id"),),
    permission_read="RoleManagement.Read.Directory",
    permission_write="RoleManagement.ReadWrite.Directory",
    service_area=ServiceArea.DIRECTORY,
    restore=RestoreRule(level=RestoreLevel.CREATE_ONLY, order=20),
    export_folder="activated-directory-roles",
)

ORGANIZATION = ResourceType(
    key="organization",
    label="Organization",
    odata_type="#microsoft.graph.organization",
    version="v1.0",
    list_path="/organization",
    volatile=(
        *COMMON_VOLATILE,
        "onPremisesLastSyncDateTime",
        "onPremisesLastPasswordSyncDateTime",
        "directorySizeQuota",
        "resourceQuotas",
        "assignedPlans/*/assignedDateTime",
    ),
    unordered=(
        UnorderedList(path="assignedPlans", key="servicePlanId"),
        UnorderedList(path="provisionedPlans"),
        UnorderedList(path="verifiedDomains", key="name"),
        UnorderedList(path="technicalNotificationMails"),
        UnorderedList(path="marketingNotificationEmails"),
        UnorderedList(path="securityComplianceNotificationMails"),
        UnorderedList(path="securityComplianceNotificationPhones"),
        UnorderedList(path="businessPhones"),
    ),
    permission_read="Organization.Read.All",
    permission_write="Organization.ReadWrite.All",
    service_area=ServiceArea.DIRECTORY,
    restore=preview_only(100, "no_restore_documented"),
    export_folder="organization",
)

# A domain is named by its id, and proves itself by DNS.
DOMAIN = ResourceType(
    key="domain",
    label="Domain",
    odata_type="#microsoft.graph.domain",
    version="v1.0",
    list_path="/domains",
    name_property="id",
    volatile=(*COMMON_VOLATILE, "state"),
    unordered=(UnorderedList(path="supportedServices"),),
    permission_read="Domain.Read.All",
    permission_write="Domain.ReadWrite.All",
    service_area=ServiceArea.DIRECTORY,
    restore=preview_only(100, "proved_by_dns"),
    export_folder="domains",
)
