"""How schedules look: JSON documents and tables, fire times, warnings about the clocks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from commands.session import Session
from commands.views.screen import details, duration, short_id, styled, table
from domain.schedules import DstWarning, ScheduleSpec, next_slot

if TYPE_CHECKING:
    from services.schedules.schedule_sync import SavedSchedule
    from storage.schedules import StoredSchedule

_SHOWN_SLOTS = 3
_DAYS = ("", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NOT_TOLD = "not told yet; run `tenantops schedule sync`"
_NOT_SYNCED = {
    "temporal_unreachable": (
        "Saved, but Temporal could not be reached and does not know it yet; "
        "run `tenantops schedule sync` when it is back."
    ),
    "temporal_refused": "Saved, but Temporal refused it: run `tenantops doctor`.",
}


@dataclass(frozen=True, slots=True)
class NamedSchedule:
    """A schedule as something that can be chosen by name."""

    stored: "StoredSchedule"

    @property
    def id(self) -> UUID:
        """Its id."""
        return self.stored.id

    @property
    def name(self) -> str:
        """Its name."""
        return self.stored.definition.name


def next_slots(spec: ScheduleSpec, after: datetime, count: int) -> list[datetime]:
    """Return the next fire times in UTC."""
    return list(islice(_slots(spec, after), count))


def _slots(spec: ScheduleSpec, after: datetime) -> Iterable[datetime]:
    while True:
        after = next_slot(spec, after)
        yield after


def schedule_document(stored: "StoredSchedule") -> dict[str, Any]:
    """Return everything about one schedule."""
    definition, spec = stored.definition, stored.definition.spec
    return {
        "id": stored.id,
        "workspace_id": stored.workspace_id,
        "tenant_id": stored.tenant_id,
        "name": definition.name,
        "frequency": spec.frequency,
        "time_of_day": f"{spec.time_of_day:%H:%M}",
        "timezone": spec.timezone,
        "days_of_week": spec.days_of_week,
        "policy_types": definition.policy_types,
        "include_foundations": definition.include_foundations,
        "retention_keep_last": definition.retention_keep_last,
        "jitter_seconds": int(definition.jitter.total_seconds()),
        "catchup_window_seconds": int(definition.catchup_window.total_seconds()),
        "is_enabled": stored.is_enabled,
        "is_archived": stored.is_archived,
        "revision": stored.revision,
        "is_synced": stored.is_synced,
        "next_run_at": stored.next_run_at,
        "last_run_at": stored.last_run_at,
        "last_run_status": stored.last_run_status,
    }


def saved_document(
    stored: "StoredSchedule", warnings: Sequence[DstWarning], sync: str | None = None
) -> dict[str, Any]:
    """Return a schedule with its next fire times and the warnings about the clocks."""
    fires = stored.is_enabled and not stored.is_archived
    slots = next_slots(stored.definition.spec, datetime.now(UTC), _SHOWN_SLOTS) if fires else []
    document = {
        "schedule": schedule_document(stored),
        "next": slots,
        "warnings": [
            {
                "on": warning.on,
                "effect": warning.effect,
                "fires_at": warning.fires_at,
                "advice": warning.advice,
            }
            for warning in warnings
        ],
    }
    return document if sync is None else {**document, "sync": sync}


async def report_saved(
    session: Session, saved: "SavedSchedule", warnings: Sequence[DstWarning], said: str
) -> None:
    """Show a schedule after a change, and whether Temporal follows already."""
    stored = saved.schedule
    document = saved_document(stored, warnings, saved.sync.value)
    session.screen.show(
        document,
        lambda: [
            Text(f"{said} schedule {stored.definition.name} ({stored.id})."),
            *_notes(stored, warnings),
        ],
    )
    if saved.sync.value in _NOT_SYNCED:
        session.screen.note(_NOT_SYNCED[saved.sync.value])


def schedule_parts(
    stored: "StoredSchedule", warnings: Sequence[DstWarning], tenants: Mapping[object, str]
) -> list[RenderableType]:
    """Return what a person reads of one schedule."""
    definition = stored.definition
    types = definition.policy_types
    header = details(
        (
            ("Name", definition.name),
            ("Id", stored.id),
            ("Tenant", tenants.get(stored.tenant_id)),
            ("State", _state(stored)),
            ("When", when_text(definition.spec)),
            ("Types", "all" if types is None else ", ".join(types)),
            ("Foundations", definition.include_foundations),
            ("Keeps", _kept(definition.retention_keep_last)),
            ("Jitter", duration(definition.jitter) if definition.jitter else None),
            ("Catch-up", duration(definition.catchup_window)),
            ("Revision", stored.revision),
            ("In Temporal", "yes, up to date" if stored.is_synced else _NOT_TOLD),
            ("Last run", stored.last_run_at),
            ("It ended", stored.last_run_status),
        )
    )
    return [header, *_notes(stored, warnings)]


def schedules_table(found: "Sequence[StoredSchedule]", tenants: Mapping[object, str]) -> Table:
    """Return a list of schedules."""
    rows = [
        (
            stored.definition.name,
            short_id(stored.id),
            tenants.get(stored.tenant_id),
            when_text(stored.definition.spec),
            _state(stored),
            stored.next_run_at,
            "yes" if stored.is_synced else "not yet",
        )
        for stored in found
    ]
    columns = ("Name", "Id", "Tenant", "When", "State", "Next slot", "In Temporal")
    return table(columns, rows, empty="No schedules; make one with `tenantops schedule create`.")


def slots_table(spec: ScheduleSpec, slots: Sequence[datetime]) -> Table:
    """Return fire times in UTC and on the wall clock."""
    zone = ZoneInfo(spec.timezone)
    rows = [(slot, f"{slot.astimezone(zone):%a %Y-%m-%d %H:%M}") for slot in slots]
    return table(("UTC", spec.timezone), rows)


def when_text(spec: ScheduleSpec) -> str:
    """Return the rule in words."""
    days = "daily" if spec.days_of_week is None else ",".join(_DAYS[d] for d in spec.days_of_week)
    return f"{days} {spec.time_of_day:%H:%M} {spec.timezone}"


def _state(stored: "StoredSchedule") -> str:
    if stored.is_archived:
        return "archived"
    return "active" if stored.is_enabled else "paused"


def _kept(keep_last: int | None) -> str:
    return "every set" if keep_last is None else f"the last {keep_last} sets"


def _notes(stored: "StoredSchedule", warnings: Sequence[DstWarning]) -> Iterable[RenderableType]:
    if stored.is_enabled and not stored.is_archived:
        spec = stored.definition.spec
        yield slots_table(spec, next_slots(spec, datetime.now(UTC), _SHOWN_SLOTS))
    # The coming spring and autumn; the years after them are in the JSON.
    for warning in warnings[:2]:
        yield styled(f"The clocks change: {warning.advice}.", "yellow")
