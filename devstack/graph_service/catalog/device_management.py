"""Intune collections under /deviceManagement (api.md a.1, a.2)."""

from __future__ import annotations

from typing import Any

from devstack.graph_service.catalog.shape import (
    Area,
    Collection,
    IdStyle,
    ListExpand,
    Navigation,
    permission_pair,
)

CONFIGURATION = permission_pair("DeviceManagementConfiguration")
SERVICE_CONFIG = permission_pair("DeviceManagementServiceConfig")
SCRIPTS = permission_pair("DeviceManagementScripts")
RBAC = permission_pair("DeviceManagementRBAC")
APPS = permission_pair("DeviceManagementApps")
CLOUD_PC = permission_pair("CloudPC")

ASSIGNMENTS = Navigation(name="assignments")
UNLISTED_ASSIGNMENTS = Navigation(name="assignments", on_list=ListExpand.EMPTY)
SETTINGS = Navigation(name="settings", page_size=25, max_top=1000)
ACTIONS = Navigation(
    name="scheduledActionsForRule",
    children=(Navigation(name="scheduledActionConfigurations"),),
)


def intune(
    key: str,
    entity: str,
    permissions: tuple[tuple[str, ...], tuple[str, ...]] = CONFIGURATION,
    area: Area = Area.DEVICE_CONFIGURATION,
    **more: Any,
) -> Collection:
    """A row under /deviceManagement; the key is its last path segment unless `path` is given."""
    path = more.pop("path", f"deviceManagement/{key}")
    read, write = permissions
    return Collection(key=key, path=path, entity=entity, area=area, read=read, write=write, **more)


SETTINGS_BASED = (
    intune(
        "configurationPolicies",
        "deviceManagementConfigurationPolicy",
        navigations=(SETTINGS, ASSIGNMENTS),
        name="name",
        page_size=25,
        max_top=25,
        cosmos_token=True,
        replace_by_put=True,
    ),
    intune(
        "compliancePolicies",
        "deviceManagementCompliancePolicy",
        navigations=(SETTINGS, ASSIGNMENTS, ACTIONS),
        name="name",
        replace_by_put=True,
    ),
    intune(
        "inventoryPolicies",
        "deviceManagementInventoryPolicy",
        navigations=(SETTINGS, ASSIGNMENTS),
        name="name",
    ),
    intune(
        "reusablePolicySettings",
        "deviceManagementReusablePolicySetting",
        absent_in_list=("settingInstance", "settingDefinitionId"),
        replace_by_put=True,
    ),
)

POLICIES = (
    intune(
        "deviceConfigurations",
        "deviceConfiguration",
        navigations=(ASSIGNMENTS,),
        in_v1=True,
        beta_only=("roleScopeTagIds",),
        polymorphic=True,
    ),
    intune(
        "deviceCompliancePolicies",
        "deviceCompliancePolicy",
        navigations=(ASSIGNMENTS, ACTIONS),
        in_v1=True,
        beta_only=("roleScopeTagIds",),
        polymorphic=True,
    ),
    intune(
        "intents",
        "deviceManagementIntent",
        navigations=(
            Navigation(name="settings", page_size=1000),
            Navigation(name="categories", children=(Navigation(name="settings"),)),
            ASSIGNMENTS,
        ),
    ),
    intune(
        "templates",
        "deviceManagementTemplate",
        navigations=(Navigation(name="categories", children=(Navigation(name="settings"),)),),
        undated=True,
        creatable=False,
    ),
    intune(
        "groupPolicyConfigurations",
        "groupPolicyConfiguration",
        area=Area.ADMX,
        navigations=(
            Navigation(
                name="definitionValues",
                page_size=50,
                children=(
                    Navigation(name="definition", single=True),
                    Navigation(
                        name="presentationValues",
                        children=(Navigation(name="presentation", single=True),),
                    ),
                ),
            ),
            ASSIGNMENTS,
        ),
    ),
    intune(
        "groupPolicyUploadedDefinitionFiles",
        "groupPolicyUploadedDefinitionFile",
        area=Area.ADMX,
        name="fileName",
        write_only=("content",),
    ),
    intune(
        "windowsFeatureUpdateProfiles", "windowsFeatureUpdateProfile", navigations=(ASSIGNMENTS,)
    ),
    intune(
        "windowsQualityUpdateProfiles", "windowsQualityUpdateProfile", navigations=(ASSIGNMENTS,)
    ),
    intune(
        "windowsQualityUpdatePolicies", "windowsQualityUpdatePolicy", navigations=(ASSIGNMENTS,)
    ),
    intune("windowsDriverUpdateProfiles", "windowsDriverUpdateProfile", navigations=(ASSIGNMENTS,)),
    intune("hardwareConfigurations", "hardwareConfiguration", navigations=(ASSIGNMENTS,)),
    intune("assignmentFilters", "deviceAndAppManagementAssignmentFilter"),
    intune("deviceCategories", "deviceCategory", in_v1=True, undated=True),
    intune("managementConditions", "managementCondition", navigations=(ASSIGNMENTS,)),
)

SCRIPT_KINDS = (
    intune(
        "deviceManagementScripts",
        "deviceManagementScript",
        SCRIPTS,
        navigations=(ASSIGNMENTS,),
        null_in_list=("scriptContent",),
        assign_key="deviceManagementScriptAssignments",
    ),
    intune(
        "deviceShellScripts",
        "deviceShellScript",
        SCRIPTS,
        navigations=(ASSIGNMENTS,),
        null_in_list=("scriptContent",),
        assign_key="deviceManagementScriptAssignments",
    ),
    intune(
        "deviceCustomAttributeShellScripts",
        "deviceCustomAttributeShellScript",
        SCRIPTS,
        navigations=(ASSIGNMENTS,),
        null_in_list=("scriptContent",),
        assign_key="deviceManagementScriptAssignments",
    ),
    intune(
        "deviceHealthScripts",
        "deviceHealthScript",
        SCRIPTS,
        navigations=(ASSIGNMENTS,),
        null_in_list=("detectionScriptContent", "remediationScriptContent"),
        assign_key="deviceHealthScriptAssignments",
        filter_ignored=True,
    ),
    intune(
        "deviceComplianceScripts",
        "deviceComplianceScript",
        SCRIPTS,
        null_in_list=("detectionScriptContent",),
    ),
)

ENROLLMENT = (
    intune(
        "deviceEnrollmentConfigurations",
        "deviceEnrollmentConfiguration",
        SERVICE_CONFIG,
        Area.ENROLLMENT,
        navigations=(ASSIGNMENTS,),
        in_v1=True,
        beta_only=("roleScopeTagIds",),
        polymorphic=True,
        ids=IdStyle.SUFFIXED,
        assign_key="enrollmentConfigurationAssignments",
    ),
    intune(
        "windowsAutopilotDeploymentProfiles",
        "windowsAutopilotDeploymentProfile",
        SERVICE_CONFIG,
        Area.ENROLLMENT,
        navigations=(ASSIGNMENTS,),
        polymorphic=True,
    ),
    intune(
        "windowsAutopilotDeviceIdentities",
        "windowsAutopilotDeviceIdentity",
        SERVICE_CONFIG,
        Area.ENROLLMENT,
        in_v1=True,
        undated=True,
        creatable=False,
        page_size=100,
    ),
    intune(
        "depOnboardingSettings",
        "depOnboardingSetting",
        SERVICE_CONFIG,
        Area.ENROLLMENT,
        navigations=(Navigation(name="enrollmentProfiles"),),
        name="tokenName",
        creatable=False,
    ),
    intune(
        "appleUserInitiatedEnrollmentProfiles",
        "appleUserInitiatedEnrollmentProfile",
        SERVICE_CONFIG,
        Area.ENROLLMENT,
        navigations=(ASSIGNMENTS,),
    ),
    intune(
        "termsAndConditions",
        "termsAndConditions",
        SERVICE_CONFIG,
        Area.ENROLLMENT,
        navigations=(UNLISTED_ASSIGNMENTS,),
        in_v1=True,
        beta_only=("roleScopeTagIds",),
    ),
    intune(
        "notificationMessageTemplates",
        "notificationMessageTemplate",
        SERVICE_CONFIG,
        Area.NOTIFICATIONS,
        navigations=(Navigation(name="localizedNotificationMessages"),),
        in_v1=True,
        beta_only=("roleScopeTagIds",),
    ),
)

ROLES = (
    intune(
        "roleScopeTags",
        "roleScopeTag",
        RBAC,
        Area.RBAC,
        navigations=(UNLISTED_ASSIGNMENTS,),
        ids=IdStyle.SMALL_INTEGER,
        undated=True,
    ),
    intune(
        "roleDefinitions",
        "deviceAndAppManagementRoleDefinition",
        RBAC,
        Area.RBAC,
        navigations=(Navigation(name="roleAssignments", on_list=ListExpand.EMPTY),),
        in_v1=True,
        undated=True,
        polymorphic=True,
    ),
    intune(
        "roleAssignments",
        "deviceAndAppManagementRoleAssignment",
        RBAC,
        Area.RBAC,
        in_v1=True,
        undated=True,
        polymorphic=True,
    ),
)

TENANT_WIDE = (
    intune(
        "intuneBrandingProfiles",
        "intuneBrandingProfile",
        APPS,
        navigations=(
            ASSIGNMENTS,
            Navigation(name="themeColorLogo", single=True),
            Navigation(name="lightBackgroundLogo", single=True),
            Navigation(name="landingPageCustomizedImage", single=True),
        ),
        name="profileName",
    ),
    intune("settings", "deviceManagementSettings", singleton=True, ids=IdStyle.NAMED, undated=True),
    intune(
        "applePushNotificationCertificate",
        "applePushNotificationCertificate",
        (CONFIGURATION[0], SERVICE_CONFIG[1]),
        in_v1=True,
        singleton=True,
        ids=IdStyle.NAMED,
        name="appleIdentifier",
        write_only=("certificate",),
        undated=True,
    ),
    intune(
        "androidManagedStoreAccountEnterpriseSettings",
        "androidManagedStoreAccountEnterpriseSettings",
        singleton=True,
        ids=IdStyle.NAMED,
        name="ownerUserPrincipalName",
        undated=True,
    ),
    intune(
        "complianceManagementPartners",
        "complianceManagementPartner",
        SERVICE_CONFIG,
        in_v1=True,
        undated=True,
        creatable=False,
    ),
    intune(
        "deviceManagementPartners",
        "deviceManagementPartner",
        SERVICE_CONFIG,
        in_v1=True,
        undated=True,
        creatable=False,
    ),
    intune(
        "remoteAssistancePartners",
        "remoteAssistancePartner",
        SERVICE_CONFIG,
        in_v1=True,
        undated=True,
        creatable=False,
    ),
    intune(
        "auditEvents",
        "auditEvent",
        APPS,
        Area.AUDIT,
        in_v1=True,
        undated=True,
        creatable=False,
        page_size=100,
    ),
    intune(
        "provisioningPolicies",
        "cloudPcProvisioningPolicy",
        CLOUD_PC,
        Area.CLOUD_PC,
        path="deviceManagement/virtualEndpoint/provisioningPolicies",
        navigations=(ASSIGNMENTS,),
    ),
)

COLLECTIONS = (
    *SETTINGS_BASED,
    *POLICIES,
    *SCRIPT_KINDS,
    *ENROLLMENT,
    *ROLES,
    *TENANT_WIDE,
)
