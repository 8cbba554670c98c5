"""Retry-After in all its shapes, and waits that grow."""

from datetime import UTC, datetime

import pytest

from graph.retry import Pacing, RetryBudget, RetryRules, parse_retry_after

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        (" 5 ", 5.0),
        ("0", 0.0),
        ("2.128", 2.128),
        ("0.249", 0.249),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("999999999", 86_400.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("inf", None),
        ("\u0665", None),
        ("1.2.3", None),
    ],
)
def test_retry_after_is_read_or_means_nothing(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_wait_is_never_shorter_than_the_service_says(jitter: float) -> None:
    budget = RetryBudget(RetryRules(), Pacing(jitter=lambda: jitter))
    for wish in (0.249, 1.0, 2.128, 9.0, 400.0):
        assert budget.next_wait(wish, is_throttled=True) >= wish


def test_wait_grows_while_the_service_always_says_one() -> None:
    budget = RetryBudget(RetryRules(), Pacing(jitter=lambda: 0.0))
    waits = [budget.next_wait(1.0, is_throttled=True) for _ in range(5)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_failures_end_after_their_tries_but_throttling_does_not() -> None:
    budget = RetryBudget(RetryRules(tries=2), Pacing(jitter=lambda: 0.0))
    for _ in range(10):
        budget.next_wait(None, is_throttled=True)
    assert not budget.is_exhausted
    for _ in range(2):
        budget.next_wait(None, is_throttled=False)
    assert budget.is_exhausted
