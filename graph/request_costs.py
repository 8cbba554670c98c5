"""What a request costs and what an area allows (api.md d.2). Pure tables.

Intune counts requests. Identity and access counts resource units. Conditional access allows one
request a second. Each batch item counts as one request.
"""

import re
from dataclasses import dataclass
from types import MappingProxyType

from domain.resource_types.shape import ServiceArea

_TOP = re.compile(r"\$top=(\d{1,4})")
_MEMBERS = re.compile(r"/groups/[^/]+/(members|transitivemembers)\b")
_UNITS: tuple[tuple[str, int], ...] = (
    ("/users", 2),
    ("/applications", 2),
    ("/directoryobjects/getbyids", 3),
    ("/subscribedskus", 3),
)
_MEMBER_UNITS = {"members": 3, "transitivemembers": 5}


@dataclass(frozen=True, slots=True)
class AreaLimit:
    """A limit: this many units within this many seconds, for one app in one tenant."""

    units: int
    seconds: int


_INTUNE = AreaLimit(1_000, 20)
_INTUNE_WRITES = AreaLimit(100, 20)

REQUEST_LIMITS: MappingProxyType[ServiceArea, AreaLimit] = MappingProxyType(
    {
        ServiceArea.APPLICATIONS: _INTUNE,
        ServiceArea.APP_PROTECTION: _INTUNE,
        ServiceArea.DEVICE_CONFIGURATION: _INTUNE,
        ServiceArea.ENROLLMENT: _INTUNE,
        ServiceArea.INTUNE_RBAC: _INTUNE,
        ServiceArea.NOTIFICATIONS: _INTUNE,
        # Not documented; known to answer 429 long before the others do (api.md d.2).
        ServiceArea.INTUNE_AUDIT: AreaLimit(20, 20),
        ServiceArea.CONDITIONAL_ACCESS: AreaLimit(1, 1),
        ServiceArea.DIRECTORY_AUDIT: AreaLimit(5, 10),
        # Tenants with fewer than 50 users; larger ones get more.
        ServiceArea.DIRECTORY: AreaLimit(3_500, 10),
    }
)

WRITE_LIMITS: MappingProxyType[ServiceArea, AreaLimit] = MappingProxyType(
    {
        **dict.fromkeys(REQUEST_LIMITS, _INTUNE_WRITES),
        ServiceArea.CONDITIONAL_ACCESS: AreaLimit(1, 1),
        ServiceArea.DIRECTORY: AreaLimit(3_000, 150),
    }
)


def request_cost(area: ServiceArea, path: str) -> int:
    """Return the units of one request to a path with its query."""
    if area is not ServiceArea.DIRECTORY:
        return 1
    lowered = path.lower()
    member_read = _MEMBERS.search(lowered)
    if member_read:
        units = _MEMBER_UNITS[member_read.group(1)]
    else:
        units = next((cost for start, cost in _UNITS if lowered.startswith(start)), 1)
    top = _TOP.search(lowered)
    units -= "$select=" in lowered
    units += "$expand=" in lowered
    units -= top is not None and int(top.group(1)) < 20
    return max(units, 1)


def largest_batch(area: ServiceArea) -> int:
    """Return how many requests of an area one batch should hold: 20, or what a second allows."""
    return 1 if area is ServiceArea.CONDITIONAL_ACCESS else 20


def most_at_once(area: ServiceArea) -> int:
    """Return how many requests of an area may be on their way together: what a second allows.

    A network that stalls delivers all of them in the same moment.
    """
    limit = REQUEST_LIMITS[area]
    return max(limit.units // limit.seconds, 1)
