"""Policies of Entra of which every tenant has exactly one."""

from domain.resource_types.rules import COMMON_VOLATILE
from domain.resource_types.shape import (
    FollowUp,
    ResourceType,
    RestoreLevel,
    RestoreRule,
    ServiceArea,
    Singleton,
    UnorderedList,
)

_READ = "Policy.Read.All"
_RESTORE = RestoreRule(level=RestoreLevel.UPDATE_ONLY, order=100)

AUTHORIZATION_POLICY = ResourceType(
    key="authorizationPolicy",
    label="Authorization policy",
    odata_type="#microsoft.graph.authorizationPolicy",
    version="v1.0",
    list_path="/policies/authorizationPolicy",
    singleton=Singleton.ALWAYS,
    volatile=COMMON_VOLATILE,
    unordered=(UnorderedList(path="defaultUserRolePermissions/permissionGrantPoliciesAssigned"),),
    permission_read=_READ,
    permission_write="Policy.ReadWrite.Authorization",
    service_area=ServiceArea.DIRECTORY,
    restore=_RESTORE,
    export_folder="authorization-policy",
)

SECURITY_DEFAULTS = ResourceType(
    key="securityDefaults",
    label="Security defaults",
    odata_type="#microsoft.graph.identitySecurityDefaultsEnforcementPolicy",
    version="v1.0",
    list_path="/policies/identitySecurityDefaultsEnforcementPolicy",
    singleton=Singleton.ALWAYS,
    volatile=COMMON_VOLATILE,
    permission_read=_READ,
    permission_write="Policy.ReadWrite.SecurityDefaults",
    service_area=ServiceArea.DIRECTORY,
    restore=_RESTORE,
    export_folder="security-defaults",
)

# The configurations of the methods come along without being asked for; where they do not, or where
# their list is none, they are read by themselves.
AUTHENTICATION_METHODS_POLICY = ResourceType(
    key="authMethodsPolicy",
    label="Authentication methods policy",
    odata_type="#microsoft.graph.authenticationMethodsPolicy",
    version="v1.0",
    list_path="/policies/authenticationMethodsPolicy",
    singleton=Singleton.ALWAYS,
    follow_ups=(
        FollowUp(
            property="authenticationMethodConfigurations",
            path="authenticationMethodConfigurations",
            expanded=True,
            inline_needs="id",
        ),
    ),
    volatile=COMMON_VOLATILE,
    unordered=(
        UnorderedList(path="authenticationMethodConfigurations", key="id"),
        UnorderedList(path="authenticationMethodConfigurations/*/includeTargets", key="id"),
        UnorderedList(path="authenticationMethodConfigurations/*/excludeTargets", key="id"),
        UnorderedList(
            path="registrationEnforcement/authenticationMethodsRegistrationCampaign/includeTargets",
            key="id",
        ),
        UnorderedList(
            path="registrationEnforcement/authenticationMethodsRegistrationCampaign/excludeTargets",
            key="id",
        ),
    ),
    permission_read=_READ,
    permission_write="Policy.ReadWrite.AuthenticationMethod",
    service_area=ServiceArea.DIRECTORY,
    restore=_RESTORE,
    export_folder="authentication-methods-policy",
)

# The object itself says next to nothing: what holds for all tenants and for single partners has
# paths of its own.
CROSS_TENANT_ACCESS = ResourceType(
    key="crossTenantAccess",
    label="Cross-tenant access",
    odata_type="#microsoft.graph.crossTenantAccessPolicy",
    version="v1.0",
    list_path="/policies/crossTenantAccessPolicy",
    singleton=Singleton.ALWAYS,
    follow_ups=(
        FollowUp(property="default", path="default", single=True),
        FollowUp(
            property="partners",
            path="partners",
            id_property="tenantId",
            nested=(
                FollowUp(
                    property="identitySynchronization",
                    path="identitySynchronization",
                    single=True,
                    optional=True,
                ),
            ),
        ),
    ),
    volatile=COMMON_VOLATILE,
    unordered=(
        UnorderedList(path="allowedCloudEndpoints"),
        UnorderedList(path="partners", key="tenantId"),
    ),
    permission_read=_READ,
    permission_write="Policy.ReadWrite.CrossTenantAccess",
    service_area=ServiceArea.DIRECTORY,
    restore=_RESTORE,
    export_folder="cross-tenant-access",
)

ADMIN_CONSENT_REQUEST = ResourceType(
    key="adminConsentRequest",
    label="Admin consent requests",
    odata_type="#microsoft.graph.adminConsentRequestPolicy",
    version="v1.0",
    list_path="/policies/adminConsentRequestPolicy",
    singleton=Singleton.ALWAYS,
    named_by_path=True,
    volatile=COMMON_VOLATILE,
    unordered=(UnorderedList(path="reviewers", key="query"),),
    permission_read=_READ,
    permission_write="Policy.ReadWrite.ConsentRequest",
    service_area=ServiceArea.DIRECTORY,
    restore=_RESTORE,
    export_folder="admin-consent-requests",
)
