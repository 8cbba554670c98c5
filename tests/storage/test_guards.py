"""Triggers that guard history: completed runs, legacy tables, the audit trail."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import audit_log, inventory_sync_runs, metadata, operation_runs
from tests.storage.rows import add_run, add_tenant, add_workspace

LEGACY = ("inventory_sync_runs", "entra_group_sync_runs", "backup_schedule_runs")
COMPLETED = {"status": "completed", "outcome": "failed", "completed_at": text("now()")}
IMPORT = text("SELECT set_config('tenantops.legacy_import', 'on', true)")


async def change(connection: AsyncConnection, run_id: UUID, **values: Any) -> None:
    async with connection.begin_nested():
        await connection.execute(
            update(operation_runs).where(operation_runs.c.id == run_id).values(values)
        )


@pytest.mark.parametrize(
    "values",
    [
        {"status": "running", "outcome": "pending", "completed_at": None},
        {"outcome": "succeeded"},
        {"summary_counts": {"total": 1}},
        {"failure_summary": [{}]},
        {"completed_at": text("now() + interval '1 hour'")},
        {"started_at": text("now()")},
        {"type": "policy.sync"},
        {"run_identity_hash": "other"},
        {"workflow_id": "other"},
    ],
    ids=lambda values: next(iter(values)),
)
async def test_completed_run_is_never_changed(
    connection: AsyncConnection, values: dict[str, Any]
) -> None:
    run_id = await add_run(connection, await add_workspace(connection), None, **COMPLETED)
    with pytest.raises(IntegrityError, match="never changes"):
        await change(connection, run_id, **values)


async def test_running_run_never_goes_back_to_queued(connection: AsyncConnection) -> None:
    run_id = await add_run(connection, await add_workspace(connection), None, status="running")
    with pytest.raises(IntegrityError, match="never goes back"):
        await change(connection, run_id, status="queued")


async def test_active_run_may_change(connection: AsyncConnection) -> None:
    run_id = await add_run(connection, await add_workspace(connection), None)
    await change(connection, run_id, status="running", summary_counts={"total": 1})
    await change(connection, run_id, **COMPLETED)


async def test_pruning_a_run_frees_those_that_point_to_it(connection: AsyncConnection) -> None:
    workspace_id = await add_workspace(connection)
    old = await add_run(connection, workspace_id, None, **COMPLETED)
    later = await add_run(
        connection, workspace_id, None, retried_from=old, makes_up_for=old, **COMPLETED
    )
    await connection.execute(delete(operation_runs).where(operation_runs.c.id == old))
    columns = (operation_runs.c.retried_from, operation_runs.c.makes_up_for)
    found = await connection.execute(select(*columns).where(operation_runs.c.id == later))
    assert found.one() == (None, None)


async def legacy_row(connection: AsyncConnection, table: str, **more: Any) -> dict[str, Any]:
    workspace_id = await add_workspace(connection)
    tenant_id = await add_tenant(connection, workspace_id)
    columns = metadata.tables[table].c
    required = {key: "x" for key in ("selection_hash", "selection_key", "status") if key in columns}
    ids = {"id": uuid4(), "workspace_id": workspace_id, "tenant_id": tenant_id}
    return {**ids, **required, **more}


@pytest.mark.parametrize("table", LEGACY)
async def test_legacy_table_takes_no_row(connection: AsyncConnection, table: str) -> None:
    row = await legacy_row(connection, table)
    with pytest.raises(DBAPIError, match="is history and takes no writes"):
        await connection.execute(insert(metadata.tables[table]).values(row))


@pytest.mark.parametrize("table", LEGACY)
async def test_legacy_import_may_write_and_then_no_more(
    connection: AsyncConnection, table: str
) -> None:
    row = await legacy_row(connection, table)
    await connection.execute(IMPORT)
    await connection.execute(insert(metadata.tables[table]).values(row))
    await connection.commit()
    for statement in (
        update(metadata.tables[table]).values(status="changed"),
        delete(metadata.tables[table]),
    ):
        with pytest.raises(DBAPIError, match="is history"):
            async with connection.begin_nested():
                await connection.execute(statement)


async def test_legacy_link_is_lost_when_its_run_is_pruned(connection: AsyncConnection) -> None:
    row = await legacy_row(connection, "inventory_sync_runs")
    run_id = await add_run(connection, row["workspace_id"], row["tenant_id"], **COMPLETED)
    await connection.execute(IMPORT)
    await connection.execute(insert(inventory_sync_runs).values(**row, operation_run_id=run_id))
    await connection.commit()
    await connection.execute(delete(operation_runs).where(operation_runs.c.id == run_id))
    c = inventory_sync_runs.c
    link = select(c.operation_run_id, c.status).where(c.id == row["id"])
    assert (await connection.execute(link)).one() == (None, "x")


async def test_legacy_link_cannot_be_cleared_by_hand(connection: AsyncConnection) -> None:
    row = await legacy_row(connection, "inventory_sync_runs")
    await connection.execute(IMPORT)
    await connection.execute(insert(inventory_sync_runs).values(row))
    await connection.commit()
    with pytest.raises(DBAPIError, match="is history"):
        await connection.execute(update(inventory_sync_runs).values(operation_run_id=None))


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log"]
)
async def test_audit_log_only_grows(connection: AsyncConnection, statement: str) -> None:
    await connection.execute(
        insert(audit_log).values(
            id=uuid4(), actor_kind="system", actor_name="System", action="run.started"
        )
    )
    with pytest.raises(DBAPIError, match="only grows"):
        await connection.execute(text(statement))


async def test_audit_row_of_a_tenant_needs_its_workspace(connection: AsyncConnection) -> None:
    # A composite key with a NULL part is not checked by itself; the row would belong to nobody.
    tenant_id = await add_tenant(connection, await add_workspace(connection))
    with pytest.raises(IntegrityError):
        await connection.execute(
            insert(audit_log).values(
                id=uuid4(), tenant_id=tenant_id, actor_kind="system", actor_name="S", action="a"
            )
        )
