"""How the history of one object looks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from commands.views.author_views import attribution_document, who
from commands.views.change_views import difference_lines
from commands.views.screen import details, short_id, stacked, styled, table

if TYPE_CHECKING:
    from services.history.object_history import HistoryEntry, KnownObject, SetPlace

_STYLES = {"created": "green", "recreated": "green", "deleted": "red", "updated": "yellow"}


def history_document(
    resource_type: str, known: "KnownObject", entries: "Sequence[HistoryEntry]", *, in_full: bool
) -> dict[str, Any]:
    """Return the history of an object; `in_full` with every difference."""
    return {
        "resource_type": resource_type,
        "object_id": known.object_id,
        "name": known.name,
        "is_deleted": known.is_deleted,
        "versions": [_entry(entry, in_full=in_full) for entry in entries],
    }


def history_parts(
    resource_type: str, known: "KnownObject", entries: "Sequence[HistoryEntry]", *, in_full: bool
) -> list[RenderableType]:
    """Return what a person reads of an object's history, the newest version last."""
    header = details(
        (
            ("Object", known.name),
            ("Id", known.object_id),
            ("Resource type", resource_type),
            ("State", "deleted" if known.is_deleted else "exists"),
        )
    )
    rows = [
        (
            entry.version.version_number,
            styled(entry.kind.replace("_", " "), _STYLES.get(entry.kind, "dim")),
            entry.version.captured_at,
            _places(entry),
            None if entry.differences is None else len(entry.differences),
            who(entry.attribution),
        )
        for entry in entries
    ]
    columns = ("#Version", "Change", "Captured", "In sets", "#Properties", "Who")
    parts: list[RenderableType] = [header, table(columns, rows)]
    if in_full:
        parts += [
            stacked(
                [
                    styled(f"Version {entry.version.version_number}", "bold"),
                    *difference_lines(entry.differences),
                ]
            )
            for entry in entries
            if entry.differences
        ]
    return parts


def _places(entry: "HistoryEntry") -> str | None:
    first, last = entry.first_set, entry.last_set
    if first is None or last is None:
        return None
    if entry.set_count == 1:
        return f"#{first.sequence} ({short_id(first.id)})"
    return f"#{first.sequence} to #{last.sequence} ({entry.set_count} sets)"


def _entry(entry: "HistoryEntry", *, in_full: bool) -> dict[str, Any]:
    version = entry.version
    return {
        "version_number": version.version_number,
        "change": entry.kind,
        "version_hash": version.version_hash,
        "captured_at": version.captured_at,
        "operation_run_id": version.operation_run_id,
        "not_captured": version.not_captured,
        "first_set": _place(entry.first_set),
        "last_set": _place(entry.last_set),
        "set_count": entry.set_count,
        "changed_properties": None if entry.differences is None else len(entry.differences),
        **({"differences": entry.differences} if in_full else {}),
        "changed_by": attribution_document(entry.attribution),
    }


def _place(place: "SetPlace | None") -> dict[str, Any] | None:
    if place is None:
        return None
    return {"id": place.id, "sequence": place.sequence, "captured_at": place.captured_at}
