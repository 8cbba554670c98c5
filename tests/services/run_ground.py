"""A database, a tenant and the service of operation runs, for the suites of the run record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.identity import identity_inputs
from domain.operation_types import OperationType
from services.runs.operation_runs import EnsuredRun, NewRun, OperationRunService, Owner, RunRecord
from storage.tables import operation_run_results, operation_runs, run_leases
from tests.services.tenancy import Tenancy, add_tenancy

SYNC = OperationType.DIRECTORY_ROLE_DEFINITIONS_SYNC
SLOT: Mapping[str, object] = {
    "backup_schedule_id": "0192f1a0-0000-7000-8000-00000000000c",
    "scheduled_for": "2026-11-23T02:00Z",
}


@dataclass(slots=True)
class TestClock:
    """Time that stands still until it is moved."""

    __test__ = False
    now: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 2, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


@dataclass(frozen=True, slots=True)
class RunGround:
    """One tenant in a database that other tests use too, and the service over it."""

    engine: AsyncEngine
    tenancy: Tenancy
    clock: TestClock
    runs: OperationRunService

    def new(
        self,
        operation_type: OperationType = SYNC,
        inputs: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
        **more: Any,
    ) -> NewRun:
        """Return a request for a run of the tenant; each has a key of its own."""
        key = key or uuid4().hex
        return NewRun(
            **{
                "workspace_id": self.tenancy.workspace_id,
                "tenant_id": self.tenancy.tenant_id,
                "type": operation_type,
                "identity_inputs": identity_inputs(operation_type, inputs or {}, key),
                "initiator_name": "Ada",
                "admission_key": key,
                **more,
            }
        )

    async def created(
        self, operation_type: OperationType = OperationType.BACKUP_RUN_NOW, **more: Any
    ) -> RunRecord:
        """Return a new queued run."""
        return whole(await self.runs.ensure_run(self.new(operation_type, **more)))

    async def running(self, **more: Any) -> tuple[RunRecord, Owner]:
        """Return a new running run and its owner."""
        run = await self.created(**more)
        owner = owner_of(run)
        return (await self.runs.begin(run.id, owner)).run, owner

    async def stored(self, run_id: UUID) -> RunRecord:
        run = await self.runs.find(run_id)
        assert run is not None
        return run

    async def count(self) -> int:
        """Return how many runs the workspace has."""
        query = (
            select(func.count())
            .select_from(operation_runs)
            .where(operation_runs.c.workspace_id == self.tenancy.workspace_id)
        )
        async with self.engine.connect() as connection:
            return int(await connection.scalar(query) or 0)

    async def add_result(self, run_id: UUID, resource_type: str, **values: Any) -> None:
        await self._insert(
            operation_run_results,
            {
                "operation_run_id": run_id,
                "resource_type": resource_type,
                "state": "done",
                "listing_complete": True,
                **values,
            },
        )

    async def add_lease(self, run_id: UUID) -> None:
        scope = f"backup:{self.tenancy.tenant_id}"
        await self._insert(run_leases, {"operation_run_id": run_id, "scope": scope})

    async def lease_count(self) -> int:
        query = select(func.count()).where(run_leases.c.tenant_id == self.tenancy.tenant_id)
        async with self.engine.connect() as connection:
            return int(await connection.scalar(query) or 0)

    async def _insert(self, table: Any, values: Mapping[str, Any]) -> None:
        ids = {"workspace_id": self.tenancy.workspace_id, "tenant_id": self.tenancy.tenant_id}
        async with self.engine.begin() as connection:
            await connection.execute(insert(table).values(**ids, **values))


def whole(ensured: EnsuredRun) -> RunRecord:
    assert ensured.run is not None
    return ensured.run


def owner_of(run: RunRecord, first_execution_run_id: str = "first") -> Owner:
    return Owner(run.workflow_id, first_execution_run_id)


async def lay_ground(engine: AsyncEngine) -> RunGround:
    clock = TestClock()
    runs = OperationRunService(engine=engine, clock=clock, new_id=uuid4)
    return RunGround(engine, await add_tenancy(engine), clock, runs)
