"""How many objects of each collection a profile has (scale.md section 4)."""

from __future__ import annotations

from devstack.graph_service.config import Profile

# collection key: S, M, L, stress
COUNTS: dict[str, tuple[int, int, int, int]] = {
    "configurationPolicies": (75, 300, 1200, 3000),
    "deviceConfigurations": (13, 85, 415, 1030),  # update rings among them: 3, 5, 15, 30
    "deviceCompliancePolicies": (8, 20, 100, 260),
    "compliancePolicies": (2, 5, 20, 40),
    "intents": (2, 15, 40, 100),
    "templates": (4, 8, 8, 8),
    "groupPolicyConfigurations": (2, 20, 80, 200),
    "groupPolicyUploadedDefinitionFiles": (0, 1, 3, 6),
    "deviceManagementScripts": (3, 22, 110, 300),
    "deviceShellScripts": (2, 12, 60, 160),
    "deviceCustomAttributeShellScripts": (1, 4, 20, 40),
    "deviceHealthScripts": (1, 18, 90, 250),
    "deviceComplianceScripts": (1, 4, 20, 50),
    "deviceEnrollmentConfigurations": (4, 11, 28, 56),
    "windowsAutopilotDeploymentProfiles": (1, 4, 12, 24),
    "windowsAutopilotDeviceIdentities": (10, 120, 2000, 10000),
    "depOnboardingSettings": (0, 1, 2, 4),
    "appleUserInitiatedEnrollmentProfiles": (0, 1, 3, 5),
    "windowsFeatureUpdateProfiles": (1, 4, 10, 20),
    "windowsQualityUpdateProfiles": (1, 3, 8, 15),
    "windowsQualityUpdatePolicies": (0, 1, 2, 4),
    "windowsDriverUpdateProfiles": (1, 3, 7, 15),
    "assignmentFilters": (24, 40, 150, 300),
    "roleScopeTags": (1, 5, 40, 200),
    "roleDefinitions": (10, 13, 30, 70),  # ten built-in ones among them
    "roleAssignments": (0, 3, 20, 60),
    "deviceCategories": (3, 5, 10, 20),
    "notificationMessageTemplates": (2, 4, 10, 20),
    "termsAndConditions": (1, 2, 5, 10),
    "intuneBrandingProfiles": (1, 1, 3, 5),
    "reusablePolicySettings": (1, 4, 15, 40),
    "hardwareConfigurations": (0, 1, 3, 6),
    "inventoryPolicies": (0, 1, 2, 4),
    "managementConditions": (0, 1, 2, 4),
    "complianceManagementPartners": (1, 2, 3, 3),
    "deviceManagementPartners": (0, 1, 2, 2),
    "remoteAssistancePartners": (1, 1, 1, 1),
    "auditEvents": (50, 500, 3000, 10000),
    "directoryAudits": (20, 200, 1000, 4000),
    "provisioningPolicies": (0, 2, 6, 12),
    "mobileApps": (20, 150, 1000, 3000),
    "mobileAppCategories": (9, 9, 15, 30),
    "managedAppPolicies": (4, 12, 40, 100),
    "targetedManagedAppConfigurations": (3, 9, 30, 75),
    "mobileAppConfigurations": (3, 9, 30, 75),
    "policySets": (0, 2, 5, 10),
    "vppTokens": (0, 1, 2, 4),
    "conditionalAccessPolicies": (14, 40, 150, 195),
    "namedLocations": (3, 15, 60, 195),
    "authenticationContextClassReferences": (1, 3, 8, 25),
    "authenticationStrengthPolicies": (3, 4, 8, 15),
    "agreements": (0, 1, 4, 40),
    "directoryRoleDefinitions": (145, 148, 170, 245),  # 145 built-in ones first
    "directoryRoleAssignments": (8, 30, 200, 600),
    "directoryRoles": (6, 12, 25, 40),
    "directoryRoleTemplates": (145, 145, 145, 145),
    "groups": (60, 500, 15000, 150000),
    "users": (40, 400, 20000, 100000),
    "applications": (5, 20, 100, 400),
    "servicePrincipals": (8, 40, 200, 800),
    "organization": (1, 1, 1, 1),
    "domains": (2, 3, 6, 12),
}
# These exist in every tenant, also in an otherwise empty one.
ALWAYS = frozenset({"organization", "domains"})

DYNAMIC_GROUP_SHARE = {"S": 45 / 60, "M": 120 / 500, "L": 0.1, "stress": 0.1, "none": 0.5}
ADMX_VALUES = {"S": 5, "M": 12, "L": 25, "stress": 60, "none": 5}
BUILT_IN_DIRECTORY_ROLES = 145
BUILT_IN_INTUNE_ROLES = 10
UPDATE_RINGS = {"S": 3, "M": 5, "L": 15, "stress": 30, "none": 0}


def count_of(key: str, profile: Profile) -> int:
    """Objects of a collection in a profile; singletons and unknown keys have none."""
    if profile is Profile.NONE:
        return 1 if key in ALWAYS else 0
    row = COUNTS.get(key, (0, 0, 0, 0))
    return row[list(Profile).index(profile) - 1]
