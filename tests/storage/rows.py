"""Rows that the constraints are tried on."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import operation_runs, tenants, workspaces


async def add_workspace(connection: AsyncConnection) -> UUID:
    workspace_id = uuid4()
    await connection.execute(
        insert(workspaces).values(id=workspace_id, name=f"Workspace {workspace_id}")
    )
    return workspace_id


async def add_tenant(connection: AsyncConnection, workspace_id: UUID) -> UUID:
    tenant_id = uuid4()
    await connection.execute(
        insert(tenants).values(
            id=tenant_id,
            workspace_id=workspace_id,
            entra_tenant_id=str(uuid4()),
            name=str(tenant_id),
        )
    )
    return tenant_id


def run_values(
    workspace_id: UUID | None, tenant_id: UUID | None, **values: Any
) -> Mapping[str, Any]:
    """Return a queued run that the table accepts, with the given columns instead."""
    run_id = uuid4()
    return {
        "id": run_id,
        "workspace_id": workspace_id,
        "tenant_id": tenant_id,
        "initiator_name": "System",
        "type": "inventory.sync",
        "status": "queued",
        "outcome": "pending",
        "run_identity_hash": run_id.hex,
        "workflow_id": f"inventory.sync:{run_id.hex}",
        "admission_key": run_id.hex,
        **values,
    }


async def add_run(
    connection: AsyncConnection, workspace_id: UUID | None, tenant_id: UUID | None, **values: Any
) -> UUID:
    row = run_values(workspace_id, tenant_id, **values)
    await connection.execute(insert(operation_runs).values(row))
    return UUID(str(row["id"]))
