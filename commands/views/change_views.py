"""How changes and comparisons look."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from commands.views.screen import json_value, stacked, styled, table

if TYPE_CHECKING:
    from domain.diff import Change
    from services.sets.backup_sets import BackupSet
    from services.sets.set_comparison import ObjectChange, TypeComparison

_STYLES = {"created": "green", "deleted": "red", "updated": "yellow", "schema_change": "dim"}
_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
_LONGEST_VALUE = 120


def change_parts(
    changes: "Sequence[ObjectChange]", differences: "Sequence[list[Change] | None]"
) -> list[RenderableType]:
    """Return the changes of a run, each with its differences if they were asked for."""
    if not changes:
        return ["Nothing changed."]
    if all(entry is None for entry in differences):
        rows = [
            (
                styled(change.change.replace("_", " "), _STYLES.get(change.change, "")),
                change.resource_type,
                change.name,
                change.object_id,
            )
            for change in changes
        ]
        return [table(("Change", "Resource type", "Name", "Object"), rows)]
    return [
        _detailed(change, found or []) for change, found in zip(changes, differences, strict=True)
    ]


def comparison_parts(
    older: "BackupSet", newer: "BackupSet", types: "Sequence[TypeComparison]"
) -> list[RenderableType]:
    """Return what differs between two sets."""
    rows = [
        (
            entry.resource_type,
            None if entry.is_comparable else "not read whole in both",
            len(entry.added) or None,
            len(entry.removed) or None,
            len(entry.changed) or None,
            len(entry.uncertain) or None,
        )
        for entry in types
        if entry.added
        or entry.removed
        or entry.changed
        or entry.uncertain
        or not entry.is_comparable
    ]
    title = f"From {older.name} to {newer.name}"
    columns = ("Resource type", "Note", "#Added", "#Removed", "#Changed", "#Uncertain")
    return [title, table(columns, rows)] if rows else [f"{title}: nothing differs."]


def _detailed(change: "ObjectChange", differences: "Sequence[Change]") -> Text:
    style = _STYLES.get(change.change, "")
    name = change.name or change.object_id
    lines = [styled(f"{change.change.replace('_', ' ')}: {change.resource_type} · {name}", style)]
    for difference in differences:
        sign, style = _SIGNS[difference.kind.value]
        lines.append(styled(f"  {sign} {difference.pointer}{_values(difference)}", style))
    return stacked(lines)


def _values(difference: "Change") -> str:
    if difference.is_secret:
        return "  (secret)"
    before, after = json_value(difference.before), json_value(difference.after)
    match difference.kind.value:
        case "added":
            return f"  {_cut(after)}"
        case "removed":
            return f"  {_cut(before)}"
    return f"  {_cut(before)} → {_cut(after)}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
