"""Reading one run by its id, inside or outside of a transaction."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.runs import SELECT_RUN, RunRecord, run_record
from storage.statements import fetch_alone, fetch_within


async def find_run(source: AsyncEngine | AsyncConnection, run_id: UUID) -> RunRecord | None:
    """Return the run, or None when there is none with this id."""
    if isinstance(source, AsyncConnection):
        rows = await fetch_within(source, SELECT_RUN, run_id)
    else:
        rows = await fetch_alone(source, SELECT_RUN, run_id)
    return run_record(rows[0]) if rows else None
