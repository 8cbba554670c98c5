"""Device configurations: update rings first, then plain, custom, certificate and Wi-Fi profiles."""

from __future__ import annotations

from devstack.graph_service.generation.device_properties import (
    ANDROID_OWNER,
    ENDPOINT_PROTECTION,
    IOS_GENERAL,
    MACOS_GENERAL,
    WINDOWS10_GENERAL,
    PlainSettings,
)
from devstack.graph_service.generation.draw import Document, Draw, encode_text
from devstack.graph_service.generation.parts import GRAPH, assignments, header, script
from devstack.graph_service.generation.profiles import UPDATE_RINGS
from devstack.graph_service.generation.world import World

KEY = "deviceConfigurations"
SECRETS = "_secrets"  # reference → plain value; never part of an answer
PLAIN = (WINDOWS10_GENERAL, WINDOWS10_GENERAL, ENDPOINT_PROTECTION, IOS_GENERAL, ANDROID_OWNER)
PLAIN_TYPES = (*PLAIN, MACOS_GENERAL)
RULES = (
    "deviceManagementApplicabilityRuleOsEdition",
    "deviceManagementApplicabilityRuleOsVersion",
    "deviceManagementApplicabilityRuleDeviceMode",
)


def configuration(world: World, index: int) -> Document:
    """A deviceConfiguration of a type that the index and the seed decide."""
    draw = world.draw(KEY, index)
    rings = UPDATE_RINGS[world.profile]
    if index < rings:
        document = _ios_update(draw) if index == rings - 1 and rings > 2 else _ring(draw)
        prefix = "Updates"
    else:
        prefix, document = _profile(draw, index - rings)
    owner = world.id_of(KEY, index)
    top = {"@odata.type": document.pop("@odata.type"), **header(world, draw, KEY, index, prefix)}
    rules = dict.fromkeys(RULES)
    assigned = assignments(world, draw, owner)
    return {**top, "supportsScopeTags": True, **rules, **document, "assignments": assigned}


def _profile(draw: Draw, number: int) -> tuple[str, Document]:
    match number % 10:
        case 1:
            return "Custom", _custom(draw)
        case 4:
            return "Certificate", _root_certificate(draw)
        case 6:
            return "Wi-Fi", _wifi(draw)
        case 8:
            return "Custom Apple", _apple_payload(draw)
        case _:
            return "Restrictions", plain(draw, draw.pick(PLAIN_TYPES))


def plain(draw: Draw, names: PlainSettings) -> Document:
    """Every switch, number and choice of a type, most of them left at their default."""
    document: Document = {"@odata.type": GRAPH + names.type_name}
    document.update({name: draw.chance(0.15) for name in names.switches})
    for name in names.numbers:
        document[name] = draw.number(1, 90) if draw.chance(0.2) else None
    for name, values in names.choices:
        document[name] = draw.pick(values) if draw.chance(0.3) else values[0]
    return document


def _custom(draw: Draw) -> Document:
    rows: list[Document] = []
    secrets: dict[str, str] = {}
    for _ in range(draw.number(1, 8)):
        name = draw.title(2)
        row: Document = {
            "@odata.type": f"{GRAPH}omaSettingString",
            "displayName": name,
            "description": None,
            "omaUri": f"./Device/Vendor/MSFT/Policy/Config/{name.replace(' ', '/')}",
            "secretReferenceValueId": None,
            "isEncrypted": False,
            "value": f"<enabled/><data id='{draw.words(1)}' value='{draw.words(30)}'/>",
        }
        if not rows or draw.chance(0.4):
            reference = f"{draw.guid()}_{draw.guid()}_{draw.guid()}"
            secrets[reference] = f"P@ss-{draw.guid()}"
            row.update(secretReferenceValueId=reference, isEncrypted=True, value="****")
        rows.append(row)
    rows.append(
        {
            "@odata.type": f"{GRAPH}omaSettingInteger",
            "displayName": draw.title(2),
            "description": draw.sentence(2, 6),
            "omaUri": f"./User/Vendor/MSFT/Policy/Config/{draw.words(1)}",
            "secretReferenceValueId": None,
            "isEncrypted": False,
            "value": draw.number(0, 9),
            "isReadOnly": False,
        }
    )
    kind = f"{GRAPH}windows10CustomConfiguration"
    return {"@odata.type": kind, "omaSettings": rows, SECRETS: secrets}


def _root_certificate(draw: Draw) -> Document:
    return {
        "@odata.type": f"{GRAPH}windows81TrustedRootCertificate",
        "certFileName": f"{draw.words(1)}-root.cer",
        "destinationStore": "computerCertStoreRoot",
        "trustedRootCertificate": f"MIID{draw.base64_bytes(880)}",
    }


def _wifi(draw: Draw) -> Document:
    return {
        "@odata.type": f"{GRAPH}windowsWifiConfiguration",
        "preSharedKey": None,  # Graph never returns it
        "wifiSecurityType": draw.pick(("wpa2Personal", "wpaPersonal", "open")),
        "meteredConnectionLimit": "unrestricted",
        "ssid": f"corp-{draw.words(1)}",
        "networkName": f"corp-{draw.words(1)}",
        "connectAutomatically": True,
        "connectToPreferredNetwork": False,
        "connectWhenNetworkNameIsHidden": draw.chance(0.3),
        "proxySetting": "none",
        "proxyManualAddress": None,
        "proxyManualPort": None,
        "proxyAutomaticConfigurationUrl": None,
        "forceFIPSCompliance": False,
    }


def _apple_payload(draw: Draw) -> Document:
    name = f"{draw.words(1)}.mobileconfig"
    return {
        "@odata.type": f"{GRAPH}macOSCustomConfiguration",
        "payloadName": draw.title(2),
        "payloadFileName": name,
        "payload": encode_text(f"<plist><!-- {name} -->{script(draw, 4000, unix=True)}</plist>"),
        "deploymentChannel": "deviceChannel",
    }


def _ring(draw: Draw) -> Document:
    paused = draw.chance(0.1)
    return {
        "@odata.type": f"{GRAPH}windowsUpdateForBusinessConfiguration",
        "deliveryOptimizationMode": "userDefined",
        "prereleaseFeatures": "userDefined",
        "automaticUpdateMode": draw.pick(("autoInstallAtMaintenanceTime", "userDefined")),
        "microsoftUpdateServiceAllowed": True,
        "driversExcluded": draw.chance(0.3),
        "qualityUpdatesDeferralPeriodInDays": draw.number(0, 14),
        "featureUpdatesDeferralPeriodInDays": draw.number(0, 90),
        "qualityUpdatesPaused": paused,
        "featureUpdatesPaused": False,
        "qualityUpdatesPauseExpiryDateTime": draw.moment() if paused else "0001-01-01T00:00:00Z",
        "featureUpdatesPauseExpiryDateTime": "0001-01-01T00:00:00Z",
        "businessReadyUpdatesOnly": "userDefined",
        "skipChecksBeforeRestart": False,
        "updateWeeks": None,
        "qualityUpdatesPauseStartDate": "2026-01-05" if paused else None,
        "featureUpdatesPauseStartDate": None,
        "featureUpdatesRollbackWindowInDays": draw.number(2, 60),
        "qualityUpdatesWillBeRolledBack": None,
        "featureUpdatesWillBeRolledBack": None,
        "qualityUpdatesRollbackStartDateTime": "0001-01-01T00:00:00Z",
        "featureUpdatesRollbackStartDateTime": "0001-01-01T00:00:00Z",
        "engagedRestartDeadlineInDays": None,
        "engagedRestartSnoozeScheduleInDays": None,
        "engagedRestartTransitionScheduleInDays": None,
        "deadlineForFeatureUpdatesInDays": draw.number(2, 14),
        "deadlineForQualityUpdatesInDays": draw.number(1, 7),
        "deadlineGracePeriodInDays": draw.number(0, 3),
        "postponeRebootUntilAfterDeadline": False,
        "autoRestartNotificationDismissal": "notConfigured",
        "scheduleRestartWarningInHours": None,
        "scheduleImminentRestartWarningInMinutes": None,
        "userPauseAccess": draw.pick(("enabled", "disabled")),
        "userWindowsUpdateScanAccess": "enabled",
        "updateNotificationLevel": "defaultNotifications",
        "allowWindows11Upgrade": draw.chance(0.5),
        "installationSchedule": {
            "@odata.type": f"{GRAPH}windowsUpdateActiveHoursInstall",
            "activeHoursStart": "08:00:00.0000000",
            "activeHoursEnd": "17:00:00.0000000",
        },
    }


def _ios_update(draw: Draw) -> Document:
    return {
        "@odata.type": f"{GRAPH}iosUpdateConfiguration",
        "activeHoursStart": "08:00:00.0000000",
        "activeHoursEnd": "20:00:00.0000000",
        "desiredOsVersion": f"18.{draw.number(0, 6)}",
        "scheduledInstallDays": ["saturday", "sunday"],
        "utcTimeOffsetInMinutes": None,
        "enforcedSoftwareUpdateDelayInDays": None,
        "updateScheduleType": "updateOutsideOfActiveHours",
        "customUpdateTimeWindows": [],
        "isEnabled": True,
    }
