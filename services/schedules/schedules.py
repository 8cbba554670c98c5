"""Backup schedules: the row is the source, its Temporal Schedule follows (architecture section 3).

Every change is one transaction on the locked row together with its audit row; afterwards Temporal
is told. If Temporal cannot be told, the row stands, the caller learns it, and `sync_pending`
mends it. Whether the actor may make the change is decided before this service is called.
"""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.resource_types.registry import RESOURCE_TYPES
from domain.schedule_definitions import ScheduleDefinition, check
from domain.schedules import DstWarning, dst_warnings, has_come, is_slot, next_slot
from services.accounts.audit import Actor, AuditEntry, AuditTrail
from services.schedules.schedule_errors import (
    NotASlotError,
    ScheduleArchivedError,
    ScheduleChangedError,
    ScheduleHasHistoryError,
    ScheduleNotArchivedError,
    ScheduleNotFoundError,
    SchedulePausedError,
    ScheduleStillInTemporalError,
    SlotNotDueError,
    TenantNotActiveError,
)
from services.schedules.schedule_sync import SavedSchedule, ScheduleSync, SyncState
from services.schedules.temporal_schedules import (
    TemporalRefusedError,
    TemporalSchedules,
    TemporalUnreachableError,
)
from storage import schedules as rows
from storage.schedules import StoredSchedule
from storage.tables import tenants


class ScheduleService:
    """Use cases of backup schedules. Methods raise the errors of `schedule_errors`."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        temporal: TemporalSchedules,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._engine = engine
        self._temporal = temporal
        self._clock = clock
        self._new_id = new_id
        self._sync = ScheduleSync(engine=engine, temporal=temporal)
        self._audit = AuditTrail(clock=clock, new_id=new_id)

    async def create(
        self,
        actor: Actor,
        workspace_id: UUID,
        tenant_id: UUID,
        definition: ScheduleDefinition,
        *,
        is_enabled: bool = True,
    ) -> SavedSchedule:
        """Create a schedule of an active tenant; raises InvalidScheduleError for bad fields."""
        check(definition, RESOURCE_TYPES)
        async with self._engine.begin() as connection:
            await _require_active_tenant(connection, workspace_id, tenant_id)
            now = self._clock()
            stored = await rows.insert_schedule(
                connection,
                {
                    **rows.definition_values(definition),
                    "id": self._new_id(),
                    "workspace_id": workspace_id,
                    "tenant_id": tenant_id,
                    "is_enabled": is_enabled,
                    "next_run_at": next_slot(definition.spec, now) if is_enabled else None,
                    "created_at": now,
                    "updated_at": now,
                },
            )
            await self._note(connection, actor, "create", stored)
        return await self._told(stored)

    async def update(
        self,
        actor: Actor,
        workspace_id: UUID,
        schedule_id: UUID,
        definition: ScheduleDefinition,
        *,
        expected_revision: int | None = None,
    ) -> SavedSchedule:
        """Replace everything an editor sets; an equal definition changes nothing.

        With `expected_revision`, a change that somebody made since then is not overwritten.
        """
        check(definition, RESOURCE_TYPES)
        async with self._engine.begin() as connection:
            stored = await self._lock_live(connection, workspace_id, schedule_id)
            if expected_revision not in (None, stored.revision):
                raise ScheduleChangedError(stored.revision)
            changed = _changed_fields(stored.definition, definition)
            if changed:
                values = rows.definition_values(definition)
                if stored.is_enabled:
                    values["next_run_at"] = next_slot(definition.spec, self._clock())
                stored = await rows.change_schedule(connection, schedule_id, self._clock(), values)
                await self._note(connection, actor, "update", stored, changed)
        return await self._told(stored)

    async def pause(self, actor: Actor, workspace_id: UUID, schedule_id: UUID) -> SavedSchedule:
        """Stop firing until resumed; a paused schedule stays as it is."""
        return await self._enable(actor, workspace_id, schedule_id, is_enabled=False)

    async def resume(self, actor: Actor, workspace_id: UUID, schedule_id: UUID) -> SavedSchedule:
        """Fire again from the next slot on; slots of the pause are not made up for."""
        return await self._enable(actor, workspace_id, schedule_id, is_enabled=True)

    async def archive(self, actor: Actor, workspace_id: UUID, schedule_id: UUID) -> SavedSchedule:
        """Soft-delete an active schedule: nothing fires, its history stays (behaviour row 88)."""
        async with self._engine.begin() as connection:
            await self._lock_live(connection, workspace_id, schedule_id)
            now = self._clock()
            stored = await rows.change_schedule(
                connection, schedule_id, now, {"deleted_at": now, "next_run_at": None}
            )
            await self._note(connection, actor, "archive", stored)
        return await self._told(stored)

    async def restore(self, actor: Actor, workspace_id: UUID, schedule_id: UUID) -> SavedSchedule:
        """Bring an archived schedule back; it is enabled or paused as it was before."""
        async with self._engine.begin() as connection:
            archived = await self._lock_archived(connection, workspace_id, schedule_id)
            now = self._clock()
            due = next_slot(archived.definition.spec, now) if archived.is_enabled else None
            stored = await rows.change_schedule(
                connection, schedule_id, now, {"deleted_at": None, "next_run_at": due}
            )
            await self._note(connection, actor, "restore", stored)
        return await self._told(stored)

    async def delete(self, actor: Actor, workspace_id: UUID, schedule_id: UUID) -> None:
        """Delete an archived schedule without history for good, in Temporal first."""
        async with self._engine.begin() as connection:
            stored = await self._lock_archived(connection, workspace_id, schedule_id)
            if await rows.has_history(connection, schedule_id):
                raise ScheduleHasHistoryError
            try:
                await self._temporal.remove(schedule_id)
            except (TemporalUnreachableError, TemporalRefusedError):
                raise ScheduleStillInTemporalError from None
            await rows.delete_schedule(connection, schedule_id)
            await self._note(connection, actor, "delete", stored)

    async def show(self, workspace_id: UUID, schedule_id: UUID) -> StoredSchedule:
        """Return one schedule, archived or not."""
        async with self._engine.connect() as connection:
            stored = await rows.find_schedule(connection, schedule_id)
        if stored is None or stored.workspace_id != workspace_id:
            raise ScheduleNotFoundError
        return stored

    async def list_schedules(
        self, workspace_id: UUID, tenant_id: UUID | None = None, *, include_archived: bool = False
    ) -> list[StoredSchedule]:
        """Return the schedules of a workspace or of one of its tenants, oldest first."""
        async with self._engine.connect() as connection:
            return await rows.list_schedules(
                connection, workspace_id, tenant_id, include_archived=include_archived
            )

    def warnings(self, definition: ScheduleDefinition) -> list[DstWarning]:
        """Return what the clocks will do to the schedule in the coming two years."""
        return dst_warnings(definition.spec, self._clock())

    async def trigger_slot(
        self, actor: Actor, workspace_id: UUID, schedule_id: UUID, scheduled_for: datetime
    ) -> None:
        """Fire one slot of the schedule now, through Temporal; it still leaves one run at most.

        Raises NotASlotError, SlotNotDueError, SchedulePausedError, and TemporalScheduleError when
        Temporal did not take it.
        """
        minute = scheduled_for.astimezone(UTC).replace(second=0, microsecond=0)
        async with self._engine.begin() as connection:
            stored = await self._lock_firing(connection, workspace_id, schedule_id, minute)
            if not is_slot(stored.definition.spec, minute):
                raise NotASlotError(next_slot(stored.definition.spec, minute))
            await self._note(connection, actor, "trigger_slot", stored, [minute.isoformat()])
        await self._temporal.trigger_slot(schedule_id, minute)

    async def backfill(
        self,
        actor: Actor,
        workspace_id: UUID,
        schedule_id: UUID,
        after: datetime,
        until: datetime,
    ) -> None:
        """Fire every slot in (after, until]; slots that had their run get no second one.

        Raises as `trigger_slot` does; a period that reaches beyond now is refused as a whole.
        """
        async with self._engine.begin() as connection:
            stored = await self._lock_firing(connection, workspace_id, schedule_id, until)
            period = [after.isoformat(), until.isoformat()]
            await self._note(connection, actor, "backfill", stored, period)
        await self._temporal.backfill(schedule_id, after, until)

    async def sync(self, schedule_id: UUID) -> SyncState:
        """Make Temporal follow the row; may be repeated and run at the same time anywhere."""
        return await self._sync.sync(schedule_id)

    async def sync_pending(self) -> dict[UUID, SyncState]:
        """Sync every schedule that Temporal does not know yet; stops while it is unreachable."""
        return await self._sync.sync_pending()

    async def _enable(
        self, actor: Actor, workspace_id: UUID, schedule_id: UUID, *, is_enabled: bool
    ) -> SavedSchedule:
        async with self._engine.begin() as connection:
            stored = await self._lock_live(connection, workspace_id, schedule_id)
            if stored.is_enabled is not is_enabled:
                now = self._clock()
                due = next_slot(stored.definition.spec, now) if is_enabled else None
                stored = await rows.change_schedule(
                    connection, schedule_id, now, {"is_enabled": is_enabled, "next_run_at": due}
                )
                await self._note(connection, actor, "resume" if is_enabled else "pause", stored)
        return await self._told(stored)

    async def _told(self, stored: StoredSchedule) -> SavedSchedule:
        state = await self._sync.sync(stored.id)
        return SavedSchedule(await self.show(stored.workspace_id, stored.id), state)

    async def _lock_live(
        self, connection: AsyncConnection, workspace_id: UUID, schedule_id: UUID
    ) -> StoredSchedule:
        stored = await rows.lock_schedule(connection, workspace_id, schedule_id)
        if stored is None:
            raise ScheduleNotFoundError
        if stored.is_archived:
            raise ScheduleArchivedError
        return stored

    async def _lock_firing(
        self, connection: AsyncConnection, workspace_id: UUID, schedule_id: UUID, last: datetime
    ) -> StoredSchedule:
        """Lock a schedule that is to fire slots up to `last` now."""
        stored = await self._lock_live(connection, workspace_id, schedule_id)
        if not stored.is_enabled:
            raise SchedulePausedError
        now = self._clock()
        if not has_come(last, now):
            raise SlotNotDueError(now)
        return stored

    async def _lock_archived(
        self, connection: AsyncConnection, workspace_id: UUID, schedule_id: UUID
    ) -> StoredSchedule:
        stored = await rows.lock_schedule(connection, workspace_id, schedule_id)
        if stored is None:
            raise ScheduleNotFoundError
        if not stored.is_archived:
            raise ScheduleNotArchivedError
        return stored

    async def _note(
        self,
        connection: AsyncConnection,
        actor: Actor,
        verb: str,
        stored: StoredSchedule,
        touched: list[str] | None = None,
    ) -> None:
        await self._audit.append(
            connection,
            actor,
            AuditEntry(
                action=f"backup_schedule.{verb}",
                resource_type="backup_schedule",
                resource_id=stored.id,
                workspace_id=stored.workspace_id,
                tenant_id=stored.tenant_id,
                details={"revision": stored.revision, "touched": touched or []},
            ),
        )


async def _require_active_tenant(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
) -> None:
    query = select(tenants.c.lifecycle).where(
        tenants.c.id == tenant_id, tenants.c.workspace_id == workspace_id
    )
    lifecycle = await connection.scalar(query)
    if lifecycle is None:
        raise ScheduleNotFoundError
    if lifecycle != "active":
        raise TenantNotActiveError


def _changed_fields(before: ScheduleDefinition, after: ScheduleDefinition) -> list[str]:
    names = [field.name for field in fields(ScheduleDefinition)]
    return [name for name in names if getattr(before, name) != getattr(after, name)]
