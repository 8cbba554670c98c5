"""Workflows replay what earlier versions began, and the names on the wire stay as they are."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

import worker
from contracts.converter import data_converter
from contracts.operations import TASK_QUEUE
from services.assembly import open_services
from settings import Settings

FOLDER = Path(__file__).parent
HISTORIES = sorted((FOLDER / "histories").glob("*.json"))


def replayer() -> Replayer:
    """Replay as the worker works."""
    passed_through = worker._PASSED_THROUGH
    return Replayer(
        workflows=worker.WORKFLOWS,
        data_converter=data_converter(),
        workflow_failure_exception_types=[Exception],
        workflow_runner=SandboxedWorkflowRunner(
            restrictions=SandboxRestrictions.default.with_passthrough_modules(*passed_through)
        ),
    )


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_recorded_history_replays(path: Path) -> None:
    history = WorkflowHistory.from_json(path.stem, path.read_text())

    result = await replayer().replay_workflow(history)

    assert result.replay_failure is None


# The replayer of SDK 1.35 does not close after a refused history with local activities: the
# process that met one is left at once.
REPLAY_ALTERED = """
import asyncio, os, sys
from temporalio.client import WorkflowHistory
from tests.workflows.test_replay import replayer

async def histories():
    yield WorkflowHistory.from_json("altered", sys.stdin.read())

async def main():
    async with replayer().workflow_replay_iterator(histories()) as results:
        async for result in results:
            print(type(result.replay_failure).__name__, flush=True)
            os._exit(0)

asyncio.run(main())
"""


def test_history_of_other_workflow_code_is_refused() -> None:
    text = (FOLDER / "histories/role_sync.json").read_text()
    altered = text.replace('"sync_role_definitions"', '"sync_other_definitions"')
    assert altered != text

    replayed = subprocess.run(
        [sys.executable, "-c", REPLAY_ALTERED],
        input=altered,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=FOLDER.parents[1],
    )

    assert replayed.stdout.split() == ["NondeterminismError"], replayed.stderr


def test_every_workflow_type_has_a_recorded_history() -> None:
    recorded = {type_of(json.loads(path.read_text())) for path in HISTORIES}
    assert recorded == {workflow_name(kind) for kind in worker.WORKFLOWS}


def type_of(history: dict[str, Any]) -> str:
    started = history["events"][0]["workflowExecutionStartedEventAttributes"]
    return str(started["workflowType"]["name"])


def workflow_name(kind: type) -> str:
    definition = workflow._Definition.from_class(kind)
    assert definition is not None
    return str(definition.name)


async def test_names_on_the_wire_are_the_committed_ones(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"DATABASE_URL": "postgresql://localhost/none", "TENANTOPS_ROOT_KEY": "A" * 43 + "="}
    )
    async with open_services(settings) as services:
        definitions = [
            activity._Definition.from_callable(function)
            for function in worker.activities_of(services)
        ]
    names = [f"activity {definition.name}" for definition in definitions if definition]
    names += [f"workflow {workflow_name(kind)}" for kind in worker.WORKFLOWS]
    names += [f"task queue {TASK_QUEUE}"]
    assert settings.task_queue == TASK_QUEUE
    assert sorted(names) == (FOLDER / "wire_names.txt").read_text().splitlines()
