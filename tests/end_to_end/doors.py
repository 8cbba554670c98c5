"""Every door through which an operation starts, as others use them: code, Temporal, a terminal.

A door takes a request and a key and gives the decision as JSON; the three must never differ (D2).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle

from contracts.operations import FRONT_DOOR_WORKFLOW, OperationRequest
from domain.operation_types import OperationType
from storage.runs import RunRecord
from tests.end_to_end.product import Product

Decision = dict[str, Any]
Door = Callable[[Product, OperationRequest, str], Awaitable[Decision]]


async def through_service(product: Product, request: OperationRequest, key: str) -> Decision:
    """Start as the hub and other Python services do."""
    decision = await product.services.starts.start(request, key)
    return decision.model_dump(mode="json")


async def through_front_door(product: Product, request: OperationRequest, key: str) -> Decision:
    """Start as a service in another language does: JSON in, JSON out."""
    keyed = request.model_dump(mode="json") | {"idempotency_key": key}
    return await knock(product, keyed)


async def knock(product: Product, *arguments: Any, id: str | None = None) -> Decision:
    """Send anything to the front door and return its answer."""
    handle = await knocking(product, *arguments, id=id)
    answer: Decision = await handle.result()
    return answer


async def knocking(
    product: Product, *arguments: Any, id: str | None = None
) -> WorkflowHandle[Any, Any]:
    """Send anything to the front door and do not wait for the answer."""
    client = await product.services.temporal()
    return await client.start_workflow(
        FRONT_DOOR_WORKFLOW,
        args=arguments,
        id=id or f"request:{uuid4()}",
        task_queue=product.services.settings.task_queue,
        execution_timeout=timedelta(seconds=60),
    )


async def completed(product: Product, run_id: UUID, seconds: float = 60.0) -> RunRecord:
    """Return a run once it is completed."""
    async with asyncio.timeout(seconds):
        await product.services.waiting.until_completed(run_id)
    run = await product.services.runs.find(run_id)
    assert run is not None
    return run


async def runs_of(product: Product, type_: str) -> list[RunRecord]:
    """Return every run of a type in the product's workspace, oldest first."""
    statement = text(
        "SELECT id FROM operation_runs WHERE workspace_id = :workspace AND type = :type"
        " ORDER BY created_at, id"
    )
    values = {"workspace": product.workspace_id, "type": OperationType(type_)}
    async with product.services.engine.connect() as connection:
        ids = (await connection.execute(statement, values)).scalars().all()
    found = [await product.services.runs.find(run_id) for run_id in ids]
    return [run for run in found if run is not None]


async def executions_of(client: Client, run: RunRecord) -> list[Any]:
    """Return (first run id, status, had effect) of every closed execution of a run's identity."""
    found = []
    async for execution in client.list_workflows(f'WorkflowId = "{run.workflow_id}"'):
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        result = await handle.result()
        found.append((execution.run_id, execution.status, result["had_effect"]))
    return found


async def effects_of(client: Client, run: RunRecord) -> list[str]:
    """Return the first run ids of the executions of a run's identity that had an effect."""
    executions = await executions_of(client, run)
    assert all(status is WorkflowExecutionStatus.COMPLETED for _, status, _ in executions)
    return [run_id for run_id, _, had_effect in executions if had_effect]


def only_run_id(decisions: list[Decision]) -> UUID:
    """Return the run that all decisions name."""
    named = {decision["operation_run_id"] for decision in decisions}
    assert len(named) == 1, named
    return UUID(named.pop())


async def gather_starts(starts: list[Awaitable[Decision]]) -> list[Decision]:
    return list(await asyncio.gather(*starts))
