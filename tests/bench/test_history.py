"""The cost of a backup in histories: nothing may run beside what is counted."""

import pytest
from temporalio.api.history.v1 import HistoryEvent

from bench.p3_history import CHILD, hold_whole
from bench.running import UnfitRunError

CHILD_STARTED = HistoryEvent(event_type=CHILD)


def first_event(continued: str = "") -> HistoryEvent:
    event = HistoryEvent()
    event.workflow_execution_started_event_attributes.continued_execution_run_id = continued
    return event


def test_door_with_one_child_is_whole() -> None:
    hold_whole([first_event(), CHILD_STARTED], [first_event()])


@pytest.mark.parametrize(
    ("door", "backup"),
    [
        ([first_event()], [first_event()]),
        ([first_event(), CHILD_STARTED], [first_event(), CHILD_STARTED]),
        ([first_event(), CHILD_STARTED], [first_event("earlier")]),
    ],
)
def test_executions_that_are_not_counted_are_noticed(
    door: list[HistoryEvent], backup: list[HistoryEvent]
) -> None:
    with pytest.raises(UnfitRunError):
        hold_whole(door, backup)
