"""Kill -9 of the worker between a commit and Temporal's marker of it, for every type (D2, D4).

The transaction is in PostgreSQL, and Temporal does not know: the next worker does the step again.
There may be no ghost, no second run and no second effect.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from temporalio.client import WorkflowHandle

from contracts.operations import OperationRequest
from domain.operation_types import OperationType, definitions
from domain.runs import RunOutcome
from services.admission.admission import Origin
from services.assembly import open_services
from tests.end_to_end.doors import (
    assert_owners_alone_had_effects,
    completed,
    knocking,
    runs_of,
    through_service,
)
from tests.end_to_end.product import Product
from tests.end_to_end.slots import add_schedule, slot_request
from tests.end_to_end.worker_process import PAUSING, WorkerProcess, worker_processes
from tests.eventually import eventually

SELECTION = {"policy_types": ["filter", "scopeTag"]}
STARTABLE = [entry.type for entry in definitions() if entry.startable]


@pytest_asyncio.fixture
async def elsewhere(product: Product) -> AsyncIterator[Product]:
    """The same product on a task queue that no worker serves yet."""
    settings = product.services.settings.model_copy(update={"task_queue": f"kills-{uuid4()}"})
    async with open_services(settings, application_name="tests") as services:
        yield Product(services, product.graph, product.workspace_id, product.tenants)


@pytest_asyncio.fixture
async def worker(
    elsewhere: Product, temporal_address: str, tmp_path: Path
) -> AsyncIterator[WorkerProcess]:
    settings = elsewhere.services.settings
    async with worker_processes(settings, temporal_address, tmp_path / "worker.log") as process:
        yield process


async def requests_of_all_types(product: Product) -> dict[OperationType, OperationRequest]:
    """Return a request of every startable type; the backup that is retried is done already."""
    earlier = await product.backup("filter")
    made = {
        OperationType.BACKUP_SCHEDULED: slot_request(product, await add_schedule(product)),
        OperationType.BACKUP_RUN_NOW: product.request(OperationType.BACKUP_RUN_NOW, SELECTION),
        OperationType.BACKUP_RETRY: product.request(
            OperationType.BACKUP_RETRY, {"operation_run_id": str(earlier.id)}
        ),
        OperationType.DIRECTORY_ROLE_DEFINITIONS_SYNC: product.request(
            OperationType.DIRECTORY_ROLE_DEFINITIONS_SYNC
        ),
    }
    assert set(made) == set(STARTABLE)
    return made


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.parametrize("point", ["admit", "begin", "complete"])
async def test_kill_between_commit_and_marker_leaves_no_ghost_and_no_second_run(
    product: Product, elsewhere: Product, worker: WorkerProcess, tmp_path: Path, point: str
) -> None:
    requests = await requests_of_all_types(product)
    before = {run.id for type_ in STARTABLE for run in await runs_of(product, type_)}
    (tmp_path / "paused").mkdir()

    await worker.start(PAUSING, point, str(tmp_path / "paused"))
    handles = {
        type_: await knocking(elsewhere, request.model_dump(mode="json"))
        for type_, request in requests.items()
    }
    await eventually(
        lambda: len(list((tmp_path / "paused").iterdir())) >= len(requests), seconds=60
    )
    worker.kill()
    await worker.start()

    for type_, handle in handles.items():
        await assert_one_run(product, type_, handle, before)
    await assert_nothing_stays(product)


async def assert_one_run(
    product: Product,
    type_: OperationType,
    handle: "WorkflowHandle[object, dict[str, str]]",
    before: set[UUID],
) -> None:
    decision = await handle.result()
    assert decision["decision"] == "accepted", type_
    run = await completed(product, UUID(decision["operation_run_id"]))
    assert run.outcome is RunOutcome.SUCCEEDED, type_
    new = [found.id for found in await runs_of(product, type_) if found.id not in before]
    assert new == [run.id], type_
    await assert_owners_alone_had_effects(product, [run])


async def assert_nothing_stays(product: Product) -> None:
    """Hold that no run is open, no turn is taken, and each backup has its one set, certified."""
    async with product.services.engine.connect() as connection:
        open_runs = await connection.scalar(
            text("SELECT count(*) FROM operation_runs WHERE status <> 'completed'")
        )
        leases = await connection.scalar(text("SELECT count(*) FROM run_leases"))
        steps = await connection.scalar(text("SELECT count(*) FROM operation_run_steps"))
        sets = await connection.scalar(text("SELECT count(*) FROM backup_sets"))
        backups = await connection.scalar(
            text("SELECT count(*) FROM operation_runs WHERE type LIKE 'backup_schedule.%'")
        )
    assert (open_runs, leases, steps) == (0, 0, 0)
    assert sets == backups
    report = await product.services.verification.verify(product.workspace_id, product.tenant.id)
    assert (report.problems, report.certificate_count) == ((), sets)


@pytest.mark.parametrize(
    "type_", [STARTABLE[0], *(pytest.param(t, marks=pytest.mark.long) for t in STARTABLE[1:])]
)
async def test_start_that_died_after_its_commit_is_finished_by_the_same_call(
    product: Product, type_: OperationType
) -> None:
    request = (await requests_of_all_types(product))[type_]
    # The caller dies here: the row is committed, and nothing was started.
    died = await product.services.admission.admit(request, "the-key", Origin())
    again = await through_service(product, request, "the-key")

    assert (died.decision.decision, again["decision"]) == ("accepted", "accepted")
    assert again["operation_run_id"] == str(died.decision.operation_run_id)
    run = await completed(product, UUID(again["operation_run_id"]))
    assert run.outcome is RunOutcome.SUCCEEDED
    await assert_owners_alone_had_effects(product, [run])
