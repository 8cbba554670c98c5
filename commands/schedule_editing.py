"""What the options of `tenantops schedule` make of a schedule's definition."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from commands.errors import InputError
from commands.views.moments import parse_days, parse_duration, parse_time_of_day
from domain.schedule_definitions import ScheduleDefinition
from domain.schedules import Frequency, ScheduleSpec

_EVERYTHING = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """The options as they were typed; None or False where one was not given."""

    name: str | None = None
    at: str | None = None
    timezone: str | None = None
    days: str | None = None
    is_daily: bool = False
    types: str | None = None
    keep_last: int | None = None
    jitter: str | None = None
    catch_up: str | None = None
    foundations: bool | None = None


def new_definition(name: str, edits: Edits, catchup_window: timedelta) -> ScheduleDefinition:
    """Return the definition of a new schedule; daily unless days are given, in UTC unless told."""
    if edits.at is None:
        raise InputError("--at", "is missing", "give the time of day, such as --at 02:30")
    spec = ScheduleSpec(
        timezone=edits.timezone or "UTC",
        frequency=Frequency.DAILY,
        time_of_day=parse_time_of_day(edits.at, "--at"),
    )
    start = ScheduleDefinition(name=name, spec=spec, catchup_window=catchup_window)
    return edited(start, edits)


def edited(before: ScheduleDefinition, edits: Edits) -> ScheduleDefinition:
    """Return a definition with what was given changed."""
    changed = replace(before, spec=_spec(before.spec, edits))
    if edits.name is not None:
        changed = replace(changed, name=edits.name)
    if edits.types is not None:
        changed = replace(changed, policy_types=parse_types(edits.types))
    if edits.keep_last is not None:
        changed = replace(changed, retention_keep_last=edits.keep_last or None)
    if edits.jitter is not None:
        changed = replace(changed, jitter=parse_duration(edits.jitter, "--jitter"))
    if edits.catch_up is not None:
        changed = replace(changed, catchup_window=parse_duration(edits.catch_up, "--catch-up"))
    if edits.foundations is not None:
        changed = replace(changed, include_foundations=edits.foundations)
    return changed


def parse_types(text: str) -> tuple[str, ...] | None:
    """Return resource types written with commas; None for `all`."""
    keys = [key.strip() for key in text.split(",") if key.strip()]
    return None if keys == [_EVERYTHING] else tuple(keys)


def checked_types(text: str | None, known: Sequence[str], field: str) -> tuple[str, ...] | None:
    """Return resource types that exist; raises InputError with the nearest one."""
    from difflib import get_close_matches

    keys = None if text is None else parse_types(text)
    if keys is None:
        return None
    if not keys:
        raise InputError(field, "is empty", "name at least one type, or leave it out for all")
    for key in keys:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            mend = f"did you mean {near[0]}?" if near else "see `tenantops backup types`"
            raise InputError(field, f"knows no type {key}", mend)
    return keys


def _spec(before: ScheduleSpec, edits: Edits) -> ScheduleSpec:
    if edits.days is not None and edits.is_daily:
        raise InputError("--days", "contradicts --daily", "give one of them")
    frequency, days = before.frequency, before.days_of_week
    if edits.days is not None:
        frequency, days = Frequency.WEEKLY, parse_days(edits.days, "--days")
    if edits.is_daily:
        frequency, days = Frequency.DAILY, None
    return ScheduleSpec(
        timezone=edits.timezone or before.timezone,
        frequency=frequency,
        time_of_day=before.time_of_day if edits.at is None else parse_time_of_day(edits.at, "--at"),
        days_of_week=days,
    )
