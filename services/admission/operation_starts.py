"""Starting operations from code: admission, then the workflow, then the decision.

The command line, the hub and other services use this; schedules and other languages use the front
door workflow, which does the same in Temporal. Both may be called twice with one key (D2).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from contracts.admission import Admitted, StartPlan
from contracts.operations import TASK_QUEUE, Decision, OperationDecision, OperationRequest
from contracts.runs import OperationRunRequest
from contracts.search_attributes import OPERATION_RUN_ID, run_attributes
from domain.runs import RunStatus
from services.admission.admission import AdmissionService, Origin
from services.runs.operation_runs import OperationRunService
from storage.run_lookup import find_run

logger = logging.getLogger(__name__)

# How long a start waits for an ID whose previous execution is closing (D3).
_ATTEMPTS = 20
_PAUSE_SECONDS = 0.1
# Per attempt; the SDK retries within it (temporal.md section 2).
_RPC_TIMEOUT = timedelta(seconds=10)

Connect = Callable[[], Awaitable[Client]]


class IdStillInUseError(Exception):
    """Another execution keeps the workflow ID; the start is given up."""

    reason_code = "queue.dispatch_failed"


class OperationStarts:
    """Starts operations; `connect` is called when there is something to start."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        admission: AdmissionService,
        runs: OperationRunService,
        connect: Connect,
        task_queue: str = TASK_QUEUE,
    ) -> None:
        self._engine = engine
        self._admission = admission
        self._runs = runs
        self._connect = connect
        self._task_queue = task_queue

    async def start(
        self, request: OperationRequest, key: str, *, is_repeatable: bool = True
    ) -> OperationDecision:
        """Admit `request` under `key` and start what it needs; the same key, the same answer.

        A Temporal that refuses or cannot be reached ends the run as failed and gives
        `dispatch_failed` (behaviour row 29). Never raises for that. A cancelled call leaves the
        run to be started by the next call with its key; where nobody will repeat it
        (`is_repeatable` False) the run is ended.
        """
        admitted = await self._admission.admit(request, request.idempotency_key or key, Origin())
        try:
            return await self._dispatch(admitted)
        except asyncio.CancelledError:
            if admitted.start is not None and not is_repeatable:
                run_id = admitted.start.operation_run_id
                await asyncio.shield(self._runs.fail_undispatched(run_id))
            raise

    async def start_if_lost(self, run_id: UUID) -> None:
        """Start a queued run whose caller died before starting it; never raises for its failure."""
        plan = await self._admission.plan_of_unstarted(run_id)
        if plan is None:
            return
        try:
            if not await self.is_started(run_id):
                await self._start(plan)
                logger.warning("started %s, which its caller had left", run_id)
        except (RPCError, IdStillInUseError) as error:
            logger.warning("start of %s failed: %s", run_id, type(error).__name__)

    async def is_started(self, run_id: UUID) -> bool:
        """Whether the run needs no start any more: it began or ended, or its execution is open.

        An open execution of the same ID may be the previous run's, which is closing (D3); one that
        waits for a worker is not lost, however long it waits. Raises RPCError.
        """
        run = await find_run(self._engine, run_id)
        if run is None or run.status is not RunStatus.QUEUED or run.owner is not None:
            return True
        client = await self._connect()
        handle = client.get_workflow_handle(run.workflow_id)
        try:
            found = await handle.describe(rpc_timeout=_RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        is_open = found.status is WorkflowExecutionStatus.RUNNING
        return is_open and found.typed_search_attributes.get(OPERATION_RUN_ID) == str(run_id)

    async def _dispatch(self, admitted: Admitted) -> OperationDecision:
        plan = admitted.start
        if plan is None:
            return admitted.decision
        if await self._runs.dispatch_or_fail(plan.operation_run_id, lambda: self._start(plan)):
            return admitted.decision
        return admitted.decision.model_copy(
            update={
                "decision": Decision.DISPATCH_FAILED,
                "outcome": "failed",
                "reason_code": "queue.dispatch_failed",
            }
        )

    async def _start(self, plan: StartPlan) -> None:
        client = await self._connect()
        for _ in range(_ATTEMPTS):
            try:
                await self._start_once(client, plan)
            except WorkflowAlreadyStartedError:
                # A strict identity that exists is this very run.
                if plan.is_strict or await self.is_started(plan.operation_run_id):
                    return
            else:
                return
            await asyncio.sleep(_PAUSE_SECONDS)
        raise IdStillInUseError

    async def _start_once(self, client: Client, plan: StartPlan) -> None:
        reuse = WorkflowIDReusePolicy
        conflict = WorkflowIDConflictPolicy
        await client.start_workflow(
            plan.workflow_type,
            OperationRunRequest(operation_run_id=plan.operation_run_id),
            id=plan.workflow_id,
            task_queue=self._task_queue,
            # USE_EXISTING would attach a reusable identity to a dying execution (measured).
            id_reuse_policy=reuse.REJECT_DUPLICATE if plan.is_strict else reuse.ALLOW_DUPLICATE,
            id_conflict_policy=conflict.USE_EXISTING if plan.is_strict else conflict.FAIL,
            execution_timeout=timedelta(seconds=plan.execution_timeout_seconds),
            search_attributes=run_attributes(plan),
            static_summary=plan.summary,
            static_details=plan.details,
            rpc_timeout=_RPC_TIMEOUT,
        )
