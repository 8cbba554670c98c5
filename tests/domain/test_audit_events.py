import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.audit_events import (
    ActorKind,
    AuditedObject,
    EventOperation,
    EventSource,
    audited_objects,
    parse_moment,
    source_of,
    type_of_kind,
)

EXAMPLES = Path(__file__).parents[3] / "shared" / "graph" / "data" / "graph-doc-examples"
INTUNE_EVENT: dict[str, Any] = {
    "id": "event",
    "activityDateTime": "2026-05-01T10:00:00.1234567Z",
    "activityType": "Patch DeviceConfiguration",
    "activityOperationType": "Patch",
    "activityResult": "Success",
    "actor": {"userPrincipalName": "eve@contoso.com", "userId": "u", "applicationId": "a"},
    "resources": [{"resourceId": "one", "type": "DeviceConfiguration"}],
}
DIRECTORY_EVENT: dict[str, Any] = {
    "id": "event",
    "activityDateTime": "2026-05-01T10:00:00Z",
    "activityDisplayName": "Update conditional access policy",
    "operationType": "Update",
    "result": "success",
    "initiatedBy": {"user": None, "app": {"appId": "a", "displayName": "Robot"}},
    "targetResources": [{"id": "one", "type": "Policy"}],
}


def intune(**changes: Any) -> list[AuditedObject]:
    return list(audited_objects(EventSource.INTUNE, INTUNE_EVENT | changes))


def directory(**changes: Any) -> list[AuditedObject]:
    return list(audited_objects(EventSource.DIRECTORY, DIRECTORY_EVENT | changes))


def test_intune_event_says_who_when_and_what() -> None:
    [found] = intune()
    assert found.happened_at == datetime(2026, 5, 1, 10, 0, 0, 123456, UTC)
    assert (found.object_id, found.operation) == ("one", EventOperation.UPDATE)
    assert (found.actor.kind, found.actor.id, found.actor.name) == (
        ActorKind.USER,
        "u",
        "eve@contoso.com",
    )


@pytest.mark.parametrize(
    ("changes", "operation"),
    [
        ({"activityOperationType": "Create"}, EventOperation.CREATE),
        ({"activityOperationType": "Delete"}, EventOperation.DELETE),
        ({"activityOperationType": "SetReference"}, EventOperation.UPDATE),
        ({"activityOperationType": "Action"}, EventOperation.OTHER),
        (
            {"activityOperationType": "Action", "activityType": "assign MobileApp"},
            EventOperation.ASSIGN,
        ),
        (
            {"resources": [{"resourceId": "one", "auditResourceType": "MobileAppAssignment"}]},
            EventOperation.ASSIGN,
        ),
        (
            {
                "resources": [
                    {"resourceId": "one", "type": "DeviceAndAppManagementAssignmentFilter"}
                ]
            },
            EventOperation.UPDATE,
        ),
    ],
)
def test_operation_is_put_in_our_words(changes: dict[str, Any], operation: EventOperation) -> None:
    assert [found.operation for found in intune(**changes)] == [operation]


@pytest.mark.parametrize(
    ("actor", "kind", "name"),
    [
        ({"applicationId": "a", "applicationDisplayName": "Robot"}, ActorKind.APPLICATION, "Robot"),
        ({"servicePrincipalName": "spn"}, ActorKind.APPLICATION, "spn"),
        ({"auditActorType": "System"}, ActorKind.SERVICE, None),
        (None, ActorKind.SERVICE, None),
    ],
)
def test_actor_that_is_no_person_is_told_apart(
    actor: object, kind: ActorKind, name: str | None
) -> None:
    [found] = intune(actor=actor)
    assert (found.actor.kind, found.actor.name) == (kind, name)


@pytest.mark.parametrize(
    "changes",
    [
        {"activityResult": "Failure"},
        {"activityDateTime": "soon"},
        {"activityDateTime": "2026-05-01T10:00:00"},
        {"id": None},
        {"resources": None},
        {"resources": [{"resourceId": None}, "x"]},
    ],
    ids=str,
)
def test_event_that_failed_or_names_nothing_is_left_out(changes: dict[str, Any]) -> None:
    assert intune(**changes) == []


def test_event_of_several_objects_names_each_once() -> None:
    rows = [{"resourceId": name} for name in ("one", "two", "one")]
    assert {found.object_id for found in intune(resources=rows)} == {"one", "two"}
    assert len(intune(resources=rows)) == 2


def test_directory_event_of_an_app_names_the_app() -> None:
    [found] = directory()
    assert (found.actor.kind, found.actor.name) == (ActorKind.APPLICATION, "Robot")
    assert type_of_kind(found.kind) == "caPolicy"


def test_directory_event_of_a_person_names_the_person() -> None:
    user = {"id": "u", "userPrincipalName": "eve@contoso.com"}
    [found] = directory(initiatedBy={"user": user, "app": None}, operationType="Delete")
    assert (found.actor.name, found.operation) == ("eve@contoso.com", EventOperation.DELETE)


def test_documented_examples_of_events_can_be_read() -> None:
    files = sorted(EXAMPLES.glob("*/intune-auditing-auditevent-list__1.json"))
    if not files:
        pytest.skip("the shared examples are not here")
    for file in files:
        [event] = json.loads(file.read_text())["body"]["value"]
        [found] = audited_objects(EventSource.INTUNE, event | {"activityResult": "Success"})
        assert (found.object_id, found.kind) == ("Resource Id value", "Type value")
        assert found.happened_at == datetime(2017, 1, 1, 7, 59, 51, 636308, UTC)


@pytest.mark.parametrize(
    ("key", "source"),
    [
        ("settingsCatalog", EventSource.INTUNE),
        ("mobileApp", EventSource.INTUNE),
        ("caPolicy", EventSource.DIRECTORY),
        ("entraRole", EventSource.DIRECTORY),
    ],
)
def test_type_is_audited_where_its_path_is(key: str, source: EventSource) -> None:
    assert source_of(key) is source


def test_moment_without_zone_is_none() -> None:
    assert parse_moment("2026-05-01T10:00:00") is None
    assert parse_moment(5) is None
