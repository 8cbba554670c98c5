"""What a schedule's row says of its runs: its lock before theirs, and the newest that ended.

Whoever holds a run waits for no schedule: admission and begin lock schedule, connections and run in
this order (D2), so whatever may end a run locks its schedule first as well.
"""

from contextlib import suppress
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.runs import RunRecord
from storage.statements import fetch_within

_UUID: Final = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

# A context never changes its schedule, so it may be read before the run is locked. Whatever else
# stands there must not keep a run from ending.
_LOCK: Final = """
SELECT schedule.id
FROM operation_runs AS run
JOIN backup_schedules AS schedule ON schedule.tenant_id = run.tenant_id AND schedule.id = CASE
    WHEN run.context ->> 'backup_schedule_id' ~ $2
    THEN (run.context ->> 'backup_schedule_id')::uuid
END
WHERE run.id = $1
FOR NO KEY UPDATE OF schedule
"""

# A run that ends late, after a newer one of its schedule, is not the last.
_NOTE: Final = """
UPDATE backup_schedules SET last_run_at = $3, last_run_status = $4
WHERE id = $1 AND tenant_id = $2 AND coalesce(last_run_at <= $3, true)
"""


async def lock_schedule_of_run(connection: AsyncConnection, run_id: UUID) -> None:
    """Lock the schedule that a run belongs to, if any, until the transaction ends."""
    await fetch_within(connection, _LOCK, run_id, _UUID)


async def note_ended_run(connection: AsyncConnection, run: RunRecord) -> None:
    """Write a completed run into its schedule's row, unless a newer one stands there.

    `last_run_at` is when the run was admitted, which orders runs; `last_run_status` its outcome.
    """
    schedule_id = run.context.get("backup_schedule_id")
    if schedule_id is None or run.tenant_id is None:
        return
    with suppress(ValueError):
        place = (UUID(str(schedule_id)), run.tenant_id)
        await fetch_within(connection, _NOTE, *place, run.created_at, run.outcome.value)
