"""Feature, quality and driver update profiles (rings are device configurations)."""

from __future__ import annotations

from devstack.graph_service.generation.draw import Document
from devstack.graph_service.generation.parts import assignments, dates, policy_name, scope_tags
from devstack.graph_service.generation.world import World


def _profile(world: World, key: str, index: int, prefix: str) -> Document:
    draw = world.draw(key, index, "header")
    identifier = world.id_of(key, index)
    return {
        "id": identifier,
        "displayName": policy_name(draw, prefix, index),
        "description": draw.sentence(3, 8),
        **dates(draw),
        "roleScopeTagIds": scope_tags(world, draw),
        "assignments": assignments(world, draw, identifier),
    }


def feature_profile(world: World, index: int) -> Document:
    """A windowsFeatureUpdateProfile."""
    key = "windowsFeatureUpdateProfiles"
    draw = world.draw(key, index)
    release = draw.pick(("Windows 11, version 23H2", "Windows 11, version 24H2"))
    return {
        **_profile(world, key, index, "Feature update"),
        "featureUpdateVersion": release,
        "rolloutSettings": {
            "offerStartDateTimeInUTC": draw.moment(),
            "offerEndDateTimeInUTC": None,
            "offerIntervalInDays": None,
        },
        "installLatestWindows10OnWindows11IneligibleDevice": draw.chance(0.5),
        "deployableContentDisplayName": release,
        "endOfSupportDate": "2027-10-12T00:00:00Z",
        "installFeatureUpdatesOptional": draw.chance(0.3),
    }


def quality_profile(world: World, index: int) -> Document:
    """A windowsQualityUpdateProfile (expedite)."""
    key = "windowsQualityUpdateProfiles"
    draw = world.draw(key, index)
    return {
        **_profile(world, key, index, "Quality update"),
        "expeditedUpdateSettings": {
            "qualityUpdateRelease": draw.moment(),
            "daysUntilForcedReboot": draw.number(0, 2),
        },
        "releaseDateDisplayName": "01/13/2026",
        "deployableContentDisplayName": "2026.01 B Security Updates",
    }


def quality_policy(world: World, index: int) -> Document:
    """A windowsQualityUpdatePolicy (hotpatch)."""
    key = "windowsQualityUpdatePolicies"
    draw = world.draw(key, index)
    profile = _profile(world, key, index, "Hotpatch")
    return {**profile, "hotpatchEnabled": draw.chance(0.7), "approvalSettings": []}


def driver_profile(world: World, index: int) -> Document:
    """A windowsDriverUpdateProfile."""
    key = "windowsDriverUpdateProfiles"
    draw = world.draw(key, index)
    approval = draw.pick(("manual", "automatic"))
    return {
        **_profile(world, key, index, "Driver update"),
        "approvalType": approval,
        "deviceReporting": draw.number(0, 300),
        "newUpdates": draw.number(0, 30),
        "deploymentDeferralInDays": draw.number(0, 14) if approval == "automatic" else None,
        "inventorySyncStatus": {
            "lastSuccessfulSyncDateTime": draw.moment(),
            "driverInventorySyncState": "success",
        },
    }
