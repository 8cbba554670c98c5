"""When to ask again: `Retry-After` in all its shapes, backoff with jitter, the longest wait.

Pure decisions plus the injected clock (`Pacing`); no HTTP. Rules of api.md d.2 and d.8 and of D10:
never earlier than the service says, and never longer than ten seconds on a worker's slot.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_SECONDS = 10.0
# A header may hold anything; a day is the longest that is believed.
_LONGEST_BELIEVED_SECONDS = 86_400.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """Clock, sleep, jitter and ids of the client; tests give their own.

    jitter: a number from 0 to 1; a wait is stretched by up to a quarter or a second, whichever is
    less, and never shortened.
    """

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = _utc_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    new_id: Callable[[], str] = _new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """How often and how long one request is repeated before the caller hears of it.

    tries counts all attempts after a server or network failure; throttling is bounded by the
    waiting time alone, which is the sum over one request. Seconds.
    """

    tries: int = 4
    first_backoff: float = 1.0
    longest_wait: float = LONGEST_WAIT_SECONDS


@dataclass(slots=True)
class RetryBudget:
    """What is left of the rules for one request or batch. Not shared between requests."""

    rules: RetryRules
    pacing: Pacing
    waited: float = 0.0
    failures: int = 0
    throttled: int = 0

    def next_wait(self, retry_after: float | None, *, is_throttled: bool) -> float:
        """Return the seconds to wait now: the service's wish, or a growing backoff if longer.

        A service that always says 1 (api.md d.2) does not get a retry storm.
        """
        attempt = self.throttled if is_throttled else self.failures
        if is_throttled:
            self.throttled += 1
        else:
            self.failures += 1
        backoff = self.rules.first_backoff * float(2 ** min(attempt, 8))
        if retry_after is None:
            wait = backoff
        else:
            wait = max(retry_after, backoff) if attempt else retry_after
        return wait + min(0.25 * wait, 1.0) * self.pacing.jitter()

    @property
    def is_exhausted(self) -> bool:
        """Whether failures (not throttling) used up the tries."""
        return self.failures >= self.rules.tries

    def allows(self, wait: float) -> bool:
        """Tell whether this wait still fits on the slot."""
        return self.waited + wait <= self.rules.longest_wait

    async def sleep(self, wait: float) -> None:
        """Wait, and count it."""
        self.waited += wait
        await self.pacing.sleep(wait)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds of a `Retry-After` header: integer, decimal or HTTP date.

    Null if it is missing or means nothing. A date in the past means now.
    """
    if value is None:
        return None
    text = value.strip()
    if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit():
        return min(float(text), _LONGEST_BELIEVED_SECONDS)
    moment = _http_date(text)
    if moment is None:
        return None
    return min(max((moment - now).total_seconds(), 0.0), _LONGEST_BELIEVED_SECONDS)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
