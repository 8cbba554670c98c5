"""The limit of a throttled backup: windows as the local Graph keeps them, and the work itself."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench import p12_budget
from bench.findings import Finding
from bench.graph_windows import (
    SlidingWindow,
    careful_floor,
    least_seconds,
    units_by_area,
    window_floor,
    window_of,
)
from bench.running import UnfitRunError
from devstack.graph_service.answers import GraphRefusalError
from devstack.graph_service.call import Call
from devstack.graph_service.catalog import Area, Collection
from devstack.graph_service.clock import ServiceClock
from devstack.graph_service.config import Profile, RetryAfterStyle
from devstack.graph_service.counters import Counters
from devstack.graph_service.odata import parse_options
from devstack.graph_service.throttling import Throttle

INTUNE = SlidingWindow(1_000, 20)
SECOND = SlidingWindow(1, 1)
POLICIES = "GET /deviceManagement/configurationPolicies/{id}/settings"
TEMPLATES = "GET /deviceManagement/groupPolicyConfigurations/{id}/definitionValues"
GROUPS = "GET /groups/{id}"


class Clock(ServiceClock):
    """A clock that stands until it is moved; it begins at the end of a slot of every window."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 999.9999

    def monotonic(self) -> float:
        return self.at


def admitted(throttle: Throttle, area: Area, most: int) -> int:
    tenant = SimpleNamespace(
        tenant_id="t",
        world=SimpleNamespace(profile=Profile.L),
        knobs=SimpleNamespace(admx_budget=None, retry_after=None),
    )
    call = SimpleNamespace(
        tenant=tenant,
        identity=SimpleNamespace(client_id="a"),
        method="GET",
        path="/x",
        segments=("x",),
        options=parse_options(""),
        is_write=False,
    )
    for count in range(most):
        try:
            throttle.admit(cast("Call", call), cast("Collection", SimpleNamespace(area=area)))
        except GraphRefusalError:
            return count
    return most


@pytest.mark.parametrize("area", list(Area))
def test_window_is_what_the_local_graph_lets_through_at_once(area: Area) -> None:
    clock = Clock()
    style = RetryAfterStyle.INTEGER
    throttle = Throttle(clock=clock, counters=Counters(keep=1), scale=1.0, style=style)
    window = window_of(area, Profile.L)

    assert admitted(throttle, area, window.units) == window.units
    clock.at += window.seconds + 0.0002
    assert admitted(throttle, area, window.units + 1) == window.units


@pytest.mark.parametrize(
    ("units", "window", "share", "seconds"),
    [
        (0, INTUNE, 0.8, 0),
        (800, INTUNE, 0.8, 0),
        (801, INTUNE, 0.8, 20),
        (2_259, INTUNE, 0.8, 40),
        (1_000, INTUNE, 1.0, 0),
        (30, SlidingWindow(100, 20), 0.29, 20),
        (29, SlidingWindow(100, 20), 0.29, 0),
        # The share of one a second is one in a longer window.
        (5, SECOND, 0.8, 5),
        (2, SECOND, 0.8, 1.25),
        (5, SECOND, 1.0, 4),
    ],
)
def test_least_seconds_use_full_windows_at_once(
    units: int, window: SlidingWindow, share: float, seconds: float
) -> None:
    assert least_seconds(units, window, share) == pytest.approx(seconds)


def test_slowest_area_decides_and_groups_are_read_beside_it() -> None:
    counted = {POLICIES: 1_700, "GET /deviceAppManagement/mobileApps": 900, GROUPS: 6_401}

    floor = window_floor(counted, Profile.L, 0.8)

    assert (floor.area, floor.seconds) == ("device_configuration", 40)
    more = window_floor(counted | {GROUPS: 6_400 * 5 + 1}, Profile.L, 0.8)
    assert (more.area, more.seconds) == ("identity", 50)


def test_careful_client_counts_what_no_list_names_as_device_configuration() -> None:
    counted = {POLICIES: 1_500, TEMPLATES: 101}

    assert window_floor(counted, Profile.L, 0.8).seconds == 20
    careful = careful_floor(counted, 0.8)
    assert (careful.area, careful.seconds) == ("device_configuration", 40)


def test_careful_client_takes_every_tenant_for_one_of_the_smallest() -> None:
    counted = {GROUPS: 2_801}

    assert window_floor(counted, Profile.L, 0.8).seconds == 0
    assert (careful_floor(counted, 0.8).area, careful_floor(counted, 0.8).seconds) == (
        "identity",
        10,
    )


def test_directory_reads_use_the_least_units_of_their_path() -> None:
    counted = {"GET /users": 3, "GET /groups/{id}/members": 2, "GET /{unknown}": 9}

    assert units_by_area(counted) == {Area.IDENTITY: 3 + 2 * 2}


def test_write_has_no_window_here() -> None:
    with pytest.raises(UnfitRunError):
        units_by_area({"POST /directoryObjects/getByIds": 1})


def counted(seconds: float, requests: int, objects: int = 9) -> dict[str, Any]:
    zeroes: dict[str, Any] = {"overruns": 0, "overruns_by_area": {}, "early_retries": 0}
    more = {"by_path": {POLICIES: requests}, "sub_requests": requests, "objects": objects}
    return {"seconds": seconds, "share": 0.8, **more, **zeroes}


@pytest.mark.parametrize(
    ("work", "limit", "decided"),
    [(8.0, 20.0, "windows of device_configuration"), (31.0, 31.0, "work")],
)
def test_limit_is_the_longer_of_windows_and_work(work: float, limit: float, decided: str) -> None:
    row = p12_budget.within_limits(counted(work, 1_000), counted(50.0, 1_000), Profile.L)

    assert (row["limit_seconds"], row["decided_by"]) == (limit, decided)
    assert row["whole_limit_seconds"] == work


def test_requests_beyond_the_need_do_not_raise_the_limit(tmp_path: Any) -> None:
    row = p12_budget.within_limits(counted(5.0, 1_000), counted(30.0, 4_000), Profile.L)
    finding = Finding("P12", "budget", "How.", folder=tmp_path, rounds=[row])
    p12_budget.conclude(finding)

    assert row["limit_seconds"] == 20.0
    assert [verdict.word for verdict in finding.verdicts] == ["missed", "met"]
    cells = {entry[0]: entry[1] for entry in finding.tables[0].rows}
    assert cells["time / limit with the share of the least documented limits"] == "1.50"
    assert (cells["Graph sub-requests"], cells["Graph sub-requests without limits"]) == (
        "4,000",
        "1,000",
    )


def test_runs_of_different_objects_are_no_measure() -> None:
    with pytest.raises(UnfitRunError):
        p12_budget.within_limits(counted(5.0, 10), counted(30.0, 10, objects=8), Profile.L)
