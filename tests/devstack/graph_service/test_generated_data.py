"""Generated objects: shapes known to Graph, sizes and counts of scale.md."""

import json
import statistics
from pathlib import Path

import orjson
import pytest

from devstack.graph_service import GraphConfig, Profile, running_graph
from devstack.graph_service.catalog import CATALOG
from devstack.graph_service.generation import World
from devstack.graph_service.generation.registry import GENERATORS

SCHEMA = Path(__file__).parents[4] / "shared" / "graph" / "data" / "schema" / "beta-types.json"
# Properties that the extract of the schema does not have.
NEWER = {"partialEnablementStrategy", "templateId"}  # both stand in real exports


def world(profile: Profile = Profile.M) -> World:
    return World(seed=7, tenant=0, profile=profile)


@pytest.mark.parametrize("key", sorted(GENERATORS))
def test_generated_object_repeats_and_has_its_id(key: str) -> None:
    one, other = world().body(key, 3), world().body(key, 3)

    assert one == other
    assert one.get("id") == world().id_of(key, 3) or CATALOG.get(key).singleton


@pytest.mark.parametrize(
    "collection", [c for c in CATALOG.stored() if c.polymorphic], ids=lambda c: c.key
)
def test_polymorphic_objects_carry_their_type(collection) -> None:  # type: ignore[no-untyped-def]  # parametrized row
    bodies = [world().body(collection.key, i) for i in range(20)]

    assert all(body["@odata.type"].startswith("#microsoft.graph.") for body in bodies)


@pytest.mark.skipif(not SCHEMA.exists(), reason="the shared schema is not here")
@pytest.mark.parametrize("collection", CATALOG.stored(), ids=lambda c: c.key)
def test_generated_properties_exist_in_the_schema(collection) -> None:  # type: ignore[no-untyped-def]  # parametrized row
    types = json.loads(SCHEMA.read_text())["types"]
    unknown = set()
    for index in range(25):
        body = world().body(collection.key, index)
        kind = str(body.get("@odata.type", f"#microsoft.graph.{collection.entity}"))
        name = kind.removeprefix("#microsoft.graph.")
        allowed = properties(types, name[0].upper() + name[1:])
        if allowed:
            unknown |= {p for p in body if p[0] not in "@_" and p not in allowed} - NEWER

    assert unknown == set()


# Types of Entra and older ones of Intune that the extract lacks; the documentation's own examples.
EXAMPLES = {
    "managementConditions": "beta/intune-fencing-networkipv4configurationmanagementcondition-list",
    "authenticationContextClassReferences": (
        "beta/conditionalaccessroot-list-authenticationcontextclassreferences"
    ),
    "groupPolicyUploadedDefinitionFiles": (
        "beta/intune-grouppolicy-grouppolicyuploadeddefinitionfile-list"
    ),
    "depOnboardingSettings": "beta/intune-enrollment-deponboardingsetting-list",
    "appleUserInitiatedEnrollmentProfiles": (
        "beta/intune-enrollment-appleuserinitiatedenrollmentprofile-list"
    ),
    "vppTokens": "beta/intune-onboarding-vpptoken-list",
    "policySets": "beta/intune-policyset-policyset-list",
    "complianceManagementPartners": "beta/intune-onboarding-compliancemanagementpartner-list",
    "deviceManagementPartners": "beta/intune-onboarding-devicemanagementpartner-list",
    "remoteAssistancePartners": "beta/intune-remoteassistance-remoteassistancepartner-list",
    "directoryRoles": "v1.0/directoryrole-list",
}
# Older than the schema, or a navigation property, which examples of lists do not show.
NOT_IN_EXAMPLES = {"managedGooglePlayEnterpriseType", "androidOnboarded"}


@pytest.mark.skipif(not SCHEMA.exists(), reason="the shared schema is not here")
@pytest.mark.parametrize("key", EXAMPLES)
def test_generated_object_looks_like_the_documented_example(key: str) -> None:
    path = SCHEMA.parents[1] / "graph-doc-examples" / f"{EXAMPLES[key]}__1.json"
    example = json.loads(path.read_text())["body"]["value"][0]
    navigations = {one.name for one in CATALOG.get(key).navigations}
    body = world().body(key, 0)

    shown = {name for name in body if name != "@odata.type"} - navigations
    assert shown - set(example) == set()
    assert all(
        isinstance(body[name], type(example[name])) for name in shown if body[name] is not None
    )


def properties(types: dict[str, dict[str, object]], name: str | None) -> set[str]:
    found: set[str] = set()
    while name is not None and name in types:
        row = types[name]
        found |= set(row["props"])  # type: ignore[call-overload]  # the extract is plain JSON
        base = row["base"]
        name = str(base) if base else None
    return found | {"id"} if found else set()


def test_sizes_are_those_of_real_tenants() -> None:
    made = world()
    sizes = {
        key: [len(orjson.dumps(made.body(key, i))) for i in range(made.count(key))]
        for key in ("configurationPolicies", "mobileApps", "conditionalAccessPolicies")
    }

    medians = {key: statistics.median(values) for key, values in sizes.items()}
    assert 4_000 < medians["configurationPolicies"] < 14_000
    assert 15_000 < medians["mobileApps"] < 35_000
    assert 1_000 < medians["conditionalAccessPolicies"] < 2_500


def test_settings_per_policy_follow_the_published_distribution() -> None:
    made = world(Profile.L)
    counts = sorted(made.body("configurationPolicies", i)["settingCount"] for i in range(400))

    assert 3 <= counts[200] <= 6
    assert 15 <= counts[360] <= 45
    assert counts[-1] == 256


async def test_stress_profile_starts_at_once_and_serves_its_largest_policy() -> None:
    async with running_graph(GraphConfig(profile=Profile.STRESS, tenants=1)) as graph:
        identifier = graph.control.object_ids(0, "configurationPolicies")[2]

        largest = graph.control.get_object(0, "configurationPolicies", identifier)

        assert len(largest["settings"]) == 1200
        assert graph.control.count(0, "groups") == 150_000
