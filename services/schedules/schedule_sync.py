"""Making Temporal follow the rows of `backup_schedules`, now or later.

Syncs of one schedule take turns; each reads the newest row, so the last one leaves Temporal equal
to it, whoever changed what in between.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.schedules.temporal_schedules import (
    TemporalRefusedError,
    TemporalSchedules,
    TemporalUnreachableError,
)
from storage import schedules as rows
from storage.schedules import StoredSchedule


class SyncState(StrEnum):
    """Whether Temporal follows the row."""

    # Temporal knows the newest revision.
    SYNCED = "synced"
    # The row is saved; Temporal could not be reached and is told later.
    TEMPORAL_UNREACHABLE = "temporal_unreachable"
    # The row is saved; Temporal refused it, which a person has to look into.
    TEMPORAL_REFUSED = "temporal_refused"


@dataclass(frozen=True, slots=True)
class SavedSchedule:
    """A schedule after a change, and whether Temporal follows already."""

    schedule: StoredSchedule
    sync: SyncState


class ScheduleSync:
    """Tells Temporal what the rows say."""

    def __init__(self, *, engine: AsyncEngine, temporal: TemporalSchedules) -> None:
        self._engine = engine
        self._temporal = temporal

    async def sync(self, schedule_id: UUID) -> SyncState:
        """Make Temporal follow the row; may be repeated and run at the same time anywhere."""
        try:
            async with self._engine.begin() as connection:
                await rows.wait_for_sync_turn(connection, schedule_id)
                stored = await rows.find_schedule(connection, schedule_id)
                if stored is None or stored.is_archived:
                    await self._temporal.remove(schedule_id)
                else:
                    await self._temporal.apply(stored)
                if stored is not None:
                    await rows.mark_synced(connection, schedule_id, stored.revision)
        except TemporalUnreachableError:
            return SyncState.TEMPORAL_UNREACHABLE
        except TemporalRefusedError:
            return SyncState.TEMPORAL_REFUSED
        return SyncState.SYNCED

    async def sync_pending(self) -> dict[UUID, SyncState]:
        """Sync every schedule that Temporal does not know yet; stops while it is unreachable."""
        async with self._engine.connect() as connection:
            pending = await rows.unsynced_schedules(connection)
        states: dict[UUID, SyncState] = {}
        for schedule_id in pending:
            states[schedule_id] = await self.sync(schedule_id)
            if states[schedule_id] is SyncState.TEMPORAL_UNREACHABLE:
                break
        return states
