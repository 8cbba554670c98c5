"""Request budgets of Microsoft Graph, shared by every process through PostgreSQL (D10).

A budget is a sliding window for (app, Entra tenant, service area, kind). Its numbers are chosen so
that no window of Microsoft's ever holds more requests than the share allows, however many processes
lease from it: what is sent within a window was leased within it, or up to one validity before
(decision 0009).
"""

import time
from math import ceil

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.resource_types.shape import ServiceArea
from graph.budgets import BudgetKey, Lease, LeasingBudgets, Unused, limit_of
from graph.request_costs import AreaLimit
from storage.graph_budgets import (
    Returned,
    WindowKey,
    WindowShape,
    close_window,
    open_window,
    take_units,
)

_LONGEST_VALIDITY = 1.0
# A first request may be that much longer on its way than the next: it opens the connection.
_NETWORK_SECONDS = 0.25
_SLOTS = 40
# A long window has finer slots, for what rounding costs, down to what a slow PostgreSQL leaves time
# to use.
_MOST_SLOTS = 80
_FINE_SLOT = 0.25
# How much of a window's units may go within the first parts of it. The last step is what lets a
# large backup go on at a steady pace: no wait is longer than a quarter of the window.
_BOUNDS = ((0.25, 0.9), (0.5, 0.95), (0.75, 0.975), (1.0, 1.0))
_HALVING_PAUSE = 2.0
_RECOVERY = 120.0
_SLOWEST = 1 / 64
# Microsoft counts these requests of a tenant whatever app sends them (api.md d.2).
_SHARED_BY_ALL_APPS = frozenset({ServiceArea.CONDITIONAL_ACCESS})
_ANY_APP = "*"
_NOTHING = Unused()


class GraphBudgets:
    """Leases blocks of requests. `lease` and `report` are what `graph.LeasingBudgets` asks for.

    share: part of Microsoft's limit that is used. scale: multiplies the limits; above 1 only for a
    local Graph, since Microsoft answers with throttling.
    """

    def __init__(self, *, engine: AsyncEngine, share: float = 0.8, scale: float = 1.0) -> None:
        self._engine = engine
        self._share = share
        self._scale = scale

    async def lease(self, key: BudgetKey, wanted: int, unused: Unused = _NOTHING) -> Lease:
        """Take a block of up to `wanted` requests, valid for at most a second.

        `unused`: what is left of an earlier block, and was not sent: it is free again.
        """
        limit = self._limit(key)
        shape = window_shape(limit, self._share)
        window = _window_key(key)
        returned = Returned(unused.units, unused.slot)
        began = time.monotonic()
        taken = await take_units(self._engine, window, shape, wanted, returned)
        while taken is None:
            await open_window(self._engine, window, shape)
            taken = await take_units(self._engine, window, shape, wanted, returned)
        # The block is valid from when it was taken, not from when the answer arrived.
        left = block_validity(limit, self._share) - (time.monotonic() - began)
        return Lease(taken.granted, max(left, 0.0), taken.retry_after, taken.slot)

    async def report(self, key: BudgetKey, retry_after: float) -> None:
        """Note that Graph answered 429: every process waits, and fewer requests fit a window."""
        shape = window_shape(self._limit(key), self._share)
        window = _window_key(key)
        await open_window(self._engine, window, shape)
        await close_window(self._engine, window, shape, retry_after)

    def source(self) -> LeasingBudgets:
        """Return the consumer for this process's clients."""
        return LeasingBudgets(self.lease, self.report)

    def _limit(self, key: BudgetKey) -> AreaLimit:
        limit = limit_of(key)
        return AreaLimit(max(int(limit.units * self._scale), 1), limit.seconds)


def window_shape(limit: AreaLimit, share: float) -> WindowShape:
    """Return the bounds of a limit, by the rule of this module."""
    validity, units = block_validity(limit, share), limit.units * share
    if _is_single(limit, share):
        # One request, and the next where the share, or the end of the first one's window, allows.
        seconds = max(limit.seconds / units, limit.seconds + validity) + _NETWORK_SECONDS
        return _shape(seconds / _SLOTS, [_SLOTS + 1], [1])
    slot = _slot_seconds(limit)
    lengths = [ceil((part * limit.seconds + validity) / slot) + 1 for part, _ in _BOUNDS]
    return _shape(slot, lengths, [max(int(units * most), 1) for _, most in _BOUNDS])


def block_validity(limit: AreaLimit, share: float) -> float:
    """Return the seconds in which a block has to be used."""
    if not _is_single(limit, share):
        return min(_LONGEST_VALIDITY, _slot_seconds(limit))
    longest = min(_LONGEST_VALIDITY, limit.seconds / 4)
    spare = limit.seconds / (limit.units * share) - limit.seconds
    return min(longest, spare / 2) if spare > 0 else longest


def _slot_seconds(limit: AreaLimit) -> float:
    return min(limit.seconds / _SLOTS, max(limit.seconds / _MOST_SLOTS, _FINE_SLOT))


def _shape(slot_seconds: float, lengths: list[int], most: list[int]) -> WindowShape:
    return WindowShape(slot_seconds, lengths, most, _SLOWEST, _HALVING_PAUSE, _RECOVERY)


def _is_single(limit: AreaLimit, share: float) -> bool:
    """Tell whether the share allows less than two requests in a window, as with one a second."""
    return limit.units * share < 2


def _window_key(key: BudgetKey) -> WindowKey:
    is_shared = key.service_area in _SHARED_BY_ALL_APPS
    app_id = _ANY_APP if is_shared else key.app_id
    return WindowKey(app_id, key.entra_tenant_id, key.service_area.value, key.kind.value)
