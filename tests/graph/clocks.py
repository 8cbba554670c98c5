"""A clock that stands still until somebody sleeps on it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

from graph.retry import Pacing

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    """Time as the client sees it. `slept` holds each wait in seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []
        self.start = START

    def monotonic(self) -> float:
        return 1000.0 + self.seconds

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def pacing(self) -> Pacing:
        """Return a pacing on this clock, without jitter and with countable ids."""
        numbers: Iterator[int] = count(1)
        return Pacing(
            monotonic=self.monotonic,
            now=self.now,
            sleep=self.sleep,
            jitter=lambda: 0.0,
            new_id=lambda: f"00000000-0000-4000-8000-{next(numbers):012d}",
        )
