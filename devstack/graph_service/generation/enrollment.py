"""Enrolment configurations, Autopilot and Apple programmes, terms and conditions."""

from __future__ import annotations

from devstack.graph_service.generation.draw import Document, Draw
from devstack.graph_service.generation.parts import (
    GRAPH,
    assignments,
    dates,
    header,
    policy_name,
    scope_tags,
)
from devstack.graph_service.generation.world import World

KEY = "deviceEnrollmentConfigurations"
# The first four are the tenant's defaults (priority 0), the later ones custom.
DEFAULTS = (
    "DefaultLimit",
    "DefaultPlatformRestrictions",
    "DefaultWindowsHelloForBusiness",
    "DefaultWindows10EnrollmentCompletionPageConfiguration",
)
CUSTOM = (
    "Windows10EnrollmentCompletionPageConfiguration",
    "SinglePlatformRestriction",
    "Limit",
    "WindowsRestoreCoManagement",
)


def suffix_of(index: int) -> str:
    """Type part of the id of an enrolment configuration."""
    if index < len(DEFAULTS):
        return DEFAULTS[index]
    return CUSTOM[(index - len(DEFAULTS)) % len(CUSTOM)]


def configuration(world: World, index: int) -> Document:
    """A deviceEnrollmentConfiguration of the type its suffix names."""
    draw = world.draw(KEY, index)
    suffix = suffix_of(index)
    is_default = index < len(DEFAULTS)
    top = header(world, draw, KEY, index, "Enrolment")
    if is_default:
        top["displayName"] = "All users and all devices"
    priority = 0 if is_default else index - len(DEFAULTS) + 1
    body = _body(world, draw, suffix.removeprefix("Default"))
    owner = top["id"]
    everyone = {
        "id": f"{owner}_default",
        "source": "direct",
        "sourceId": owner,
        "target": {
            "@odata.type": f"{GRAPH}allLicensedUsersAssignmentTarget",
            "deviceAndAppManagementAssignmentFilterId": None,
            "deviceAndAppManagementAssignmentFilterType": "none",
        },
    }
    assigned = [everyone] if is_default else assignments(world, draw, owner)
    kind = {"@odata.type": body.pop("@odata.type")}
    return {**kind, **top, "priority": priority, **body, "assignments": assigned}


def _body(world: World, draw: Draw, kind: str) -> Document:
    match kind:
        case "Limit":
            return {
                "@odata.type": f"{GRAPH}deviceEnrollmentLimitConfiguration",
                "deviceEnrollmentConfigurationType": "limit",
                "limit": draw.number(2, 15),
            }
        case "PlatformRestrictions":
            platforms = ("ios", "windows", "windowsMobile", "android", "androidForWork", "macOS")
            return {
                "@odata.type": f"{GRAPH}deviceEnrollmentPlatformRestrictionsConfiguration",
                "deviceEnrollmentConfigurationType": "platformRestrictions",
                **{f"{p}Restriction": _restriction(draw) for p in platforms},
            }
        case "SinglePlatformRestriction":
            return {
                "@odata.type": f"{GRAPH}deviceEnrollmentPlatformRestrictionConfiguration",
                "deviceEnrollmentConfigurationType": "singlePlatformRestriction",
                "platformType": draw.pick(("ios", "windows", "mac", "androidForWork")),
                "platformRestriction": _restriction(draw),
            }
        case "WindowsHelloForBusiness":
            return _hello(draw)
        case "WindowsRestoreCoManagement":
            return {
                "@odata.type": f"{GRAPH}deviceComanagementAuthorityConfiguration",
                "deviceEnrollmentConfigurationType": "deviceComanagementAuthorityConfiguration",
                "managedDeviceAuthority": draw.number(0, 2),
                "installConfigurationManagerAgent": draw.chance(0.5),
                "configurationManagerAgentCommandLineArgument": draw.words(3),
            }
        case _:
            return _status_page(world, draw)


def _restriction(draw: Draw) -> Document:
    return {
        "platformBlocked": draw.chance(0.2),
        "personalDeviceEnrollmentBlocked": draw.chance(0.4),
        "osMinimumVersion": draw.pick((None, "10.0.19045", "17.0")),
        "osMaximumVersion": None,
        "blockedManufacturers": [],
        "blockedSkus": [],
    }


def _hello(draw: Draw) -> Document:
    return {
        "@odata.type": f"{GRAPH}deviceEnrollmentWindowsHelloForBusinessConfiguration",
        "deviceEnrollmentConfigurationType": "windowsHelloForBusiness",
        "pinMinimumLength": draw.number(4, 8),
        "pinMaximumLength": 127,
        "pinUppercaseCharactersUsage": "disallowed",
        "pinLowercaseCharactersUsage": "disallowed",
        "pinSpecialCharactersUsage": "disallowed",
        "state": draw.pick(("notConfigured", "enabled")),
        "securityDeviceRequired": draw.chance(0.5),
        "unlockWithBiometricsEnabled": True,
        "remotePassportEnabled": True,
        "pinPreviousBlockCount": draw.number(0, 5),
        "pinExpirationInDays": 0,
        "enhancedBiometricsState": "notConfigured",
        "securityKeyForSignIn": "notConfigured",
        "enhancedSignInSecurity": 0,
    }


def _status_page(world: World, draw: Draw) -> Document:
    return {
        "@odata.type": f"{GRAPH}windows10EnrollmentCompletionPageConfiguration",
        "deviceEnrollmentConfigurationType": "windows10EnrollmentCompletionPageConfiguration",
        "showInstallationProgress": True,
        "blockDeviceSetupRetryByUser": draw.chance(0.5),
        "allowDeviceResetOnInstallFailure": draw.chance(0.5),
        "allowLogCollectionOnInstallFailure": True,
        "customErrorMessage": draw.sentence(4, 10),
        "installProgressTimeoutInMinutes": draw.number(30, 120),
        "allowDeviceUseOnInstallFailure": draw.chance(0.5),
        "selectedMobileAppIds": [
            app for _ in range(draw.number(0, 3)) if (app := world.pick_id(draw, "mobileApps"))
        ],
        "trackInstallProgressForAutopilotOnly": True,
        "disableUserStatusTrackingAfterFirstUser": True,
        "allowNonBlockingAppInstallation": False,
        "installQualityUpdates": draw.chance(0.5),
    }


def autopilot_profile(world: World, index: int) -> Document:
    """A Windows Autopilot profile, Entra joined or hybrid."""
    key = "windowsAutopilotDeploymentProfiles"
    draw = world.draw(key, index)
    hybrid = index % 4 == 3
    kind = "activeDirectory" if hybrid else "azureAD"
    identifier = world.id_of(key, index)
    document: Document = {
        "@odata.type": f"{GRAPH}{kind}WindowsAutopilotDeploymentProfile",
        "id": identifier,
        "displayName": policy_name(draw, "Autopilot", index).replace("-", ""),
        "description": draw.sentence(3, 8),
        **dates(draw),
        "language": draw.pick(("os-default", "de-DE", "en-GB")),
        "locale": "os-default",
        "enrollmentStatusScreenSettings": None,
        "extractHardwareHash": True,
        "hardwareHashExtractionEnabled": True,
        "deviceNameTemplate": f"{draw.words(1)[:4].upper()}-%SERIAL%",
        "deviceType": "windowsPc",
        "enableWhiteGlove": draw.chance(0.3),
        "preprovisioningAllowed": draw.chance(0.3),
        "roleScopeTagIds": scope_tags(world, draw),
        "managementServiceAppId": None,
        "outOfBoxExperienceSetting": {
            "privacySettingsHidden": True,
            "eulaHidden": True,
            "userType": draw.pick(("standard", "administrator")),
            "deviceUsageType": draw.pick(("singleUser", "shared")),
            "keyboardSelectionPageSkipped": True,
            "escapeLinkHidden": True,
        },
        "assignments": assignments(world, draw, identifier),
    }
    if hybrid:
        document["hybridAzureADJoinSkipConnectivityCheck"] = draw.chance(0.5)
    return document


def autopilot_device(world: World, index: int) -> Document:
    """An Autopilot device identity: inventory, not policy."""
    key = "windowsAutopilotDeviceIdentities"
    draw = world.draw(key, index)
    return {
        "id": world.id_of(key, index),
        "groupTag": draw.pick(("", "Sales", "Plant", "Lab")),
        "serialNumber": draw.guid()[:12].upper(),
        "manufacturer": draw.pick(("Dell", "HP", "Lenovo", "Microsoft")),
        "model": f"Model {draw.number(100, 999)}",
        "enrollmentState": draw.pick(("enrolled", "notContacted")),
        "lastContactedDateTime": draw.moment(),
        "displayName": "",
        "azureActiveDirectoryDeviceId": draw.guid(),
        "azureAdDeviceId": draw.guid(),
        "managedDeviceId": draw.guid(),
        "deploymentProfileAssignmentStatus": "assignedUnkownSyncState",
        "deploymentProfileAssignmentDetailedStatus": "none",
        "deploymentProfileAssignedDateTime": draw.moment(),
        "purchaseOrderIdentifier": "",
        "productKey": "",
        "addressableUserName": "",
        "userPrincipalName": f"person{draw.number(1, 40)}@{world.domain}",
        "resourceName": "",
        "skuNumber": "",
        "systemFamily": "",
    }


def apple_onboarding(world: World, index: int) -> Document:
    """An Apple enrolment programme token with its profiles."""
    key = "depOnboardingSettings"
    draw = world.draw(key, index)
    return {
        "id": world.id_of(key, index),
        "appleIdentifier": f"apple{index}@{world.domain}",
        "tokenName": f"ADE {draw.title(1)} {index}",
        "tokenType": "dep",
        "tokenExpirationDateTime": "2027-03-01T00:00:00Z",
        "lastModifiedDateTime": draw.moment(),
        "lastSuccessfulSyncDateTime": draw.moment(),
        "lastSyncTriggeredDateTime": draw.moment(),
        "lastSyncErrorCode": 0,
        "syncedDeviceCount": draw.number(0, 900),
        "dataSharingConsentGranted": True,
        "shareTokenWithSchoolDataSyncService": False,
        "roleScopeTagIds": ["0"],
        "enrollmentProfiles": [
            _apple_profile(draw, world.id_of(key, index), number)
            for number in range(draw.number(1, 3))
        ],
    }


def _apple_profile(draw: Draw, token: str, number: int) -> Document:
    profile: Document = {
        "@odata.type": f"{GRAPH}depIOSEnrollmentProfile",
        "id": f"{token}_{draw.guid()}",
        "displayName": policy_name(draw, "Apple enrolment", number),
        "description": draw.sentence(3, 6),
        "requiresUserAuthentication": draw.chance(0.5),
        "configurationEndpointUrl": "https://enroll.example/profile",
        "enableAuthenticationViaCompanyPortal": False,
        "requireCompanyPortalOnSetupAssistantEnrolledDevices": False,
        "isDefault": number == 0,
        "supervisedModeEnabled": True,
        "isMandatory": True,
        "supportDepartment": draw.title(1),
        "supportPhoneNumber": "",
        "deviceNameTemplate": "",
        "enabledSkipKeys": draw.some(("AppleID", "Biometric", "Privacy", "Siri"), 1, 4),
        "enrollmentTimeAzureAdGroupIds": [],
    }
    if number == 1:
        profile["@odata.type"] = f"{GRAPH}depMacOSEnrollmentProfile"
        profile["adminAccountUserName"] = "localadmin"
        profile["adminAccountPassword"] = draw.guid()
        profile["fileVaultDisabled"] = draw.chance(0.5)
    return profile


def apple_user_profile(world: World, index: int) -> Document:
    """An appleUserInitiatedEnrollmentProfile."""
    key = "appleUserInitiatedEnrollmentProfiles"
    draw = world.draw(key, index)
    identifier = world.id_of(key, index)
    return {
        "id": identifier,
        "displayName": policy_name(draw, "Apple user", index),
        "description": draw.sentence(3, 8),
        "defaultEnrollmentType": "device",
        "availableEnrollmentTypeOptions": [{"ownerType": "company", "enrollmentType": "device"}],
        "priority": index + 1,
        "platform": "ios",
        **dates(draw),
        "assignments": assignments(world, draw, identifier),
    }


def terms(world: World, index: int) -> Document:
    """Terms and conditions of the company portal."""
    key = "termsAndConditions"
    draw = world.draw(key, index)
    identifier = world.id_of(key, index)
    return {
        **header(world, draw, key, index, "Terms"),
        "modifiedDateTime": draw.moment(),
        "title": draw.title(3),
        "bodyText": " ".join(draw.sentence(8, 20) for _ in range(20)),
        "acceptanceStatement": draw.sentence(6, 12),
        "assignments": assignments(world, draw, identifier)[:3],
    }
