"""Which generator makes the objects of which collection."""

from __future__ import annotations

from collections.abc import Callable

from devstack.graph_service.generation import (
    app_protection,
    applications,
    compliance,
    conditional_access,
    device_configurations,
    directory,
    directory_roles,
    enrollment,
    scripts,
    settings_catalog,
    templates,
    tenant_admin,
    updates,
)
from devstack.graph_service.generation.draw import Document
from devstack.graph_service.generation.world import World

Generator = Callable[[World, int], Document]

# Bodies without the navigation properties that cost most; lists are made of these.
HEADERS: dict[str, Generator] = {
    "groups": directory.group_header,
    "configurationPolicies": settings_catalog.policy_header,
}


GENERATORS: dict[str, Generator] = {
    "configurationPolicies": settings_catalog.policy,
    "compliancePolicies": settings_catalog.compliance_policy,
    "inventoryPolicies": settings_catalog.inventory_policy,
    "reusablePolicySettings": settings_catalog.reusable_setting,
    "deviceConfigurations": device_configurations.configuration,
    "deviceCompliancePolicies": compliance.policy,
    "intents": templates.intent,
    "templates": templates.intent_template,
    "groupPolicyConfigurations": templates.admx_configuration,
    "groupPolicyUploadedDefinitionFiles": templates.admx_file,
    "windowsFeatureUpdateProfiles": updates.feature_profile,
    "windowsQualityUpdateProfiles": updates.quality_profile,
    "windowsQualityUpdatePolicies": updates.quality_policy,
    "windowsDriverUpdateProfiles": updates.driver_profile,
    "hardwareConfigurations": tenant_admin.hardware_configuration,
    "assignmentFilters": tenant_admin.assignment_filter,
    "deviceCategories": tenant_admin.category,
    "managementConditions": tenant_admin.management_condition,
    "deviceManagementScripts": scripts.powershell_script,
    "deviceShellScripts": scripts.shell_script,
    "deviceCustomAttributeShellScripts": scripts.custom_attribute,
    "deviceHealthScripts": scripts.health_script,
    "deviceComplianceScripts": scripts.compliance_script,
    "deviceEnrollmentConfigurations": enrollment.configuration,
    "windowsAutopilotDeploymentProfiles": enrollment.autopilot_profile,
    "windowsAutopilotDeviceIdentities": enrollment.autopilot_device,
    "depOnboardingSettings": enrollment.apple_onboarding,
    "appleUserInitiatedEnrollmentProfiles": enrollment.apple_user_profile,
    "termsAndConditions": enrollment.terms,
    "notificationMessageTemplates": tenant_admin.notification_template,
    "roleScopeTags": tenant_admin.scope_tag,
    "roleDefinitions": tenant_admin.role,
    "roleAssignments": tenant_admin.role_assignment,
    "intuneBrandingProfiles": tenant_admin.branding,
    "settings": tenant_admin.tenant_settings,
    "applePushNotificationCertificate": tenant_admin.push_certificate,
    "androidManagedStoreAccountEnterpriseSettings": tenant_admin.managed_play,
    "complianceManagementPartners": tenant_admin.compliance_partner,
    "deviceManagementPartners": tenant_admin.management_partner,
    "remoteAssistancePartners": tenant_admin.assistance_partner,
    "auditEvents": tenant_admin.audit_event,
    "provisioningPolicies": tenant_admin.cloud_pc_policy,
    "mobileApps": applications.app,
    "mobileAppCategories": applications.category,
    "managedAppPolicies": app_protection.policy,
    "targetedManagedAppConfigurations": app_protection.app_configuration,
    "mobileAppConfigurations": applications.device_app_configuration,
    "policySets": applications.policy_set,
    "vppTokens": applications.purchase_token,
    "conditionalAccessPolicies": conditional_access.policy,
    "namedLocations": conditional_access.named_location,
    "authenticationContextClassReferences": conditional_access.authentication_context,
    "authenticationStrengthPolicies": conditional_access.authentication_strength,
    "agreements": conditional_access.agreement,
    "authorizationPolicy": directory.authorization_policy,
    "identitySecurityDefaultsEnforcementPolicy": directory.security_defaults,
    "authenticationMethodsPolicy": directory.authentication_methods,
    "crossTenantAccessPolicy": directory.cross_tenant_access,
    "adminConsentRequestPolicy": directory.admin_consent,
    "directoryRoleDefinitions": directory_roles.definition,
    "directoryRoleAssignments": directory_roles.assignment,
    "directoryRoles": directory_roles.activated_role,
    "directoryRoleTemplates": directory_roles.template,
    "groups": directory.group,
    "users": directory.user,
    "applications": directory.application,
    "servicePrincipals": directory.service_principal,
    "organization": directory.organization,
    "domains": directory.domain,
}
