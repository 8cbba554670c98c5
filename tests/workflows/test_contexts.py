"""The activity after the lanes: cancelled, broken, late, patient, killed; never a lane's loss."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, Profile
from services.backups.capture_records import TypeProgress
from services.backups.context_reading import ContextReader
from services.backups.lane_reading import LaneReader
from services.backups.type_reading import TypeReading
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import failures_of, objects_of, results_of
from tests.end_to_end.truth import ids_of, path_of
from tests.eventually import eventually
from tests.workflows.test_endings import BrokenError, handle_of, reaches, run_of

COUNTS = {"conditionalAccessPolicies": 6, "groups": 30, "assignmentFilters": 2}
TYPES = ("caPolicy", "filter")
GROUPS = "/groups/*"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(run_product: Run) -> AsyncIterator[Product]:
    """Shared by the tests of this module; each lifts the faults that it injects."""
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=COUNTS)
    async with run_product(config) as product:
        yield product


def named_groups(product: Product) -> set[str]:
    """Return the groups that the policies of the tenant name."""
    control, found = product.graph.control, set()
    for object_id in ids_of(product.graph, "caPolicy"):
        users = control.get_object(0, path_of("caPolicy"), object_id)["conditions"]["users"]
        found |= {*users["includeGroups"], *users["excludeGroups"]}
    return found


async def test_cancel_while_groups_are_read_keeps_what_the_lanes_read(product: Product) -> None:
    control = product.graph.control
    control.add_fault(kind="delay", delay_s=7.0, path=GROUPS)
    decision = await product.start("backup_schedule.run_now", {"policy_types": list(TYPES)})
    run = await run_of(product, decision.operation_run_id)
    await eventually(lambda: control.list_faults()[0]["struck"])
    await (await handle_of(product, run)).cancel()

    ended = await reaches(product, run, "completed", seconds=10)
    control.clear_faults()

    results = await results_of(product, ended)
    assert ended.outcome == "cancelled"
    assert {key for key, row in results.items() if row["listing_complete"]} == set(TYPES)
    assert results["group"]["reason_code"] == "cancelled_by_operator"
    again = await product.backup(*TYPES)
    assert again.outcome == "succeeded"
    assert set((await objects_of(product, again))["group"]) == named_groups(product)


async def test_context_that_breaks_leaves_the_lanes_results(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_self: ContextReader) -> Any:
        raise BrokenError("a planted text of a defect")

    monkeypatch.setattr(ContextReader, "read_context", broken)

    run = await product.backup(*TYPES)

    results = await results_of(product, run)
    assert run.outcome == "partially_succeeded"
    assert failures_of(run) == {"group": "input_invalid"}
    assert all(results[key]["listing_complete"] for key in TYPES)
    assert "planted" not in str(run)


@pytest.mark.long
async def test_context_is_read_although_a_lane_broke(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    await product.backup(*TYPES)
    read = LaneReader.read

    async def broken(self: LaneReader) -> Any:
        if self._call.plan.lane == "conditional_access":
            raise BrokenError
        return await read(self)

    monkeypatch.setattr(LaneReader, "read", broken)

    run = await product.backup(*TYPES)

    assert set(failures_of(run)) == {"caPolicy"}
    # The policies could not be read; what they were last known to refer to stays in the set.
    assert set((await objects_of(product, run))["group"]) == named_groups(product)


@pytest.mark.long
async def test_groups_that_are_throttled_wait_and_are_read_then(product: Product) -> None:
    control = product.graph.control
    fault = {"kind": "status", "status": 429, "retry_after": "11", "times": 30}
    control.add_fault(path=GROUPS, **fault)
    decision = await product.start("backup_schedule.run_now", {"policy_types": list(TYPES)})

    async def is_waiting() -> bool:
        run = await run_of(product, decision.operation_run_id)
        group = (await results_of(product, run)).get("group")
        return group is not None and group["reason_code"] == "provider_throttled"

    await eventually(is_waiting)
    control.clear_faults()
    run = await product.finished(decision)

    assert run.outcome == "succeeded"
    assert set((await objects_of(product, run))["group"]) == named_groups(product)


@pytest.mark.long
async def test_events_that_cannot_be_collected_change_no_outcome(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        async def collect(self, _client: Any, _run: Any) -> None:
            raise RuntimeError("a planted text of a defect")

    monkeypatch.setattr(product.services.context_reading, "events", Broken())

    run = await product.backup(*TYPES)

    assert (run.outcome, run.failure_summary) == ("succeeded", [])


@pytest.mark.long
async def test_type_that_breaks_among_those_that_are_referred_to_is_named(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = TypeReading.read

    async def broken(self: TypeReading, progress: TypeProgress) -> None:
        if self._type.key == "group":
            raise RuntimeError("a planted text of a defect")
        await read(self, progress)

    monkeypatch.setattr(TypeReading, "read", broken)
    monkeypatch.setattr("services.backups.lane_reading.OUTAGE_PAUSE", timedelta(milliseconds=50))

    run = await product.backup(*TYPES)

    assert failures_of(run) == {"group": "worker_error"}
