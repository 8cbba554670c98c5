"""Conditional access policies and named locations: one request a second per tenant (d.2)."""

from domain.resource_types.rules import COMMON_VOLATILE, full_restore
from domain.resource_types.shape import ResourceType, ServiceArea, UnorderedList

_READ = "Policy.Read.All"
_WRITE = "Policy.ReadWrite.ConditionalAccess"

_CONDITION_LISTS = (
    "conditions/users/includeUsers",
    "conditions/users/excludeUsers",
    "conditions/users/includeGroups",
    "conditions/users/excludeGroups",
    "conditions/users/includeRoles",
    "conditions/users/excludeRoles",
    "conditions/applications/includeApplications",
    "conditions/applications/excludeApplications",
    "conditions/applications/includeUserActions",
    "conditions/applications/includeAuthenticationContextClassReferences",
    "conditions/locations/includeLocations",
    "conditions/locations/excludeLocations",
    "conditions/platforms/includePlatforms",
    "conditions/platforms/excludePlatforms",
    "conditions/devices/includeDevices",
    "conditions/devices/excludeDevices",
    "conditions/clientApplications/includeServicePrincipals",
    "conditions/clientApplications/excludeServicePrincipals",
    "conditions/clientAppTypes",
    "conditions/userRiskLevels",
    "conditions/signInRiskLevels",
    "conditions/servicePrincipalRiskLevels",
    "grantControls/builtInControls",
    "grantControls/customAuthenticationFactors",
    "grantControls/termsOfUse",
)

# Of an authentication strength only its id is configuration of the policy.
_STRENGTH = "grantControls/authenticationStrength"

CONDITIONAL_ACCESS_POLICY = ResourceType(
    key="caPolicy",
    label="Conditional access policy",
    odata_type="#microsoft.graph.conditionalAccessPolicy",
    list_path="/identity/conditionalAccess/policies",
    volatile=(
        *COMMON_VOLATILE,
        "templateId",
        f"{_STRENGTH}/createdDateTime",
        f"{_STRENGTH}/modifiedDateTime",
        f"{_STRENGTH}/displayName",
        f"{_STRENGTH}/description",
        f"{_STRENGTH}/policyType",
        f"{_STRENGTH}/requirementsSatisfied",
        f"{_STRENGTH}/allowedCombinations",
        f"{_STRENGTH}/combinationConfigurations",
    ),
    unordered=tuple(UnorderedList(path=path) for path in _CONDITION_LISTS),
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.CONDITIONAL_ACCESS,
    restore=full_restore(100),
    export_folder="conditional-access",
)

NAMED_LOCATION = ResourceType(
    key="namedLocation",
    label="Named location",
    odata_type="#microsoft.graph.namedLocation",
    version="v1.0",
    list_path="/identity/conditionalAccess/namedLocations",
    volatile=COMMON_VOLATILE,
    unordered=(
        UnorderedList(path="ipRanges", key="cidrAddress"),
        UnorderedList(path="countriesAndRegions"),
    ),
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.CONDITIONAL_ACCESS,
    restore=full_restore(50),
    export_folder="named-locations",
)
