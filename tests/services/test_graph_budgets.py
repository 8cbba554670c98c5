import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from math import ceil

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.resource_types.shape import ServiceArea
from graph.budgets import BudgetKey, BudgetKind, Unused
from graph.errors import GraphThrottledError
from graph.request_costs import REQUEST_LIMITS, WRITE_LIMITS, AreaLimit
from services.connections.graph_budgets import GraphBudgets, block_validity, window_shape
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


async def spend(
    budgets: GraphBudgets, key: BudgetKey, until: float, part: float = 1.0
) -> list[Block]:
    """Lease as greedily as a process can; use this part of it and give the rest back."""
    blocks, unused = [], Unused()
    while (asked := time.monotonic()) < until:
        lease = await budgets.lease(key, 1_000, unused)
        got, unused = time.monotonic(), Unused()
        if lease.granted:
            used = ceil(lease.granted * part)
            unused = Unused(lease.granted - used, lease.slot)
            blocks.append(Block(asked, got + lease.valid_seconds, used))
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
def test_window_shape_no_window_can_hold_more_than_the_share_allows(
    limit: AreaLimit, share: float
) -> None:
    shape, validity = window_shape(limit, share), block_validity(limit, share)
    assert 0 < validity <= 1
    # The slot of now may have just begun, so it covers nothing for certain.
    covered = (shape.lengths[-1] - 1) * shape.slot_seconds
    assert covered >= (limit.seconds + validity) * 0.999999
    assert 1 <= shape.most[-1] <= max(limit.units * share, 1)
    assert list(shape.most) == sorted(shape.most)
    assert list(shape.lengths) == sorted(shape.lengths)
    if limit.units * share < 1:
        assert 1 / shape.rate >= limit.seconds / (limit.units * share)


# Whole requests of a few lose a third, and one a second a sixth for the network; a backup asks
# there a few times.
FEW = {REQUEST_LIMITS[ServiceArea.DIRECTORY_AUDIT], REQUEST_LIMITS[ServiceArea.CONDITIONAL_ACCESS]}


@pytest.mark.parametrize(
    "limit", sorted({*REQUEST_LIMITS.values(), *WRITE_LIMITS.values()} - FEW, key=str)
)
def test_window_shape_limits_of_microsoft_lose_little(limit: AreaLimit) -> None:
    shape = window_shape(limit, SHARE)
    assert shape.rate * limit.seconds >= 0.9 * limit.units * SHARE


@pytest.mark.parametrize("part", [1.0, 0.6])
async def test_lease_greedy_processes_together_stay_within_the_limit(
    engine: AsyncEngine, other_engine: AsyncEngine, part: float
) -> None:
    until = time.monotonic() + 2.5
    processes = [
        GraphBudgets(engine=made, share=SHARE, scale=40)
        for made in (engine, other_engine, engine, other_engine)
    ]
    spent = await asyncio.gather(*(spend(budgets, ACCESS, until, part) for budgets in processes))
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


async def test_lease_first_uses_at_the_same_time_share_one_window(engine: AsyncEngine) -> None:
    budgets = GraphBudgets(engine=engine)
    began = time.monotonic()
    leases = await asyncio.gather(*(budgets.lease(POLICIES, 1_000) for _ in range(8)))
    elapsed = time.monotonic() - began
    shape = window_shape(REQUEST_LIMITS[POLICIES.service_area], SHARE)
    assert elapsed < shape.slot_seconds * (shape.lengths[0] - 1)
    assert sum(lease.granted for lease in leases) == shape.most[0]


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
    # What the share leaves of one a second, a quarter for the network, and a fortieth for slots.
    assert 1 < lease.retry_after <= 1.54


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


@dataclass(frozen=True)
class Offer:
    """What a budget grants at most, `seconds` after its first lease, of which `taken` were taken.

    Each lease before is (seconds after the first, units).
    """

    leased: tuple[tuple[float, int], ...]
    seconds: float
    granted: int


# 720, 760, 780 and 800 units within 5, 10, 15 and 20 seconds, a slot's validity and rounding more.
@pytest.mark.parametrize(
    "offer",
    [
        Offer(leased=(), seconds=0, granted=720),
        Offer(leased=((0, 200),), seconds=1, granted=520),
        Offer(leased=((0, 720),), seconds=4, granted=0),
        Offer(leased=((0, 720),), seconds=7, granted=40),
        Offer(leased=((0, 720), (7, 40)), seconds=13, granted=20),
        Offer(leased=((0, 720), (7, 40), (13, 20)), seconds=19, granted=20),
        Offer(leased=((0, 720), (7, 40), (13, 20), (19, 20)), seconds=20, granted=0),
        Offer(leased=((0, 720), (7, 40), (13, 20), (19, 20)), seconds=22, granted=700),
        Offer(leased=((0, 720),), seconds=300, granted=720),
    ],
    ids=str,
)
async def test_lease_grants_what_the_window_has_left(engine: AsyncEngine, offer: Offer) -> None:
    budgets, now = GraphBudgets(engine=engine), 0.0
    for seconds, units in offer.leased:
        await age_budget(engine, seconds - now)
        assert (await budgets.lease(POLICIES, units)).granted == units
        now = seconds
    await age_budget(engine, offer.seconds - now)
    lease = await budgets.lease(POLICIES, 10_000)
    assert lease.granted == offer.granted
    assert (lease.retry_after > 0) == (offer.granted == 0)


async def test_lease_units_given_back_are_free_again(engine: AsyncEngine) -> None:
    budgets = GraphBudgets(engine=engine)
    lease = await budgets.lease(POLICIES, 720)
    await age_budget(engine, 2)
    lease = await budgets.lease(POLICIES, 1_000, Unused(700, lease.slot - 8))
    assert lease.granted == 700
    # Also if nothing is left to be leased.
    assert (await budgets.lease(POLICIES, 1_000)).granted == 0
    refused = await budgets.lease(POLICIES, 1_000, Unused(5, lease.slot))
    assert refused.granted == 0
    await budgets.lease(POLICIES, 1, Unused(15, lease.slot))
    assert (await budgets.lease(POLICIES, 1_000)).granted == 19


@pytest.mark.parametrize("slots_ago", [-1, 1, 1_000])
async def test_lease_units_given_back_are_those_of_their_slot(
    engine: AsyncEngine, slots_ago: int
) -> None:
    budgets = GraphBudgets(engine=engine)
    lease = await budgets.lease(POLICIES, 700)
    again = await budgets.lease(POLICIES, 1_000, Unused(700, lease.slot - slots_ago))
    assert again.granted == 20


async def test_lease_that_is_refused_says_when_to_come_again(engine: AsyncEngine) -> None:
    budgets = GraphBudgets(engine=engine)
    await budgets.lease(POLICIES, 720)
    refused = await budgets.lease(POLICIES, 100)
    assert refused.granted == 0
    # The quarter of the window, the validity and the rounding, to the slot.
    assert 5 <= refused.retry_after <= 6
    await age_budget(engine, refused.retry_after + 0.5)
    assert (await budgets.lease(POLICIES, 100)).granted == 40


async def test_lease_after_the_clock_was_set_back_is_careful_and_not_stuck(
    engine: AsyncEngine,
) -> None:
    budgets = GraphBudgets(engine=engine)
    await budgets.lease(POLICIES, 720)
    await age_budget(engine, -3_600)
    refused = await budgets.lease(POLICIES, 1)
    assert refused.granted == 0
    assert refused.retry_after <= 6


async def pace_of(engine: AsyncEngine) -> float:
    async with engine.connect() as connection:
        return float(await connection.scalar(text("SELECT pace FROM graph_budgets")) or 0)


async def test_report_answers_of_one_burst_halve_the_pace_once(engine: AsyncEngine) -> None:
    budgets = GraphBudgets(engine=engine)
    await asyncio.gather(*(budgets.report(POLICIES, 0.1) for _ in range(8)))
    assert await pace_of(engine) == 0.5


async def test_report_again_later_halves_the_pace_again_down_to_a_floor(
    engine: AsyncEngine,
) -> None:
    budgets = GraphBudgets(engine=engine)
    for _ in range(9):
        await budgets.report(POLICIES, 0)
        await age_budget(engine, 3, columns=("throttled_at",))
    assert await pace_of(engine) == 1 / 64
    # A 64th of what a quarter of the window has, and what came back in the meantime.
    assert 10 <= (await budgets.lease(POLICIES, 1_000)).granted <= 13


async def age_budget(
    engine: AsyncEngine,
    seconds: float,
    columns: tuple[str, ...] = ("paced_at", "blocked_until", "throttled_at"),
) -> None:
    """Make as if what a budget holds had happened earlier; `slot` moves with it."""
    changes = [f"{name} = {name} - interval '{seconds} seconds'" for name in columns]
    if "paced_at" in columns:
        changes.append(f"slot = slot - round({seconds} / slot_seconds)")
    async with engine.begin() as connection:
        await connection.execute(text(f"UPDATE graph_budgets SET {', '.join(changes)}"))


async def test_lease_pace_recovers_slowly_after_throttling(engine: AsyncEngine) -> None:
    budgets = GraphBudgets(engine=engine)
    await budgets.report(POLICIES, 1)
    await age_budget(engine, 31)
    assert (await budgets.lease(POLICIES, 10)).granted == 10
    assert 0.7 < await pace_of(engine) < 0.85
    await age_budget(engine, 120)
    await budgets.lease(POLICIES, 1)
    assert await pace_of(engine) == 1


async def test_lease_throttled_one_a_second_becomes_one_in_longer_windows(
    engine: AsyncEngine,
) -> None:
    budgets = GraphBudgets(engine=engine)
    await budgets.report(ACCESS, 0)
    await age_budget(engine, 1)
    assert (await budgets.lease(ACCESS, 1)).granted == 1
    refused = await budgets.lease(ACCESS, 1)
    assert refused.granted == 0
    assert 2.5 < refused.retry_after < 3.1


async def test_lease_changed_scale_takes_effect_at_once(engine: AsyncEngine) -> None:
    await GraphBudgets(engine=engine).lease(POLICIES, 1)
    lease = await GraphBudgets(engine=engine, scale=10).lease(POLICIES, 100_000)
    assert lease.granted == 7_199


async def test_lease_changed_length_of_slots_counts_what_was_taken(engine: AsyncEngine) -> None:
    await GraphBudgets(engine=engine).lease(ACCESS, 1)
    lease = await GraphBudgets(engine=engine, share=0.5).lease(ACCESS, 1)
    assert lease.granted == 0
    assert 0 < lease.retry_after <= 2.4


async def test_source_long_block_is_left_to_the_caller(engine: AsyncEngine) -> None:
    budgets = GraphBudgets(engine=engine)
    source = budgets.source()
    await source.acquire(POLICIES, 5)
    await source.report_throttled(POLICIES, 60)
    with pytest.raises(GraphThrottledError) as caught:
        await source.acquire(POLICIES, 1)
    assert caught.value.retry_after == pytest.approx(60, abs=2)
