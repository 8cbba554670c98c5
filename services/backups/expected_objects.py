"""Which objects a backup expects to find: those that exist as far as is known.

Of a type that is read by reference, only those that something still refers to: one that nothing
refers to any more is neither missing nor deleted, it leaves the sets (decision 0005).
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.resource_types.registry import is_by_reference
from storage.policies import count_policies, existing_policies, missing_policies
from storage.references import referenced_ids

# Of an object that others refer to and that does not exist: no failure of the backup.
DANGLING = "reference_dangling"


async def missing_objects(
    connection: AsyncConnection, tenant_id: UUID, resource_type: str, read: Sequence[str]
) -> list[str]:
    """Return the ids of known objects that are expected and are not among those that were read."""
    missing = await missing_policies(connection, tenant_id, resource_type, read)
    if not missing or not is_by_reference(resource_type):
        return missing
    # What is not referenced any more is not expected, so it cannot be missing.
    referenced = set(await referenced_ids(connection, tenant_id, resource_type))
    return [object_id for object_id in missing if object_id in referenced]


async def expected_count(connection: AsyncConnection, tenant_id: UUID, resource_type: str) -> int:
    """Return how many objects are expected when none could be read."""
    if is_by_reference(resource_type):
        return len(await referenced_ids(connection, tenant_id, resource_type))
    return await count_policies(connection, tenant_id, resource_type)


async def dangling_count(
    connection: AsyncConnection, place: tuple[UUID, str], vanished: Sequence[str]
) -> int:
    """Return how many references lead to nothing; `place` is (tenant, resource type).

    `vanished` answered 404; those that are known have been deleted since, which is another thing.
    """
    if not vanished or not is_by_reference(place[1]):
        return 0
    return len(set(vanished) - await existing_policies(connection, *place, vanished))
