"""Actions on one object: /assign and the other POSTs with a name of their own (api.md a.1)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from devstack.graph_service import refusals
from devstack.graph_service.answers import Answer, json_answer
from devstack.graph_service.call import Call
from devstack.graph_service.catalog import Collection
from devstack.graph_service.generation.draw import Document


@dataclass(slots=True)
class ActionOutcome:
    """The changed object, the answer, and an object of another collection if one was made."""

    document: Document
    answer: Answer = field(default_factory=lambda: Answer(204))
    members: list[dict[str, Any]] | None = None
    new_object: tuple[str, Document] | None = None


Action = Callable[[Call, Collection, Document], ActionOutcome]


def _rows(body: Document, *keys: str) -> list[Document]:
    for key in keys:
        if isinstance(body.get(key), list):
            return [dict(row) for row in body[key]]
    raise refusals.bad_query(f"The request body needs '{keys[0]}'.")


def assign(call: Call, collection: Collection, document: Document) -> ActionOutcome:
    """Replace the whole assignment list."""
    owner = document["id"]
    rows = []
    for row in _rows(call.json(), collection.assign_key, "assignments"):
        kept = {k: v for k, v in row.items() if k not in ("id", "source", "sourceId")}
        fresh = {"id": f"{owner}_{uuid.uuid4()}", "source": "direct", "sourceId": owner}
        rows.append({**fresh, **kept})
    document["assignments"] = rows
    if "isAssigned" in document:
        document["isAssigned"] = bool(rows)
    return ActionOutcome(document, json_answer(200, {"value": rows}))


def schedule_actions(call: Call, _collection: Collection, document: Document) -> ActionOutcome:
    """Replace the scheduled actions of a compliance policy, either kind."""
    rules = _rows(call.json(), "deviceComplianceScheduledActionForRules", "scheduledActions")
    for rule in rules:
        rule.setdefault("id", str(uuid.uuid4()))
        rule["ruleName"] = None
        rule["scheduledActionConfigurations"] = [
            {"id": str(uuid.uuid4()), **row}
            for row in rule.get("scheduledActionConfigurations") or []
        ]
    document["scheduledActionsForRule"] = rules
    return ActionOutcome(document)


def update_definition_values(
    call: Call, _collection: Collection, document: Document
) -> ActionOutcome:
    """Add, update and delete definition values of an ADMX configuration."""
    body = call.json()
    gone = set(body.get("deletedIds") or [])
    rows = [dict(r) for r in document.get("definitionValues") or [] if r["id"] not in gone]
    for change in body.get("updated") or []:
        for row in rows:
            if row["id"] == change.get("id"):
                row.update({k: v for k, v in change.items() if "@odata.bind" not in k})
    for added in body.get("added") or []:
        row = {k: v for k, v in added.items() if "@odata.bind" not in k}
        bound = str(added.get("definition@odata.bind", "")).rpartition("('")[2].rstrip("')")
        row.setdefault("presentationValues", [])
        rows.append({"id": str(uuid.uuid4()), **row, "definition": {"id": bound}})
    document["definitionValues"] = rows
    return ActionOutcome(document)


def update_settings(call: Call, _collection: Collection, document: Document) -> ActionOutcome:
    """Change settings of an intent, flat and below their categories."""
    changes = {row.get("id"): row for row in _rows(call.json(), "settings")}

    def changed(rows: list[Document]) -> list[Document]:
        return [{**row, **changes.get(row["id"], {})} for row in rows]

    document["settings"] = changed(document.get("settings") or [])
    document["categories"] = [
        {**category, "settings": changed(category.get("settings") or [])}
        for category in document.get("categories") or []
    ]
    return ActionOutcome(document)


def set_priority(call: Call, _collection: Collection, document: Document) -> ActionOutcome:
    """Move a custom enrolment configuration; defaults keep priority 0."""
    priority = call.json().get("priority")
    if not isinstance(priority, int) or priority < 1 or document.get("priority") == 0:
        raise refusals.bad_query("Priority must be a positive number of a custom configuration.")
    document["priority"] = priority
    return ActionOutcome(document)


def target_apps(call: Call, _collection: Collection, document: Document) -> ActionOutcome:
    """Replace the apps of an app protection policy."""
    body = call.json()
    rows = _rows(body, "apps")
    document["apps"] = [{"id": str(uuid.uuid4()), "version": "1", **row} for row in rows]
    document["deployedAppCount"] = len(rows)
    if "appGroupType" in body:
        document["appGroupType"] = body["appGroupType"]
    return ActionOutcome(document)


def create_instance(call: Call, _collection: Collection, document: Document) -> ActionOutcome:
    """Make an intent from a template."""
    body = call.json()
    intent = {
        "id": str(uuid.uuid4()),
        "displayName": body.get("displayName") or "",
        "description": body.get("description"),
        "isAssigned": False,
        "isMigratingToConfigurationPolicy": None,
        "lastModifiedDateTime": None,
        "templateId": document["id"],
        "roleScopeTagIds": body.get("roleScopeTagIds") or ["0"],
        "settings": body.get("settingsDelta") or [],
        "categories": document.get("categories") or [],
        "assignments": [],
    }
    return ActionOutcome(document, new_object=("intents", intent))


def update(call: Call, _collection: Collection, document: Document) -> ActionOutcome:
    """Change items and assignments of a policy set."""
    body = call.json()
    for name in ("assignments", "items"):
        if isinstance(body.get(name), list):
            document[name] = [{"id": str(uuid.uuid4()), **row} for row in body[name]]
    return ActionOutcome(document)


ACTIONS: dict[str, Action] = {
    "assign": assign,
    "scheduleactionsforrules": schedule_actions,
    "setscheduledactions": schedule_actions,
    "updatedefinitionvalues": update_definition_values,
    "updatesettings": update_settings,
    "setpriority": set_priority,
    "targetapps": target_apps,
    "createinstance": create_instance,
    "update": update,
}
