"""The audit trail: one row for every change, written in the transaction that makes the change.

A change that is not audited does not happen, and an audit row without its change does not exist.
Details are ids, numbers and field names: never a credential, never text of the provider (D7).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import audit_log

Detail = str | int | bool | list[str] | None


class ActorKind(StrEnum):
    """Who made a change."""

    # A person.
    USER = "user"
    # A registered service principal; the command line acts as one (D13).
    SERVICE = "service"
    # A backup schedule.
    SCHEDULE = "schedule"
    # The system itself: its sweeps, its first set-up.
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change; `name` stays readable when the user or principal is gone."""

    kind: ActorKind
    name: str
    id: UUID | None = None


SYSTEM_ACTOR = Actor(ActorKind.SYSTEM, "TenantOps")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change: `action` is `{resource}.{verb}`; a tenant needs its workspace."""

    action: str
    resource_type: str
    resource_id: UUID
    workspace_id: UUID | None = None
    tenant_id: UUID | None = None
    details: Mapping[str, Detail] = field(default_factory=dict)


class AuditTrail:
    """Appends entries; the table itself refuses to change or lose them (behaviour row 102)."""

    def __init__(self, *, clock: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        self._clock = clock
        self._new_id = new_id

    async def append(self, connection: AsyncConnection, actor: Actor, entry: AuditEntry) -> None:
        """Add one row inside the caller's transaction."""
        await connection.execute(
            insert(audit_log).values(
                id=self._new_id(),
                workspace_id=entry.workspace_id,
                tenant_id=entry.tenant_id,
                actor_kind=actor.kind.value,
                actor_id=actor.id,
                actor_name=actor.name,
                action=entry.action,
                resource_type=entry.resource_type,
                resource_id=str(entry.resource_id),
                metadata=dict(entry.details),
                recorded_at=self._clock(),
            )
        )
