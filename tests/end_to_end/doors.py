"""Every door through which an operation starts, as others use them: code, Temporal, a terminal.

A door takes a request and a key and gives the decision as JSON; the three must never differ (D2).
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import typer
from rich.console import RenderableType
from sqlalchemy import text
from temporalio.client import Client, WorkflowHandle

from commands.session import Options, Session
from commands.starting import Start, start_and_report
from commands.views.screen import Screen
from contracts.operations import FRONT_DOOR_WORKFLOW, OperationDecision, OperationRequest
from domain.operation_types import OperationType
from storage.runs import RunRecord
from tests.end_to_end.product import Product
from tests.end_to_end.worker_process import PROJECT, environment_of
from tests.eventually import eventually

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


async def knock(product: Product, *arguments: Any) -> Decision:
    """Send anything to the front door and return its answer."""
    handle = await knocking(product, *arguments)
    answer: Decision = await handle.result()
    return answer


async def knocking(product: Product, *arguments: Any) -> WorkflowHandle[Any, Any]:
    """Send anything to the front door and do not wait for the answer."""
    client = await product.services.temporal()
    return await client.start_workflow(
        FRONT_DOOR_WORKFLOW,
        args=arguments,
        id=f"request:{uuid4()}",
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


async def effects_of(client: Client, workflow_id: str) -> list[str]:
    """Return the run ids of the executions of a workflow ID that had an effect, sorted."""
    executions = [found async for found in client.list_workflows(f'WorkflowId = "{workflow_id}"')]
    effects = []
    for execution in executions:
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        if (await handle.result())["had_effect"]:
            effects.append(execution.run_id)
    return sorted(effects)


async def assert_owners_alone_had_effects(product: Product, runs: list[RunRecord]) -> None:
    """Hold that of all executions of an identity its runs' owners had an effect, and no other."""
    client = await product.services.temporal()
    owners = sorted(str(run.first_execution_run_id) for run in runs)

    async def is_so() -> bool:
        # The list of executions follows a moment later.
        found = await effects_of(client, runs[0].workflow_id)
        assert found == owners
        return True

    await eventually(is_so)


def only_run_id(decisions: list[Decision]) -> UUID:
    """Return the run that all decisions name."""
    named = {decision["operation_run_id"] for decision in decisions}
    assert len(named) == 1, named
    return UUID(named.pop())


async def gather_starts(starts: list[Awaitable[Decision]]) -> list[Decision]:
    return list(await asyncio.gather(*starts))


async def through_command(product: Product, request: OperationRequest, key: str) -> Decision:
    """Start as a command does, in this process."""
    screen = _Recorder(as_json=True)
    options = Options(workspace=str(product.workspace_id), principal=request.principal)
    assert request.tenant_id is not None
    start = Start(
        type=OperationType(request.type),
        tenant_id=request.tenant_id,
        inputs=request.inputs,
        key=key,
    )
    with suppress(typer.Exit):
        await start_and_report(Session(options, screen, product.services), start)
    return _as_decision(screen.shown)


class _Recorder(Screen):
    """A screen that keeps what is shown."""

    shown: Mapping[str, Any]

    def show(
        self, document: Mapping[str, Any], render: Callable[[], Iterable[RenderableType]]
    ) -> None:
        self.shown = document


async def through_terminal(product: Product, request: OperationRequest, key: str) -> Decision:
    """Start with the `tenantops` command in a process of its own."""
    words = {
        OperationType.BACKUP_RUN_NOW: ["backup", "run"],
        OperationType.DIRECTORY_ROLE_DEFINITIONS_SYNC: ["roles", "sync"],
    }[OperationType(request.type)]
    types = request.inputs.get("policy_types")
    if isinstance(types, list):
        words += ["--types", ",".join(map(str, types))]
    client = await product.services.temporal()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "starter", *words, str(request.tenant_id)),
        *("--workspace", str(product.workspace_id), "--principal", str(request.principal)),
        *("--key", key, "--json"),
        env=environment_of(product.services.settings, client.service_client.config.target_host),
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate()
    return _as_decision(orjson.loads(answer))


def _as_decision(document: Mapping[str, Any]) -> Decision:
    """Return the part of a command's answer that is the decision."""
    return OperationDecision.model_validate(dict(document)).model_dump(mode="json")
