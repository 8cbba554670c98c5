"""Classic compliance policies with their scheduled actions."""

from __future__ import annotations

from devstack.graph_service.generation.draw import ZERO_GUID, Document, Draw, names
from devstack.graph_service.generation.parts import GRAPH, assignments, header
from devstack.graph_service.generation.world import World

KEY = "deviceCompliancePolicies"

WINDOWS_SWITCHES = names(
    """
    passwordRequired passwordBlockSimple passwordRequiredToUnlockFromIdle
    requireHealthyDeviceReport earlyLaunchAntiMalwareDriverEnabled bitLockerEnabled
    secureBootEnabled codeIntegrityEnabled memoryIntegrityEnabled kernelDmaProtectionEnabled
    virtualizationBasedSecurityEnabled firmwareProtectionEnabled storageRequireEncryption
    activeFirewallRequired defenderEnabled signatureOutOfDate rtpEnabled antivirusRequired
    antiSpywareRequired deviceThreatProtectionEnabled configurationManagerComplianceRequired
    tpmRequired
    """
)
WINDOWS_NUMBERS = names(
    """
    passwordMinutesOfInactivityBeforeLock passwordExpirationDays passwordMinimumLength
    passwordMinimumCharacterSetCount passwordPreviousPasswordBlockCount
    """
)
IOS_SWITCHES = names(
    """
    passcodeBlockSimple passcodeRequired securityBlockJailbrokenDevices
    deviceThreatProtectionEnabled managedEmailProfileRequired
    """
)
IOS_NUMBERS = names(
    """
    passcodeExpirationDays passcodeMinimumLength passcodeMinutesOfInactivityBeforeLock
    passcodePreviousPasscodeBlockCount passcodeMinimumCharacterSetCount
    """
)
MACOS_SWITCHES = names(
    """
    passwordRequired passwordBlockSimple systemIntegrityProtectionEnabled
    deviceThreatProtectionEnabled storageRequireEncryption firewallEnabled
    firewallBlockAllIncoming firewallEnableStealthMode
    """
)
MACOS_NUMBERS = names(
    """
    passwordExpirationDays passwordMinimumLength passwordMinutesOfInactivityBeforeLock
    passwordPreviousPasswordBlockCount passwordMinimumCharacterSetCount
    """
)
ANDROID_SWITCHES = names(
    """
    deviceThreatProtectionEnabled securityBlockJailbrokenDevices storageRequireEncryption
    passwordRequired securityRequireSafetyNetAttestationBasicIntegrity
    securityRequireSafetyNetAttestationCertifiedDevice requireNoPendingSystemUpdates
    securityRequireIntuneAppIntegrity
    """
)
ANDROID_NUMBERS = names(
    """
    passwordMinimumLength passwordMinutesOfInactivityBeforeLock passwordExpirationDays
    passwordPreviousPasswordCountToBlock passwordMinimumLetterCharacters
    """
)
PLATFORMS = (
    ("windows10CompliancePolicy", WINDOWS_SWITCHES, WINDOWS_NUMBERS, "passwordRequiredType"),
    ("windows10CompliancePolicy", WINDOWS_SWITCHES, WINDOWS_NUMBERS, "passwordRequiredType"),
    ("iosCompliancePolicy", IOS_SWITCHES, IOS_NUMBERS, "passcodeRequiredType"),
    ("macOSCompliancePolicy", MACOS_SWITCHES, MACOS_NUMBERS, "passwordRequiredType"),
    (
        "androidDeviceOwnerCompliancePolicy",
        ANDROID_SWITCHES,
        ANDROID_NUMBERS,
        "passwordRequiredType",
    ),
)


def policy(world: World, index: int) -> Document:
    """A deviceCompliancePolicy with exactly one rule and one to three actions."""
    draw = world.draw(KEY, index)
    identifier = world.id_of(KEY, index)
    name, switches, numbers, password_type = draw.pick(PLATFORMS)
    document: Document = {
        "@odata.type": GRAPH + name,
        **header(world, draw, KEY, index, "Compliance"),
        password_type: "deviceDefault",
        "osMinimumVersion": draw.pick((None, "10.0.19045.4529", "17.5", "14.6")),
        "osMaximumVersion": None,
        "deviceThreatProtectionRequiredSecurityLevel": "unavailable",
    }
    document.update({switch: draw.chance(0.4) for switch in switches})
    for number in numbers:
        document[number] = draw.number(1, 30) if draw.chance(0.4) else None
    if name == "windows10CompliancePolicy":
        _windows(world, draw, document)
    document["assignments"] = assignments(world, draw, identifier)
    document["scheduledActionsForRule"] = [_rule(world, draw)]
    return document


def _windows(world: World, draw: Draw, document: Document) -> None:
    script = world.pick_id(draw, "deviceComplianceScripts") if draw.chance(0.3) else None
    document["deviceCompliancePolicyScript"] = script and {
        "deviceComplianceScriptId": script,
        "rulesContent": draw.base64_bytes(300),
    }
    document["validOperatingSystemBuildRanges"] = [
        {
            "description": draw.sentence(2, 5),
            "lowestVersion": f"10.0.2{draw.number(2, 6)}00.1",
            "highestVersion": "10.0.26200.9999",
        }
        for _ in range(draw.number(0, 3))
    ]


def _rule(world: World, draw: Draw) -> Document:
    actions = [_action(draw, "block", ZERO_GUID)]
    template = world.pick_id(draw, "notificationMessageTemplates")
    if template and draw.chance(0.5):
        actions.append(_action(draw, "notification", template))
    if draw.chance(0.1):
        actions.append(_action(draw, "retire", ZERO_GUID))
    return {
        "id": draw.guid(),
        "ruleName": None,
        "scheduledActionConfigurations": actions,
    }


def _action(draw: Draw, kind: str, template: str) -> Document:
    return {
        "id": draw.guid(),
        "gracePeriodHours": draw.pick((0, 24, 72, 168)),
        "actionType": kind,
        "notificationTemplateId": template,
        "notificationMessageCCList": [],
    }
