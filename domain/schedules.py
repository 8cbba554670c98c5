"""When a backup schedule is due: the slots of a daily or weekly wall clock time in a time zone.

Answers which UTC minutes are nominal fire times of a schedule. Admission asks it whether a slot is
valid (D13), the command line and the hub ask for the next one, the sweep for missed ones. It must
not know Temporal, although it gives the same answer on purpose.

One slot a day at most (behaviour row 82). On a day on which the clocks change:

- spring: a wall clock time that does not exist has no slot that day;
- autumn: a wall clock time that comes twice has one slot. East of Greenwich that is its second
  coming, west of it the first. The rule is that of Go's `time.Date`, by which the Temporal server
  computes: any other choice would wait for a fire that never comes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

# How far apart the clocks of two hosts may be: a fire reaches a host whose clock is behind.
CLOCK_TOLERANCE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)
_WEEKDAYS = range(1, 8)


class Frequency(StrEnum):
    """How often a schedule is due."""

    # Every day.
    DAILY = "daily"
    # On the chosen days of the week.
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field of a schedule; `mend` says what to write instead."""

    field: str
    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}; {self.mend}"


class InvalidScheduleError(ValueError):
    """A schedule was described wrongly; carries every problem that was found."""

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """Due times of a schedule.

    `timezone` is an IANA name, `time_of_day` the wall clock time there, to the minute.
    `days_of_week` are ISO weekdays (Monday = 1) of a weekly schedule, None for a daily one.
    Raises InvalidScheduleError.
    """

    timezone: str
    frequency: Frequency
    time_of_day: time
    days_of_week: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        found = (
            _timezone_problem(self.timezone),
            _time_problem(self.time_of_day),
            _days_problem(self.frequency, self.days_of_week),
        )
        if problems := tuple(problem for problem in found if problem is not None):
            raise InvalidScheduleError(problems)


def occurrences(spec: ScheduleSpec, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the slots in (after, until] in order, as aware UTC datetimes on the minute."""
    zone = ZoneInfo(spec.timezone)
    day = after.astimezone(zone).date()
    last = until.astimezone(zone).date()
    while day <= last:
        slot = _slot_on(spec, zone, day)
        if slot is not None and after < slot <= until:
            yield slot
        day += _DAY


def is_slot(spec: ScheduleSpec, scheduled_for: datetime) -> bool:
    """Tell whether the minute of `scheduled_for` is a nominal fire time (D3, D13)."""
    minute = scheduled_for.astimezone(UTC).replace(second=0, microsecond=0)
    return any(occurrences(spec, minute - _MINUTE, minute))


def next_slot(spec: ScheduleSpec, after: datetime) -> datetime:
    """Return the first slot later than `after`."""
    # A weekly slot may fall into a spring gap and be a fortnight away.
    return next(occurrences(spec, after, after + 16 * _DAY))


def has_come(slot: datetime, now: datetime) -> bool:
    """Tell whether a slot may be started: one that runs before its time is lost at its time (D3).

    Temporal fires at the nominal time or, with jitter, later; never earlier.
    """
    return slot <= now + CLOCK_TOLERANCE


class DstEffect(StrEnum):
    """What a change of the clocks does to a schedule."""

    # The wall clock time does not exist that day.
    SKIPPED = "skipped"
    # The wall clock time comes twice that day.
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class DstWarning:
    """One day on which the clocks change at the schedule's time; `fires_at` is None if skipped."""

    on: date
    effect: DstEffect
    fires_at: datetime | None
    advice: str


def dst_warnings(spec: ScheduleSpec, start: datetime, years: int = 2) -> list[DstWarning]:
    """List the days in the coming years on which the schedule is skipped or ambiguous."""
    zone = ZoneInfo(spec.timezone)
    first = start.astimezone(zone).date()
    days = [first + n * _DAY for n in range(years * 366)]
    advice = _safe_times(zone, days)
    found = (_warning_on(spec, zone, day, advice) for day in days)
    return [warning for warning in found if warning is not None]


def _slot_on(spec: ScheduleSpec, zone: ZoneInfo, day: date) -> datetime | None:
    if not _is_due_on(spec, day):
        return None
    wall = datetime.combine(day, spec.time_of_day, UTC)
    slot = wall - _offset(zone, wall - _offset(zone, wall))
    return slot if slot + _offset(zone, slot) == wall else None


def _is_due_on(spec: ScheduleSpec, day: date) -> bool:
    return spec.days_of_week is None or day.isoweekday() in spec.days_of_week


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _warning_on(spec: ScheduleSpec, zone: ZoneInfo, day: date, mend: str) -> DstWarning | None:
    if not _is_due_on(spec, day):
        return None
    wall = datetime.combine(day, spec.time_of_day, zone)
    before, after = wall.utcoffset(), wall.replace(fold=1).utcoffset()
    if before == after:
        return None
    slot = _slot_on(spec, zone, day)
    when = f"{spec.time_of_day:%H:%M} on {day} in {spec.timezone}"
    if slot is None:
        advice = f"{when} does not exist: no backup that day; {mend}"
        return DstWarning(day, DstEffect.SKIPPED, None, advice)
    advice = f"{when} comes twice: the backup runs once, at {slot:%H:%M} UTC; {mend}"
    return DstWarning(day, DstEffect.REPEATED, slot, advice)


def _safe_times(zone: ZoneInfo, days: Sequence[date]) -> str:
    """Say which wall clock times no change of the clocks touches, in spring and autumn alike."""
    noons = [datetime.combine(day, time(12), zone).astimezone(UTC) for day in days]
    windows: list[tuple[time, time]] = []
    for window in sorted(
        {
            _affected_times(zone, low, high)
            for low, high in pairwise(noons)
            if _offset(zone, low) != _offset(zone, high)
        }
    ):
        if windows and windows[-1][0] < windows[-1][1] and window[0] <= windows[-1][1]:
            windows[-1] = (windows[-1][0], max(windows[-1][1], window[1]))
        else:
            windows.append(window)
    if len(windows) == 1 and windows[0][0] < windows[0][1]:
        starts, ends = windows[0]
        return f"a time before {starts:%H:%M} or from {ends:%H:%M} on is not affected"
    spans = " and ".join(f"{starts:%H:%M} to {ends:%H:%M}" for starts, ends in windows)
    return f"a time outside of {spans} is not affected"


def _affected_times(zone: ZoneInfo, low: datetime, high: datetime) -> tuple[time, time]:
    """Return the wall clock times between which the clocks jump, in order."""
    old, new = _offset(zone, low), _offset(zone, high)
    while high - low > _SECOND:
        middle = low + (high - low) / 2
        low, high = (middle, high) if _offset(zone, middle) == old else (low, middle)
    # Clocks change on the minute.
    changed = high.replace(second=0, microsecond=0)
    first, second = sorted((changed + old, changed + new))
    return first.time(), second.time()


@lru_cache(maxsize=1)
def _known_timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _timezone_problem(name: str) -> FieldProblem | None:
    if name in _known_timezones():
        return None
    near = get_close_matches(name, _known_timezones(), n=1)
    mend = f"did you mean {near[0]}?" if near else "use an IANA name such as Europe/Vienna"
    return FieldProblem("timezone", "is not a known time zone", mend)


def _time_problem(value: time) -> FieldProblem | None:
    if value == value.replace(second=0, microsecond=0, tzinfo=None):
        return None
    return FieldProblem(
        "time_of_day", "has seconds or a time zone", "write hours and minutes, such as 02:30"
    )


def _days_problem(frequency: Frequency, days: tuple[int, ...] | None) -> FieldProblem | None:
    field = "days_of_week"
    if frequency is Frequency.DAILY:
        if days is None:
            return None
        return FieldProblem(field, "is set on a daily schedule", "leave it out or choose weekly")
    if not days:
        return FieldProblem(field, "is missing on a weekly schedule", "name at least one day")
    if not set(days) <= set(_WEEKDAYS):
        return FieldProblem(field, "holds an unknown day", "use 1 (Monday) to 7 (Sunday)")
    if len(set(days)) < len(days):
        return FieldProblem(field, "names a day twice", "name each day once")
    return None
