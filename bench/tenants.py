"""The tenants that are measured."""

# 2,000 objects of 26 collections, in the proportions of scale.md's large tenant: what IntuneCD and
# the product both read.
TWO_THOUSAND = {
    "configurationPolicies": 640,
    "deviceConfigurations": 300,
    "deviceCompliancePolicies": 100,
    "compliancePolicies": 20,
    "groupPolicyConfigurations": 20,
    "intents": 20,
    "deviceManagementScripts": 80,
    "deviceShellScripts": 50,
    "deviceCustomAttributeShellScripts": 15,
    "deviceHealthScripts": 70,
    "deviceComplianceScripts": 15,
    "mobileApps": 280,
    "managedAppPolicies": 40,
    "targetedManagedAppConfigurations": 25,
    "mobileAppConfigurations": 25,
    "assignmentFilters": 60,
    "roleScopeTags": 20,
    "windowsAutopilotDeploymentProfiles": 10,
    "deviceEnrollmentConfigurations": 30,
    "windowsFeatureUpdateProfiles": 15,
    "windowsQualityUpdateProfiles": 10,
    "windowsDriverUpdateProfiles": 10,
    "reusablePolicySettings": 10,
    "notificationMessageTemplates": 10,
    "conditionalAccessPolicies": 100,
    "namedLocations": 25,
    # Read along with others: groups by their ids, templates by intents.
    "groups": 400,
    "templates": 8,
}


def share_of(counts: dict[str, int], share: float) -> dict[str, int]:
    """Return a smaller tenant of the same collections."""
    return {key: max(1, round(count * share)) for key, count in counts.items()}
