"""The fence before effects: a run that is mine and running, held to the transaction's end (D3)."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.runs import RunStatus
from services.runs.run_errors import NotOwnerError, RunAlreadyClosedError, UnknownRunError
from storage.run_lookup import find_run
from storage.runs import Owner
from storage.statements import fetch_within

_HOLD = """
SELECT id FROM operation_runs
WHERE id = $1 AND status = 'running' AND workflow_id = $2 AND first_execution_run_id = $3
FOR SHARE
"""


async def hold_owned_run(connection: AsyncConnection, run_id: UUID, owner: Owner) -> None:
    """Keep the run running until this transaction ends.

    Raises UnknownRunError, RunAlreadyClosedError or NotOwnerError: then nothing may be written.
    """
    if await fetch_within(
        connection, _HOLD, run_id, owner.workflow_id, owner.first_execution_run_id
    ):
        return
    run = await find_run(connection, run_id)
    if run is None:
        raise UnknownRunError(run_id)
    if run.status is RunStatus.COMPLETED:
        raise RunAlreadyClosedError(run_id)
    raise NotOwnerError(run_id)
