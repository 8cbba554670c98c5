"""The shortest time in which the limits of the local Graph let requests through.

Pure. `devstack/graph_service/throttling.py` enforces every limit as a sliding window, that of the
directory as well: a full window may be used at once, and the same again when it has passed. It
keeps what was used at the end of one of its slots for exactly its period, so a client that knows
everything loses nothing to the slots.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

from bench.running import UnfitRunError
from devstack.graph_service.call import Call, split_path
from devstack.graph_service.catalog import CATALOG, Area, NotFoundSegmentError
from devstack.graph_service.catalog.lookup import VERSIONS
from devstack.graph_service.config import Profile
from devstack.graph_service.odata import parse_options
from devstack.graph_service.throttling import IDENTITY_UNITS, resource_units

# The lists of what counts in which limit of Intune (api.md d.2) name neither: read most strictly,
# these requests use up the limit of device configuration.
UNLISTED = {
    Area.ADMX: Area.DEVICE_CONFIGURATION,
    Area.CLOUD_PC: Area.DEVICE_CONFIGURATION,
}
# The directory allows least to the smallest tenants.
SMALLEST = min(IDENTITY_UNITS, key=lambda profile: IDENTITY_UNITS[profile])


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """So many units within any so many seconds, for one app in one tenant."""

    units: int
    seconds: int


@dataclass(frozen=True, slots=True)
class WindowFloor:
    """The least seconds that windows ask for, and the area that decides."""

    seconds: float
    area: str


def window_of(area: Area, profile: Profile) -> SlidingWindow:
    """Return the window for reads of an area (api.md d.2); the directory's depends on the size."""
    match area:
        case Area.CONDITIONAL_ACCESS:
            return SlidingWindow(1, 1)
        case Area.IDENTITY:
            return SlidingWindow(IDENTITY_UNITS[profile], 10)
        case Area.REPORTS:
            return SlidingWindow(5, 10)
        case Area.AUDIT:
            return SlidingWindow(100, 20)
        case Area.DEVICES:
            return SlidingWindow(2_000, 20)
        case _:
            return SlidingWindow(1_000, 20)


def least_seconds(units: int, window: SlidingWindow, share: float) -> float:
    """Return how long after the first request the last one can be sent at the earliest."""
    if units < 1:
        return 0.0
    # 0.29 of 100 is 29, whatever binary fractions make of it.
    most = round(window.units * share, 9)
    if most < 1:
        # The share of a single request a window is one in a window that is longer.
        return (units - 1) * window.seconds / most
    return float((units - 1) // int(most) * window.seconds)


def window_floor(by_path: Mapping[str, int], profile: Profile, share: float) -> WindowFloor:
    """Return the least time for requests counted by `METHOD /path/{id}`, at a share of each limit.

    Areas are read side by side, so the slowest decides.
    """
    return _slowest(units_by_area(by_path), profile, share)


def careful_floor(by_path: Mapping[str, int], share: float) -> WindowFloor:
    """Return the same for a client that keeps to the least that Microsoft's documents allow.

    It knows no tenant's size, and counts what they list nowhere as device configuration.
    """
    units: Counter[Area] = Counter()
    for area, count in units_by_area(by_path).items():
        units[UNLISTED.get(area, area)] += count
    return _slowest(units, SMALLEST, share)


def _slowest(units: Mapping[Area, int], profile: Profile, share: float) -> WindowFloor:
    areas = {
        area: least_seconds(count, window_of(area, profile), share) for area, count in units.items()
    }
    slowest = max(areas, key=lambda area: areas[area])
    return WindowFloor(areas[slowest], slowest.value)


def units_by_area(by_path: Mapping[str, int]) -> dict[Area, int]:
    """Return what requests use up of each area's window at the least, whatever they select."""
    found: Counter[Area] = Counter()
    for template, count in by_path.items():
        method, _, path = template.partition(" ")
        if method != "GET":
            raise UnfitRunError(f"{template} is no read: the limits of writes are not considered")
        area = _area_of(path)
        if area is not None:
            found[area] += count * (_least_units(path) if area is Area.IDENTITY else 1)
    return dict(found)


def _area_of(path: str) -> Area | None:
    """Return the area of the local Graph; None for what it refuses without counting it."""
    for version in VERSIONS:
        try:
            return CATALOG.resolve(split_path(path), version).collection.area
        except NotFoundSegmentError:
            continue
    return None


def _least_units(path: str) -> int:
    chosen = parse_options("$select=id")
    asked = SimpleNamespace(method="GET", segments=split_path(path), options=chosen)
    return resource_units(cast("Call", asked))
