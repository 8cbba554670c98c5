"""When each resource type of a tenant was last read to its end: a query over manifests.

A partial set still holds complete types, so the newest complete version of each may be in another
set. Imported sets prove nothing about the tenant and do not count (decision 0005).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.resource_types.registry import backup_types
from services.sets.backup_sets import record
from storage import sets as rows


@dataclass(frozen=True, kw_only=True)
class CompleteType:
    """The newest set whose listing of a type was complete.

    `object_count`: objects that the set holds of it. `failed`: objects of the complete listing that
    could not be read; null for a set without a certificate.
    """

    resource_type: str
    backup_set_id: UUID
    sequence: int
    captured_at: datetime
    object_count: int
    failed: int | None


@dataclass(frozen=True, kw_only=True)
class LastComplete:
    """What is there of each type of a tenant.

    `incomplete` types were read and never to their end; `unread` ones belong to a usual backup and
    no set has them.
    """

    complete: Sequence[CompleteType]
    incomplete: Sequence[str]
    unread: Sequence[str]


class LastCompleteReads:
    """Answers the question for a tenant."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of_tenant(self, workspace_id: UUID, tenant_id: UUID) -> LastComplete:
        """Return the last complete version of each type; every type is in one of the lists."""
        owner = (workspace_id, tenant_id)
        async with self._engine.begin() as connection:
            found = await rows.last_complete(connection, owner)
            read = await rows.types_of_tenant(connection, owner)
        complete = [record(CompleteType, row) for row in found]
        keys = {entry.resource_type for entry in complete}
        usual = {entry.key for entry in backup_types()}
        return LastComplete(
            complete=complete, incomplete=sorted(read - keys), unread=sorted(usual - read)
        )
