"""Where a run is, for whoever waits for it; reads only."""

import asyncio
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.admission import RunState
from domain.runs import RunStatus
from services.runs.run_errors import UnknownRunError
from storage.run_lookup import find_run

_POLL_SECONDS = 0.5


class RunWaiting:
    """Follows a run's row."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    async def state(self, run_id: UUID) -> RunState:
        """Return the run's state; raises UnknownRunError."""
        run = await find_run(self._engine, run_id)
        if run is None:
            raise UnknownRunError(run_id)
        return RunState(
            status=run.status,
            outcome=run.outcome,
            is_owned=run.owner is not None,
        )

    async def until_completed(self, run_id: UUID) -> RunState:
        """Return the run's state once it is completed; the caller bounds the time."""
        while True:
            state = await self.state(run_id)
            if state.status == RunStatus.COMPLETED:
                return state
            await asyncio.sleep(_POLL_SECONDS)
