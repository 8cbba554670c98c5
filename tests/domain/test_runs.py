"""States of a run and the moves between them."""

import itertools

import pytest

from domain.runs import (
    IllegalTransitionError,
    RunOutcome,
    RunStatus,
    check_transition,
    source_statuses,
)

LEGAL_MOVES = {
    (RunStatus.QUEUED, RunStatus.RUNNING),
    (RunStatus.QUEUED, RunStatus.COMPLETED),
    (RunStatus.RUNNING, RunStatus.COMPLETED),
}


@pytest.mark.parametrize(("status", "target"), sorted(LEGAL_MOVES))
def test_transition_along_the_machine_is_accepted(status: RunStatus, target: RunStatus) -> None:
    outcome = RunOutcome.PENDING if target.is_active else RunOutcome.SUCCEEDED
    check_transition(status, target, outcome)


@pytest.mark.parametrize(
    ("status", "target"), sorted(set(itertools.product(RunStatus, RunStatus)) - LEGAL_MOVES)
)
def test_transition_backwards_or_in_place_is_refused(status: RunStatus, target: RunStatus) -> None:
    outcome = RunOutcome.PENDING if target.is_active else RunOutcome.FAILED
    with pytest.raises(IllegalTransitionError):
        check_transition(status, target, outcome)


def test_transition_to_completed_without_an_outcome_is_refused() -> None:
    with pytest.raises(IllegalTransitionError, match="outcome pending"):
        check_transition(RunStatus.RUNNING, RunStatus.COMPLETED, RunOutcome.PENDING)


@pytest.mark.parametrize("outcome", [item for item in RunOutcome if item != RunOutcome.PENDING])
def test_transition_to_running_with_an_outcome_is_refused(outcome: RunOutcome) -> None:
    with pytest.raises(IllegalTransitionError):
        check_transition(RunStatus.QUEUED, RunStatus.RUNNING, outcome)


def test_source_statuses_of_completed_are_both_active_ones() -> None:
    assert source_statuses(RunStatus.COMPLETED) == (RunStatus.QUEUED, RunStatus.RUNNING)


def test_source_statuses_of_queued_are_none() -> None:
    assert source_statuses(RunStatus.QUEUED) == ()


def test_status_is_active_until_completed() -> None:
    assert [status.value for status in RunStatus if status.is_active] == ["queued", "running"]


def test_statuses_and_outcomes_are_those_of_the_seed() -> None:
    assert {status.value for status in RunStatus} == {"queued", "running", "completed"}
    assert {outcome.value for outcome in RunOutcome} == {
        "pending",
        "succeeded",
        "partially_succeeded",
        "blocked",
        "failed",
        "cancelled",
    }
