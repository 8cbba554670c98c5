"""Rows that admission reads and locks, in the order D2 gives: schedule, then connection."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import NamedTuple, cast
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import (
    admissions,
    backup_schedules,
    operation_runs,
    provider_connections,
    run_leases,
    tenants,
    workspaces,
)


class StoredDecision(NamedTuple):
    """What admission decided, as its row keeps it."""

    decision: str
    operation_run_id: UUID | None
    reason_code: str | None
    fields: Sequence[str]


class StoredAdmission(NamedTuple):
    """A decision that was made before, and for which request."""

    request_hash: str
    made: StoredDecision


class TenantRow(NamedTuple):
    """What admission needs of a tenant."""

    entra_tenant_id: str
    name: str
    lifecycle: str


class ScheduleRow(NamedTuple):
    """What admission needs of a schedule."""

    id: UUID
    name: str
    is_enabled: bool
    is_archived: bool
    timezone: str
    frequency: str
    time_of_day: time
    days_of_week: Sequence[int] | None
    policy_types: Sequence[str] | None
    include_foundations: bool


class ConnectionRow(NamedTuple):
    """What admission needs of a connection."""

    id: UUID
    entra_tenant_id: str
    is_default: bool
    is_disabled: bool
    has_credential: bool
    credential_kind: str
    is_circuit_open: bool
    last_reason_code: str | None


async def workspace_exists(connection: AsyncConnection, workspace_id: UUID) -> bool:
    """Return whether there is such a workspace."""
    found = await connection.scalar(select(workspaces.c.id).where(workspaces.c.id == workspace_id))
    return found is not None


async def tenant_row(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
) -> TenantRow | None:
    """Return a tenant of this workspace, or None."""
    query = select(tenants.c.entra_tenant_id, tenants.c.name, tenants.c.lifecycle).where(
        tenants.c.id == tenant_id, tenants.c.workspace_id == workspace_id
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else TenantRow(*row)


async def claim_key(
    connection: AsyncConnection, workspace_id: UUID, key: str, request_hash: str
) -> StoredAdmission | None:
    """Claim an admission key, or return what it led to; equal keys wait for one another."""
    claimed = await connection.scalar(
        insert(admissions)
        .values(workspace_id=workspace_id, admission_key=key, request_hash=request_hash)
        .on_conflict_do_nothing()
        .returning(admissions.c.admission_key)
    )
    if claimed is not None:
        return None
    row = (
        await connection.execute(
            select(
                admissions.c.request_hash,
                admissions.c.decision,
                admissions.c.operation_run_id,
                admissions.c.reason_code,
                admissions.c.fields,
            ).where(admissions.c.workspace_id == workspace_id, admissions.c.admission_key == key)
        )
    ).one()
    return StoredAdmission(row[0], StoredDecision(cast("str", row[1]), *row[2:]))


async def store_decision(
    connection: AsyncConnection, workspace_id: UUID, key: str, made: StoredDecision
) -> None:
    """Write the decision for a key claimed in this transaction."""
    await connection.execute(
        update(admissions)
        .where(admissions.c.workspace_id == workspace_id, admissions.c.admission_key == key)
        .values(made._asdict())
    )


async def lock_schedule(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID, backup_schedule_id: UUID
) -> ScheduleRow | None:
    """Lock a schedule of this tenant until the transaction ends; others may refer to it."""
    c = backup_schedules.c
    query = (
        select(
            c.id,
            c.name,
            c.is_enabled,
            c.deleted_at.is_not(None),
            c.timezone,
            c.frequency,
            c.time_of_day,
            c.days_of_week,
            c.policy_types,
            c.include_foundations,
        )
        .where(c.id == backup_schedule_id, c.tenant_id == tenant_id, c.workspace_id == workspace_id)
        .with_for_update(key_share=True)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else ScheduleRow(*row)


async def move_next_run(
    connection: AsyncConnection, backup_schedule_id: UUID, slot: datetime, following: datetime
) -> None:
    """Note that a request came for `slot`; a slot that is due later stays the next one."""
    c = backup_schedules.c
    await connection.execute(
        update(backup_schedules)
        .where(c.id == backup_schedule_id, func.coalesce(c.next_run_at <= slot, text("true")))
        .values(next_run_at=following)
    )


async def lock_read_connections(
    connection: AsyncConnection, tenant_id: UUID
) -> list[ConnectionRow]:
    """Lock the tenant's read connections, oldest first: in the order in which editors lock them."""
    c = provider_connections.c
    query = (
        select(
            c.id,
            c.entra_tenant_id,
            c.is_default,
            c.disabled_at.is_not(None),
            c.credential.is_not(None),
            c.credential_kind,
            func.coalesce(c.circuit_open_until > func.now(), text("false")),
            c.last_reason_code,
        )
        .where(c.tenant_id == tenant_id, c.purpose == "read")
        .order_by(c.id)
        .with_for_update()
    )
    return [ConnectionRow(*row) for row in await connection.execute(query)]


async def active_backup_of_schedule(
    connection: AsyncConnection, backup_schedule_id: UUID, *, besides: UUID
) -> UUID | None:
    """Return a queued or running run of this schedule other than `besides`."""
    c = operation_runs.c
    return cast(
        "UUID | None",
        await connection.scalar(
            select(c.id)
            .where(
                c.context["backup_schedule_id"].astext == str(backup_schedule_id),
                c.context.has_key("backup_schedule_id"),
                c.status != "completed",
                c.id != besides,
            )
            .limit(1)
        ),
    )


async def add_lease(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID, scope: str, run_id: UUID
) -> None:
    """Put a run in the line of a scope; repeated is harmless."""
    await connection.execute(
        insert(run_leases)
        .values(
            workspace_id=workspace_id, tenant_id=tenant_id, scope=scope, operation_run_id=run_id
        )
        .on_conflict_do_nothing()
    )


async def run_ahead(connection: AsyncConnection, run_id: UUID) -> UUID | None:
    """Return the run just ahead of this one in any of its lines, or None when it is its turn."""
    mine = run_leases.alias("mine")
    query = (
        select(run_leases.c.operation_run_id)
        .join(mine, (mine.c.scope == run_leases.c.scope) & (mine.c.id > run_leases.c.id))
        .where(mine.c.operation_run_id == run_id)
        .order_by(run_leases.c.id.desc())
        .limit(1)
    )
    return cast("UUID | None", await connection.scalar(query))
