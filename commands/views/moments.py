"""Times as people type them: a point in time, a time ago, a wall clock time, days, durations."""

import re
from datetime import UTC, datetime, time, timedelta

from commands.errors import InputError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PART = re.compile(r"(\d+)([smhdw])")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def parse_moment(text: str, field: str, now: datetime) -> datetime:
    """Return an aware time for `7d` (before now), a date, or an ISO 8601 time (UTC by default)."""
    try:
        length = _length(text)
        if length is not None:
            return now - length
        parsed = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        pass
    else:
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    raise InputError(field, "is not a time", "write 7d, 12h, 2026-11-23 or 2026-11-23T02:30Z")


def parse_duration(text: str, field: str) -> timedelta:
    """Return the duration of `90s`, `15m` or `1h30m`."""
    try:
        length = _length(text)
    except OverflowError:
        length = None
    if length is None:
        raise InputError(field, "is not a duration", "write 90s, 15m or 1h30m")
    return length


def parse_time_of_day(text: str, field: str) -> time:
    """Return the wall clock time of `02:30`."""
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text.strip())
    if match is None:
        raise InputError(field, "is not a time of day", "write hours and minutes, such as 02:30")
    return time(int(match[1]), int(match[2]))


def parse_days(text: str, field: str) -> tuple[int, ...]:
    """Return the ISO weekdays of `mon,thu`; whole names and numbers from 1 (Monday) do too."""
    days = []
    for word in text.lower().split(","):
        day = word.strip()
        if day in ("1", "2", "3", "4", "5", "6", "7"):
            days.append(int(day))
        elif day[:3] in _DAYS:
            days.append(_DAYS.index(day[:3]) + 1)
        else:
            raise InputError(field, "holds an unknown day", "write days such as mon,thu")
    return tuple(days)


def _length(text: str) -> timedelta | None:
    compact = text.strip().lower()
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        return None
    return sum(
        (timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), start=timedelta()
    )
