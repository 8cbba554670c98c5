"""App protection policies and managed app configurations."""

from __future__ import annotations

from devstack.graph_service.generation.draw import Document, Draw, names
from devstack.graph_service.generation.parts import GRAPH, assignments, header
from devstack.graph_service.generation.world import World

SWITCHES = names(
    """
    organizationalCredentialsRequired dataBackupBlocked deviceComplianceRequired
    managedBrowserToOpenLinksRequired saveAsBlocked pinRequired disableAppPinIfDevicePinIsSet
    simplePinBlocked contactSyncBlocked printBlocked fingerprintBlocked
    blockDataIngestionIntoOrganizationDocuments
    """
)
VERSIONS = names(
    """
    minimumRequiredOsVersion minimumWarningOsVersion minimumRequiredAppVersion
    minimumWarningAppVersion minimumWipeOsVersion minimumWipeAppVersion maximumRequiredOsVersion
    maximumWarningOsVersion maximumWipeOsVersion
    """
)
ACTIONS = names(
    """
    appActionIfDeviceComplianceRequired appActionIfMaximumPinRetriesExceeded
    appActionIfUnableToAuthenticateUser mobileThreatDefenseRemediationAction
    """
)
IOS_EXTRA: Document = {
    "appDataEncryptionType": "whenDeviceLocked",
    "minimumRequiredSdkVersion": None,
    "faceIdBlocked": False,
    "allowWidgetContentSync": False,
    "allowedIosDeviceModels": None,
    "appActionIfIosDeviceModelNotAllowed": "block",
    "thirdPartyKeyboardsBlocked": False,
    "filterOpenInToOnlyManagedApps": False,
    "disableProtectionOfManagedOutboundOpenInData": False,
    "protectInboundDataFromUnknownSources": False,
    "customBrowserProtocol": "",
    "customDialerAppProtocol": "",
    "managedUniversalLinks": ["http://*.sharepoint.com/*", "https://teams.microsoft.com/l/*"],
    "exemptedUniversalLinks": ["http://maps.apple.com"],
    "exemptedAppProtocols": [{"name": "Default", "value": "skype;app-settings;calshow;itms"}],
}
ANDROID_EXTRA: Document = {
    "screenCaptureBlocked": False,
    "disableAppEncryptionIfDeviceEncryptionIsEnabled": False,
    "encryptAppData": True,
    "minimumRequiredPatchVersion": "0000-00-00",
    "minimumWarningPatchVersion": "0000-00-00",
    "minimumWipePatchVersion": "0000-00-00",
    "requiredAndroidSafetyNetDeviceAttestationType": "none",
    "requiredAndroidSafetyNetAppsVerificationType": "none",
    "customBrowserPackageId": "",
    "customBrowserDisplayName": "",
    "minimumRequiredCompanyPortalVersion": None,
    "keyboardsRestricted": False,
    "approvedKeyboards": [],
    "deviceLockRequired": False,
    "connectToVpnOnLaunch": False,
    "biometricAuthenticationBlocked": False,
    "exemptedAppPackages": [],
}


def policy(world: World, index: int) -> Document:
    """An iOS, Android or Windows app protection policy with apps and assignments."""
    key = "managedAppPolicies"
    draw = world.draw(key, index)
    kind = ("ios", "android", "ios", "android", "windows")[index % 5]
    top = header(world, draw, key, index, "App protection")
    top["version"] = f'"{draw.guid()}"'
    apps = managed_apps(draw, kind, draw.number(2, 40))
    rows = assignments(world, draw, top["id"])
    return {
        "@odata.type": f"{GRAPH}{kind}ManagedAppProtection",
        **top,
        "isAssigned": bool(rows),
        "deployedAppCount": len(apps),
        **(_windows(draw) if kind == "windows" else _mobile(draw)),
        **({"ios": IOS_EXTRA, "android": ANDROID_EXTRA}.get(kind, {})),
        "apps": apps,
        "assignments": rows,
    }


def _mobile(draw: Draw) -> Document:
    return {
        "periodOfflineBeforeAccessCheck": f"PT{draw.number(6, 48)}H",
        "periodOnlineBeforeAccessCheck": f"PT{draw.number(10, 60)}M",
        "periodOfflineBeforeWipeIsEnforced": f"P{draw.number(30, 90)}D",
        "periodBeforePinReset": "PT0S",
        "pinRequiredInsteadOfBiometricTimeout": "PT30M",
        "gracePeriodToBlockAppsDuringOffClockHours": None,
        "allowedInboundDataTransferSources": draw.pick(("managedApps", "allApps")),
        "allowedOutboundDataTransferDestinations": draw.pick(("managedApps", "allApps")),
        "allowedOutboundClipboardSharingLevel": "managedAppsWithPasteIn",
        "allowedOutboundClipboardSharingExceptionLength": 0,
        "allowedDataStorageLocations": draw.some(
            ("oneDriveForBusiness", "sharePoint", "box", "localStorage"), 1, 3
        ),
        "allowedDataIngestionLocations": ["oneDriveForBusiness", "sharePoint", "camera"],
        "maximumPinRetries": draw.number(3, 9),
        "minimumPinLength": draw.number(4, 8),
        "previousPinBlockCount": 0,
        "pinCharacterSet": "numeric",
        "managedBrowser": "notConfigured",
        "maximumAllowedDeviceThreatLevel": "notConfigured",
        "notificationRestriction": "allow",
        "dialerRestrictionLevel": "allApps",
        "appGroupType": "selectedPublicApps",
        "targetedAppManagementLevels": "unspecified",
        **{name: draw.chance(0.4) for name in SWITCHES},
        **dict.fromkeys(VERSIONS),
        **{name: draw.pick(("block", "wipe", "warn")) for name in ACTIONS},
    }


def _windows(draw: Draw) -> Document:
    return {
        "allowedInboundDataTransferSources": "allApps",
        "allowedOutboundClipboardSharingLevel": "anyDestinationAnySource",
        "allowedOutboundDataTransferDestinations": "allApps",
        "appActionIfUnableToAuthenticateUser": None,
        "maximumAllowedDeviceThreatLevel": "notConfigured",
        "mobileThreatDefenseRemediationAction": "block",
        "periodOfflineBeforeAccessCheck": f"PT{draw.number(6, 48)}H",
        "periodOfflineBeforeWipeIsEnforced": "P90D",
        "printBlocked": draw.chance(0.5),
        **dict.fromkeys(VERSIONS),
    }


def managed_apps(draw: Draw, kind: str, count: int) -> list[Document]:
    """Apps of a policy, identified by bundle or package."""
    rows = []
    for _ in range(count):
        name = f"com.{draw.words(1)}.{draw.words(1)}"
        if kind == "windows":
            identifier: Document = {
                "@odata.type": f"{GRAPH}windowsAppIdentifier",
                "windowsAppId": "com.microsoft.edge",
            }
        elif kind == "ios":
            identifier = {"@odata.type": f"{GRAPH}iosMobileAppIdentifier", "bundleId": name}
        else:
            identifier = {"@odata.type": f"{GRAPH}androidMobileAppIdentifier", "packageId": name}
        rows.append(
            {
                "id": f"{name}.{kind}",
                "version": f"{draw.number(10**8, 10**9)}",
                "mobileAppIdentifier": identifier,
            }
        )
    return rows


def app_configuration(world: World, index: int) -> Document:
    """A targetedManagedAppConfiguration with custom settings."""
    key = "targetedManagedAppConfigurations"
    draw = world.draw(key, index)
    top = header(world, draw, key, index, "Managed app configuration")
    top["version"] = f'"{draw.guid()}"'
    apps = managed_apps(draw, draw.pick(("ios", "android")), draw.number(1, 6))
    rows = assignments(world, draw, top["id"])
    return {
        **top,
        "deployedAppCount": len(apps),
        "isAssigned": bool(rows),
        "appGroupType": "selectedPublicApps",
        "targetedAppManagementLevels": "unspecified",
        "customSettings": [
            {"name": f"com.microsoft.{draw.words(1)}.{draw.words(1)}", "value": draw.words(2)}
            for _ in range(draw.number(1, 12))
        ],
        "apps": apps,
        "assignments": rows,
    }
