"""What a tenant of the local Graph has, by the paths that Microsoft documents.

Written down here a second time on purpose: the product's registry is what is tested.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from devstack.graph_service import GraphService

Document = dict[str, Any]
UPDATE_RINGS = (
    "#microsoft.graph.windowsUpdateForBusinessConfiguration",
    "#microsoft.graph.iosUpdateConfiguration",
)


def _every(_document: Document) -> bool:
    return True


def _is_update_ring(document: Document) -> bool:
    return document["@odata.type"] in UPDATE_RINGS


def _is_no_update_ring(document: Document) -> bool:
    return not _is_update_ring(document)


def _is_custom_strength(document: Document) -> bool:
    return bool(document["policyType"] == "custom")


def _is_custom_role(document: Document) -> bool:
    return not document["isBuiltIn"]


def _is_used_app(document: Document) -> bool:
    availability = document.get("appAvailability")
    return availability in (None, "lineOfBusiness") or bool(document.get("isAssigned"))


def _is_no_app_configuration(document: Document) -> bool:
    kind: str = document["@odata.type"]
    return kind != "#microsoft.graph.targetedManagedAppConfiguration"


MANAGEMENT = "/deviceManagement"
APPS = "/deviceAppManagement"
CONDITIONAL_ACCESS = "/identity/conditionalAccess"
POLICIES = "/policies"
# Resource type of a backup → path of the collection and which of its objects belong.
PLACES: dict[str, tuple[str, Callable[[Document], bool]]] = {
    "settingsCatalog": (f"{MANAGEMENT}/configurationPolicies", _every),
    "deviceConfiguration": (f"{MANAGEMENT}/deviceConfigurations", _is_no_update_ring),
    "updateRings": (f"{MANAGEMENT}/deviceConfigurations", _is_update_ring),
    "compliancePolicy": (f"{MANAGEMENT}/deviceCompliancePolicies", _every),
    "compliancePolicyV2": (f"{MANAGEMENT}/compliancePolicies", _every),
    "complianceScript": (f"{MANAGEMENT}/deviceComplianceScripts", _every),
    "endpointSecurityIntent": (f"{MANAGEMENT}/intents", _every),
    "adminTemplate": (f"{MANAGEMENT}/groupPolicyConfigurations", _every),
    "powershellScript": (f"{MANAGEMENT}/deviceManagementScripts", _every),
    "shellScript": (f"{MANAGEMENT}/deviceShellScripts", _every),
    "customAttribute": (f"{MANAGEMENT}/deviceCustomAttributeShellScripts", _every),
    "remediation": (f"{MANAGEMENT}/deviceHealthScripts", _every),
    "enrollmentConfig": (f"{MANAGEMENT}/deviceEnrollmentConfigurations", _every),
    "autopilotProfile": (f"{MANAGEMENT}/windowsAutopilotDeploymentProfiles", _every),
    "featureUpdate": (f"{MANAGEMENT}/windowsFeatureUpdateProfiles", _every),
    "qualityUpdate": (f"{MANAGEMENT}/windowsQualityUpdateProfiles", _every),
    "driverUpdate": (f"{MANAGEMENT}/windowsDriverUpdateProfiles", _every),
    "filter": (f"{MANAGEMENT}/assignmentFilters", _every),
    "scopeTag": (f"{MANAGEMENT}/roleScopeTags", _every),
    "intuneRole": (f"{MANAGEMENT}/roleDefinitions", _is_custom_role),
    "deviceCategory": (f"{MANAGEMENT}/deviceCategories", _every),
    "notificationTemplate": (f"{MANAGEMENT}/notificationMessageTemplates", _every),
    "termsAndConditions": (f"{MANAGEMENT}/termsAndConditions", _every),
    "reusableSetting": (f"{MANAGEMENT}/reusablePolicySettings", _every),
    "appProtection": (f"{APPS}/managedAppPolicies", _is_no_app_configuration),
    "appConfigManagedApp": (f"{APPS}/targetedManagedAppConfigurations", _every),
    "appConfigDevice": (f"{APPS}/mobileAppConfigurations", _every),
    "mobileApp": (f"{APPS}/mobileApps", _is_used_app),
    "caPolicy": (f"{CONDITIONAL_ACCESS}/policies", _every),
    "namedLocation": (f"{CONDITIONAL_ACCESS}/namedLocations", _every),
    "admxFile": (f"{MANAGEMENT}/groupPolicyUploadedDefinitionFiles", _every),
    "appleDep": (f"{MANAGEMENT}/depOnboardingSettings", _every),
    "appleUserEnroll": (f"{MANAGEMENT}/appleUserInitiatedEnrollmentProfiles", _every),
    "apnsCertificate": (f"{MANAGEMENT}/applePushNotificationCertificate", _every),
    "managedGooglePlay": (f"{MANAGEMENT}/androidManagedStoreAccountEnterpriseSettings", _every),
    "brandingProfile": (f"{MANAGEMENT}/intuneBrandingProfiles", _every),
    "hardwareConfig": (f"{MANAGEMENT}/hardwareConfigurations", _every),
    "inventoryPolicy": (f"{MANAGEMENT}/inventoryPolicies", _every),
    "tenantSettings": (f"{MANAGEMENT}/settings", _every),
    "compliancePartner": (f"{MANAGEMENT}/complianceManagementPartners", _every),
    "deviceManagementPartner": (f"{MANAGEMENT}/deviceManagementPartners", _every),
    "remoteAssistancePartner": (f"{MANAGEMENT}/remoteAssistancePartners", _every),
    "managementCondition": (f"{MANAGEMENT}/managementConditions", _every),
    "cloudPcProvisioning": (f"{MANAGEMENT}/virtualEndpoint/provisioningPolicies", _every),
    "qualityUpdatePolicy": (f"{MANAGEMENT}/windowsQualityUpdatePolicies", _every),
    "policySet": (f"{APPS}/policySets", _every),
    "vppToken": (f"{APPS}/vppTokens", _every),
    "authContext": (f"{CONDITIONAL_ACCESS}/authenticationContextClassReferences", _every),
    "authStrength": (f"{POLICIES}/authenticationStrengthPolicies", _is_custom_strength),
    "authorizationPolicy": (f"{POLICIES}/authorizationPolicy", _every),
    "securityDefaults": (f"{POLICIES}/identitySecurityDefaultsEnforcementPolicy", _every),
    "authMethodsPolicy": (f"{POLICIES}/authenticationMethodsPolicy", _every),
    "crossTenantAccess": (f"{POLICIES}/crossTenantAccessPolicy", _every),
    "adminConsentRequest": (f"{POLICIES}/adminConsentRequestPolicy", _every),
    "directoryRole": ("/directoryRoles", _every),
    "organization": ("/organization", _every),
    "domain": ("/domains", _every),
}
GROUPS = "/groups"
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def ids_of(graph: GraphService, key: str, tenant: int = 0) -> list[str]:
    """Return the ids of a type's objects in the order of the list."""
    path, belongs = PLACES[key]
    ids = graph.control.object_ids(tenant, path)
    if belongs is _every:
        return ids
    return [i for i in ids if belongs(graph.control.get_object(tenant, path, i))]


def referred_groups(graph: GraphService, tenant: int = 0) -> set[str]:
    """Return the groups whose ids stand anywhere in an object of a backup."""
    named: set[str] = set()
    for key in PLACES:
        for object_id in ids_of(graph, key, tenant):
            whole = graph.control.get_object(tenant, path_of(key), object_id)
            named |= set(_GUID.findall(json.dumps(whole)))
    return named & set(graph.control.object_ids(tenant, GROUPS))


def path_of(key: str) -> str:
    """Return the documented path of a type's collection."""
    return PLACES[key][0]
