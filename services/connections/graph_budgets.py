"""Request budgets of Microsoft Graph, shared by every process through PostgreSQL (D10).

A bucket is a token bucket for (app, Entra tenant, service area, kind). Its numbers are chosen so
that no window of Microsoft's ever holds more requests than the share allows, however many processes
lease from it: a window of W seconds can hold what is leased within it and the block that was leased
just before and is still valid, so `capacity + rate * (W + validity) = limit * share`.
"""

import time

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.resource_types.shape import ServiceArea
from graph.budgets import BudgetKey, Lease, LeasingBudgets, limit_of
from graph.request_costs import AreaLimit
from storage.graph_budgets import (
    BucketKey,
    BucketShape,
    close_bucket,
    open_bucket,
    take_tokens,
)

_LONGEST_VALIDITY = 1.0
_HALVING_PAUSE = 2.0
_RECOVERY = 120.0
_SLOWEST = 1 / 64
# Microsoft counts these requests of a tenant whatever app sends them (api.md d.2).
_SHARED_BY_ALL_APPS = frozenset({ServiceArea.CONDITIONAL_ACCESS})
_ANY_APP = "*"


class GraphBudgets:
    """Leases blocks of requests. `lease` and `report` are what `graph.LeasingBudgets` asks for.

    share: part of Microsoft's limit that is used. scale: multiplies the limits; above 1 only for a
    local Graph, since Microsoft answers with throttling.
    """

    def __init__(self, *, engine: AsyncEngine, share: float = 0.8, scale: float = 1.0) -> None:
        # One statement, one round trip: no transaction around it.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._share = share
        self._scale = scale

    async def lease(self, key: BudgetKey, wanted: int) -> Lease:
        """Take a block of up to `wanted` requests, valid for at most a second."""
        limit = self._limit(key)
        shape = bucket_shape(limit, self._share)
        bucket = _bucket_key(key)
        began = time.monotonic()
        async with self._engine.connect() as connection:
            taken = await take_tokens(connection, bucket, shape, wanted)
            while taken is None:
                await open_bucket(connection, bucket, shape)
                taken = await take_tokens(connection, bucket, shape, wanted)
        # The block is valid from when it was taken, not from when the answer arrived.
        left = block_validity(limit, self._share) - (time.monotonic() - began)
        return Lease(taken.granted, max(left, 0.0), taken.retry_after)

    async def report(self, key: BudgetKey, retry_after: float) -> None:
        """Note that Graph answered 429: every process waits, and the bucket fills more slowly."""
        shape = bucket_shape(self._limit(key), self._share)
        bucket = _bucket_key(key)
        async with self._engine.connect() as connection:
            await open_bucket(connection, bucket, shape)
            await close_bucket(connection, bucket, shape, retry_after)

    def source(self) -> LeasingBudgets:
        """Return the consumer for this process's clients."""
        return LeasingBudgets(self.lease, self.report)

    def _limit(self, key: BudgetKey) -> AreaLimit:
        limit = limit_of(key)
        return AreaLimit(max(int(limit.units * self._scale), 1), limit.seconds)


def bucket_shape(limit: AreaLimit, share: float) -> BucketShape:
    """Return how the bucket of a limit fills, by the formula of this module."""
    validity = block_validity(limit, share)
    units = limit.units * share
    if _is_single(limit, share):
        rate, capacity = units / limit.seconds, 1.0
        # Two single blocks may be used at the end of the first and the start of the second.
        rate = min(rate, 1 / (limit.seconds + validity))
    else:
        rate = units / (limit.seconds + 2 * validity)
        capacity = max(rate * validity, 1.0)
        rate = (units - capacity) / (limit.seconds + validity)
    return BucketShape(rate, capacity, rate * _SLOWEST, _HALVING_PAUSE, _RECOVERY)


def block_validity(limit: AreaLimit, share: float) -> float:
    """Return the seconds in which a block has to be used."""
    longest = min(_LONGEST_VALIDITY, limit.seconds / 4)
    if not _is_single(limit, share):
        return longest
    spare = limit.seconds / (limit.units * share) - limit.seconds
    # Half of it for the block, half for what a network adds between two requests.
    return min(longest, spare / 2) if spare > 0 else longest


def _is_single(limit: AreaLimit, share: float) -> bool:
    """Tell whether the share allows less than two requests in a window, as with one a second."""
    return limit.units * share < 2


def _bucket_key(key: BudgetKey) -> BucketKey:
    is_shared = key.service_area in _SHARED_BY_ALL_APPS
    app_id = _ANY_APP if is_shared else key.app_id
    return BucketKey(app_id, key.entra_tenant_id, key.service_area.value, key.kind.value)
