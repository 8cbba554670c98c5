"""Beside a peer and a limit: who erred is no measure, and the limit is one only when it is near."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench import p4_speed
from bench.findings import Finding
from bench.ground import seconds_since
from bench.running import UnfitRunError
from storage.runs import RunRecord

PEER = {"name": "intunecd", "files": 98, "errors": [], "statuses": {"200": 300}}
OURS = {"name": "product", "objects": 120}
BARE = {"name": "bare", "objects": 120}


def judged(product: float, bare: float, peer: float) -> list[str]:
    finding = Finding("P4", "speed", "How.")
    seconds = {"product": product, "bare": bare, "intunecd": peer}
    p4_speed.judge(finding, 50, {name: [{"seconds": value}] for name, value in seconds.items()})
    return [verdict.word for verdict in finding.verdicts]


def test_run_is_timed_from_before_its_start_to_its_completed_row() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    stamps = {name: began + timedelta(seconds=n) for name, n in (("created", 1), ("completed", 3))}
    run = SimpleNamespace(**{f"{name}_at": moment for name, moment in stamps.items()})

    assert seconds_since(began, cast("RunRecord", run)) == 3.0


def test_turns_of_rounds_begin_with_everybody_once() -> None:
    orders = [p4_speed.turns(number) for number in range(len(p4_speed.NAMES))]

    assert {order[0] for order in orders} == set(p4_speed.NAMES)
    assert all(sorted(order) == sorted(p4_speed.NAMES) for order in orders)


def test_stored_row_adds_the_floor_of_the_same_round() -> None:
    bare = {"seconds": 2.0, "graph_requests": 9, "graph_sub_requests": 99}
    floor = {"seconds": 0.5, "cpu": {"client": 0.1, "postgres": 0.3}}
    rows = [{**bare, "cpu": {"client": 0.8, "graph": 0.4}}]

    row = p4_speed.stored_row(rows, [{"floor": floor}], 100)

    assert row == [p4_speed.STORED, "2.50", "40", "9", "99", "0.900", "0.400"]


def test_complete_reads_of_everybody_are_a_measure() -> None:
    p4_speed.hold_complete([OURS, BARE, PEER], 100)


@pytest.mark.parametrize(
    "row",
    [
        {**PEER, "files": 40},
        {**PEER, "errors": ["[ERROR] Filters failed"]},
        {**PEER, "statuses": {"200": 299, "500": 1}},
        {**BARE, "objects": 119},
        {**OURS, "objects": 90},
    ],
)
def test_contender_that_left_something_out_is_no_measure(row: dict[str, Any]) -> None:
    rounds = [row if row["name"] == given["name"] else given for given in (OURS, BARE, PEER)]

    with pytest.raises(UnfitRunError):
        p4_speed.hold_complete(rounds, 100)


@pytest.mark.parametrize(
    ("product", "bare", "peer", "words"),
    [
        (2.0, 1.5, 20.0, ["met", "met"]),
        (3.0, 2.4, 24.0, ["at the limit", "met"]),
        # Far from the limit, however near the limit is to the target.
        (6.6, 2.4, 24.0, ["missed", "missed"]),
        (4.0, 2.8, 56.0, ["met", "met"]),
        (5.7, 4.0, 56.0, ["at the limit", "met"]),
        (6.0, 4.0, 58.0, ["missed", "missed"]),
    ],
)
def test_speed_is_judged(product: float, bare: float, peer: float, words: list[str]) -> None:
    assert judged(product, bare, peer) == words
