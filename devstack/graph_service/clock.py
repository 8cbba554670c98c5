"""The service's clock: wall time with an offset that tests may move, and a monotonic one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class Latency:
    """How long every HTTP answer of Graph is held back; a batch also waits for its items."""

    request_ms: float
    item_fraction: float

    def seconds(self, items: int) -> float:
        """Delay of an answer with so many items."""
        if self.request_ms <= 0:
            return 0.0
        return self.request_ms / 1000 * (1 + self.item_fraction * items)


class ServiceClock:
    """Wall clock for tokens, dates and page tokens. `offset_s` shifts it; throttling ignores it."""

    def __init__(self) -> None:
        self.offset_s = 0.0
        self._date = (0, "")

    def timestamp(self) -> float:
        """Seconds since the epoch, shifted."""
        return time.time() + self.offset_s

    def now(self) -> datetime:
        """Aware UTC time, shifted."""
        return datetime.fromtimestamp(self.timestamp(), tz=UTC)

    def monotonic(self) -> float:
        """Seconds that only move forward; never shifted."""
        return time.monotonic()

    def isoformat(self, *, plus_s: float = 0.0) -> str:
        """Graph's date form with seven decimals and Z."""
        moment = self.now() + timedelta(seconds=plus_s)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}0Z"

    def http_date(self) -> str:
        """Value of a Date header, computed once per second."""
        second = int(self.timestamp())
        if self._date[0] != second:
            moment = datetime.fromtimestamp(second, tz=UTC)
            self._date = (second, format_http_date(moment))
        return self._date[1]


def format_http_date(moment: datetime) -> str:
    """`Sun, 06 Nov 1994 08:49:37 GMT`, whatever the locale."""
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return (
        f"{days[moment.weekday()]}, {moment.day:02d} {months[moment.month - 1]} {moment.year}"
        f" {moment:%H:%M:%S} GMT"
    )
