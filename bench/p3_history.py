"""P3: what a backup costs Temporal, counted in its histories."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from bench.findings import Finding, Table, at_most
from bench.ground import BACKUP, Ground, Stand, local_graph, open_ground, open_stand
from bench.running import Bench, UnfitRunError
from contracts.operations import OperationDecision
from domain.resource_types.registry import backup_types
from tests.end_to_end.actions import Cost, cost_of
from tests.end_to_end.product import history_of

METHOD = """\
A backup of all types, begun by `RequestOperationWorkflow` as a schedule begins it, for a tenant of
profile M and of profile stress; events and actions are counted in the two histories when they are
closed. Actions are those of Temporal Cloud's list of billable actions: a start by a client 1; a
start of a child 2; each attempt of an activity 1; 1 for each workflow task that ran local
activities; a timer, a signal, an accepted update, an upsert of search attributes 1 each."""
CHILD = EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED
MOST_EVENTS = 50
MOST_ACTIONS = 12
SCHEDULE_ACTIONS = 2
HEARTBEAT_SECONDS = 10


async def measure(bench: Bench) -> Finding:
    """Count once for each profile: a history does not vary."""
    profiles = ("S", "M") if bench.is_quick else ("M", "stress")
    finding = Finding(
        "P3", "history events and billable actions of a backup", METHOD, folder=bench.folder
    )
    async with open_ground() as ground:
        for profile in profiles:
            bench.say(f"P3: profile {profile}")
            finding.rounds.append({"profile": profile, **await measure_one(ground, profile)})
    conclude(finding)
    return finding


async def measure_one(ground: Ground, profile: str) -> dict[str, Any]:
    """Back up through the front door; return what it cost."""
    async with (
        local_graph(ground.directory, profile=profile) as graph,
        open_stand(ground, graph) as stand,
    ):
        return await count(stand)


async def count(stand: Stand) -> dict[str, Any]:
    """Count the histories of the front door and of the backup."""
    client = await stand.services.temporal()
    door = f"front-door-{uuid4()}"
    decision = await client.execute_workflow(
        "RequestOperationWorkflow",
        stand.product.request(BACKUP).model_dump(mode="json"),
        id=door,
        task_queue=stand.services.settings.task_queue,
        result_type=OperationDecision,
    )
    run = await stand.product.finished(decision, 3_600)
    if run.outcome != "succeeded":
        raise UnfitRunError(f"the backup ended as {run.outcome}: {run.failure_summary}")
    handle = client.get_workflow_handle(run.workflow_id)
    await handle.result()
    histories = [await history_of(client, name) for name in (door, run.workflow_id)]
    hold_whole(*histories)
    costs = [cost_of(history) for history in histories]
    described = await handle.describe()
    assert described.close_time is not None
    seconds = (described.close_time - described.start_time).total_seconds()
    return {"objects": run.summary_counts["total"], "seconds": seconds, **_row(*costs)}


def hold_whole(door: Sequence[HistoryEvent], backup: Sequence[HistoryEvent]) -> None:
    """Hold that these two histories are all there is: one child, none below it, none before."""
    for name, history, children in (("front door", door, 1), ("backup", backup, 0)):
        started = history[0].workflow_execution_started_event_attributes
        found = sum(event.event_type == CHILD for event in history)
        if found != children or started.continued_execution_run_id:
            raise UnfitRunError(f"the {name} has executions that are not counted")


def _row(door: Cost, backup: Cost) -> dict[str, int]:
    return {
        "door_events": door.events,
        "door_actions": door.actions,
        "backup_events": backup.events,
        "backup_actions": backup.actions,
        "events": door.events + backup.events,
        "actions": door.actions + backup.actions,
    }


def conclude(finding: Finding) -> None:
    """Fill in the table and the verdicts."""
    table = Table(
        ["profile", "objects", "events: door + backup", "actions: door + backup", "heartbeats"]
    )
    for row in finding.rounds:
        beats = int(row["seconds"] // HEARTBEAT_SECONDS)
        table.rows.append(
            [
                row["profile"],
                f"{row['objects']:,}",
                f"{row['door_events']} + {row['backup_events']} = {row['events']}",
                f"{row['door_actions']} + {row['backup_actions']} = {row['actions']}",
                f"≤ {beats} for each reading activity in {row['seconds']:.0f} s",
            ]
        )
    finding.tables.append(table)
    events = [row["events"] for row in finding.rounds]
    actions = [row["actions"] for row in finding.rounds]
    types = len(backup_types())
    finding.verdicts += [
        at_most(f"history events of a backup of {types} types", [max(events)], MOST_EVENTS),
        at_most("actions, heartbeats and the schedule's own apart", [max(actions)], MOST_ACTIONS),
        at_most("actions, largest tenant less smallest", [max(actions) - min(actions)], 0),
    ]
    finding.notes += [
        (
            "Apart: heartbeats that reach the server are one action each, at most one in "
            f"{HEARTBEAT_SECONDS} s for each reading activity; they leave no event."
        ),
        (
            f"Apart: a schedule that fires adds {SCHEDULE_ACTIONS} actions of its own beside the "
            "start of the front door, which is counted."
        ),
        (
            "Fairness keys add nothing to a history; Temporal Cloud bills fairness by its own "
            "price, and a self-hosted server not at all."
        ),
        "Lanes that end in the same moment share a workflow task: three events fewer, by chance.",
    ]
