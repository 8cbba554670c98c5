"""What is covered, left out and uncovered, by facts of Graph's metadata."""

import pytest

from domain.coverage import CoverageState, coverage
from domain.left_out_places import LeftOut
from domain.resource_types.registry import RESOURCE_TYPES

TYPES = list(RESOURCE_TYPES.values())
PARTNER_TEMPLATES = "/policies/crossTenantAccessPolicy/templates"


def test_coverage_of_a_listed_collection_names_its_type_in_any_case() -> None:
    place = ("/devicemanagement/DeviceConfigurations", "deviceConfiguration", True, False)
    (judged,) = coverage([place], TYPES)
    assert (judged.state, judged.resource_type) == (CoverageState.COVERED, "deviceConfiguration")


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/policies/crossTenantAccessPolicy/default", "crossTenantAccess"),
        ("/policies/crossTenantAccessPolicy/partners", "crossTenantAccess"),
        (
            "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations",
            "authMethodsPolicy",
        ),
    ],
)
def test_coverage_of_what_a_singleton_is_read_with_names_its_type(path: str, key: str) -> None:
    (judged,) = coverage([(path, "whatever", True, False)], TYPES)
    assert (judged.state, judged.resource_type) == (CoverageState.COVERED, key)


@pytest.mark.parametrize("entry", TYPES, ids=lambda entry: entry.key)
def test_coverage_of_every_type_of_the_registry_is_covered(entry: object) -> None:
    path = RESOURCE_TYPES[getattr(entry, "key")].list_path  # noqa: B009 - typed as object
    (judged,) = coverage([(path, "whatever", True, False)], TYPES)
    assert judged.state is CoverageState.COVERED


@pytest.mark.parametrize(
    ("path", "entity_type", "reason"),
    [
        ("/deviceManagement/auditEvents", "auditEvent", LeftOut.EVENTS),
        ("/deviceManagement/managedDevices", "managedDevice", LeftOut.INVENTORY),
        ("/deviceManagement/userExperienceAnalyticsNew", "brandNew", LeftOut.OBSERVATION),
        ("/policies/conditionalAccessPolicies", "conditionalAccessPolicy", LeftOut.OTHER_ADDRESS),
        ("/roleManagement/x/transitiveRoleAssignments", "assignment", LeftOut.OBSERVATION),
        ("/directory/deletedItems", "directoryObject", LeftOut.DELETED),
        ("/users", "user", LeftOut.INVENTORY),
        ("/teamwork", "teamwork", LeftOut.OTHER_SERVICE),
    ],
)
def test_coverage_of_what_is_no_configuration_gives_a_reason(
    path: str, entity_type: str, reason: LeftOut
) -> None:
    (judged,) = coverage([(path, entity_type, True, False)], TYPES)
    assert (judged.state, judged.reason) == (CoverageState.LEFT_OUT, reason)


def test_coverage_of_what_nobody_can_write_is_left_out() -> None:
    (judged,) = coverage([("/policies/newPolicies", "newPolicy", True, True)], TYPES)
    assert judged.reason is LeftOut.READ_ONLY


@pytest.mark.parametrize(
    ("path", "entity_type"),
    [
        ("/deviceAppManagement/managedEBooks", "managedEBook"),
        ("/deviceManagement/cartToClassAssociations", "cartToClassAssociation"),
        ("/deviceManagement/dataSharingConsents", "dataSharingConsent"),
        ("/deviceManagement/resourceAccessProfiles", "deviceManagementResourceAccessProfileBase"),
        (
            "/deviceManagement/userExperienceAnalyticsBaselines",
            "userExperienceAnalyticsBaseline",
        ),
        (
            "/deviceManagement/userExperienceAnalyticsDeviceScopes",
            "userExperienceAnalyticsDeviceScope",
        ),
        (
            f"{PARTNER_TEMPLATES}/multiTenantOrganizationPartnerConfiguration",
            "multiTenantOrganizationPartnerConfigurationTemplate",
        ),
        ("/roleManagement/directory/roleEligibilitySchedules", "unifiedRoleEligibilitySchedule"),
        ("/applications", "application"),
        ("/groupSettings", "groupSetting"),
        ("/newReport", "newReport"),
    ],
)
def test_coverage_of_what_administrators_configure_is_never_left_out(
    path: str, entity_type: str
) -> None:
    (judged,) = coverage([(path, entity_type, True, False)], TYPES)
    assert judged.state is CoverageState.UNCOVERED


def test_coverage_of_a_new_collection_is_uncovered() -> None:
    (judged,) = coverage([("/deviceManagement/newPolicies", "newPolicy", True, False)], TYPES)
    assert (judged.state, judged.reason) == (CoverageState.UNCOVERED, None)
