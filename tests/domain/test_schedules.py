from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.schedules import (
    DstEffect,
    Frequency,
    InvalidScheduleError,
    ScheduleSpec,
    dst_warnings,
    has_come,
    is_slot,
    next_slot,
    occurrences,
)

START = datetime(2026, 9, 1, tzinfo=UTC)
ZONES = [
    "UTC",
    "Europe/Vienna",
    "America/New_York",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Antarctica/Troll",
]


def daily(timezone: str, hour: int, minute: int = 0) -> ScheduleSpec:
    return ScheduleSpec(timezone, Frequency.DAILY, time(hour, minute))


def weekly(timezone: str, hour: int, *days: int) -> ScheduleSpec:
    return ScheduleSpec(timezone, Frequency.WEEKLY, time(hour), days)


def slots(spec: ScheduleSpec, first: str, last: str) -> list[str]:
    after, until = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last))
    return [f"{slot:%m-%d %H:%M}" for slot in occurrences(spec, after, until)]


def test_occurrences_daily_schedule_keeps_its_wall_clock_time_over_the_year() -> None:
    found = slots(daily("Europe/Vienna", 6), "2026-10-24", "2026-10-27")
    assert found == ["10-24 04:00", "10-25 05:00", "10-26 05:00"]


def test_occurrences_weekly_schedule_yields_the_chosen_days_of_its_own_zone() -> None:
    # Monday 08:00 in Auckland is still Sunday in UTC.
    assert slots(weekly("Pacific/Auckland", 8, 1), "2026-11-20", "2026-11-24") == ["11-22 19:00"]


def test_occurrences_range_excludes_its_start_and_includes_its_end() -> None:
    assert slots(daily("UTC", 2), "2026-09-01T02:00", "2026-09-02T02:00") == ["09-02 02:00"]


@pytest.mark.parametrize(
    ("spec", "day"),
    [
        pytest.param(daily("Europe/Vienna", 2, 30), "2027-03-28", id="vienna in March"),
        pytest.param(daily("America/New_York", 2, 30), "2027-03-14", id="new york in March"),
        pytest.param(daily("Australia/Sydney", 2, 30), "2026-10-04", id="sydney in October"),
        pytest.param(daily("America/Santiago", 0, 30), "2026-09-06", id="santiago at midnight"),
        pytest.param(daily("Australia/Lord_Howe", 2, 15), "2026-10-04", id="a gap of 30 minutes"),
    ],
)
def test_occurrences_wall_clock_time_in_a_spring_gap_skips_the_day(
    spec: ScheduleSpec, day: str
) -> None:
    zone = ZoneInfo(spec.timezone)
    noon = datetime.combine(date.fromisoformat(day), time(12), zone)
    found = list(occurrences(spec, noon - timedelta(days=1), noon + timedelta(days=1)))
    assert [slot.astimezone(zone).date() for slot in found] == [
        (noon + timedelta(days=1)).date(),
    ]


@pytest.mark.parametrize(
    ("spec", "day", "utc"),
    [
        pytest.param(daily("Europe/Vienna", 2, 30), "10-25", "01:30", id="east: second coming"),
        pytest.param(daily("Europe/Vienna", 1, 30), "10-24", "23:30", id="hour before it"),
        pytest.param(daily("America/New_York", 1, 30), "11-01", "05:30", id="west: first coming"),
    ],
)
def test_occurrences_wall_clock_time_that_comes_twice_has_one_slot(
    spec: ScheduleSpec, day: str, utc: str
) -> None:
    found = slots(spec, "2026-10-20", "2026-11-05")
    assert [text for text in found if text.startswith(day)] == [f"{day} {utc}"]


@given(
    zone=st.sampled_from(ZONES),
    at=st.times().map(lambda value: value.replace(second=0, microsecond=0)),
    begin=st.integers(0, 3000).map(lambda days: START + timedelta(days=days)),
)
def test_occurrences_any_zone_and_time_give_at_most_one_slot_a_day_at_the_wall_clock_time(
    zone: str, at: time, begin: datetime
) -> None:
    spec = ScheduleSpec(zone, Frequency.DAILY, at)
    found = list(occurrences(spec, begin, begin + timedelta(days=200)))
    local = [slot.astimezone(ZoneInfo(zone)) for slot in found]
    assert all(moment.time() == at for moment in local)
    assert all(first.date() < second.date() for first, second in pairwise(local))
    assert len(found) >= 197
    assert all(is_slot(spec, slot) for slot in found)


def test_is_slot_second_within_the_minute_counts_as_the_slot() -> None:
    assert is_slot(daily("UTC", 2), datetime(2026, 9, 1, 2, 0, 59, tzinfo=UTC))


@pytest.mark.parametrize("minute", [1, 59])
def test_is_slot_another_minute_is_refused(minute: int) -> None:
    assert not is_slot(daily("UTC", 2), datetime(2026, 9, 1, 2, minute, tzinfo=UTC))


def test_is_slot_second_coming_of_a_western_wall_clock_time_is_refused() -> None:
    spec = daily("America/New_York", 1, 30)
    assert not is_slot(spec, datetime(2026, 11, 1, 6, 30, tzinfo=UTC))


@pytest.mark.parametrize(("seconds", "expected"), [(-3600, True), (60, True), (61, False)])
def test_has_come_a_minute_before_its_time_counts(seconds: int, *, expected: bool) -> None:
    now = datetime(2026, 9, 1, 2, 0, tzinfo=UTC)
    assert has_come(now + timedelta(seconds=seconds), now) is expected


def test_next_slot_weekly_slot_in_a_gap_is_a_fortnight_away() -> None:
    spec = ScheduleSpec("Europe/Vienna", Frequency.WEEKLY, time(2, 30), (7,))
    after = datetime(2027, 3, 21, 2, 0, tzinfo=UTC)
    assert next_slot(spec, after) == datetime(2027, 4, 4, 0, 30, tzinfo=UTC)


def test_dst_warnings_time_in_the_changed_hour_names_each_affected_day() -> None:
    found = dst_warnings(daily("Europe/Vienna", 2, 30), START)
    assert [(entry.on, entry.effect) for entry in found] == [
        (date(2026, 10, 25), DstEffect.REPEATED),
        (date(2027, 3, 28), DstEffect.SKIPPED),
        (date(2027, 10, 31), DstEffect.REPEATED),
        (date(2028, 3, 26), DstEffect.SKIPPED),
    ]
    assert found[0].fires_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("index", [0, 1])
def test_dst_warnings_advice_names_the_hours_that_are_not_affected(index: int) -> None:
    advice = dst_warnings(daily("Europe/Vienna", 2, 30), START)[index].advice
    assert "a time before 02:00 or from 03:00 on is not affected" in advice


@pytest.mark.parametrize(
    ("zone", "hour", "minute", "advice"),
    [
        # 02:30 does not exist there in spring.
        ("America/New_York", 1, 30, "a time before 01:00 or from 03:00 on is not affected"),
        ("America/New_York", 2, 30, "a time before 01:00 or from 03:00 on is not affected"),
        ("Australia/Lord_Howe", 1, 45, "a time before 01:30 or from 02:30 on is not affected"),
        (
            "America/Santiago",
            0,
            30,
            "a time outside of 00:00 to 01:00 and 23:00 to 00:00 is not affected",
        ),
    ],
)
def test_dst_warnings_advice_holds_in_spring_and_in_autumn(
    zone: str, hour: int, minute: int, advice: str
) -> None:
    assert dst_warnings(daily(zone, hour, minute), START)[0].advice.endswith(advice)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(daily("Europe/Vienna", 3), id="at the end of the gap"),
        pytest.param(daily("Europe/Vienna", 1, 59), id="just before the gap"),
        pytest.param(daily("Asia/Kathmandu", 2, 30), id="zone without summer time"),
        pytest.param(weekly("Europe/Vienna", 2, 3), id="weekday on which no clock changes"),
    ],
)
def test_dst_warnings_unaffected_schedule_has_none(spec: ScheduleSpec) -> None:
    assert dst_warnings(spec, START) == []


@pytest.mark.parametrize(
    ("arguments", "field", "mend"),
    [
        pytest.param(
            ("Mars/Base", Frequency.DAILY, time(2)), "timezone", "IANA", id="unknown zone"
        ),
        pytest.param(
            ("Europe/Viena", Frequency.DAILY, time(2)),
            "timezone",
            "did you mean Europe/Vienna?",
            id="misspelt zone",
        ),
        pytest.param(("UTC", Frequency.DAILY, time(2, 0, 1)), "time_of_day", "02:30", id="seconds"),
        pytest.param(
            ("UTC", Frequency.DAILY, time(2, tzinfo=UTC)), "time_of_day", "02:30", id="aware time"
        ),
        pytest.param(
            ("UTC", Frequency.DAILY, time(2), (1,)), "days_of_week", "weekly", id="days on daily"
        ),
        pytest.param(("UTC", Frequency.WEEKLY, time(2)), "days_of_week", "at least", id="no days"),
        pytest.param(
            ("UTC", Frequency.WEEKLY, time(2), (0,)), "days_of_week", "1 (Monday)", id="day zero"
        ),
        pytest.param(
            ("UTC", Frequency.WEEKLY, time(2), (3, 3)), "days_of_week", "once", id="day twice"
        ),
    ],
)
def test_schedule_spec_wrong_field_is_named_with_its_mend(
    arguments: tuple[str, Frequency, time], field: str, mend: str
) -> None:
    with pytest.raises(InvalidScheduleError) as caught:
        ScheduleSpec(*arguments)
    assert [problem.field for problem in caught.value.problems] == [field]
    assert mend in str(caught.value)


def test_schedule_spec_several_wrong_fields_are_named_together() -> None:
    with pytest.raises(InvalidScheduleError) as caught:
        ScheduleSpec("Mars/Base", Frequency.WEEKLY, time(2))
    assert [problem.field for problem in caught.value.problems] == ["timezone", "days_of_week"]
