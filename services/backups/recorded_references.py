"""What the objects refer to that a run has recorded of types that it still reads.

Runs inside a transaction of `services.backups.captures`. Goes by the versions in the run's own
steps, which are of this run for certain: what the tenant's other objects of such a type referred to
the last time may have changed.
"""

from collections.abc import Sequence
from uuid import UUID

import zstandard
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.capture_results import decode_entries
from services.backups.capture_records import StepsFrom
from storage.recorded_references import references_of, steps_from


async def recorded_references(
    connection: AsyncConnection, place: tuple[UUID, UUID, str], steps: Sequence[StepsFrom]
) -> list[str]:
    """Return what the objects of these steps refer to, sorted; `place` is (run, tenant, kind)."""
    run_id, tenant_id, kind = place
    stored = await steps_from(connection, run_id, steps)
    entries = (entry for step in stored for entry in decode_entries(zstandard.decompress(step)))
    hashes = {entry.version_hash for entry in entries if entry.version_hash is not None}
    if not hashes:
        return []
    return sorted(await references_of(connection, tenant_id, kind, sorted(hashes)))
