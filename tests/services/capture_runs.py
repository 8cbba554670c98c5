"""A tenant that is backed up without Graph: runs, pages of objects, and what was stored of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.canonical_rules import CanonicalRules
from domain.outcome import TypeResult
from services.backups.capture_records import ListingQuestions
from services.backups.captures import CapturedObject, CaptureService, CaptureStep, FailedObject
from storage.runs import Owner
from storage.tables import operation_runs
from tests.services.content_rows import new_id, set_certificates, tenant_keys, ticking_clock
from tests.services.tenancy import Tenancy, add_tenancy

RULES = CanonicalRules(volatile=("lastModifiedDateTime",))
FILTER = "filter"
Item = CapturedObject | FailedObject


def item(object_id: str, rule: str = "one", **extra: Any) -> CapturedObject:
    document = {"id": object_id, "displayName": f"Name of {object_id}", "rule": rule, **extra}
    return CapturedObject(object_id, f"Name of {object_id}", document)


def items(count: int, start: int = 0) -> list[Item]:
    return [item(f"object-{number:05}") for number in range(start, start + count)]


@dataclass
class Backup:
    """One running backup and its owner."""

    service: CaptureService
    engine: AsyncEngine
    tenancy: Tenancy
    id: UUID = field(default_factory=new_id)
    owner: Owner = field(default_factory=lambda: Owner(f"workflow-{new_id()}", f"{new_id()}"))

    async def begin(self, *types: str, context: Mapping[str, Any] | None = None) -> "Backup":
        async with self.engine.begin() as connection:
            await connection.execute(
                insert(operation_runs).values(
                    id=self.id,
                    workspace_id=self.tenancy.workspace_id,
                    tenant_id=self.tenancy.tenant_id,
                    initiator_name="tests",
                    type="backup_schedule.run_now",
                    status="running",
                    outcome="pending",
                    run_identity_hash=f"{self.id}",
                    context=dict(context or {}),
                    workflow_id=self.owner.workflow_id,
                    first_execution_run_id=self.owner.first_execution_run_id,
                    admission_key=f"{self.id}",
                )
            )
        place = (self.tenancy.workspace_id, self.tenancy.tenant_id)
        await self.service.open_types(self.id, self.owner, *place, types or (FILTER,))
        return self

    async def step(
        self,
        objects: Sequence[Item],
        *,
        page: int = 0,
        epoch: int = 0,
        last: bool = True,
        resource_type: str = FILTER,
        rules: CanonicalRules = RULES,
    ) -> bool:
        step = CaptureStep(
            resource_type=resource_type,
            rules=rules,
            epoch=epoch,
            page=page,
            objects=objects,
            next_cursor=None if last else f"cursor of {page + 1}",
            next_page=page + 1,
        )
        result = await self.service.record_step(self.id, self.owner, step)
        return result.recorded

    async def finish(self, resource_type: str = FILTER, **answers: Any) -> TypeResult:
        return await self.service.finish_type(self.id, self.owner, resource_type, **answers)

    async def missing(self, resource_type: str = FILTER) -> list[str]:
        return list((await self._questions(resource_type)).missing)

    async def contested(self, resource_type: str = FILTER) -> list[str]:
        return list((await self._questions(resource_type)).contested)

    async def _questions(self, resource_type: str) -> ListingQuestions:
        return await self.service.settle_type(self.id, self.owner, resource_type)

    async def complete(self) -> UUID | None:
        """Make the set and end the run in one transaction, as the run record does."""
        async with self.engine.begin() as connection:
            set_id = await self.service.complete_backup(self.id, self.owner, within=connection)
            await connection.execute(
                update(operation_runs)
                .where(operation_runs.c.id == self.id)
                .values(status="completed", outcome="succeeded", completed_at=text("now()"))
            )
        return set_id


@dataclass
class Tenant:
    """A tenant whose backups follow one another."""

    engine: AsyncEngine
    tenancy: Tenancy
    service: CaptureService

    def backup(self) -> Backup:
        return Backup(self.service, self.engine, self.tenancy)

    async def back_up(
        self, objects: Sequence[Item], resource_type: str = FILTER, **answers: Any
    ) -> tuple[TypeResult, UUID | None]:
        """Run a whole backup of one type; without `answers` every missing object is gone."""
        run = await self.backup().begin(resource_type)
        await run.step(objects, resource_type=resource_type)
        answers = answers or {"gone": await run.missing(resource_type)}
        result = await run.finish(resource_type, **answers)
        return result, await run.complete()

    async def scalar(self, query: str) -> Any:
        async with self.engine.connect() as connection:
            return await connection.scalar(text(query))


async def add_tenant(engine: AsyncEngine) -> Tenant:
    service = CaptureService(
        engine=engine,
        keys=tenant_keys(engine),
        certificates=set_certificates(),
        clock=ticking_clock(),
        new_id=new_id,
    )
    return Tenant(engine, await add_tenancy(engine), service)
