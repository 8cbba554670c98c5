"""How the differences of two sets, or of two objects, look."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from commands.views.author_views import attribution_document, who
from commands.views.change_views import difference_lines
from commands.views.screen import counted, printable, stacked, styled
from domain.reasons import reason
from domain.resource_types.registry import RESOURCE_TYPES

if TYPE_CHECKING:
    from services.history.change_attribution import Attribution, ObjectKey
    from services.history.object_differences import ObjectDifference, TypeDifference

    Authors = Mapping[ObjectKey, Attribution]

_SIGNS = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "changed": ("~", "yellow"),
    "schema_changed": ("~", "dim"),
    "uncertain": ("?", "magenta"),
}
_TEXT_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_NOT_COMPARABLE = "not read whole on both sides: nothing is called added or removed"


def object_document(entry: "ObjectDifference", authors: "Authors") -> dict[str, Any]:
    """Return one object with its differences and its patch (RFC 6902)."""
    author = authors.get((entry.resource_type, entry.object_id))
    return {
        "resource_type": entry.resource_type,
        "object_id": entry.object_id,
        "name": entry.name,
        "change": entry.change,
        "version_before": entry.version_before,
        "version_hash": entry.version_hash,
        "differences": entry.changes,
        "patch": [operation.to_json() for operation in entry.patch],
        "secret_changes": _secret_places(entry),
        "text_differences": {place: "\n".join(lines) for place, lines in entry.texts.items()},
        "not_captured": entry.not_captured,
        "is_stored": entry.is_stored,
        "reason_code": entry.reason_code,
        **({} if author is None else {"changed_by": attribution_document(author)}),
    }


def type_document(found: "TypeDifference", authors: "Authors") -> dict[str, Any]:
    """Return one resource type."""
    return {
        "resource_type": found.resource_type,
        "is_comparable": found.is_comparable,
        "reason_code": found.reason_code,
        "objects": [object_document(entry, authors) for entry in found.objects],
    }


def patch_document(entry: "ObjectDifference") -> dict[str, Any]:
    """Return what a program needs to apply the patch to the canonical older document."""
    return {
        "resource_type": entry.resource_type,
        "object_id": entry.object_id,
        "change": entry.change,
        "version_before": entry.version_before,
        "version_hash": entry.version_hash,
        "patch": [operation.to_json() for operation in entry.patch],
        "secret_changes": _secret_places(entry),
    }


def type_parts(found: "TypeDifference", authors: "Authors") -> list[RenderableType]:
    """Return what a person reads of one resource type; nothing for one without differences."""
    if found.reason_code is not None:
        label = reason(found.reason_code).label
        why = f"{label[:1].lower()}{label[1:]}"
        return [styled(f"{_label(found.resource_type)}: not read ({why})", "magenta")]
    if found.is_equal:
        return []
    heading = f"{_label(found.resource_type)}: {counted(len(found.objects), 'object')}"
    parts: list[RenderableType] = [styled(heading, "bold")]
    if not found.is_comparable:
        parts.append(styled(f"  {_NOT_COMPARABLE}", "magenta"))
    return [*parts, *(object_part(entry, authors) for entry in found.objects)]


def not_comparable_parts(types: "Sequence[TypeDifference]") -> list[RenderableType]:
    """Return one line for all types without differences that were not read whole."""
    keys = [
        found.resource_type
        for found in types
        if found.is_equal and not found.is_comparable and found.reason_code is None
    ]
    return [styled(f"{_NOT_COMPARABLE.capitalize()}: {', '.join(keys)}", "magenta")] if keys else []


def object_part(entry: "ObjectDifference", authors: "Authors") -> Text:
    """Return one object with its differences, scripts line by line."""
    sign, style = _SIGNS[entry.change]
    name = entry.name or entry.object_id
    what = "" if entry.change == "changed" else f" ({entry.change.replace('_', ' ')})"
    lines = [styled(f"{sign} {name}  {entry.object_id}{what}", style)]
    author = authors.get((entry.resource_type, entry.object_id))
    if author is not None:
        lines.append(styled(f"  by {who(author)}", "dim"))
    for change in entry.changes:
        text = entry.texts.get(change.pointer)
        if not text:
            lines += difference_lines([change])
        else:
            lines.append(styled(f"  ~ {change.pointer}", "yellow"))
            lines += [_text_line(line) for line in text]
    if entry.reason_code is not None:
        lines.append(styled(f"  {reason(entry.reason_code).label}", "magenta"))
    if not entry.is_stored:
        lines.append(styled("  a document of it cannot be read, so nothing can be compared", "red"))
    if entry.not_captured:
        places = ", ".join(entry.not_captured)
        lines.append(styled(f"  not captured, so not compared: {places}", "magenta"))
    return stacked(lines)


def summary(types: "Sequence[TypeDifference]") -> str:
    """Return the last line: how much differs, and what could not be compared."""
    numbers: dict[str, int] = {}
    for entry in (entry for found in types for entry in found.objects):
        numbers[entry.change] = numbers.get(entry.change, 0) + 1
    said = [f"{number} {change.replace('_', ' ')}" for change, number in sorted(numbers.items())]
    unread = sum(not found.is_comparable for found in types)
    if unread:
        said.append(f"{counted(unread, 'type')} not comparable")
    return f"{', '.join(said)}." if said else "Nothing differs."


def _secret_places(entry: "ObjectDifference") -> list[str]:
    return [change.pointer for change in entry.changes if change.is_secret]


def _text_line(line: str) -> Text:
    return Text(f"      {printable(line)}", style=_TEXT_STYLES.get(line[:1], ""))


def _label(resource_type: str) -> str:
    entry = RESOURCE_TYPES.get(resource_type)
    return resource_type if entry is None else f"{entry.label} ({resource_type})"
