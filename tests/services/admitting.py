"""A tenant ready for work, and requests to start some; for the suites of admission and above."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.operations import OperationRequest
from domain.capabilities import Role, capabilities_of
from services.admission.admission import AdmissionService
from services.admission.prerequisites import Prerequisites
from services.admission.start_plans import Deadlines, StartPlans
from services.backups.captures import CaptureService
from services.runs.operation_runs import OperationRunService
from services.runs.run_gate import GatePolicy, RunGate
from storage.tables import (
    backup_schedules,
    operation_runs,
    principals,
    provider_connections,
)
from tests.services.content_rows import set_certificates, tenant_keys
from tests.services.tenancy import Tenancy, add_tenancy

PRINCIPAL = "nightly-jobs"


@dataclass(frozen=True, slots=True)
class Ground:
    """A workspace with a tenant, a principal, a read connection and a daily schedule at 02:00."""

    tenancy: Tenancy
    schedule_id: UUID
    connection_id: UUID

    def request(self, type_: str, inputs: dict[str, Any] | None = None, **more: Any) -> Any:
        """Return a request as the front door receives it."""
        return {
            "type": type_,
            "workspace_id": str(self.tenancy.workspace_id),
            "tenant_id": str(self.tenancy.tenant_id),
            "inputs": inputs or {},
            "principal": PRINCIPAL,
            **more,
        }

    def slot(self, written: str = "2026-11-23T02:00Z", **more: Any) -> Any:
        """Return a request for one slot of the schedule."""
        inputs = {"backup_schedule_id": str(self.schedule_id), "scheduled_for": written}
        return self.request("backup_schedule.scheduled", inputs, **more)


def operator_capabilities() -> list[str]:
    return sorted(capabilities_of(Role.OPERATOR))


async def add_ground(engine: AsyncEngine, *, lifecycle: str = "active") -> Ground:
    tenancy = await add_tenancy(engine, lifecycle)
    ids = {"workspace_id": tenancy.workspace_id, "tenant_id": tenancy.tenant_id}
    ground = Ground(tenancy, uuid4(), uuid4())
    async with engine.begin() as connection:
        await connection.execute(
            insert(principals).values(
                id=uuid4(),
                workspace_id=tenancy.workspace_id,
                name=PRINCIPAL,
                capabilities=operator_capabilities(),
            )
        )
        await connection.execute(
            insert(provider_connections).values(
                id=ground.connection_id,
                name="read",
                entra_tenant_id=tenancy.entra_tenant_id,
                app_id=str(uuid4()),
                credential_kind="workload_identity",
                is_default=True,
                **ids,
            )
        )
        await connection.execute(
            insert(backup_schedules).values(
                id=ground.schedule_id,
                name="Nightly",
                timezone="UTC",
                frequency="daily",
                time_of_day=time(2, 0),
                **ids,
            )
        )
    return ground


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Desk:
    """Admission on a database, with the run service beside it."""

    engine: AsyncEngine
    new_id: Callable[[], UUID] = uuid4
    # What time it is for slots.
    clock: Callable[[], datetime] = now
    runs: OperationRunService = field(init=False)
    admission: AdmissionService = field(init=False)

    def __post_init__(self) -> None:
        self.runs = OperationRunService(engine=self.engine, clock=now, new_id=self.new_id)
        self.admission = AdmissionService(
            engine=self.engine,
            runs=self.runs,
            prerequisites=Prerequisites(clock=self._time),
            plans=StartPlans(Deadlines()),
        )

    def _time(self) -> datetime:
        # Asked anew each time: a test may move the clock.
        return self.clock()

    async def run_count(self) -> int:
        async with self.engine.connect() as connection:
            count = await connection.scalar(select(func.count()).select_from(operation_runs))
            return int(count or 0)


def parsed(request: Any) -> OperationRequest:
    return OperationRequest.model_validate(request)


def gate_of(desk: Desk) -> RunGate:
    keys = tenant_keys(desk.engine)
    return RunGate(
        engine=desk.engine,
        runs=desk.runs,
        prerequisites=Prerequisites(clock=now),
        captures=CaptureService(
            engine=desk.engine,
            keys=keys,
            certificates=set_certificates(),
            clock=now,
            new_id=uuid4,
        ),
        policy=GatePolicy(deadlines=Deadlines()),
    )
