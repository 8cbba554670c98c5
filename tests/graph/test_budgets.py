"""Budgets: never above the share, first come first served, and no slot held longer than allowed."""

import asyncio

import pytest

from domain.resource_types.shape import ServiceArea
from graph.budgets import (
    BudgetKey,
    BudgetKind,
    Lease,
    LeaseFunction,
    LeasingBudgets,
    LocalBudgets,
    Unused,
    limit_of,
)
from graph.errors import GraphThrottledError
from graph.request_costs import AreaLimit, largest_batch, request_cost
from tests.graph.clocks import FakeClock

KEY = BudgetKey("app", "tenant", ServiceArea.DEVICE_CONFIGURATION)


def budgets(clock: FakeClock, units: int, seconds: int, share: float = 1.0) -> LocalBudgets:
    return LocalBudgets(
        share=share, limits=lambda _key: AreaLimit(units, seconds), pacing=clock.pacing()
    )


async def test_local_budget_lets_a_window_through_and_then_waits() -> None:
    clock = FakeClock()
    source = budgets(clock, units=10, seconds=5)
    for _ in range(10):
        await source.acquire(KEY, 1)
    assert clock.slept == []
    await source.acquire(KEY, 1)
    assert clock.seconds == pytest.approx(5, abs=0.3)


async def test_local_budget_never_passes_the_share_in_any_window() -> None:
    clock = FakeClock()
    source = budgets(clock, units=50, seconds=5, share=0.8)
    taken: list[float] = []
    for cost in (1, 3, 20, 7) * 15:
        await source.acquire(KEY, cost)
        taken.extend([clock.seconds] * cost)
    for start in taken:
        assert sum(start <= at < start + 5 for at in taken) <= 40


async def test_local_budget_uses_nearly_all_of_its_share() -> None:
    clock = FakeClock()
    source = budgets(clock, units=100, seconds=2)
    for _ in range(1000):
        await source.acquire(KEY, 1)
    assert clock.seconds <= 2 * 10 * 1.15


async def test_local_budget_with_a_long_wait_leaves_the_slot() -> None:
    clock = FakeClock()
    source = budgets(clock, units=10, seconds=60)
    await source.acquire(KEY, 10)
    with pytest.raises(GraphThrottledError) as caught:
        await source.acquire(KEY, 1)
    assert caught.value.retry_after == pytest.approx(60, abs=0.3)


async def test_local_budget_of_one_a_second_is_stretched_by_the_share() -> None:
    clock = FakeClock()
    key = BudgetKey("app", "tenant", ServiceArea.CONDITIONAL_ACCESS)
    source = LocalBudgets(share=0.8, pacing=clock.pacing())
    for _ in range(5):
        await source.acquire(key, 1)
    assert clock.seconds >= 4 * 1.25


async def test_local_budget_takes_a_cost_above_its_limit_in_parts() -> None:
    clock = FakeClock()
    source = budgets(clock, units=2, seconds=1)
    await source.acquire(KEY, 5)
    assert 2 <= clock.seconds <= 3


async def test_reported_throttling_closes_the_budget_for_all() -> None:
    clock = FakeClock()
    source = budgets(clock, units=100, seconds=1)
    await source.report_throttled(KEY, 4)
    await source.acquire(KEY, 1)
    assert clock.seconds == pytest.approx(4)
    await source.report_throttled(KEY, 30)
    with pytest.raises(GraphThrottledError):
        await source.acquire(KEY, 1)


async def test_budgets_of_tenants_and_areas_are_apart() -> None:
    clock = FakeClock()
    source = budgets(clock, units=1, seconds=60)
    for area in (ServiceArea.ENROLLMENT, ServiceArea.APPLICATIONS):
        for tenant in ("a", "b"):
            await source.acquire(BudgetKey("app", tenant, area), 1)
    assert clock.slept == []


class SharedPlace:
    """A lease function as services would give: so many units in each second, for all."""

    def __init__(self, clock: FakeClock, per_second: int) -> None:
        self.clock = clock
        self.per_second = per_second
        self.granted: dict[int, int] = {}
        self.asked: list[int] = []
        self.given_back: list[Unused] = []

    async def lease(self, key: BudgetKey, wanted: int, unused: Unused) -> Lease:
        await asyncio.sleep(0)
        self.asked.append(wanted)
        self.given_back.append(unused)
        second = int(self.clock.seconds)
        free = self.per_second - self.granted.get(second, 0)
        units = min(wanted, free, self.per_second // 2)
        self.granted[second] = self.granted.get(second, 0) + units
        return Lease(units, 1.0, retry_after=second + 1 - self.clock.seconds, slot=second)


async def test_two_consumers_share_what_one_place_leases() -> None:
    clock = FakeClock()
    place = SharedPlace(clock, per_second=20)
    consumers = [LeasingBudgets(place.lease, pacing=clock.pacing()) for _ in range(2)]
    await asyncio.gather(*[consumers[n % 2].acquire(KEY, 1) for n in range(100)])
    assert all(granted <= 20 for granted in place.granted.values())
    assert sum(place.granted.values()) >= 100
    assert clock.seconds <= 6


async def test_local_budget_queue_longer_than_the_patience_is_worked_off() -> None:
    clock = FakeClock()
    source = budgets(clock, units=1, seconds=1)
    await asyncio.gather(*[source.acquire(KEY, 1) for _ in range(60)])
    assert 59 <= clock.seconds <= 75


async def test_leased_queue_longer_than_the_patience_is_worked_off() -> None:
    clock = FakeClock()
    place = SharedPlace(clock, per_second=2)
    source = LeasingBudgets(place.lease, pacing=clock.pacing())
    await asyncio.gather(*[source.acquire(KEY, 1) for _ in range(60)])
    assert sum(place.granted.values()) == 60
    assert 29 <= clock.seconds <= 31


async def test_cost_that_is_leased_bit_by_bit_is_collected_while_it_gets_on() -> None:
    clock = FakeClock()
    place = SharedPlace(clock, per_second=2)
    source = LeasingBudgets(place.lease, pacing=clock.pacing())
    await source.acquire(KEY, 40)
    assert sum(place.granted.values()) == 40
    assert clock.seconds >= 19


async def test_queue_behind_a_closed_budget_is_told_so_at_once() -> None:
    clock = FakeClock()
    source = LeasingBudgets(refusing(30.0), pacing=clock.pacing())
    waiting = [source.acquire(KEY, 1) for _ in range(5)]
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(outcome, GraphThrottledError) for outcome in outcomes)
    assert clock.slept == []


async def test_cancelled_requests_leave_the_queue_and_are_not_leased_for() -> None:
    place = SharedPlace(FakeClock(), per_second=100)
    asked, held = asyncio.Event(), asyncio.Event()

    async def lease(key: BudgetKey, wanted: int, unused: Unused) -> Lease:
        asked.set()
        await held.wait()
        return await place.lease(key, wanted, unused)

    source = LeasingBudgets(lease)
    tasks = [asyncio.create_task(source.acquire(KEY, 5)) for _ in range(8)]
    # The head waits for its lease, the others behind it.
    await asyncio.wait_for(asked.wait(), 5)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    held.set()
    await source.acquire(KEY, 1)
    assert place.asked == [1]


async def test_waiting_requests_are_leased_for_together() -> None:
    clock = FakeClock()
    place = SharedPlace(clock, per_second=100)
    source = LeasingBudgets(place.lease, pacing=clock.pacing())
    await asyncio.gather(*[source.acquire(KEY, 1) for _ in range(40)])
    assert place.asked[0] == 40
    assert len(place.asked) == 1


async def test_block_is_given_back_after_its_time() -> None:
    clock = FakeClock()
    place = SharedPlace(clock, per_second=100)
    source = LeasingBudgets(place.lease, pacing=clock.pacing())
    clock.seconds += 3
    for _ in range(4):
        # Leased are 1, 2 and 4.
        await source.acquire(KEY, 1)
    clock.seconds += 1.5
    await source.acquire(KEY, 1)
    assert place.given_back == [Unused(), Unused(0, 3), Unused(0, 3), Unused(3, 3)]


async def test_block_is_not_given_back_when_its_window_is_over() -> None:
    clock = FakeClock()
    place = SharedPlace(clock, per_second=100)
    source = LeasingBudgets(place.lease, pacing=clock.pacing())
    for _ in range(4):
        await source.acquire(KEY, 1)
    clock.seconds += 1.5 + limit_of(KEY).seconds
    await source.acquire(KEY, 1)
    assert place.given_back[-1] == Unused()


async def test_steady_demand_is_leased_for_in_growing_blocks() -> None:
    clock = FakeClock()
    place = SharedPlace(clock, per_second=1000)
    source = LeasingBudgets(place.lease, pacing=clock.pacing())
    for _ in range(100):
        await source.acquire(KEY, 1)
    assert place.asked == [1, 2, 4, 8, 16, 32, 64]


@pytest.mark.parametrize("retry_after", [11.0, 300.0])
async def test_refused_lease_with_a_long_wait_leaves_the_slot(retry_after: float) -> None:
    clock = FakeClock()
    source = LeasingBudgets(refusing(retry_after), pacing=clock.pacing())
    with pytest.raises(GraphThrottledError) as caught:
        await source.acquire(KEY, 1)
    assert caught.value.retry_after == retry_after
    assert clock.slept == []


async def test_refused_leases_without_a_time_do_not_spin() -> None:
    clock = FakeClock()
    source = LeasingBudgets(refusing(0.0), pacing=clock.pacing())
    with pytest.raises(GraphThrottledError):
        await source.acquire(KEY, 1)
    assert len(clock.slept) <= 250


async def test_throttling_is_passed_on_and_ends_the_block() -> None:
    clock = FakeClock()
    place = SharedPlace(clock, per_second=100)
    reported: list[float] = []

    async def report(_key: BudgetKey, seconds: float) -> None:
        reported.append(seconds)

    source = LeasingBudgets(place.lease, report, pacing=clock.pacing())
    await asyncio.gather(source.acquire(KEY, 1), source.acquire(KEY, 1))
    await source.report_throttled(KEY, 5)
    await source.acquire(KEY, 1)
    assert reported == [5]
    assert len(place.asked) == 2


def refusing(retry_after: float) -> LeaseFunction:
    async def lease(_key: BudgetKey, _wanted: int, _unused: Unused) -> Lease:
        await asyncio.sleep(0)
        return Lease(0, 0.0, retry_after)

    return lease


def test_limits_are_those_of_the_documentation() -> None:
    directory = BudgetKey("a", "t", ServiceArea.DIRECTORY)
    assert limit_of(KEY) == AreaLimit(1000, 20)
    assert limit_of(directory) == AreaLimit(3500, 10)
    writes = BudgetKey("a", "t", ServiceArea.ENROLLMENT, BudgetKind.WRITE)
    assert limit_of(writes) == AreaLimit(100, 20)
    assert largest_batch(ServiceArea.CONDITIONAL_ACCESS) == 1


@pytest.mark.parametrize(
    ("path", "cost"),
    [
        ("/groups", 1),
        ("/groups?$select=id&$top=999", 1),
        ("/groups/1/members", 3),
        ("/groups/1/transitiveMembers?$top=5", 4),
        ("/users?$expand=manager", 3),
        ("/directoryObjects/getByIds", 3),
        ("/roleManagement/directory/roleDefinitions?$expand=inheritsPermissionsFrom", 2),
    ],
)
def test_directory_requests_cost_resource_units(path: str, cost: int) -> None:
    assert request_cost(ServiceArea.DIRECTORY, path) == cost
