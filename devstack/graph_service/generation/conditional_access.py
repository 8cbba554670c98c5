"""Conditional access: policies, named locations, contexts, strengths, terms of use."""

from __future__ import annotations

from devstack.graph_service.generation.draw import Document, Draw
from devstack.graph_service.generation.parts import GRAPH
from devstack.graph_service.generation.world import World

COUNTRIES = ("AT", "BE", "CH", "DE", "DK", "ES", "FI", "FR", "IT", "NL", "NO", "PL", "SE")
OFFICE_365 = "00000003-0000-0ff1-ce00-000000000000"


def policy(world: World, index: int) -> Document:
    """A conditionalAccessPolicy of about 1.7 kB."""
    key = "conditionalAccessPolicies"
    draw = world.draw(key, index)
    created = draw.moment()
    return {
        "id": world.id_of(key, index),
        "templateId": None,
        "displayName": f"CA{index + 1:03d} - {draw.title(3)}",
        "createdDateTime": created,
        "modifiedDateTime": draw.pick((None, "2026-03-01T08:00:00.0000000Z")),
        "state": draw.pick(("enabled", "disabled", "enabledForReportingButNotEnforced")),
        "deletedDateTime": None,
        "partialEnablementStrategy": None,
        "sessionControls": _session(draw) if draw.chance(0.4) else None,
        "conditions": _conditions(world, draw),
        "grantControls": _grant(world, draw),
    }


def _conditions(world: World, draw: Draw) -> Document:
    excluded = world.pick_id(draw, "groups")
    included = world.pick_id(draw, "groups")
    everyone = draw.chance(0.6)
    role = world.pick_id(draw, "directoryRoleDefinitions")
    place = world.pick_id(draw, "namedLocations") if draw.chance(0.4) else None
    return {
        "userRiskLevels": [],
        "signInRiskLevels": draw.some(("high", "medium"), 0, 2),
        "clientAppTypes": draw.pick((["all"], ["browser", "mobileAppsAndDesktopClients"])),
        "servicePrincipalRiskLevels": [],
        "insiderRiskLevels": None,
        "clients": None,
        "authenticationFlows": None,
        "clientApplications": None,
        "platforms": (
            {"includePlatforms": ["all"], "excludePlatforms": ["linux"]}
            if draw.chance(0.4)
            else None
        ),
        "locations": (
            {"includeLocations": ["All"], "excludeLocations": [place]} if place else None
        ),
        "devices": None,
        "applications": {
            "includeApplications": draw.pick((["All"], ["Office365"], [OFFICE_365])),
            "excludeApplications": [],
            "includeUserActions": [],
            "includeAuthenticationContextClassReferences": [],
            "applicationFilter": None,
        },
        "users": {
            "includeUsers": ["All"] if everyone else [],
            "excludeUsers": [],
            "includeGroups": [] if everyone or not included else [included],
            "excludeGroups": [excluded] if excluded else [],
            "includeRoles": [role] if role and draw.chance(0.2) else [],
            "excludeRoles": [],
            "includeGuestsOrExternalUsers": None,
            "excludeGuestsOrExternalUsers": None,
        },
    }


def _grant(world: World, draw: Draw) -> Document:
    strength = world.pick_id(draw, "authenticationStrengthPolicies") if draw.chance(0.3) else None
    controls = draw.some(("mfa", "compliantDevice", "domainJoinedDevice"), 1, 2)
    return {
        "operator": "OR",
        "builtInControls": [] if strength else draw.pick((controls, ["block"])),
        "customAuthenticationFactors": [],
        "termsOfUse": [],
        "authenticationStrength": strength and {"id": strength, "displayName": "Strength"},
    }


def _session(draw: Draw) -> Document:
    return {
        "disableResilienceDefaults": None,
        "applicationEnforcedRestrictions": None,
        "cloudAppSecurity": None,
        "continuousAccessEvaluation": None,
        "secureSignInSession": None,
        "signInFrequency": {
            "value": draw.number(1, 24),
            "type": "hours",
            "authenticationType": "primaryAndSecondaryAuthentication",
            "frequencyInterval": "timeBased",
            "isEnabled": True,
        },
        "persistentBrowser": {"mode": "never", "isEnabled": True} if draw.chance(0.5) else None,
    }


def named_location(world: World, index: int) -> Document:
    """An IP or a country location."""
    key = "namedLocations"
    draw = world.draw(key, index)
    common: Document = {
        "id": world.id_of(key, index),
        "displayName": f"Location {draw.title(1)} {index + 1}",
        "createdDateTime": draw.moment(),
        "modifiedDateTime": draw.moment(),
    }
    if index % 3 == 2:
        return {
            "@odata.type": f"{GRAPH}countryNamedLocation",
            **common,
            "countriesAndRegions": draw.some(COUNTRIES, 1, 9),
            "includeUnknownCountriesAndRegions": draw.chance(0.2),
            "countryLookupMethod": "clientIpAddress",
        }
    return {
        "@odata.type": f"{GRAPH}ipNamedLocation",
        **common,
        "isTrusted": draw.chance(0.5),
        "ipRanges": [
            {
                "@odata.type": f"{GRAPH}iPv4CidrRange",
                "cidrAddress": f"203.0.{draw.number(0, 255)}.{draw.number(0, 255)}/32",
            }
            for _ in range(draw.number(1, 20))
        ],
    }


def authentication_context(world: World, index: int) -> Document:
    """An authentication context c1, c2, …"""
    key = "authenticationContextClassReferences"
    draw = world.draw(key, index)
    return {
        "id": world.id_of(key, index),
        "displayName": f"Context {draw.title(1)}",
        "description": draw.sentence(3, 6),
        "isAvailable": draw.chance(0.9),
    }


def authentication_strength(world: World, index: int) -> Document:
    """An authentication strength; the first three are built in."""
    key = "authenticationStrengthPolicies"
    draw = world.draw(key, index)
    return {
        "id": world.id_of(key, index),
        "createdDateTime": "2021-12-01T00:00:00Z",
        "modifiedDateTime": "2021-12-01T00:00:00Z",
        "displayName": f"Strength {draw.title(1)} {index + 1}",
        "description": draw.sentence(3, 8),
        "policyType": "builtIn" if index < 3 else "custom",
        "requirementsSatisfied": "mfa",
        "allowedCombinations": draw.some(
            ("windowsHelloForBusiness", "fido2", "x509CertificateMultiFactor"), 1, 3
        ),
        "combinationConfigurations": [] if index < 3 else [_fido_keys(draw)],
    }


def _fido_keys(draw: Draw) -> Document:
    return {
        "@odata.type": "#microsoft.graph.fido2CombinationConfiguration",
        "id": draw.guid(),
        "appliesToCombinations": ["fido2"],
        "allowedAAGUIDs": [draw.guid(), draw.guid()],
    }


def agreement(world: World, index: int) -> Document:
    """Terms of use with one file per language."""
    key = "agreements"
    draw = world.draw(key, index)
    return {
        "id": world.id_of(key, index),
        "displayName": f"Terms {draw.title(1)} {index + 1}",
        "createdDateTime": draw.moment(),
        "modifiedDateTime": draw.moment(),
        "isViewingBeforeAcceptanceRequired": True,
        "isPerDeviceAcceptanceRequired": False,
        "userReacceptRequiredFrequency": None,
        "termsExpiration": None,
        "files": [
            {
                "id": draw.guid(),
                "displayName": "Terms",
                "fileName": "terms.pdf",
                "language": "en",
                "isDefault": True,
                "isMajorVersion": False,
                "createdDateTime": draw.moment(),
                "fileData": None,
            }
        ],
    }
