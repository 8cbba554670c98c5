"""Rows of `backup_schedules`: what stands in them and how they change; no rules.

Every change makes the revision grow; `synced_revision` follows when Temporal knows the change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.schedule_definitions import ScheduleDefinition
from domain.schedules import Frequency, ScheduleSpec
from storage.tables import backup_schedule_runs, backup_schedules, backup_sets, operation_runs

_t = backup_schedules.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSchedule:
    """One row. `deleted_at` is set while archived; `next_run_at` is None while nothing is due.

    `last_run_at` is when the newest ended run was admitted, `last_run_status` its outcome.
    """

    id: UUID
    workspace_id: UUID
    tenant_id: UUID
    definition: ScheduleDefinition
    is_enabled: bool
    revision: int
    synced_revision: int
    deleted_at: datetime | None
    next_run_at: datetime | None
    last_run_at: datetime | None
    last_run_status: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_archived(self) -> bool:
        """Whether the schedule is archived: kept for its history, never fired."""
        return self.deleted_at is not None

    @property
    def is_synced(self) -> bool:
        """Whether Temporal knows the newest revision."""
        return self.synced_revision == self.revision


def definition_values(definition: ScheduleDefinition) -> dict[str, Any]:
    """Return the columns of a definition."""
    spec = definition.spec
    return {
        "name": definition.name,
        "timezone": spec.timezone,
        "frequency": spec.frequency.value,
        "time_of_day": spec.time_of_day,
        "days_of_week": spec.days_of_week and sorted(spec.days_of_week),
        "policy_types": definition.policy_types and sorted(definition.policy_types),
        "include_foundations": definition.include_foundations,
        "retention_keep_last": definition.retention_keep_last,
        "jitter_seconds": int(definition.jitter.total_seconds()),
        "catchup_window_seconds": int(definition.catchup_window.total_seconds()),
    }


async def insert_schedule(connection: AsyncConnection, values: dict[str, Any]) -> StoredSchedule:
    """Insert a row of `definition_values`, ids and times."""
    query = insert(backup_schedules).values(values).returning(*_t)
    return _stored((await connection.execute(query)).one())


async def lock_schedule(
    connection: AsyncConnection, workspace_id: UUID, schedule_id: UUID
) -> StoredSchedule | None:
    """Return a schedule of the workspace, locked until the transaction ends."""
    query = select(*_t).where(_t.id == schedule_id, _t.workspace_id == workspace_id)
    row = (await connection.execute(query.with_for_update(key_share=True))).one_or_none()
    return None if row is None else _stored(row)


async def find_schedule(connection: AsyncConnection, schedule_id: UUID) -> StoredSchedule | None:
    """Return a schedule, whatever its workspace: for syncing, never for a caller's eyes."""
    row = (await connection.execute(select(*_t).where(_t.id == schedule_id))).one_or_none()
    return None if row is None else _stored(row)


async def list_schedules(
    connection: AsyncConnection,
    workspace_id: UUID,
    tenant_id: UUID | None,
    *,
    include_archived: bool,
) -> list[StoredSchedule]:
    """Return the schedules of a workspace or of one of its tenants, oldest first."""
    query = select(*_t).where(_t.workspace_id == workspace_id).order_by(_t.id)
    if tenant_id is not None:
        query = query.where(_t.tenant_id == tenant_id)
    if not include_archived:
        query = query.where(_t.deleted_at.is_(None))
    return [_stored(row) for row in await connection.execute(query)]


async def change_schedule(
    connection: AsyncConnection, schedule_id: UUID, now: datetime, values: dict[str, Any]
) -> StoredSchedule:
    """Write a change and count the revision up; the caller holds the row's lock."""
    query = (
        update(backup_schedules)
        .where(_t.id == schedule_id)
        .values(**values, updated_at=now, revision=_t.revision + 1)
        .returning(*_t)
    )
    return _stored((await connection.execute(query)).one())


async def delete_schedule(connection: AsyncConnection, schedule_id: UUID) -> None:
    """Delete a row for good."""
    await connection.execute(delete(backup_schedules).where(_t.id == schedule_id))


async def has_history(connection: AsyncConnection, schedule_id: UUID) -> bool:
    """Tell whether any run, old or new, or any set belongs to the schedule (behaviour row 88)."""
    context = operation_runs.c.context
    runs = exists().where(
        context["backup_schedule_id"].astext == str(schedule_id),
        # Lets the partial index of this very question answer it.
        context.has_key("backup_schedule_id"),
    )
    old_runs = exists().where(backup_schedule_runs.c.backup_schedule_id == schedule_id)
    sets = exists().where(backup_sets.c.backup_schedule_id == schedule_id)
    return bool(await connection.scalar(select(runs | old_runs | sets)))


async def wait_for_sync_turn(connection: AsyncConnection, schedule_id: UUID) -> None:
    """Wait until no other transaction syncs this schedule; admissions are not held up by it."""
    key = func.hashtextextended(f"backup_schedule.sync:{schedule_id}", 0)
    await connection.execute(select(func.pg_advisory_xact_lock(key)))


async def mark_synced(connection: AsyncConnection, schedule_id: UUID, revision: int) -> None:
    """Note that Temporal knows this revision, unless it already knew a later one."""
    await connection.execute(
        update(backup_schedules)
        .where(_t.id == schedule_id, _t.synced_revision < revision)
        .values(synced_revision=revision)
    )


async def unsynced_schedules(connection: AsyncConnection) -> Sequence[UUID]:
    """Return the ids of schedules whose newest revision Temporal does not know."""
    query = select(_t.id).where(_t.synced_revision < _t.revision).order_by(_t.updated_at)
    return (await connection.scalars(query)).all()


def _stored(row: Row[Any]) -> StoredSchedule:
    days, types = row.days_of_week, row.policy_types
    definition = ScheduleDefinition(
        name=row.name,
        spec=ScheduleSpec(
            row.timezone,
            Frequency(row.frequency),
            row.time_of_day,
            None if days is None else tuple(days),
        ),
        policy_types=None if types is None else tuple(types),
        include_foundations=row.include_foundations,
        retention_keep_last=row.retention_keep_last,
        jitter=timedelta(seconds=row.jitter_seconds),
        catchup_window=timedelta(seconds=row.catchup_window_seconds),
    )
    kept = {name: getattr(row, name) for name in StoredSchedule.__slots__ if name != "definition"}
    return StoredSchedule(definition=definition, **kept)
