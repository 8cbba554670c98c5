"""How it is said who changed something, and why that is not known."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from commands.views.screen import moment, styled
from domain.reasons import reason

if TYPE_CHECKING:
    from services.history.change_attribution import (
        Attribution,
        Authorship,
        ChangeEvent,
        RevertedObject,
    )

_UNKNOWN = {
    "no_event": "not known: no audit event names it",
    "not_read": "not known: the audit events of that time were not read",
    "first_backup": "not known: there is no backup before it",
    "provider_permission_denied": "not known: the app may not read audit events",
}
_SOURCES = {"intune": "Intune", "directory": "Entra"}
# Microsoft itself, or whoever the event does not tell.
_UNNAMED = "somebody unnamed"
_MOST_SHOWN = 3


def event_document(event: "ChangeEvent") -> dict[str, Any]:
    """Return one event."""
    return {
        "happened_at": event.happened_at,
        "operation": event.operation.value,
        "source": event.source.value,
        "actor": None if event.actor is None else event.actor.to_json(),
    }


def attribution_document(attribution: "Attribution") -> dict[str, Any]:
    """Return who changed an object, or why that is not known."""
    return {
        "events": [event_document(event) for event in attribution.events],
        "unknown_because": attribution.unknown_because,
    }


def reverted_document(entry: "RevertedObject") -> dict[str, Any]:
    """Return an object that was touched and is what it was."""
    return {
        "resource_type": entry.resource_type,
        "object_id": entry.object_id,
        "name": entry.name,
        "came_and_went": entry.came_and_went,
        "events": [event_document(event) for event in entry.events],
    }


def authorship_document(found: "Authorship") -> dict[str, Any]:
    """Return what was changed back, and the sources of events that have gaps."""
    return {
        "reverted": [reverted_document(entry) for entry in found.reverted],
        "event_gaps": {source.value: code for source, code in found.sources.items()},
    }


def who(attribution: "Attribution") -> str:
    """Return one line: the newest events first, or why there are none."""
    if attribution.events:
        return acts(attribution.events)
    return why_unknown(attribution.unknown_because or "not_read")


def why_unknown(code: str) -> str:
    """Return the sentence for a cause."""
    label = reason(code).label
    # Only its first letter: it may name Microsoft.
    return _UNKNOWN.get(code) or f"not known: {label[:1].lower()}{label[1:]}"


def gap_parts(found: "Authorship | None") -> list[RenderableType]:
    """Return a line for each source of events that was not read to the end."""
    gaps = {} if found is None else found.sources
    return [
        styled(
            f"What was changed back in between ({_SOURCES[source.value]}): {why_unknown(code)}",
            "dim",
        )
        for source, code in gaps.items()
        # Before the first reading nothing was changed back.
        if code != "first_backup"
    ]


def acts(events: "Sequence[ChangeEvent]") -> str:
    """Return who did what and when, the newest first."""
    shown = [_act(event) for event in reversed(events[-_MOST_SHOWN:])]
    rest = len(events) - len(shown)
    return "; ".join(shown) + (f"; and {rest} more" if rest > 0 else "")


def _act(event: "ChangeEvent") -> str:
    actor = event.actor
    name = (None if actor is None else actor.name or actor.id) or _UNNAMED
    app = f" with {actor.application}" if actor is not None and actor.application else ""
    return f"{name}{app} ({event.operation.value}, {moment(event.happened_at)})"
