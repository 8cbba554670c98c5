import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.resource_types.shape import ServiceArea
from graph.budgets import BudgetKey, BudgetKind
from graph.errors import GraphThrottledError
from graph.request_costs import REQUEST_LIMITS, WRITE_LIMITS, AreaLimit
from services.connections.graph_budgets import GraphBudgets, block_validity, bucket_shape
from storage.engine import create_engine

POLICIES = BudgetKey("app", "tenant", ServiceArea.DEVICE_CONFIGURATION)
ACCESS = BudgetKey("app", "tenant", ServiceArea.CONDITIONAL_ACCESS)
SHARE = 0.8


@pytest_asyncio.fixture
async def other_engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """What another process would have: a pool of its own."""
    engine = create_engine(database_url)
    yield engine
    await engine.dispose()


@dataclass(frozen=True)
class Block:
    """Requests that may be sent at any moment of [start, end]."""

    start: float
    end: float
    requests: int


async def spend(budgets: GraphBudgets, key: BudgetKey, until: float) -> list[Block]:
    """Lease as greedily as a process can."""
    blocks = []
    while (asked := time.monotonic()) < until:
        lease = await budgets.lease(key, 1_000)
        got = time.monotonic()
        if lease.granted:
            blocks.append(Block(asked, got + lease.valid_seconds, lease.granted))
        else:
            await asyncio.sleep(lease.retry_after)
    return blocks


def worst_window(blocks: list[Block], seconds: float) -> int:
    """Return the most requests that one window can hold, if blocks are used at the worst time."""
    return max(
        sum(
            block.requests
            for block in blocks
            # Begins when the block may last be used; half open, as Microsoft's windows are.
            if block.start < first.end + seconds and block.end >= first.end
        )
        for first in blocks
    )


LIMITS = st.builds(AreaLimit, st.integers(1, 10_000), st.integers(1, 150))


@given(limit=LIMITS, share=st.floats(0.05, 1.0))
def test_bucket_shape_no_window_can_hold_more_than_the_share_allows(
    limit: AreaLimit, share: float
) -> None:
    shape, validity = bucket_shape(limit, share), block_validity(limit, share)
    assert 0 < validity <= 1
    assert shape.capacity >= 1
    if limit.units * share >= 2:
        most = shape.capacity + shape.rate * (limit.seconds + validity)
        assert most <= limit.units * share * 1.000001
    else:
        # Single requests: the next is sent a whole window after the one before.
        assert 1 / shape.rate - validity >= limit.seconds * 0.999999
        assert shape.capacity == 1


# Five requests in ten seconds lose a third to whole ones; a backup asks there once or twice.
FEW = REQUEST_LIMITS[ServiceArea.DIRECTORY_AUDIT]


@pytest.mark.parametrize(
    "limit", sorted({*REQUEST_LIMITS.values(), *WRITE_LIMITS.values()} - {FEW}, key=str)
)
def test_bucket_shape_limits_of_microsoft_lose_little(limit: AreaLimit) -> None:
    shape = bucket_shape(limit, SHARE)
    assert shape.rate * limit.seconds >= 0.8 * limit.units * SHARE


async def test_lease_greedy_processes_together_stay_within_the_limit(
    engine: AsyncEngine, other_engine: AsyncEngine
) -> None:
    until = time.monotonic() + 2.5
    processes = [
        GraphBudgets(engine=made, share=SHARE, scale=40)
        for made in (engine, other_engine, engine, other_engine)
    ]
    spent = await asyncio.gather(*(spend(budgets, ACCESS, until) for budgets in processes))
    blocks = [block for mine in spent for block in mine]
    assert worst_window(blocks, seconds=1) <= 40 * SHARE
    assert sum(block.requests for block in blocks) >= 40


@pytest.mark.long
@pytest.mark.alone
async def test_lease_one_request_a_second_is_never_two(
    engine: AsyncEngine, other_engine: AsyncEngine
) -> None:
    until = time.monotonic() + 3
    processes = [GraphBudgets(engine=made) for made in (engine, other_engine)]
    spent = await asyncio.gather(*(spend(budgets, ACCESS, until) for budgets in processes))
    blocks = sorted((block for mine in spent for block in mine), key=lambda block: block.start)
    assert 2 <= len(blocks) <= 4
    assert {block.requests for block in blocks} == {1}
    assert worst_window(blocks, seconds=0.9) == 1


async def test_lease_first_uses_at_the_same_time_share_one_bucket(engine: AsyncEngine) -> None:
    budgets = GraphBudgets(engine=engine)
    began = time.monotonic()
    leases = await asyncio.gather(*(budgets.lease(POLICIES, 1_000) for _ in range(8)))
    elapsed = time.monotonic() - began
    shape = bucket_shape(REQUEST_LIMITS[POLICIES.service_area], SHARE)
    assert sum(lease.granted for lease in leases) <= shape.capacity + shape.rate * elapsed


async def test_lease_less_than_the_block_is_granted_as_asked(engine: AsyncEngine) -> None:
    lease = await GraphBudgets(engine=engine).lease(POLICIES, 3)
    assert lease.granted == 3
    assert 0 < lease.valid_seconds <= 1


async def test_lease_keys_do_not_take_from_each_other(engine: AsyncEngine) -> None:
    budgets = GraphBudgets(engine=engine)
    others = [
        BudgetKey("app", "tenant", POLICIES.service_area, BudgetKind.WRITE),
        BudgetKey("other", "tenant", POLICIES.service_area),
        BudgetKey("app", "other", POLICIES.service_area),
        BudgetKey("app", "tenant", ServiceArea.ENROLLMENT),
    ]
    await budgets.lease(POLICIES, 1_000)
    leases = [await budgets.lease(key, 2) for key in others]
    assert [lease.granted for lease in leases] == [2, 2, 2, 2]


async def test_lease_conditional_access_is_one_budget_for_all_apps(engine: AsyncEngine) -> None:
    budgets = GraphBudgets(engine=engine)
    await budgets.lease(ACCESS, 1)
    lease = await budgets.lease(BudgetKey("other", "tenant", ACCESS.service_area), 1)
    assert lease.granted == 0
    assert 0 < lease.retry_after <= 1.25


async def test_report_throttled_key_closes_it_for_every_process(
    engine: AsyncEngine, other_engine: AsyncEngine
) -> None:
    await GraphBudgets(engine=engine).report(POLICIES, 30)
    lease = await GraphBudgets(engine=other_engine).lease(POLICIES, 1)
    assert lease.granted == 0
    assert 29 < lease.retry_after <= 30


async def test_report_shorter_wish_does_not_open_a_longer_block(engine: AsyncEngine) -> None:
    budgets = GraphBudgets(engine=engine)
    await budgets.report(POLICIES, 30)
    await budgets.report(POLICIES, 1)
    assert (await budgets.lease(POLICIES, 1)).retry_after > 29


async def rate_of_bucket(engine: AsyncEngine) -> float:
    async with engine.connect() as connection:
        return float(await connection.scalar(text("SELECT rate FROM graph_budgets")) or 0)


async def test_report_answers_of_one_burst_halve_the_rate_once(engine: AsyncEngine) -> None:
    budgets = GraphBudgets(engine=engine)
    full = bucket_shape(REQUEST_LIMITS[POLICIES.service_area], SHARE).rate
    await asyncio.gather(*(budgets.report(POLICIES, 0.1) for _ in range(8)))
    assert await rate_of_bucket(engine) == pytest.approx(full / 2)


async def test_report_again_later_halves_the_rate_again_down_to_a_floor(
    engine: AsyncEngine,
) -> None:
    budgets = GraphBudgets(engine=engine)
    full = bucket_shape(REQUEST_LIMITS[POLICIES.service_area], SHARE).rate
    for _ in range(9):
        await budgets.report(POLICIES, 0)
        await age_bucket(engine, seconds=3, columns=("throttled_at",))
    assert await rate_of_bucket(engine) == pytest.approx(full / 64)


async def age_bucket(engine: AsyncEngine, seconds: int, columns: tuple[str, ...]) -> None:
    changes = ", ".join(f"{name} = {name} - interval '{seconds} seconds'" for name in columns)
    async with engine.begin() as connection:
        await connection.execute(text(f"UPDATE graph_budgets SET {changes}"))


async def test_lease_rate_recovers_slowly_after_throttling(engine: AsyncEngine) -> None:
    budgets = GraphBudgets(engine=engine)
    full = bucket_shape(REQUEST_LIMITS[POLICIES.service_area], SHARE).rate
    await budgets.report(POLICIES, 1)
    await age_bucket(engine, 31, ("refilled_at", "blocked_until", "throttled_at"))
    assert (await budgets.lease(POLICIES, 10)).granted == 10
    assert 0.7 * full < await rate_of_bucket(engine) < 0.85 * full
    await age_bucket(engine, 120, ("refilled_at",))
    await budgets.lease(POLICIES, 1)
    assert await rate_of_bucket(engine) == pytest.approx(full)


async def test_lease_changed_scale_takes_effect_at_once(engine: AsyncEngine) -> None:
    await GraphBudgets(engine=engine).lease(POLICIES, 1)
    budgets = GraphBudgets(engine=engine, scale=10)
    await budgets.lease(POLICIES, 1)
    full = bucket_shape(AreaLimit(10_000, 20), SHARE).rate
    assert await rate_of_bucket(engine) == pytest.approx(full)


async def test_source_long_block_is_left_to_the_caller(engine: AsyncEngine) -> None:
    budgets = GraphBudgets(engine=engine)
    source = budgets.source()
    await source.acquire(POLICIES, 5)
    await source.report_throttled(POLICIES, 60)
    with pytest.raises(GraphThrottledError) as caught:
        await source.acquire(POLICIES, 1)
    assert caught.value.retry_after == pytest.approx(60, abs=2)
