"""Settings-catalog shaped objects: policies, Linux compliance, inventory, reusable settings."""

from __future__ import annotations

from collections.abc import Callable

from devstack.graph_service.generation.draw import Document, Draw, names
from devstack.graph_service.generation.parts import (
    GRAPH,
    assignments,
    dates,
    policy_name,
    scope_tags,
)
from devstack.graph_service.generation.world import World

PREFIX = f"{GRAPH}deviceManagementConfiguration"
FAMILIES = names(
    """
    none none none none none none endpointSecurityAntivirus endpointSecurityFirewall
    endpointSecurityDiskEncryption endpointSecurityAttackSurfaceReduction baseline
    endpointSecurityAccountProtection endpointSecurityEndpointDetectionAndResponse
    """
)
PLATFORMS = (
    ("windows10", "mdm"),
    ("windows10", "mdm"),
    ("windows10", "mdm,microsoftSense"),
    ("macOS", "mdm,appleRemoteManagement"),
    ("iOS", "mdm"),
    ("linux", "linuxMdm"),
)
LARGEST_STRESS_POLICY = 1200


def policy(world: World, index: int) -> Document:
    """A deviceManagementConfigurationPolicy; sizes follow scale.md (median 4, p90 27, max 256)."""
    document = policy_header(world, index)
    draw = world.draw("configurationPolicies", index, "settings")
    family = document["templateReference"]["templateFamily"]
    document["settings"] = settings(draw, document["settingCount"], family)
    return document


def policy_header(world: World, index: int) -> Document:
    """A policy without its settings, as the list needs it."""
    draw = world.draw("configurationPolicies", index)
    identifier = world.id_of("configurationPolicies", index)
    count = _settings_of(world, draw, index)
    platforms, technologies = draw.pick(PLATFORMS)
    family = draw.pick(FAMILIES)
    assigned = assignments(world, draw, identifier)
    return {
        "id": identifier,
        "name": policy_name(draw, "Settings", index),
        "description": draw.sentence(4, 14),
        **dates(draw),
        "platforms": platforms,
        "technologies": technologies,
        "settingCount": count,
        "creationSource": None,
        "isAssigned": bool(assigned),
        "priorityMetaData": None,
        "roleScopeTagIds": scope_tags(world, draw),
        "templateReference": _template_reference(draw, family),
        "assignments": assigned,
    }


def _settings_of(world: World, draw: Draw, index: int) -> int:
    count = draw.skewed(4, 27, 256)
    if index == 2 and world.count("configurationPolicies") >= 3000:
        return LARGEST_STRESS_POLICY
    # Each tenant has one policy of more than a page and one of the largest size seen in public.
    return {1: 256, 4: 31}.get(index, count)


def _template_reference(draw: Draw, family: str) -> Document:
    if family == "none":
        empty: Document = {"templateId": "", "templateFamily": "none"}
        return {**empty, "templateDisplayName": None, "templateDisplayVersion": None}
    return {
        "templateId": f"{draw.guid()}_{draw.number(1, 4)}",
        "templateFamily": family,
        "templateDisplayName": draw.title(3),
        "templateDisplayVersion": f"Version {draw.number(1, 9)}",
    }


def settings(draw: Draw, count: int, family: str = "none") -> list[Document]:
    """Numbered settings: positional `id` and one settingInstance each."""
    area = draw.words(1)
    return [
        {"id": str(i), "settingInstance": setting_instance(draw, area, family)}
        for i in range(count)
    ]


def setting_instance(draw: Draw, area: str, family: str = "none", *, depth: int = 0) -> Document:
    """One choice, simple, collection or group setting."""
    name = f"device_vendor_msft_policy_config_{area}_{draw.words(3).replace(' ', '_')}"
    reference = None
    if family != "none":
        reference = {"settingInstanceTemplateId": draw.guid()}
    head: Document = {"settingDefinitionId": name, "settingInstanceTemplateReference": reference}
    kind = draw.pick(KINDS if depth == 0 else KINDS[:6])
    return kind(draw, head, area, depth)


def _choice(draw: Draw, head: Document, area: str, depth: int) -> Document:
    children = []
    if depth < 2 and draw.chance(0.35):
        count = draw.number(1, 3)
        children = [setting_instance(draw, area, depth=depth + 1) for _ in range(count)]
    return {
        "@odata.type": f"{PREFIX}ChoiceSettingInstance",
        **head,
        "auditRuleInformation": None,
        "choiceSettingValue": {
            "settingValueTemplateReference": None,
            "value": f"{head['settingDefinitionId']}_{draw.number(0, 4)}",
            "children": children,
        },
    }


def _text(draw: Draw, head: Document, _area: str, _depth: int) -> Document:
    return _simple(head, "StringSettingValue", draw.words(draw.number(1, 6)))


def _whole(draw: Draw, head: Document, _area: str, _depth: int) -> Document:
    return _simple(head, "IntegerSettingValue", draw.number(0, 900))


def _simple(head: Document, value_type: str, value: object) -> Document:
    return {
        "@odata.type": f"{PREFIX}SimpleSettingInstance",
        **head,
        "auditRuleInformation": None,
        "simpleSettingValue": {
            "@odata.type": f"{PREFIX}{value_type}",
            "settingValueTemplateReference": None,
            "value": value,
        },
    }


def _simple_list(draw: Draw, head: Document, _area: str, _depth: int) -> Document:
    return {
        "@odata.type": f"{PREFIX}SimpleSettingCollectionInstance",
        **head,
        "auditRuleInformation": None,
        "simpleSettingCollectionValue": [
            {
                "@odata.type": f"{PREFIX}StringSettingValue",
                "settingValueTemplateReference": None,
                "value": draw.words(2),
            }
            for _ in range(draw.number(1, 6))
        ],
    }


def _secret(draw: Draw, head: Document, _area: str, _depth: int) -> Document:
    value = {
        "@odata.type": f"{PREFIX}SecretSettingValue",
        "settingValueTemplateReference": None,
        "value": draw.guid(),
        "valueState": "encryptedValueToken",
    }
    return {
        "@odata.type": f"{PREFIX}SimpleSettingInstance",
        **head,
        "auditRuleInformation": None,
        "simpleSettingValue": value,
    }


def _group(draw: Draw, head: Document, area: str, depth: int) -> Document:
    return {
        "@odata.type": f"{PREFIX}GroupSettingCollectionInstance",
        **head,
        "auditRuleInformation": None,
        "groupSettingCollectionValue": [
            {
                "settingValueTemplateReference": None,
                "children": [
                    setting_instance(draw, area, depth=depth + 1) for _ in range(draw.number(1, 4))
                ],
            }
            for _ in range(draw.number(1, 3))
        ],
    }


Kind = Callable[[Draw, Document, str, int], Document]
KINDS: tuple[Kind, ...] = (_choice,) * 4 + (_text, _whole, _choice, _simple_list, _secret, _group)


def compliance_policy(world: World, index: int) -> Document:
    """A Linux compliance policy of the newer kind, with scheduled actions."""
    draw = world.draw("compliancePolicies", index)
    identifier = world.id_of("compliancePolicies", index)
    assigned = assignments(world, draw, identifier)
    count = draw.number(2, 9)
    return {
        "id": identifier,
        "name": policy_name(draw, "Linux compliance", index),
        "description": draw.sentence(4, 12),
        **dates(draw),
        "platforms": "linux",
        "technologies": "linuxMdm",
        "creationSource": None,
        "isAssigned": bool(assigned),
        "settingCount": count,
        "roleScopeTagIds": scope_tags(world, draw),
        "settings": settings(draw, count),
        "assignments": assigned,
        "scheduledActionsForRule": [
            {
                "id": draw.guid(),
                "ruleName": None,
                "scheduledActionConfigurations": [
                    {
                        "id": draw.guid(),
                        "actionType": "block",
                        "gracePeriodHours": draw.pick((0, 6, 24, 72)),
                        "notificationMessageCCList": [],
                        "notificationTemplateId": "00000000-0000-0000-0000-000000000000",
                    }
                ],
            }
        ],
    }


def inventory_policy(world: World, index: int) -> Document:
    """A device inventory policy."""
    draw = world.draw("inventoryPolicies", index)
    identifier = world.id_of("inventoryPolicies", index)
    count = draw.number(1, 12)
    return {
        "id": identifier,
        "name": policy_name(draw, "Inventory", index),
        "description": draw.sentence(3, 8),
        **dates(draw),
        "platforms": "windows10",
        "technologies": "mdm",
        "settingCount": count,
        "roleScopeTagIds": ["0"],
        "settings": settings(draw, count),
        "assignments": assignments(world, draw, identifier),
    }


def reusable_setting(world: World, index: int) -> Document:
    """A reusable settings group; the list shows its settingInstance only on request."""
    draw = world.draw("reusablePolicySettings", index)
    instance = _group(
        draw,
        {
            "settingDefinitionId": "vendor_msft_firewall_mdmstore_dynamickeywords_addresses",
            "settingInstanceTemplateReference": None,
        },
        "firewall",
        1,
    )
    return {
        "id": world.id_of("reusablePolicySettings", index),
        "displayName": policy_name(draw, "Reusable", index),
        "description": draw.sentence(3, 8),
        "settingDefinitionId": instance["settingDefinitionId"],
        "settingInstance": instance,
        **dates(draw),
        "version": draw.number(1, 5),
        "referencingConfigurationPolicyCount": draw.number(0, 4),
    }
