"""Rows that the suites of services stand on: a workspace with one tenant, and who acts."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.accounts.audit import Actor, ActorKind
from storage.tables import audit_log, tenants, workspaces

EDITOR = Actor(ActorKind.SERVICE, "editor")


@dataclass(frozen=True, slots=True)
class Tenancy:
    """One tenant and its workspace."""

    workspace_id: UUID
    tenant_id: UUID
    entra_tenant_id: str


def now() -> datetime:
    return datetime.now(UTC)


async def add_tenancy(engine: AsyncEngine, lifecycle: str = "active") -> Tenancy:
    made = Tenancy(uuid4(), uuid4(), str(uuid4()))
    async with engine.begin() as connection:
        await connection.execute(
            insert(workspaces).values(id=made.workspace_id, name=f"Workspace {made.workspace_id}")
        )
        await connection.execute(
            insert(tenants).values(
                id=made.tenant_id,
                workspace_id=made.workspace_id,
                entra_tenant_id=made.entra_tenant_id,
                name="Contoso",
                lifecycle=lifecycle,
            )
        )
    return made


async def audited(engine: AsyncEngine) -> list[str]:
    """Return the actions of the audit trail, oldest first."""
    async with engine.connect() as connection:
        query = select(audit_log.c.action).order_by(audit_log.c.recorded_at, audit_log.c.id)
        return list((await connection.scalars(query)).all())
