"""Who acts, and by what right (D13): a service principal, or a schedule for its own slot.

Authority is never read from a payload: a request names a principal, and what it may do is looked
up. A name that the workspace does not know answers like a workspace that does not exist.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.capabilities import SCHEDULE_CAPABILITIES, Capability, parse_capabilities
from storage.tables import principals


class InitiatorKind(StrEnum):
    """What kind of actor starts work; the seed's `user_id` is set for users only."""

    # A person, by the hub's session.
    USER = "user"
    # A registered service principal.
    SERVICE = "service"
    # A schedule, for its own slot (behaviour row 53).
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Initiator:
    """Somebody who may do something; `name` is what the run shows for ever (behaviour row 3)."""

    kind: InitiatorKind
    id: UUID
    name: str
    capabilities: frozenset[Capability]

    @property
    def user_id(self) -> UUID | None:
        """Return the id for the run's `user_id`, which only users have."""
        return self.id if self.kind is InitiatorKind.USER else None

    def as_context(self) -> dict[str, str]:
        """Return what `operation_runs.context.initiator` stores, for the check at begin."""
        return {"kind": self.kind.value, "id": str(self.id)}


@dataclass(frozen=True, slots=True)
class Denial:
    """Why authority could not be established."""

    reason_code: str
    # Request fields to look at.
    fields: tuple[str, ...] = ()


async def service_initiator(
    connection: AsyncConnection, workspace_id: UUID, name: str
) -> Initiator | Denial:
    """Return the active principal of that name in the workspace."""
    row = (
        await connection.execute(
            select(principals.c.id, principals.c.capabilities, principals.c.is_active).where(
                principals.c.workspace_id == workspace_id, principals.c.name == name
            )
        )
    ).one_or_none()
    if row is None:
        return Denial("not_found", ("workspace_id", "principal"))
    if not row.is_active:
        return Denial("initiator_not_entitled", ("principal",))
    return Initiator(
        InitiatorKind.SERVICE, row.id, name, parse_capabilities(list(row.capabilities))
    )


async def service_denied(
    connection: AsyncConnection, workspace_id: UUID, principal_id: UUID, needed: Capability
) -> str | None:
    """Return why a principal may not do this any more, or None."""
    row = (
        await connection.execute(
            select(principals.c.is_active, principals.c.capabilities).where(
                principals.c.id == principal_id, principals.c.workspace_id == workspace_id
            )
        )
    ).one_or_none()
    if row is None or not row.is_active:
        return "initiator_not_entitled"
    held = parse_capabilities(list(row.capabilities))
    return None if needed in held else "missing_capability"


def schedule_initiator(backup_schedule_id: UUID, name: str) -> Initiator:
    """Return the schedule itself as the actor, with what schedules may do."""
    return Initiator(InitiatorKind.SCHEDULE, backup_schedule_id, name, SCHEDULE_CAPABILITIES)
