"""Whom an object is assigned to, by its document alone."""

from typing import Any

import pytest

from domain.assignments import Assignment, TargetKind, assignments_of
from domain.references import ZERO_GUID, Reference

ONE, TWO = "0a0e8a9e-58c1-4d0e-9d64-6a3f5f0e2c11", "1b0e8a9e-58c1-4d0e-9d64-6a3f5f0e2c12"


def row(kind: str, **target: Any) -> dict[str, Any]:
    return {"target": {"@odata.type": f"#microsoft.graph.{kind}AssignmentTarget", **target}}


GROUP = Assignment(target=TargetKind.GROUP, reference=Reference("group", ONE))
CASES: dict[str, tuple[dict[str, Any], Assignment]] = {
    "a group": (row("group", groupId=ONE), GROUP),
    "a group that is excluded": (
        row("exclusionGroup", groupId=ONE),
        Assignment(target=TargetKind.GROUP, is_exclusion=True, reference=Reference("group", ONE)),
    ),
    "all users": (row("allLicensedUsers"), Assignment(target=TargetKind.ALL_USERS)),
    "all devices without a filter": (
        row(
            "allDevices",
            deviceAndAppManagementAssignmentFilterId=ZERO_GUID,
            deviceAndAppManagementAssignmentFilterType="none",
        ),
        Assignment(target=TargetKind.ALL_DEVICES),
    ),
    "all devices with a filter": (
        row(
            "allDevices",
            deviceAndAppManagementAssignmentFilterId=TWO,
            deviceAndAppManagementAssignmentFilterType="include",
        ),
        Assignment(
            target=TargetKind.ALL_DEVICES, filter=Reference("filter", TWO), filter_mode="include"
        ),
    ),
    "a collection": (
        row("configurationManagerCollection", collectionId="SMS00001"),
        Assignment(target=TargetKind.COLLECTION, word="SMS00001"),
    ),
    "a target of the future": (
        row("everythingInOrbit"),
        Assignment(target=TargetKind.OTHER, word="everythingInOrbitAssignmentTarget"),
    ),
    "an app, from a policy set": (
        {
            **row("group", groupId=ONE),
            "intent": "required",
            "source": "policySets",
            "sourceId": TWO,
        },
        Assignment(
            target=TargetKind.GROUP,
            reference=Reference("group", ONE),
            intent="required",
            source="policySets",
            source_id=TWO,
        ),
    ),
    "a direct one": (
        {**row("group", groupId=ONE), "source": "direct", "sourceId": TWO},
        Assignment(target=TargetKind.GROUP, reference=Reference("group", ONE), source="direct"),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_assignment_of_intune(given: dict[str, Any], expected: Assignment) -> None:
    assert assignments_of({"assignments": [given]}) == [expected]


def test_users_of_conditional_access_are_assignments_too() -> None:
    users = {
        "includeUsers": ["All"],
        "excludeUsers": [TWO],
        "excludeGroups": [ONE],
        "includeRoles": [TWO],
    }
    assert assignments_of({"conditions": {"users": users}}) == [
        Assignment(target=TargetKind.WORD, word="All"),
        Assignment(target=TargetKind.USER, is_exclusion=True, reference=Reference("user", TWO)),
        Assignment(target=TargetKind.GROUP, is_exclusion=True, reference=Reference("group", ONE)),
        Assignment(target=TargetKind.ROLE, reference=Reference("entraRole", TWO)),
    ]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"assignments": None},
        {"assignments": "all"},
        {"assignments": [None, 1, {}, {"target": []}]},
        {"conditions": []},
        {"conditions": {"users": [ONE]}},
        {"conditions": {"users": {"includeUsers": ONE}}},
    ],
)
def test_document_of_another_shape_has_no_assignments(document: dict[str, Any]) -> None:
    assert assignments_of(document) == []
