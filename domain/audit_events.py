"""What an audit event of Graph says: when, what was done to which objects, and by whom.

Pure. An event that cannot be read as one is left out; nothing here decides about an outcome. What
is done with an actor, who is personal data, is the business of the callers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.resource_types.registry import RESOURCE_TYPES

# An event is in Graph some time after what it tells of (minutes as a rule); so far back is read
# again each time. Joining is by the event's own time, so a late one still finds its window.
LATEST_ARRIVAL = timedelta(hours=2)
# How far back the first read goes in a tenant without a backup.
FIRST_WINDOW = timedelta(hours=24)
# Read in pieces, each with its own end, so that one that was stored is not read again.
LARGEST_WINDOW = timedelta(hours=24)


class EventSource(StrEnum):
    """Where Graph keeps events."""

    INTUNE = "intune"  # /deviceManagement/auditEvents
    DIRECTORY = "directory"  # /auditLogs/directoryAudits


class EventOperation(StrEnum):
    """What was done, in our words."""

    CREATE = "create"  # the object was made
    UPDATE = "update"  # it was changed
    DELETE = "delete"  # it was deleted
    ASSIGN = "assign"  # what it is assigned to was changed
    OTHER = "other"  # anything else; it may have changed the object


class ActorKind(StrEnum):
    """Who acted."""

    USER = "user"  # a person
    APPLICATION = "application"  # an app of the tenant, or one with consent
    SERVICE = "service"  # Microsoft itself, or nobody whom the event names


@dataclass(frozen=True, slots=True)
class EventActor:
    """Who did it. `application` is the app a person used, where the event names it."""

    kind: ActorKind
    id: str | None = None
    name: str | None = None
    application: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """Return what is sealed and stored."""
        return {
            "kind": self.kind.value,
            "id": self.id,
            "name": self.name,
            "application": self.application,
        }


@dataclass(frozen=True, slots=True)
class AuditedObject:
    """One object of one event; `kind` is Graph's word for its type, which only hints at a key."""

    source: EventSource
    event_id: str
    happened_at: datetime
    operation: EventOperation
    object_id: str
    kind: str
    actor: EventActor


# Permissions of which one is enough to read a source (api.md a.1).
SOURCE_PERMISSIONS: Mapping[EventSource, frozenset[str]] = {
    EventSource.INTUNE: frozenset(
        {"DeviceManagementApps.Read.All", "DeviceManagementApps.ReadWrite.All"}
    ),
    EventSource.DIRECTORY: frozenset({"AuditLog.Read.All"}),
}
# Categories of the directory's log that tell of types we read; sign-ups and devices do not.
DIRECTORY_CATEGORIES = (
    "AdministrativeUnit",
    "Agreement",
    "ApplicationManagement",
    "Authentication",
    "AuthorizationPolicy",
    "Authorization",
    "CrossTenantAccessSettings",
    "DirectoryManagement",
    "EntitlementManagement",
    "GroupManagement",
    "Policy",
    "RoleManagement",
)

_INTUNE_PATHS = ("/devicemanagement", "/deviceappmanagement")
_SUCCESSES = frozenset({"success", "succeeded", "timeout", ""})
_OPERATIONS = (
    ("assign", EventOperation.ASSIGN),
    ("create", EventOperation.CREATE),
    ("add", EventOperation.CREATE),
    ("delete", EventOperation.DELETE),
    ("remove", EventOperation.DELETE),
    ("patch", EventOperation.UPDATE),
    ("update", EventOperation.UPDATE),
    ("set", EventOperation.UPDATE),
)
# `Assign …`, `Unassign …`, or a type of rows; an assignment filter is an object like any other.
_ASSIGNMENT = re.compile(r"^(un)?assign|assignments?$", re.IGNORECASE)
_FRACTION = re.compile(r"\.(\d+)")
# Phrases of the directory's activities → key.
_ACTIVITIES = (
    ("conditional access policy", "caPolicy"),
    ("named location", "namedLocation"),
    ("role definition", "entraRole"),
    ("group", "group"),
)


def source_of(resource_type: str) -> EventSource:
    """Return where changes of a type are audited; the directory for a key that is not known."""
    entry = RESOURCE_TYPES.get(resource_type)
    path = "" if entry is None else entry.list_path.lower()
    return EventSource.INTUNE if path.startswith(_INTUNE_PATHS) else EventSource.DIRECTORY


def type_of_kind(kind: str) -> str | None:
    """Return the registry key that Graph's word for a type stands for, if just one does."""
    lowered = kind.lower().rpartition(".")[2]
    by_phrase = [key for phrase, key in _ACTIVITIES if phrase in kind.lower()]
    if by_phrase and by_phrase[0] in RESOURCE_TYPES:
        return by_phrase[0]
    found = [
        entry.key
        for entry in RESOURCE_TYPES.values()
        if lowered and entry.odata_type.lower().removeprefix("#microsoft.graph.") == lowered
    ]
    return found[0] if len(found) == 1 else None


def audited_objects(source: EventSource, event: Mapping[str, Any]) -> Iterator[AuditedObject]:
    """Yield the objects of an event that succeeded, each id once; none if it cannot be read."""
    event_id, happened_at = event.get("id"), parse_moment(event.get("activityDateTime"))
    if not isinstance(event_id, str) or not event_id or happened_at is None:
        return
    result = event.get("activityResult" if source is EventSource.INTUNE else "result")
    if str(result or "").lower() not in _SUCCESSES:
        return
    reading = _intune if source is EventSource.INTUNE else _directory
    operation, targets, actor = reading(event)
    for object_id, kind in dict(reversed(targets)).items():
        yield AuditedObject(source, event_id, happened_at, operation, object_id, kind, actor)


def parse_moment(value: object) -> datetime | None:
    """Return a moment of Graph, whose fractions have up to seven digits, as aware UTC."""
    if not isinstance(value, str):
        return None
    text = _FRACTION.sub(lambda found: f".{found.group(1)[:6]:0<6}", value)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.astimezone(UTC)


_Reading = tuple[EventOperation, list[tuple[str, str]], EventActor]


def _intune(event: Mapping[str, Any]) -> _Reading:
    resources = _objects(event.get("resources"))
    kinds = [_text(row, "auditResourceType") or _text(row, "type") or "" for row in resources]
    words = (_text(event, "activityType") or "", *kinds)
    operation = _operation(_text(event, "activityOperationType") or "", words)
    targets = [
        (object_id, kind)
        for row, kind in zip(resources, kinds, strict=True)
        if (object_id := _text(row, "resourceId")) is not None
    ]
    actor = event.get("actor")
    return operation, targets, _intune_actor(actor if isinstance(actor, dict) else {})


def _intune_actor(actor: Mapping[str, Any]) -> EventActor:
    application = _text(actor, "applicationDisplayName") or _text(actor, "servicePrincipalName")
    user, user_id = _text(actor, "userPrincipalName"), _text(actor, "userId")
    if user is not None or user_id is not None:
        return EventActor(ActorKind.USER, user_id, user, application)
    app_id = _text(actor, "applicationId")
    if application is not None or app_id is not None:
        return EventActor(ActorKind.APPLICATION, app_id, application)
    return EventActor(ActorKind.SERVICE)


def _directory(event: Mapping[str, Any]) -> _Reading:
    activity = _text(event, "activityDisplayName") or ""
    operation = _operation(_text(event, "operationType") or activity, (activity,))
    targets = [
        (object_id, f"{_text(row, 'type') or ''} {activity}")
        for row in _objects(event.get("targetResources"))
        if (object_id := _text(row, "id")) is not None
    ]
    initiator = event.get("initiatedBy")
    return operation, targets, _directory_actor(initiator if isinstance(initiator, dict) else {})


def _directory_actor(initiator: Mapping[str, Any]) -> EventActor:
    user, app = initiator.get("user"), initiator.get("app")
    application = _text(app, "displayName") if isinstance(app, dict) else None
    if isinstance(user, dict):
        name = _text(user, "userPrincipalName") or _text(user, "displayName")
        return EventActor(ActorKind.USER, _text(user, "id"), name, application)
    if isinstance(app, dict):
        app_id = _text(app, "appId") or _text(app, "servicePrincipalId")
        return EventActor(ActorKind.APPLICATION, app_id, application)
    return EventActor(ActorKind.SERVICE)


def _operation(word: str, context: Sequence[str]) -> EventOperation:
    """Return the operation; an assignment is told by what it is about, whatever its verb.

    `context`: the activity, and Graph's words for the types of its objects.
    """
    lowered = word.lower()
    if any(_ASSIGNMENT.search(text) for text in (lowered, *context)):
        return EventOperation.ASSIGN
    return next(
        (operation for start, operation in _OPERATIONS if lowered.startswith(start)),
        EventOperation.OTHER,
    )


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) and value else None
