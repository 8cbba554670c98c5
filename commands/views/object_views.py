"""How objects of a backup set look: what they are assigned to, and what could not be read."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from commands.views.screen import details, table

if TYPE_CHECKING:
    from services.references.name_books import NamedReference
    from services.references.object_references import NamedAssignment, Referrer, ShownObject
    from services.sets.backup_sets import BackupSet, SetEntry

_WORDS = {
    "all_users": "all users",
    "all_devices": "all devices",
    "collection": "collection",
    "other": "other",
    "word": "",
}
_MISSING = {
    "dangling": "(does not exist)",
    "unknown": "(name not known)",
    "named": "(no name)",
}


def objects_document(
    found: "BackupSet",
    key: str,
    entries: "Sequence[SetEntry]",
    not_captured: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Return the objects of one type of a set."""
    return {
        "set": found,
        "resource_type": key,
        "objects": [
            {
                "object_id": entry.object_id,
                "name": entry.name,
                "version_hash": entry.version_hash,
                "not_captured": not_captured.get(entry.object_id, ()),
            }
            for entry in entries
        ],
    }


def objects_parts(
    found: "BackupSet",
    key: str,
    entries: "Sequence[SetEntry]",
    not_captured: Mapping[str, Sequence[str]],
) -> list[RenderableType]:
    """Return what a person reads of one type of a set."""
    rows = [
        (entry.name, entry.object_id, len(not_captured.get(entry.object_id, ())) or None)
        for entry in entries
    ]
    columns = ("Name", "Object", "#Not captured")
    return [f"{key} in {found.name}", table(columns, rows, empty="No objects of this type.")]


def object_document(found: "BackupSet", shown: "ShownObject") -> dict[str, Any]:
    """Return one object of a set with ids and names."""
    return {"set": found, "object": shown}


def object_parts(found: "BackupSet", shown: "ShownObject") -> list[RenderableType]:
    """Return what a person reads of one object."""
    tags = ", ".join(_label(tag) for tag in shown.scope_tags)
    header = details(
        (
            ("Object", shown.object_id),
            ("Name", shown.name),
            ("Resource type", shown.resource_type),
            ("Set", found.name),
            ("Version", shown.version_hash),
            ("Scope tags", tags or None),
        )
    )
    parts: list[RenderableType] = [header]
    rows = [_row(entry) for entry in shown.assignments]
    parts.append(
        table(("Assigned", "Target", "Filter", "Intent", "From"), rows, empty="Not assigned.")
    )
    if shown.references:
        named = [(one.kind, _name(one), one.object_id) for one in shown.references]
        parts.append(table(("Refers to", "Name", "Id"), named))
    if shown.not_captured:
        places = [(place,) for place in shown.not_captured]
        parts.append(table(("Not captured: Graph keeps it to itself",), places))
    return parts


def referrers_document(wanted: tuple[str, str], known: "Sequence[Referrer]") -> dict[str, Any]:
    """Return who refers to an object; `wanted` is its kind and id."""
    return {"kind": wanted[0], "object_id": wanted[1], "referrers": known}


def referrers_table(known: "Sequence[Referrer]") -> RenderableType:
    """Return who refers to an object, as a list."""
    rows = [(entry.resource_type, entry.name, entry.object_id) for entry in known]
    return table(("Resource type", "Name", "Object"), rows, empty="Nothing refers to it.")


def _row(assignment: "NamedAssignment") -> tuple[str | None, ...]:
    mode = "exclude" if assignment.is_exclusion else "include"
    chosen = assignment.filter
    shown = None if chosen is None else f"{assignment.filter_mode or 'with'}: {_label(chosen)}"
    return mode, _target(assignment), shown, assignment.intent, _source(assignment)


def _target(assignment: "NamedAssignment") -> str:
    if assignment.reference is not None:
        return f"{assignment.target.value} {_label(assignment.reference)}"
    return f"{_WORDS.get(assignment.target.value, '')} {assignment.word or ''}".strip()


def _source(assignment: "NamedAssignment") -> str | None:
    if assignment.source in (None, "direct"):
        return None
    return f"{assignment.source} {assignment.source_id or ''}".strip()


def _label(reference: "NamedReference") -> str:
    return f"{_name(reference)} [{reference.object_id}]"


def _name(reference: "NamedReference") -> str:
    return reference.name or _MISSING[reference.state.value]
