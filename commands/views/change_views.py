"""How changes and comparisons look."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from commands.views.author_views import acts, gap_parts, who
from commands.views.screen import json_value, stacked, styled, table

if TYPE_CHECKING:
    from domain.diff import Change
    from services.history.change_attribution import Authorship, RevertedObject
    from services.sets.backup_sets import BackupSet
    from services.sets.set_comparison import ObjectChange, TypeComparison

_STYLES = {"created": "green", "deleted": "red", "updated": "yellow", "schema_change": "dim"}
_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
_LONGEST_VALUE = 120
# Of what two long values share, so much is shown before they part.
_SHOWN_BEFORE = 20


def change_parts(
    changes: "Sequence[ObjectChange]",
    differences: "Sequence[Sequence[Change] | None] | None",
    authorship: "Authorship | None" = None,
) -> list[RenderableType]:
    """Return the changes of a run, each with its differences if they were asked for.

    Those of one object are None when a document of it cannot be read any more.
    """
    authors = [
        None
        if authorship is None
        else who(authorship.by_object[change.resource_type, change.object_id])
        for change in changes
    ]
    reverted = [] if authorship is None else reverted_parts(authorship.reverted)
    reverted += gap_parts(authorship)
    if not changes:
        return ["Nothing changed.", *reverted]
    if differences is None:
        rows = [
            (
                styled(change.change.replace("_", " "), _STYLES.get(change.change, "")),
                change.resource_type,
                change.name,
                change.object_id,
                author,
            )
            for change, author in zip(changes, authors, strict=True)
        ]
        columns = ("Change", "Resource type", "Name", "Object", "Who")
        return [table(columns, rows), *reverted]
    detailed = [
        _detailed(change, found, author)
        for change, found, author in zip(changes, differences, authors, strict=True)
    ]
    return [*detailed, *reverted]


def reverted_parts(reverted: "Sequence[RevertedObject]") -> list[RenderableType]:
    """Return what was touched in between and is what it was."""
    rows = [
        (
            "came and went" if entry.came_and_went else "changed and reverted",
            entry.resource_type,
            entry.name,
            entry.object_id,
            acts(entry.events) if entry.events else "seen by a backup in between",
        )
        for entry in reverted
    ]
    columns = ("In between", "Resource type", "Name", "Object", "Who")
    title = "Changed and reverted between the backups, or touched without a change"
    return [table(columns, rows, title=title)] if rows else []


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
            len(entry.schema_changed) or None,
            len(entry.uncertain) or None,
        )
        for entry in types
        if entry.added
        or entry.removed
        or entry.changed
        or entry.schema_changed
        or entry.uncertain
        or not entry.is_comparable
    ]
    title = f"From {older.name} to {newer.name}"
    columns = ("Resource type", "Note", "#Added", "#Removed", "#Changed", "#Schema", "#Uncertain")
    return [title, table(columns, rows)] if rows else [f"{title}: nothing differs."]


def difference_lines(differences: "Iterable[Change]") -> list[Text]:
    """Return one line for each difference, long values cut."""
    return [
        styled(
            f"  {_SIGNS[one.kind.value][0]} {one.pointer}{_values(one)}", _SIGNS[one.kind.value][1]
        )
        for one in differences
    ]


def _detailed(
    change: "ObjectChange", differences: "Sequence[Change] | None", author: str | None
) -> Text:
    style = _STYLES.get(change.change, "")
    name = _cut(change.name or change.object_id)
    lines = [styled(f"{change.change.replace('_', ' ')}: {change.resource_type} · {name}", style)]
    if author is not None:
        lines.append(styled(f"  by {author}", "dim"))
    if differences is None:
        lines.append(styled("  a document of it cannot be read, so nothing can be compared", "red"))
    return stacked([*lines, *difference_lines(differences or ())])


def _values(difference: "Change") -> str:
    if difference.is_secret:
        return "  (secret)"
    before, after = json_value(difference.before), json_value(difference.after)
    if difference.kind.value == "changed":
        start = _shared_start(before, after)
        return f"  {_cut(before, start)} → {_cut(after, start)}"
    return f"  {_cut(after if difference.kind.value == 'added' else before)}"


def _shared_start(before: str, after: str) -> int:
    """Return where to begin to show two values; beyond what they share, if they are long."""
    pairs = enumerate(zip(before, after, strict=False))
    shared = next((place for place, (old, new) in pairs if old != new), 0)
    return shared - _SHOWN_BEFORE if shared > _LONGEST_VALUE - 2 * _SHOWN_BEFORE else 0


def _cut(text: str, start: int = 0) -> str:
    shown = text[start : start + _LONGEST_VALUE]
    return f"{'…' * (start > 0)}{shown}{'…' * (start + len(shown) < len(text))}"
