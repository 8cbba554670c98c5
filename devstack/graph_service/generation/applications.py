"""Apps, their categories and configurations, policy sets, purchase tokens."""

from __future__ import annotations

import json

from devstack.graph_service.generation.draw import Document, Draw, encode_text, names
from devstack.graph_service.generation.parts import (
    GRAPH,
    assignments,
    dates,
    header,
    image,
    policy_name,
    scope_tags,
)
from devstack.graph_service.generation.world import World

APP_TYPES = names(
    """
    win32LobApp win32LobApp win32LobApp winGetApp winGetApp iosStoreApp iosVppApp
    androidManagedStoreApp macOSLobApp officeSuiteApp webApp
    """
)


def app(world: World, index: int) -> Document:
    """A mobileApp of one of nine types, with an icon (about 27 kB in the median)."""
    key = "mobileApps"
    draw = world.draw(key, index)
    identifier = world.id_of(key, index)
    kind = draw.pick(APP_TYPES)
    rows = [_assigned(draw, row) for row in assignments(world, draw, identifier)]
    return {
        "@odata.type": GRAPH + kind,
        "id": identifier,
        "displayName": policy_name(draw, "App", index),
        "description": " ".join(draw.sentence(8, 20) for _ in range(3)),
        "publisher": draw.title(2),
        "largeIcon": image(draw, 2000, 30000) if draw.chance(0.85) else None,
        **dates(draw),
        "isFeatured": draw.chance(0.2),
        "privacyInformationUrl": None,
        "informationUrl": f"https://{draw.words(1)}.example/info",
        "owner": "",
        "developer": draw.title(1),
        "notes": "",
        "uploadState": 1,
        "publishingState": "published",
        "isAssigned": bool(rows),
        "roleScopeTagIds": scope_tags(world, draw),
        "dependentAppCount": 0,
        "supersedingAppCount": 0,
        "supersededAppCount": 0,
        **_specifics(draw, kind, index),
        "categories": _categories(world, draw),
        "assignments": rows,
        "relationships": [],
    }


def _assigned(draw: Draw, row: Document) -> Document:
    return {**row, "intent": draw.pick(("required", "available", "uninstall")), "settings": None}


def _categories(world: World, draw: Draw) -> list[Document]:
    total = world.count("mobileAppCategories")
    if not total or draw.chance(0.4):
        return []
    return [category(world, draw.number(0, total - 1))]


def _specifics(  # noqa: PLR0911 - one per app type
    draw: Draw, kind: str, index: int
) -> Document:
    bundle = f"com.{draw.words(1)}.{draw.words(1)}{index}"
    match kind:
        case "win32LobApp":
            return _win32(draw)
        case "winGetApp":
            return {
                "packageIdentifier": draw.guid()[:12].upper(),
                "manifestHash": draw.guid(),
                "installExperience": {"runAsAccount": draw.pick(("system", "user"))},
            }
        case "iosStoreApp" | "iosVppApp":
            app = {
                "bundleId": bundle,
                "appStoreUrl": f"https://apps.apple.com/app/id{draw.number(10**8, 10**9)}",
                "applicableDeviceType": {"iPad": True, "iPhoneAndIPod": True},
            }
            return app if kind == "iosStoreApp" else {**app, **_purchased(draw)}
        case "androidManagedStoreApp":
            return {
                "packageId": bundle,
                "appIdentifier": bundle,
                "usedLicenseCount": 0,
                "totalLicenseCount": 0,
                "appStoreUrl": f"https://play.google.com/store/apps/details?id={bundle}",
                "isPrivate": False,
                "isSystemApp": False,
                "appTracks": [],
                "supportsOemConfig": draw.chance(0.1),
            }
        case "macOSLobApp":
            return {"bundleId": bundle, "buildNumber": "1", "versionNumber": "1.2", "childApps": []}
        case "officeSuiteApp":
            return {
                "autoAcceptEula": True,
                "productIds": ["o365ProPlusRetail"],
                "useSharedComputerActivation": False,
                "updateChannel": "monthlyEnterprise",
                "officePlatformArchitecture": "x64",
                "localesToInstall": ["en-us", "de-de"],
                "excludedApps": {"access": True, "groove": True, "lync": True, "teams": False},
            }
        case _:
            return {"appUrl": f"https://{draw.words(1)}.example", "useManagedBrowser": False}


def _win32(draw: Draw) -> Document:
    name = f"{draw.words(1)}.intunewin"
    return {
        "committedContentVersion": "1",
        "fileName": name,
        "size": draw.number(10**5, 10**9),
        "installCommandLine": f"setup.exe /quiet /log {draw.words(1)}.log",
        "uninstallCommandLine": "setup.exe /uninstall /quiet",
        "applicableArchitectures": "x64",
        "minimumFreeDiskSpaceInMB": None,
        "setupFilePath": "setup.exe",
        "minimumSupportedWindowsRelease": "Windows10_22H2",
        "displayVersion": f"{draw.number(1, 9)}.{draw.number(0, 99)}",
        "allowAvailableUninstall": True,
        "rules": [
            {
                "@odata.type": f"{GRAPH}win32LobAppFileSystemRule",
                "ruleType": "detection",
                "path": f"C:\\Program Files\\{draw.title(1)}",
                "fileOrFolderName": "app.exe",
                "check32BitOn64System": False,
                "operationType": "exists",
                "operator": "notConfigured",
                "comparisonValue": None,
            }
        ],
        "installExperience": {
            "runAsAccount": "system",
            "maxRunTimeInMinutes": 60,
            "deviceRestartBehavior": "suppress",
        },
        "returnCodes": [
            {"returnCode": 0, "type": "success"},
            {"returnCode": 1707, "type": "success"},
            {"returnCode": 3010, "type": "softReboot"},
        ],
    }


def category(world: World, index: int) -> Document:
    """A mobileAppCategory."""
    draw = world.draw("mobileAppCategories", index)
    return {
        "id": world.id_of("mobileAppCategories", index),
        "displayName": f"{draw.title(1)} {index + 1}",
        "lastModifiedDateTime": draw.moment(),
    }


def device_app_configuration(world: World, index: int) -> Document:
    """A managedDeviceMobileAppConfiguration for iOS or managed Google Play."""
    key = "mobileAppConfigurations"
    draw = world.draw(key, index)
    top = header(world, draw, key, index, "App configuration")
    target = world.pick_id(draw, "mobileApps")
    common: Document = {
        **top,
        "targetedMobileApps": [target] if target else [],
        "assignments": assignments(world, draw, top["id"]),
    }
    if index % 2:
        settings = [
            {
                "appConfigKey": draw.title(2).replace(" ", ""),
                "appConfigKeyType": "stringType",
                "appConfigKeyValue": draw.words(2),
            }
            for _ in range(draw.number(1, 12))
        ]
        kind = f"{GRAPH}iosMobileAppConfiguration"
        return {"@odata.type": kind, **common, "encodedSettingXml": None, "settings": settings}
    payload = {
        "kind": "androidenterprise#managedConfiguration",
        "productId": f"app:com.{draw.words(1)}",
        "managedProperty": [
            {"key": draw.words(1), "valueString": draw.words(3)} for _ in range(draw.number(1, 9))
        ],
    }
    return {
        "@odata.type": f"{GRAPH}androidManagedStoreAppConfiguration",
        **common,
        "packageId": f"app:com.{draw.words(1)}",
        "payloadJson": encode_text(json.dumps(payload)),
        "permissionActions": [],
        "appSupportsOemConfig": draw.chance(0.2),
        "profileApplicability": "default",
        "connectedAppsEnabled": False,
    }


def _purchased(draw: Draw) -> Document:
    """What an app has that was bought with an Apple volume purchase token."""
    return {
        "vppTokenId": draw.guid(),
        "vppTokenAppleId": f"purchase@{draw.words(1)}.example",
        "vppTokenAccountType": "business",
        "vppTokenOrganizationName": draw.title(2),
        "usedLicenseCount": draw.number(0, 40),
        "totalLicenseCount": 50,
        "licensingType": {"supportsUserLicensing": True, "supportsDeviceLicensing": True},
        "revokeLicenseActionResults": [],
    }


def policy_set(world: World, index: int) -> Document:
    """A policy set with items that point at other objects."""
    key = "policySets"
    draw = world.draw(key, index)
    identifier = world.id_of(key, index)
    items = []
    for kind, source in (
        ("mobileAppPolicySetItem", "mobileApps"),
        ("deviceConfigurationPolicySetItem", "deviceConfigurations"),
        ("deviceCompliancePolicyPolicySetItem", "deviceCompliancePolicies"),
    ):
        payload = world.pick_id(draw, source)
        if payload:
            items.append(
                {
                    "@odata.type": GRAPH + kind,
                    "id": f"{identifier}_{payload}",
                    **dates(draw),
                    "payloadId": payload,
                    "itemType": f"{GRAPH}{kind.removesuffix('PolicySetItem')}",
                    "displayName": draw.title(2),
                    "status": "success",
                    "errorCode": "noError",
                    "guidedDeploymentTags": [],
                }
            )
    return {
        "id": identifier,
        **dates(draw),
        "displayName": policy_name(draw, "Policy set", index),
        "description": draw.sentence(3, 8),
        "status": "success",
        "errorCode": "noError",
        "guidedDeploymentTags": [],
        "roleScopeTags": scope_tags(world, draw),
        "items": items,
        "assignments": assignments(world, draw, identifier),
    }


def purchase_token(world: World, index: int) -> Document:
    """An Apple volume purchase token; the token itself is never returned."""
    key = "vppTokens"
    draw = world.draw(key, index)
    return {
        "id": world.id_of(key, index),
        "organizationName": world.label,
        "vppTokenAccountType": "business",
        "appleId": f"purchase{index}@{world.domain}",
        "expirationDateTime": "2027-01-01T00:00:00Z",
        "lastSyncDateTime": draw.moment(),
        "token": None,
        "lastModifiedDateTime": draw.moment(),
        "state": "valid",
        "lastSyncStatus": "completed",
        "tokenActionResults": [],
        "dataSharingConsentGranted": True,
        "claimTokenManagementFromExternalMdm": False,
        "automaticallyUpdateApps": True,
        "countryOrRegion": "de",
        "displayName": f"Purchases {index}",
        "locationName": draw.title(1),
        "roleScopeTagIds": ["0"],
    }
