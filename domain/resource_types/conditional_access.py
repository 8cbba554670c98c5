"""Conditional access and what its policies refer to: locations, strengths, contexts, terms of use.

What lies below `/identity/conditionalAccess` shares one request a second per tenant (d.2).
"""

from domain.resource_types.rules import COMMON_VOLATILE, full_restore, preview_only
from domain.resource_types.shape import (
    Document,
    FollowUp,
    NotCapturedRule,
    ResourceType,
    ServiceArea,
    UnorderedList,
)

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

AUTHENTICATION_CONTEXT = ResourceType(
    key="authContext",
    label="Authentication context",
    odata_type="#microsoft.graph.authenticationContextClassReference",
    version="v1.0",
    list_path="/identity/conditionalAccess/authenticationContextClassReferences",
    # Its id (c1 to c99) is what policies and apps name it by, and is kept on restore; it is the
    # object's identity here as everywhere.
    volatile=COMMON_VOLATILE,
    permission_read="AuthenticationContext.Read.All",
    permission_write="AuthenticationContext.ReadWrite.All",
    service_area=ServiceArea.CONDITIONAL_ACCESS,
    restore=full_restore(46),
    export_folder="authentication-contexts",
    is_foundation=True,
)


def _is_custom_strength(document: Document) -> bool:
    return document.get("policyType") != "builtIn"


AUTHENTICATION_STRENGTH = ResourceType(
    key="authStrength",
    label="Authentication strength",
    odata_type="#microsoft.graph.authenticationStrengthPolicy",
    version="v1.0",
    list_path="/policies/authenticationStrengthPolicies",
    belongs=_is_custom_strength,
    volatile=(*COMMON_VOLATILE, "combinationConfigurations/*/id"),
    unordered=(
        UnorderedList(path="allowedCombinations"),
        UnorderedList(path="combinationConfigurations", key="appliesToCombinations"),
        UnorderedList(path="combinationConfigurations/*/appliesToCombinations"),
        UnorderedList(path="combinationConfigurations/*/allowedAAGUIDs"),
    ),
    permission_read=_READ,
    permission_write=_WRITE,
    service_area=ServiceArea.DIRECTORY,
    restore=full_restore(45),
    export_folder="authentication-strengths",
    is_foundation=True,
)

TERMS_OF_USE = ResourceType(
    key="termsOfUse",
    label="Terms of use",
    odata_type="#microsoft.graph.agreement",
    version="v1.0",
    list_path="/identityGovernance/termsOfUse/agreements",
    list_query="$expand=files",
    follow_ups=(FollowUp(property="files", path="files", expanded=True),),
    volatile=(*COMMON_VOLATILE, "files/*/id", "files/*/createdDateTime"),
    unordered=(UnorderedList(path="files", key="language"),),
    not_captured=(NotCapturedRule(property="fileData", path="files/*/fileData", masked=True),),
    permission_read="Agreement.Read.All",
    permission_write="Agreement.ReadWrite.All",
    service_area=ServiceArea.DIRECTORY,
    restore=preview_only(46, "file_content_not_in_graph"),
    export_folder="terms-of-use",
    in_backups=False,
    left_out_reason=(
        "Graph documents it for signed-in people only; an app that reads it is usually refused"
    ),
)
