"""What administers the tenant: filters, tags, Intune roles, templates, branding, singletons."""

from __future__ import annotations

from functools import lru_cache

from devstack.graph_service.generation.draw import Document, names
from devstack.graph_service.generation.parts import (
    GRAPH,
    assignments,
    dates,
    header,
    image,
    policy_name,
    scope_tags,
    target,
)
from devstack.graph_service.generation.profiles import BUILT_IN_INTUNE_ROLES
from devstack.graph_service.generation.world import World

# Events are filtered by time in every backup; making thousands anew takes half a second.
EVENTS_KEPT = 16_384
RULES = (
    '(device.deviceOwnership -eq "Corporate")',
    '(device.model -contains "Cloud PC")',
    '(device.manufacturer -in ["Dell", "HP"])',
    '(device.osVersion -startsWith "10.0.2")',
)
ROLE_NAMES = (
    "Help Desk Operator",
    "Policy and Profile manager",
    "Application Manager",
    "Read Only Operator",
    "Intune Role Administrator",
    "School Administrator",
    "Endpoint Security Manager",
    "Endpoint Privilege Manager",
    "Endpoint Privilege Reader",
    "Organizational Messages Manager",
)
RESOURCES = names(
    """
        MobileApps ManagedDevices DeviceConfigurations Roles Filters TermsAndConditions
        """
)
VERBS = ("Read", "Create", "Update", "Delete", "Assign")


def assignment_filter(world: World, index: int) -> Document:
    """An assignment filter; note the property name roleScopeTags."""
    key = "assignmentFilters"
    draw = world.draw(key, index)
    return {
        "id": world.id_of(key, index),
        **dates(draw),
        "displayName": policy_name(draw, "Filter", index),
        "description": draw.sentence(3, 8),
        "platform": draw.pick(("windows10AndLater", "iOS", "macOS", "androidForWork")),
        "rule": draw.pick(RULES),
        "roleScopeTags": scope_tags(world, draw),
        "payloads": [],
        "assignmentFilterManagementType": "devices",
    }


def scope_tag(world: World, index: int) -> Document:
    """A scope tag; "0" is the built-in default."""
    key = "roleScopeTags"
    draw = world.draw(key, index)
    identifier = world.id_of(key, index)
    return {
        "id": identifier,
        "displayName": "Default" if index == 0 else f"Tag {draw.title(1)} {index}",
        "description": "" if index == 0 else draw.sentence(3, 8),
        "isBuiltIn": index == 0,
        "assignments": assignments(world, draw, identifier)[:2] if index else [],
    }


def role(world: World, index: int) -> Document:
    """An Intune role definition; the first ten are built in and alike in every tenant."""
    key = "roleDefinitions"
    built_in = index < BUILT_IN_INTUNE_ROLES
    draw = world.draw(key, index)
    actions = [
        f"Microsoft.Intune_{resource}_{verb}"
        for resource in RESOURCES[: 2 + index % 5]
        for verb in VERBS[: 1 + index % 5]
    ]
    permissions = [
        {
            "actions": actions,
            "resourceActions": [
                {"allowedResourceActions": actions, "notAllowedResourceActions": []}
            ],
        }
    ]
    name = ROLE_NAMES[index] if built_in else policy_name(draw, "Role", index)
    return {
        "@odata.type": f"{GRAPH}deviceAndAppManagementRoleDefinition",
        "id": world.id_of(key, index),
        "displayName": name,
        "description": f"{name}." if built_in else draw.sentence(4, 9),
        "permissions": permissions,
        "rolePermissions": permissions,
        "isBuiltInRoleDefinition": built_in,
        "isBuiltIn": built_in,
        "roleScopeTagIds": ["0"],
        "roleAssignments": _assignments_of(world, index),
    }


def _assignments_of(world: World, role_index: int) -> list[Document]:
    total = max(1, world.count("roleDefinitions"))
    return [
        {key: value for key, value in role_assignment(world, i).items() if key != "roleDefinition"}
        for i in range(world.count("roleAssignments"))
        if (BUILT_IN_INTUNE_ROLES + i) % total == role_index
    ]


def role_assignment(world: World, index: int) -> Document:
    """An Intune role assignment with members and scopes."""
    key = "roleAssignments"
    draw = world.draw(key, index)
    member = world.pick_id(draw, "groups")
    return {
        "@odata.type": f"{GRAPH}deviceAndAppManagementRoleAssignment",
        "id": world.id_of(key, index),
        "displayName": policy_name(draw, "Role assignment", index),
        "description": draw.sentence(3, 6),
        "scopeMembers": [member] if member else [],
        "scopeType": "resourceScope",
        "resourceScopes": [member] if member else [],
        "members": [member] if member else [],
    }


def category(world: World, index: int) -> Document:
    """A device category."""
    draw = world.draw("deviceCategories", index)
    return {
        "id": world.id_of("deviceCategories", index),
        "displayName": f"{draw.title(1)} devices {index + 1}",
        "description": draw.sentence(3, 6),
        "roleScopeTagIds": ["0"],
    }


def notification_template(world: World, index: int) -> Document:
    """A notification template with one message per locale."""
    key = "notificationMessageTemplates"
    draw = world.draw(key, index)
    identifier = world.id_of(key, index)
    locales = ("en-us", "de-de", "fr-fr", "ja-jp")[: draw.number(1, 4)]
    return {
        "id": identifier,
        "lastModifiedDateTime": draw.moment(),
        "displayName": policy_name(draw, "Notification", index),
        "description": draw.sentence(3, 6),
        "defaultLocale": "en-us",
        "brandingOptions": "includeCompanyLogo,includeCompanyName",
        "roleScopeTagIds": scope_tags(world, draw),
        "localizedNotificationMessages": [
            {
                "id": f"{identifier}_{locale}",
                "lastModifiedDateTime": draw.moment(),
                "locale": locale,
                "subject": draw.title(3),
                "messageTemplate": " ".join(draw.sentence(6, 14) for _ in range(4)),
                "isDefault": locale == "en-us",
            }
            for locale in locales
        ],
    }


def branding(world: World, index: int) -> Document:
    """A company portal branding profile; its pictures have paths of their own."""
    key = "intuneBrandingProfiles"
    draw = world.draw(key, index)
    identifier = world.id_of(key, index)
    return {
        "id": identifier,
        "profileName": "" if index == 0 else policy_name(draw, "Branding", index),
        "profileDescription": draw.sentence(3, 6),
        "isDefaultProfile": index == 0,
        **dates(draw),
        "displayName": world.label,
        "themeColor": {"r": draw.number(0, 255), "g": draw.number(0, 255), "b": 120},
        "showLogo": True,
        "showDisplayNameNextToLogo": draw.chance(0.5),
        "contactITName": draw.title(2),
        "contactITPhoneNumber": "",
        "contactITEmailAddress": f"helpdesk@{world.domain}",
        "contactITNotes": draw.sentence(5, 9),
        "onlineSupportSiteUrl": f"https://support.{world.domain}",
        "onlineSupportSiteName": "Support",
        "privacyUrl": f"https://{world.domain}/privacy",
        "isRemoveDeviceDisabled": False,
        "isFactoryResetDisabled": False,
        "enrollmentAvailability": "availableWithPrompts",
        "disableClientTelemetry": False,
        "roleScopeTagIds": ["0"],
        "customPrivacyMessage": draw.sentence(4, 9),
        "companyPortalBlockedActions": [
            {"platform": "windows10AndLater", "ownerType": "company", "action": "remove"}
        ],
        "showAzureADEnterpriseApps": draw.chance(0.5),
        "showOfficeWebApps": draw.chance(0.5),
        "themeColorLogo": image(draw, 1000, 4000),
        "lightBackgroundLogo": image(draw, 1000, 4000) if draw.chance(0.5) else None,
        "landingPageCustomizedImage": image(draw, 1000, 8000),
        "assignments": [] if index == 0 else assignments(world, draw, identifier),
    }


def hardware_configuration(world: World, index: int) -> Document:
    """A BIOS configuration with its file as base64."""
    key = "hardwareConfigurations"
    draw = world.draw(key, index)
    top = header(world, draw, key, index, "BIOS")
    return {
        **top,
        "fileName": f"bios{index}.cctk",
        "configurationFileContent": draw.base64_bytes(1500),
        "hardwareConfigurationFormat": "dell",
        "perDevicePasswordDisabled": False,
        "assignments": assignments(world, draw, top["id"]),
    }


def management_condition(world: World, index: int) -> Document:
    """A network location of the older kind."""
    key = "managementConditions"
    draw = world.draw(key, index)
    identifier = world.id_of(key, index)
    return {
        "@odata.type": f"{GRAPH}networkIPv4ConfigurationManagementCondition",
        "id": identifier,
        "displayName": policy_name(draw, "Location", index),
        "uniqueName": draw.words(1),
        "description": draw.sentence(3, 6),
        "createdDateTime": draw.moment(),
        "modifiedDateTime": draw.moment(),
        "eTag": f'"{draw.guid()}"',
        "applicablePlatforms": ["windows10AndLater"],
        "ipV4Prefix": f"10.{draw.number(0, 255)}.0.0/16",
        "ipV4Gateway": f"10.{draw.number(0, 255)}.0.1",
        "ipV4DHCPServer": f"10.{draw.number(0, 255)}.0.2",
        "ipV4DNSServerList": [f"10.{draw.number(0, 255)}.0.3"],
        "dnsSuffixList": [world.domain],
        "assignments": assignments(world, draw, identifier),
    }


def _partner(world: World, key: str, index: int) -> Document:
    draw = world.draw(key, index)
    name = f"{draw.title(1)} partner {index + 1}"
    return {"id": world.id_of(key, index), "displayName": name}


def compliance_partner(world: World, index: int) -> Document:
    """A complianceManagementPartner."""
    key = "complianceManagementPartners"
    draw = world.draw(key, index, "state")
    return {
        **_partner(world, key, index),
        "partnerState": draw.pick(("unknown", "enabled")),
        "lastHeartbeatDateTime": draw.moment(),
        "macOsOnboarded": draw.chance(0.5),
        "androidOnboarded": draw.chance(0.5),
        "iosOnboarded": draw.chance(0.5),
        "macOsEnrollmentAssignments": [{"target": target(world, draw)}],
        "androidEnrollmentAssignments": [],
        "iosEnrollmentAssignments": [],
    }


def management_partner(world: World, index: int) -> Document:
    """A deviceManagementPartner."""
    key = "deviceManagementPartners"
    draw = world.draw(key, index, "state")
    return {
        **_partner(world, key, index),
        "partnerState": draw.pick(("unknown", "enabled")),
        "lastHeartbeatDateTime": draw.moment(),
        "isConfigured": draw.chance(0.5),
        "partnerAppType": "singleTenantApp",
        "singleTenantAppId": draw.guid(),
        "whenPartnerDevicesWillBeRemovedDateTime": None,
        "whenPartnerDevicesWillBeMarkedAsNonCompliantDateTime": None,
        "groupsRequiringPartnerEnrollment": [{"target": target(world, draw)}],
    }


def assistance_partner(world: World, index: int) -> Document:
    """A remoteAssistancePartner."""
    key = "remoteAssistancePartners"
    draw = world.draw(key, index, "state")
    return {
        **_partner(world, key, index),
        "onboardingStatus": draw.pick(("notOnboarded", "onboarded")),
        "onboardingUrl": f"https://assist.example/{draw.words(1)}",
        "onboardingRequestExpiryDateTime": None,
        "lastConnectionDateTime": draw.moment(),
    }


@lru_cache(maxsize=EVENTS_KEPT)
def audit_event(world: World, index: int) -> Document:
    """Who changed what; names people, so nothing of it belongs into logs."""
    key = "auditEvents"
    draw = world.draw(key, index)
    return {
        "id": world.id_of(key, index),
        "displayName": f"Patch {draw.title(2)}",
        "componentName": draw.pick(("DeviceConfiguration", "Enrollment", "MobileApp")),
        "activity": None,
        "activityDateTime": draw.moment(),
        "activityType": f"Patch {draw.title(1)}",
        "activityOperationType": draw.pick(("Create", "Patch", "Delete", "Get")),
        "activityResult": "Success",
        "correlationId": draw.guid(),
        "category": "DeviceConfiguration",
        "actor": {
            "auditActorType": "ItPro",
            "userPrincipalName": f"admin{draw.number(1, 9)}@{world.domain}",
            "ipAddress": None,
        },
        "resources": [{"displayName": draw.title(2), "resourceId": draw.guid()}],
    }


@lru_cache(maxsize=EVENTS_KEPT)
def directory_audit(world: World, index: int) -> Document:
    """Who changed what in the directory; names people, as the other."""
    key = "directoryAudits"
    draw = world.draw(key, index)
    person = f"admin{draw.number(1, 9)}@{world.domain}"
    return {
        "id": world.id_of(key, index),
        "category": "GroupManagement",
        "correlationId": draw.guid(),
        "result": "success",
        "resultReason": "",
        "activityDisplayName": "Update group",
        "activityDateTime": draw.moment(),
        "loggedByService": "Core Directory",
        "operationType": "Update",
        "initiatedBy": {
            "user": {
                "id": draw.guid(),
                "displayName": None,
                "userPrincipalName": person,
                "ipAddress": None,
            },
            "app": None,
        },
        "targetResources": [
            {
                "id": draw.guid(),
                "displayName": draw.title(2),
                "type": "Group",
                "userPrincipalName": None,
                "groupType": "unknownFutureValue",
                "modifiedProperties": [],
            }
        ],
        "additionalDetails": [],
    }


def cloud_pc_policy(world: World, index: int) -> Document:
    """A Windows 365 provisioning policy."""
    key = "provisioningPolicies"
    draw = world.draw(key, index)
    identifier = world.id_of(key, index)
    group = world.pick_id(draw, "groups")
    rows = [
        {
            "id": draw.guid(),
            "target": {
                "@odata.type": f"{GRAPH}cloudPcManagementGroupAssignmentTarget",
                "groupId": group,
            },
        }
    ]
    return {
        "id": identifier,
        "displayName": policy_name(draw, "Cloud PC", index),
        "description": draw.sentence(3, 6),
        **dates(draw),
        "createdBy": f"admin1@{world.domain}",
        "lastModifiedBy": f"admin{draw.number(1, 9)}@{world.domain}",
        "cloudPcNamingTemplate": "CPC-%USERNAME:5%-%RAND:5%",
        "gracePeriodInHours": 168,
        "localAdminEnabled": draw.chance(0.3),
        "managedBy": "windows365",
        "imageId": "microsoftwindowsdesktop_windows-ent-cpc_win11-24h2-ent-cpc",
        "imageDisplayName": "Windows 11 Enterprise 24H2",
        "imageType": "gallery",
        "provisioningType": "dedicated",
        "windowsSettings": {"language": "en-US"},
        "domainJoinConfigurations": [{"domainJoinType": "azureADJoin", "regionName": "automatic"}],
        "enableSingleSignOn": True,
        "scopeIds": ["0"],
        "assignments": rows if group else [],
    }


def tenant_settings(_world: World, _index: int) -> Document:
    """The deviceManagementSettings singleton: a complex property, so it has no id."""
    return {
        "deviceComplianceCheckinThresholdDays": 30,
        "isScheduledActionEnabled": True,
        "secureByDefault": True,
        "enhancedJailBreak": False,
        "deviceInactivityBeforeRetirementInDay": 270,
        "derivedCredentialProvider": "notConfigured",
        "androidDeviceAdministratorEnrollmentEnabled": False,
        "enableAutopilotDiagnostics": True,
    }


def push_certificate(world: World, _index: int) -> Document:
    """The Apple push certificate singleton; carries an Apple ID."""
    key = "applePushNotificationCertificate"
    draw = world.draw(key, 0)
    return {
        "id": world.id_of(key, 0),
        "appleIdentifier": f"apple@{world.domain}",
        "topicIdentifier": f"com.apple.mgmt.External.{draw.guid()}",
        "lastModifiedDateTime": draw.moment(),
        "expirationDateTime": "2027-02-01T00:00:00Z",
        "certificateUploadStatus": None,
        "certificateUploadFailureReason": None,
        "certificateSerialNumber": draw.guid()[:16].upper(),
        "certificate": None,
    }


def managed_play(world: World, _index: int) -> Document:
    """The managed Google Play singleton; carries the owner's address."""
    draw = world.draw("androidManagedStoreAccountEnterpriseSettings", 0)
    return {
        "id": "androidManagedStoreAccountEnterpriseSettings",
        "bindStatus": "boundAndValidated",
        "lastAppSyncDateTime": draw.moment(),
        "lastAppSyncStatus": "success",
        "ownerUserPrincipalName": f"play@{world.domain}",
        "ownerOrganizationName": world.label,
        "lastModifiedDateTime": draw.moment(),
        "enrollmentTarget": "all",
        "deviceOwnerManagementEnabled": True,
        "managedGooglePlayEnterpriseType": "managedGooglePlayAccount",
        "managedGooglePlayInitialScopeTagIds": ["0"],
        "targetGroupIds": [],
        "companyCodes": [
            {
                "enrollmentToken": draw.guid()[:20].upper(),
                "qrCodeContent": draw.base64_bytes(60),
                "qrCodeImage": image(draw, 500, 900),
            }
        ],
        "androidDeviceOwnerFullyManagedEnrollmentEnabled": False,
    }
