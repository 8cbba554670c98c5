"""How operation workflows end when they do not end well: cancelled, broken, started wrongly."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ActivityError, ApplicationError

from contracts.operations import OperationDecision
from contracts.runs import OperationResult, OperationRunRequest
from devstack.graph_service import GraphConfig, Profile
from services.admission.admission import Origin
from services.backups.capture_records import TypeProgress
from services.backups.lane_reading import LaneReader
from services.backups.type_reading import TypeReading
from services.directory_roles.directory_role_definitions import DirectoryRoleDefinitionsService
from storage.runs import RunRecord
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import changes_of, failures_of, objects_of, results_of, select
from tests.end_to_end.truth import ids_of
from tests.eventually import eventually

COUNTS = {
    "configurationPolicies": 6,
    "assignmentFilters": 4,
    "conditionalAccessPolicies": 3,
    "namedLocations": 3,
    "directoryRoleDefinitions": 12,
}
TYPES = ("settingsCatalog", "filter", "caPolicy", "namedLocation")
SLOW = "settingsCatalog"
SLOW_PATH = "/deviceManagement/configurationPolicies"
FILTERS = "/deviceManagement/assignmentFilters"
RUN_NOW = "backup_schedule.run_now"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(run_product: Run) -> AsyncIterator[Product]:
    """Shared by the tests of this module; each lifts the faults that it injects."""
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=COUNTS)
    async with run_product(config) as product:
        yield product


async def start(product: Product) -> RunRecord:
    decision = await product.start(RUN_NOW, {"policy_types": list(TYPES)})
    return await run_of(product, decision.operation_run_id)


async def run_of(product: Product, run_id: UUID | None) -> RunRecord:
    assert run_id is not None
    run = await product.services.runs.find(run_id)
    assert run is not None
    return run


async def reaches(product: Product, run: RunRecord, status: str, seconds: float = 10) -> RunRecord:
    async def there() -> bool:
        return (await run_of(product, run.id)).status == status

    await eventually(there, seconds=seconds)
    return await run_of(product, run.id)


async def handle_of(product: Product, run: RunRecord) -> WorkflowHandle[Any, Any]:
    client = await product.services.temporal()
    return client.get_workflow_handle(run.workflow_id)


async def sets_of(product: Product, run: RunRecord) -> list[Any]:
    sql = "SELECT id, status FROM backup_sets WHERE operation_run_id = :run"
    return list(await select(product, sql, run=run.id))


async def test_cancel_while_reading_counts_and_keeps_what_was_read(product: Product) -> None:
    control = product.graph.control
    added = control.insert_object(0, FILTERS)
    control.add_fault(kind="delay", delay_s=7.0, path=SLOW_PATH)
    run = await start(product)

    async def is_rest_done() -> bool:
        results = await results_of(product, run)
        # What the objects refer to is read after the lanes.
        return {key for key, row in results.items() if row["state"] != "done"} == {SLOW, "group"}

    await eventually(is_rest_done)
    await (await handle_of(product, run)).cancel(reason="an operator changed his mind")
    ended = await reaches(product, run, "completed", seconds=5)
    control.clear_faults()

    assert ended.outcome == "cancelled"
    causes = [(entry["code"], entry.get("resource_type")) for entry in ended.failure_summary]
    assert {("type.failed", SLOW), ("type.failed", "group")} < set(causes)
    assert causes[-1] == ("run.cancelled", None)
    assert {entry["reason_code"] for entry in ended.failure_summary} == {"cancelled_by_operator"}
    counts = ended.summary_counts
    assert counts["succeeded"] == sum(len(ids_of(product.graph, key)) for key in TYPES[1:])
    assert ("filter", added, "created") in await changes_of(product, ended)
    assert added in (await objects_of(product, ended))["filter"]
    assert [row["status"] for row in await sets_of(product, run)] == ["partial"]
    with pytest.raises(WorkflowFailureError):
        await (await handle_of(product, run)).result()
    after = await product.backup(*TYPES)
    assert after.outcome == "succeeded"
    assert ("filter", added, "created") not in await changes_of(product, after)


async def test_cancel_while_waiting_for_its_turn_leaves_the_run_ahead_alone(
    product: Product,
) -> None:
    control = product.graph.control
    control.add_fault(kind="delay", delay_s=7.0, path=SLOW_PATH)
    ahead = await start(product)
    await reaches(product, ahead, "running")
    behind = await start(product)

    async def waits() -> bool:
        return "waiting_for" in (await run_of(product, behind.id)).context

    await eventually(waits)
    await (await handle_of(product, behind)).cancel()
    ended = await reaches(product, behind, "completed", seconds=5)

    assert (ended.outcome, ended.started_at) == ("cancelled", None)
    assert (await run_of(product, ahead.id)).status == "running"
    await (await handle_of(product, ahead)).cancel()
    await reaches(product, ahead, "completed", seconds=5)
    control.clear_faults()


async def test_backups_of_one_tenant_run_one_after_the_other(product: Product) -> None:
    control = product.graph.control
    control.add_fault(kind="delay", delay_s=1.5, path=SLOW_PATH, times=1)
    first = await start(product)
    await reaches(product, first, "running")
    second = await start(product)

    first, second = [await reaches(product, run, "completed") for run in (first, second)]
    control.clear_faults()

    assert [run.outcome for run in (first, second)] == ["succeeded"] * 2
    assert second.context["waiting_for"] == str(first.id)
    assert first.completed_at is not None
    assert second.started_at is not None
    assert second.started_at >= first.completed_at


async def test_type_that_breaks_for_no_reason_of_graph_keeps_no_other_back(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = TypeReading.read

    async def broken(self: TypeReading, progress: TypeProgress) -> None:
        if self._type.key == "caPolicy":
            raise RuntimeError("a planted text of a defect")
        await read(self, progress)

    monkeypatch.setattr(TypeReading, "read", broken)
    monkeypatch.setattr("services.backups.lane_reading.OUTAGE_PAUSE", timedelta(milliseconds=50))

    run = await product.backup(*TYPES)

    results = await results_of(product, run)
    complete = {key for key, row in results.items() if row["listing_complete"]}
    assert run.outcome == "partially_succeeded"
    assert failures_of(run) == {"caPolicy": "worker_error"}
    assert complete == {"settingsCatalog", "filter", "namedLocation", "group"}
    assert "planted" not in str(run)


class BrokenError(Exception):
    reason_code = "input_invalid"  # one that activities do not retry


async def test_lane_that_breaks_leaves_the_other_lanes_results(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = LaneReader.read

    async def broken(self: LaneReader) -> Any:
        if self._call.plan.lane == "conditional_access":
            raise BrokenError("a planted text of a defect")
        return await read(self)

    monkeypatch.setattr(LaneReader, "read", broken)

    run = await product.backup(*TYPES)

    results = await results_of(product, run)
    complete = {key for key, row in results.items() if row["listing_complete"]}
    assert run.outcome == "partially_succeeded"
    assert set(failures_of(run)) == {"caPolicy", "namedLocation"}
    assert complete == {"settingsCatalog", "filter", "group"}
    assert len(await sets_of(product, run)) == 1
    assert "planted" not in str(run)


async def test_sync_whose_activity_breaks_after_its_work_counts_the_work(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = DirectoryRoleDefinitionsService.sync

    async def broken(self: DirectoryRoleDefinitionsService, *args: Any) -> None:
        await sync(self, *args)
        raise BrokenError

    monkeypatch.setattr(DirectoryRoleDefinitionsService, "sync", broken)

    run = await product.sync_roles()

    assert (run.outcome, run.summary_counts["created"]) == ("succeeded", 12)


async def test_unknown_run_id_fails_the_workflow_and_creates_nothing(product: Product) -> None:
    before = await select(product, ROWS)

    with pytest.raises(WorkflowFailureError) as caught:
        await execute(product, "BackupWorkflow", uuid4(), f"unknown-{uuid4()}")

    assert reason_of(caught.value) == "not_found"
    assert await select(product, ROWS) == before


ROWS = """
    SELECT (SELECT count(*) FROM operation_runs) AS runs,
        (SELECT count(*) FROM operation_run_results) AS results,
        (SELECT count(*) FROM admissions) AS admissions,
        (SELECT count(*) FROM run_leases) AS leases
"""


def reason_of(error: WorkflowFailureError) -> str | None:
    """Return the reason code with which a workflow, or its activity, failed."""
    cause = error.cause.cause if isinstance(error.cause, ActivityError) else error.cause
    return cause.type if isinstance(cause, ApplicationError) else None


async def execute(product: Product, workflow: str, run_id: UUID, workflow_id: str) -> Any:
    client: Client = await product.services.temporal()
    return await client.execute_workflow(
        workflow,
        OperationRunRequest(operation_run_id=run_id),
        id=workflow_id,
        task_queue=product.services.settings.task_queue,
        execution_timeout=timedelta(seconds=20),
        result_type=OperationResult,
    )


@pytest.mark.parametrize("id_of", ["its own", "the run's"])
async def test_workflow_of_the_wrong_type_has_no_effect(product: Product, id_of: str) -> None:
    admitted = await product.services.admission.admit(
        product.request(RUN_NOW, {"policy_types": list(TYPES)}), f"test-{uuid4()}", Origin()
    )
    plan = admitted.start
    assert plan is not None
    workflow_id = plan.workflow_id if id_of == "the run's" else f"wrong-{uuid4()}"

    with pytest.raises(WorkflowFailureError) as caught:
        await execute(
            product, "DirectoryRoleDefinitionsSyncWorkflow", plan.operation_run_id, workflow_id
        )

    assert reason_of(caught.value) == "input_invalid"
    assert (await run_of(product, plan.operation_run_id)).status == "queued"
    await product.services.starts.start_if_lost(plan.operation_run_id)
    decision = OperationDecision.model_validate(admitted.decision.model_dump())
    assert (await product.finished(decision)).outcome == "succeeded"
