"""Template-based policies of the older kind: ADMX configurations and security intents."""

from __future__ import annotations

import functools
import json

from devstack.graph_service.generation.draw import Document, Draw, stable_guid
from devstack.graph_service.generation.parts import (
    GRAPH,
    assignments,
    dates,
    header,
    policy_name,
    scope_tags,
)
from devstack.graph_service.generation.profiles import ADMX_VALUES
from devstack.graph_service.generation.world import World

CATEGORIES = 3


def admx_configuration(world: World, index: int) -> Document:
    """A groupPolicyConfiguration with definition values and their presentation values."""
    key = "groupPolicyConfigurations"
    draw = world.draw(key, index, "values")
    usual = ADMX_VALUES[world.profile]
    count = draw.number(max(1, usual // 2), usual + usual // 2)
    return {
        **admx_header(world, index),
        "definitionValues": [_definition_value(draw) for _ in range(count)],
        "assignments": assignments(world, draw, world.id_of(key, index)),
    }


def admx_header(world: World, index: int) -> Document:
    """The configuration without its values, as the list needs it."""
    key = "groupPolicyConfigurations"
    draw = world.draw(key, index)
    return {
        "id": world.id_of(key, index),
        "displayName": policy_name(draw, "ADMX", index),
        "description": draw.sentence(3, 10),
        "policyConfigurationIngestionType": "builtIn",
        "roleScopeTagIds": scope_tags(world, draw),
        **dates(draw),
    }


def _definition_value(draw: Draw) -> Document:
    number = draw.number(1, 4000)
    return {
        "id": draw.guid(),
        "enabled": draw.chance(0.8),
        "configurationType": "policy",
        **dates(draw),
        "definition": _definition(number),
        "presentationValues": [_presentation_value(draw, number) for _ in range(draw.number(0, 3))],
    }


@functools.lru_cache(maxsize=5000)
def _definition(number: int) -> Document:
    draw = Draw("admx definition", number)
    return {
        "id": stable_guid("admx definition", number),
        "classType": draw.pick(("machine", "user")),
        "displayName": draw.sentence(4, 9)[:-1],
        "explainText": draw.sentence(30, 90),
        "categoryPath": f"\\{draw.title(2)}\\{draw.title(1)}",
        "supportedOn": "At least Windows 10",
        "policyType": "admxBacked",
        "hasRelatedDefinitions": False,
        "groupPolicyCategoryId": stable_guid("admx category", number % 100),
        "minDeviceCspVersion": "5.0",
        "minUserCspVersion": "5.0",
        "version": "1.0",
        "lastModifiedDateTime": draw.moment(),
    }


def _presentation_value(draw: Draw, number: int) -> Document:
    kind, control, value = draw.pick(
        (
            ("Text", "TextBox", draw.words(2)),
            ("Boolean", "CheckBox", draw.chance(0.5)),
            ("Decimal", "DecimalTextBox", draw.number(0, 99)),
            ("Text", "DropdownList", str(draw.number(0, 4))),
        )
    )
    return {
        "@odata.type": f"{GRAPH}groupPolicyPresentationValue{kind}",
        "id": draw.guid(),
        **dates(draw),
        "value": value,
        "presentation": {
            "@odata.type": f"{GRAPH}groupPolicyPresentation{control}",
            "id": stable_guid("admx presentation", number, control),
            "label": draw.title(2),
            "lastModifiedDateTime": draw.moment(),
        },
    }


def admx_file(world: World, index: int) -> Document:
    """An uploaded ADMX file; its content can not be read back."""
    key = "groupPolicyUploadedDefinitionFiles"
    draw = world.draw(key, index)
    return {
        "id": world.id_of(key, index),
        "displayName": draw.title(2),
        "description": draw.sentence(2, 6),
        "fileName": f"{draw.words(1)}{index}.admx",
        "languageCodes": ["en-US"],
        "targetPrefix": draw.words(1),
        "targetNamespace": f"Contoso.Policies.{draw.title(1)}",
        "policyType": "admxIngested",
        "revision": "1.0",
        "lastModifiedDateTime": draw.moment(),
        "status": "available",
        "content": None,
        "uploadDateTime": draw.moment(),
        "defaultLanguageCode": "en-US",
        "groupPolicyUploadedLanguageFiles": [
            {
                "fileName": f"{draw.words(1)}{index}.adml",
                "languageCode": "en-US",
                "content": None,
                "id": draw.guid(),
                "lastModifiedDateTime": draw.moment(),
            }
        ],
    }


def intent_template(world: World, index: int) -> Document:
    """A template with its categories and default settings; the same in every tenant."""
    draw = Draw("intent template", index)
    identifier = world.id_of("templates", index)
    return {
        "id": identifier,
        "displayName": draw.title(3),
        "description": draw.sentence(5, 12),
        "versionInfo": f"{draw.number(1, 4)}.0",
        "isDeprecated": draw.chance(0.6),
        "intentCount": 0,
        "templateType": "securityTemplate",
        "platformType": "windows10AndLater",
        "templateSubtype": draw.pick(("firewall", "diskEncryption", "antivirus")),
        "publishedDateTime": draw.moment(),
        "categories": [
            {
                "id": stable_guid("intent category", index, number),
                "displayName": draw.title(2),
                "hasRequiredSetting": False,
                "settings": [_intent_setting(draw, index, number, i) for i in range(6)],
            }
            for number in range(CATEGORIES)
        ],
    }


def intent(world: World, index: int) -> Document:
    """A deviceManagementIntent; settings stand flat and below their categories."""
    draw = world.draw("intents", index)
    identifier = world.id_of("intents", index)
    template = draw.number(0, max(0, world.count("templates") - 1))
    categories = [_intent_category(draw, template, number) for number in range(CATEGORIES)]
    assigned = assignments(world, draw, identifier)
    flat = [setting for category in categories for setting in category["settings"]]
    top = header(world, draw, "intents", index, "Intent")
    return {
        "id": top["id"],
        "displayName": top["displayName"],
        "description": top["description"],
        "isAssigned": bool(assigned),
        "isMigratingToConfigurationPolicy": None,
        "lastModifiedDateTime": top["lastModifiedDateTime"],
        "templateId": stable_guid("intent template", template),
        "roleScopeTagIds": top["roleScopeTagIds"],
        "settings": flat,
        "categories": categories,
        "assignments": assigned,
    }


def _intent_category(draw: Draw, template: int, number: int) -> Document:
    return {
        "id": stable_guid("intent category", template, number),
        "displayName": Draw("intent category", template, number).title(2),
        "settings": [_intent_setting(draw, template, number, i) for i in range(draw.number(2, 8))],
    }


def _intent_setting(draw: Draw, template: int, category: int, number: int) -> Document:
    name = Draw("intent setting", template, category, number).words(2).replace(" ", "_")
    kind, value = draw.pick(
        (
            ("Boolean", draw.chance(0.5)),
            ("Integer", draw.number(0, 60)),
            ("String", draw.words(2)),
        )
    )
    return {
        "@odata.type": f"{GRAPH}deviceManagement{kind}SettingInstance",
        "id": draw.guid(),
        "definitionId": f"deviceConfiguration--{name}_{category}{number}",
        "valueJson": json.dumps(value),
        "value": value,
    }
