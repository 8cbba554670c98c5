"""Reading the context of a backup after its lanes: what versions refer to, and who changed them.

The first reader is that of the types that are read by reference, with the same patience as a lane.
The second is the reader of audit events, which is a help only: nothing that happens to it changes
what becomes of the run (decision 0005).
"""

import asyncio
import logging
from typing import Protocol

from contracts.runs import ContextCall, ContextResult, LaneCall, LanePlan
from graph.client import GraphClient
from graph.errors import GraphCredentialRefusedError
from services.backups.lane_reading import LaneReader, LaneReading
from services.backups.type_reading import ReadingRun
from services.runs.run_errors import NotOwnerError, RunAlreadyClosedError
from storage.runs import Owner

logger = logging.getLogger(__name__)

# How the context is called where a lane's name stands.
CONTEXT = "context"


class ChangeEventReader(Protocol):
    """Collects who changed what since it last did."""

    async def collect(self, client: GraphClient, run: ReadingRun) -> None:
        """Store what is new; a refusal leaves the source where it was."""


class ContextReading:
    """Opens readers of contexts; without `events` nobody asks who changed what."""

    def __init__(self, *, lanes: LaneReading, events: ChangeEventReader | None = None) -> None:
        self.lanes = lanes
        self.events = events

    def open(self, call: ContextCall, workflow_id: str) -> "ContextReader":
        """Return the reader of one activity attempt."""
        owner = Owner(workflow_id, call.run.first_execution_run_id)
        return ContextReader(self, call, owner)


class ContextReader(LaneReader):
    """One attempt at the context; what earlier attempts stored is not read again."""

    def __init__(self, ground: ContextReading, call: ContextCall, owner: Owner) -> None:
        plan = LanePlan(lane=CONTEXT, resource_types=call.plan.resource_types)
        lane = LaneCall(
            run=call.run,
            plan=plan,
            deadline_at=call.deadline_at,
            heartbeat_seconds=call.heartbeat_seconds,
        )
        super().__init__(ground.lanes, lane, owner)
        self._events = ground.events if call.plan.reads_events else None

    async def read_context(self) -> ContextResult:
        """Read the context, or give the slot back.

        Raises SlotGivenBackError and RunLostError.
        """
        read = await self.read()
        return ContextResult(**read.model_dump())

    async def _work(self, client: GraphClient, run: ReadingRun) -> None:
        # Neither waits for the other; what is broken off has stored what it can go on from.
        collecting = asyncio.create_task(self._collect(client, run))
        try:
            await super()._work(client, run)
            await collecting
        finally:
            collecting.cancel()
            await asyncio.gather(collecting, return_exceptions=True)

    async def _collect(self, client: GraphClient, run: ReadingRun) -> None:
        if self._events is None:
            return
        remaining = self._call.deadline_at - self._ground.clock()
        try:
            async with asyncio.timeout(max(remaining.total_seconds(), 0)):
                await self._events.collect(client, run)
        except (NotOwnerError, RunAlreadyClosedError):
            raise
        except GraphCredentialRefusedError:
            logger.info("change events could not be read", extra={"reason_code": "credential"})
        except Exception as error:
            # Who changed what is a help; it decides no outcome.
            logger.warning("change events could not be read", exc_info=error)
