"""What a workflow execution costs: history events, and actions as Temporal Cloud bills them.

The formula is that of Temporal Cloud's published list of billable actions, applied to a history:

- a start by a client: 1; a start of a child: 2, one for the command and one for the child's start
- each attempt of an activity: 1
- local activities: 1 for each workflow task that ran any, however many
- a timer, a signal, an accepted update, an upsert of search attributes, a side effect: 1 each
- heartbeats that reach the server: 1 each; they leave no event, so they are counted apart
"""

from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

LOCAL_ACTIVITY = "core_local_activity"
BILLED_ONCE = frozenset(
    {
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    }
)


@dataclass(frozen=True)
class Cost:
    """Of one execution."""

    events: int
    actions: int


def cost_of(history: Sequence[HistoryEvent]) -> Cost:
    """Count a history; heartbeats are not in it."""
    local_tasks = {
        event.marker_recorded_event_attributes.workflow_task_completed_event_id
        for event in history
        if event.marker_recorded_event_attributes.marker_name == LOCAL_ACTIVITY
    }
    return Cost(len(history), sum(map(_actions, history)) + len(local_tasks))


def _actions(event: HistoryEvent) -> int:
    match event.event_type:
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            # A child's start is billed where its parent asked for it.
            started = event.workflow_execution_started_event_attributes
            return 0 if started.HasField("parent_workflow_execution") else 1
        case EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            return 2
        case EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            return max(event.activity_task_started_event_attributes.attempt, 1)
        case EventType.EVENT_TYPE_MARKER_RECORDED:
            return int(event.marker_recorded_event_attributes.marker_name != LOCAL_ACTIVITY)
        case other:
            return int(other in BILLED_ONCE)
