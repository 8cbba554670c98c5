"""Budgets: how much of Graph's limits this process may use, asked for before each request (D10).

Owns the `BudgetSource` protocol and its two in-process parts: `LocalBudgets`, complete for one
process, and `LeasingBudgets`, the consumer of blocks that are leased for one second from a shared
place. It knows no database; services give the lease function.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from typing import Protocol

from domain.resource_types.shape import ServiceArea
from graph.errors import throttled_error
from graph.request_costs import REQUEST_LIMITS, WRITE_LIMITS, AreaLimit
from graph.retry import LONGEST_WAIT_SECONDS, Pacing

# A lease function that refuses without a time must not be asked in a tight loop.
_SHORTEST_PAUSE = 0.05
# A block asked for on a guess: a second's worth of the largest limit (1,000 in 20 s) and a bit.
_LARGEST_GUESS = 64
# Sums of floats miss each other by less than this many seconds.
_CLOCK_NOISE = 1e-6


class BudgetKind(StrEnum):
    """What is counted."""

    REQUEST = "request"  # every request
    WRITE = "write"  # writes, counted besides as requests


@dataclass(frozen=True, slots=True)
class BudgetKey:
    """Whose limit it is. Microsoft counts for each app in each tenant and service area."""

    app_id: str
    entra_tenant_id: str
    service_area: ServiceArea
    kind: BudgetKind = BudgetKind.REQUEST


class BudgetSource(Protocol):
    """Hands out units. Each attempt is asked for: throttled calls count against the limit too."""

    async def acquire(self, key: BudgetKey, cost: int) -> None:
        """Wait until `cost` units are free and take them, first come first served.

        Raises GraphThrottledError with the time to wait if the next units are more than ten seconds
        away. Time behind other requests does not count: while they get on, so does the queue.
        A caller that is cancelled leaves the queue; what it had taken is free again with its time.
        """

    async def report_throttled(self, key: BudgetKey, retry_after: float) -> None:
        """Note that Graph answered 429: nothing of this key before `retry_after` seconds."""


def limit_of(key: BudgetKey) -> AreaLimit:
    """Return Microsoft's limit of a key."""
    limits = WRITE_LIMITS if key.kind is BudgetKind.WRITE else REQUEST_LIMITS
    return limits[key.service_area]


@dataclass(slots=True)
class _Window:
    """Units taken within a sliding window, in slots of a second at most."""

    limit: AreaLimit
    share: float
    taken: deque[tuple[float, int]] = field(default_factory=deque)
    sum: int = 0
    closed_until: float = 0.0
    queue: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def capacity(self) -> int:
        return max(int(self.limit.units * self.share), 1)

    @property
    def length(self) -> float:
        """Window in seconds; stretched where the share is less than a unit (1 a second)."""
        return self.limit.seconds * self.capacity / (self.limit.units * self.share)

    def wait_for(self, cost: int, now: float) -> float:
        """Return the seconds until `cost` units are free, zero if they are."""
        self._forget(now)
        if now < self.closed_until:
            return self.closed_until - now
        missing = self.sum + cost - self.capacity
        for at, units in self.taken:
            if missing <= 0:
                break
            missing -= units
            if missing <= 0:
                return at + self.length - now
        return 0.0

    def take(self, cost: int, now: float) -> None:
        # Stamped with the end of the request's slot: never earlier than the truth.
        slot = ceil(now * 4) / 4
        if self.taken and self.taken[-1][0] == slot:
            self.taken[-1] = (slot, self.taken[-1][1] + cost)
        else:
            self.taken.append((slot, cost))
        self.sum += cost

    def _forget(self, now: float) -> None:
        while self.taken and self.taken[0][0] + self.length <= now:
            self.sum -= self.taken.popleft()[1]


class LocalBudgets:
    """Budgets of a single process: a sliding window of Microsoft's limits times a share.

    A share below one leaves the rest to others of the same app (D10).
    """

    def __init__(
        self,
        *,
        share: float = 0.8,
        limits: Callable[[BudgetKey], AreaLimit] = limit_of,
        pacing: Pacing | None = None,
    ) -> None:
        self._pacing = pacing or Pacing()
        self._windows: dict[BudgetKey, _Window] = {}
        self._limits = limits
        self._share = share

    async def acquire(self, key: BudgetKey, cost: int) -> None:
        """See BudgetSource. A cost above the limit is taken in parts."""
        window = self._window(key)
        async with window.queue:
            while cost > 0:
                part = min(cost, window.capacity)
                await self._take(window, part)
                cost -= part

    async def report_throttled(self, key: BudgetKey, retry_after: float) -> None:
        """See BudgetSource."""
        window = self._window(key)
        until = self._pacing.monotonic() + retry_after
        window.closed_until = max(window.closed_until, until)

    async def _take(self, window: _Window, part: int) -> None:
        deadline = self._pacing.monotonic() + LONGEST_WAIT_SECONDS
        while True:
            now = self._pacing.monotonic()
            wait = window.wait_for(part, now)
            if wait <= _CLOCK_NOISE:
                window.take(part, now)
                return
            if now + wait > deadline:
                raise throttled_error(wait)
            await self._pacing.sleep(wait)

    def _window(self, key: BudgetKey) -> _Window:
        if key not in self._windows:
            self._windows[key] = _Window(self._limits(key), self._share)
        return self._windows[key]


@dataclass(frozen=True, slots=True)
class Lease:
    """Answer of a lease function.

    granted: units to use within `valid_seconds`; 0 means none before `retry_after` seconds.
    slot: where the place they are leased from counts them.
    """

    granted: int
    valid_seconds: float
    retry_after: float = 0.0
    slot: int = 0


@dataclass(frozen=True, slots=True)
class Unused:
    """Units of an earlier lease that nobody will use, and the slot where they are counted."""

    units: int = 0
    slot: int = 0


LeaseFunction = Callable[[BudgetKey, int, Unused], Awaitable[Lease]]
ReportFunction = Callable[[BudgetKey, float], Awaitable[None]]


@dataclass(slots=True)
class _Block:
    """What is left of a leased block, and who waits for the next one."""

    units: int = 0
    granted: int = 0
    slot: int = 0
    valid_until: float = 0.0
    waiting: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class LeasingBudgets:
    """Budgets shared by processes: blocks leased from `lease`, used up here.

    `lease(key, wanted, unused)` is called by one request at a time for each key: for the units that
    all waiting requests want, or as many as the last block's time used, doubled if it did not last.
    What a block does not use in its time is given back with the next lease. `report` passes Graph's
    429 on.
    """

    def __init__(
        self,
        lease: LeaseFunction,
        report: ReportFunction | None = None,
        *,
        pacing: Pacing | None = None,
    ) -> None:
        self._lease = lease
        self._report = report
        self._pacing = pacing or Pacing()
        self._blocks: dict[BudgetKey, _Block] = defaultdict(_Block)

    async def acquire(self, key: BudgetKey, cost: int) -> None:
        """See BudgetSource. A cost above what one lease grants is collected from several."""
        block = self._blocks[key]
        block.waiting += cost
        missing = cost
        try:
            async with block.lock:
                while missing > 0:
                    taken = await self._take(key, block, missing)
                    missing -= taken
                    block.waiting -= taken
        finally:
            block.waiting -= missing

    async def report_throttled(self, key: BudgetKey, retry_after: float) -> None:
        """See BudgetSource. What is left of the block is given up."""
        block = self._blocks[key]
        block.units = block.granted = 0
        if self._report is not None:
            await self._report(key, retry_after)

    async def _take(self, key: BudgetKey, block: _Block, missing: int) -> int:
        now = self._pacing.monotonic()
        if block.units <= 0 or now >= block.valid_until:
            await self._renew(key, block)
        taken = min(block.units, missing)
        block.units -= taken
        return taken

    async def _renew(self, key: BudgetKey, block: _Block) -> None:
        """Lease the next block. Patience begins here, at the head of the queue."""
        deadline = self._pacing.monotonic() + LONGEST_WAIT_SECONDS
        # Tasks that start together get one lease together.
        await asyncio.sleep(0)
        while True:
            wanted = max(block.waiting, self._expected(block), 1)
            unused = self._unused(key, block)
            block.units = block.granted = 0
            lease = await self._lease(key, wanted, unused)
            now = self._pacing.monotonic()
            if lease.granted > 0:
                block.units = block.granted = lease.granted
                block.slot = lease.slot
                block.valid_until = now + lease.valid_seconds
                return
            if now + lease.retry_after > deadline:
                raise throttled_error(lease.retry_after)
            await self._pacing.sleep(max(lease.retry_after, _SHORTEST_PAUSE))

    def _unused(self, key: BudgetKey, block: _Block) -> Unused:
        """Return what is left of a block while its slot may count.

        Never later: numbers of slots come again when the clock of the shared place is set back.
        """
        if self._pacing.monotonic() >= block.valid_until + limit_of(key).seconds:
            return Unused()
        return Unused(block.units, block.slot)

    def _expected(self, block: _Block) -> int:
        if self._pacing.monotonic() < block.valid_until:
            return min(2 * block.granted, _LARGEST_GUESS)
        return block.granted - block.units
