"""Budgets of api.md d.2 as sliding windows, scaled, and the 429 answers they cause.

Refused calls count against the budget, as Graph documents. Each refusal is an overrun; coming
back on the same method and path before its Retry-After has passed is an early retry.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from devstack.graph_service.answers import BodyStyle, GraphRefusalError
from devstack.graph_service.call import Call
from devstack.graph_service.catalog import Area, Collection
from devstack.graph_service.clock import ServiceClock, format_http_date
from devstack.graph_service.config import Profile, RetryAfterStyle
from devstack.graph_service.counters import Counters
from devstack.graph_service.generation.draw import Draw

SLOTS = 40
BUCKET_GRACE_S = 0.5  # requests that were already under way when the refusal was sent
REFUSALS_KEPT = 20_000
IDENTITY_UNITS = {Profile.S: 3500, Profile.M: 5000, Profile.L: 8000, Profile.STRESS: 8000}
NO_RETRY_AFTER = frozenset({Area.CONDITIONAL_ACCESS})


class Window:
    """Cost used within the last `period` seconds, in slots of a fortieth of it."""

    def __init__(self, period: float) -> None:
        self.period = period
        self._slots: deque[list[float]] = deque()
        self.total = 0.0

    def add(self, now: float, cost: float) -> None:
        """Use up some of the budget."""
        width = self.period / SLOTS
        index = math.floor(now / width)
        if self._slots and self._slots[-1][0] == index:
            self._slots[-1][1] += cost
        else:
            self._slots.append([index, cost])
        self.total += cost

    def expire(self, now: float) -> None:
        """Forget what is older than the period."""
        oldest = math.floor((now - self.period) / (self.period / SLOTS))
        while self._slots and self._slots[0][0] < oldest:
            self.total -= self._slots.popleft()[1]

    def wait_until(self, limit: float, now: float) -> float:
        """Seconds until no more than `limit` is used."""
        excess = self.total - limit
        width = self.period / SLOTS
        for index, cost in self._slots:
            excess -= cost
            if excess <= 0:
                return max(0.05, (index + 1) * width + self.period + width - now)
        return self.period


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit that a request falls under."""

    scope: tuple[str, ...]
    limit: float
    period: float
    cost: float
    name: str  # ReadWrite or Write, for x-ms-throttle-scope


class Throttle:
    """Checks every request against the budgets of its app, tenant and service area."""

    def __init__(
        self, *, clock: ServiceClock, counters: Counters, scale: float, style: RetryAfterStyle
    ) -> None:
        self._clock = clock
        self._counters = counters
        self.scale = scale
        self.style = style
        self._windows: dict[tuple[str, ...], Window] = {}
        self._refused: OrderedDict[tuple[str, ...], float] = OrderedDict()
        self._closed: dict[tuple[str, ...], tuple[float, float]] = {}
        self._served = 0

    def reset(self) -> None:
        """Forget all use and all refusals."""
        self._windows.clear()
        self._refused.clear()
        self._closed.clear()

    def admit(self, call: Call, collection: Collection) -> dict[str, str]:
        """Headers of an admitted request, or the 429."""
        if self.scale <= 0:
            return {}
        now = self._clock.monotonic()
        budgets = self._budgets(call, collection)
        closed: tuple[Budget, Window] | None = None
        usage = 0.0
        for budget in budgets:
            window = self._window(budget, now)
            limit = budget.limit * self.scale
            if window.total + budget.cost > limit and closed is None:
                closed = (budget, window)
            usage = max(usage, (window.total + budget.cost) / limit)
        refused = closed is not None
        for budget in budgets:
            # A refused call at one request per second would close the budget for ever.
            if not (refused and collection.area is Area.CONDITIONAL_ACCESS):
                self._window(budget, now).add(now, budget.cost)
        if closed is not None:
            raise self._refusal(call, collection.area, *closed, now=now)
        return _usage_headers(call, collection, budgets, usage)

    def note_arrival(self, call: Call, area: Area | None) -> None:
        """Count the request as early if it was told to come later."""
        now = self._clock.monotonic()
        counters = self._counters.of(call.tenant.tenant_id)
        until = self._refused.pop(_request_key(call), None)
        if until is not None and now < until - 0.005:
            counters.early_retries += 1
        closed = self._closed.get((call.tenant.tenant_id, call.identity.client_id, area or ""))
        if closed is not None and closed[0] + BUCKET_GRACE_S < now < closed[1] - 0.005:
            counters.early_bucket_requests += 1

    def note_refusal(self, call: Call, wait_s: float) -> None:
        """Remember when the same request may come again; also used by injected 429s."""
        self._refused[_request_key(call)] = self._clock.monotonic() + wait_s
        if len(self._refused) > REFUSALS_KEPT:
            self._refused.popitem(last=False)

    def _window(self, budget: Budget, now: float) -> Window:
        key = (*budget.scope, budget.name)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window(budget.period)
        window.expire(now)
        return window

    def _budgets(self, call: Call, collection: Collection) -> list[Budget]:
        tenant, app = call.tenant.tenant_id, call.identity.client_id
        budgets = [Budget(("global", app), 130_000, 10, 1, "ReadWrite")]
        area = collection.area
        if area is Area.CONDITIONAL_ACCESS:
            budgets.append(Budget((area, tenant), 1, 1, 1, "ReadWrite"))
        elif area is Area.IDENTITY:
            budgets.extend(_identity_budgets(call))
        elif area is Area.REPORTS:
            budgets.append(Budget((area, tenant, app), 5, 10, 1, "ReadWrite"))
        elif area is Area.AUDIT:
            budgets.append(Budget((area, tenant, app), 100, 20, 1, "ReadWrite"))
        else:
            factor = 2 if area is Area.DEVICES else 1
            budgets.append(Budget((area, tenant, app), 1000 * factor, 20, 1, "ReadWrite"))
            budgets.append(Budget((area, tenant), 2000 * factor, 20, 1, "ReadWrite"))
            if call.is_write:
                budgets.append(Budget((area, tenant, app), 100 * factor, 20, 1, "Write"))
                budgets.append(Budget((area, tenant), 200 * factor, 20, 1, "Write"))
        hot = call.tenant.knobs.admx_budget
        if area is Area.ADMX and hot is not None:
            budgets.append(Budget(("hot", tenant), hot / self.scale, 20, 1, "ReadWrite"))
        return budgets

    def _refusal(
        self, call: Call, area: Area, budget: Budget, window: Window, *, now: float
    ) -> GraphRefusalError:
        counters = self._counters.of(call.tenant.tenant_id)
        counters.overruns += 1
        counters.overruns_by_area[area] += 1
        wait = window.wait_until(max(0.0, budget.limit * self.scale - budget.cost), now)
        style = call.tenant.knobs.retry_after or self.style
        if area in NO_RETRY_AFTER:
            style = RetryAfterStyle.MISSING
        self._served += 1
        text, promised = retry_after(style, wait, self._clock.now(), self._served)
        headers = {
            "x-ms-throttle-scope": (
                f"Tenant_Application/{budget.name}/{call.identity.client_id}/{call.tenant.tenant_id}"
            ),
            "x-ms-throttle-information": (
                "WriteLimitExceeded" if budget.name == "Write" else "ResourceUnitLimitExceeded"
            ),
        }
        if text is not None:
            headers["Retry-After"] = text
            self.note_refusal(call, promised)
            key = (call.tenant.tenant_id, call.identity.client_id, area)
            since = self._closed.get(key, (now, 0.0))
            begin = since[0] if since[1] > now else now
            self._closed[key] = (begin, now + promised)
        return throttled(headers, BodyStyle.DIRECTORY)


def throttled(headers: dict[str, str], style: BodyStyle) -> GraphRefusalError:
    """429 with one of the bodies that services use."""
    return GraphRefusalError(
        429, "TooManyRequests", "Please retry again later.", style=style, headers=headers
    )


def retry_after(
    style: RetryAfterStyle, wait_s: float, now: datetime, number: int
) -> tuple[str | None, float]:
    """Header value and the seconds it promises; both are rounded up, never down."""
    if style is RetryAfterStyle.MIXED:
        options = [s for s in RetryAfterStyle if s is not RetryAfterStyle.MIXED]
        style = Draw("retry-after", number).pick(options)
    match style:
        case RetryAfterStyle.MISSING:
            return None, 0.0
        case RetryAfterStyle.CONSTANT_ONE:
            return "1", 1.0
        case RetryAfterStyle.DECIMAL:
            seconds = math.ceil(wait_s * 1000) / 1000
            return f"{seconds:.3f}", seconds
        case RetryAfterStyle.HTTP_DATE:
            moment = (now + timedelta(seconds=math.ceil(wait_s) + 1)).replace(microsecond=0)
            promised = (moment - now).total_seconds()
            return format_http_date(moment.astimezone(UTC)), promised
        case _:
            seconds = float(math.ceil(wait_s))
            return str(int(seconds)), seconds


def resource_units(call: Call) -> int:
    """Cost of a directory request (api.md d.2)."""
    last = call.segments[-1].lower() if call.segments else ""
    cost = 1
    if call.method == "GET" and last in ("users", "applications"):
        cost = 2
    elif last in ("members", "getbyids", "subscribedskus"):
        cost = 3
    elif last == "transitivemembers":
        cost = 5
    options = call.options.values
    if "select" in options:
        cost -= 1
    if "expand" in options:
        cost += 1
    if (options.get("top") or "999").isdigit() and int(options.get("top") or "999") < 20:
        cost -= 1
    return max(1, cost)


def _identity_budgets(call: Call) -> list[Budget]:
    tenant, app = call.tenant.tenant_id, call.identity.client_id
    profile = call.tenant.world.profile
    units = float(resource_units(call))
    budgets = [
        Budget(
            ("identity", tenant, app), IDENTITY_UNITS.get(profile, 3500), 10, units, "ReadWrite"
        ),
        Budget(("identity", app), 150_000, 20, units, "ReadWrite"),
    ]
    if call.is_write:
        budgets.append(Budget(("identity", tenant, app), 3000, 150, 1, "Write"))
        budgets.append(Budget(("identity", tenant), 18_000, 300, 1, "Write"))
    return budgets


def _usage_headers(
    call: Call, collection: Collection, budgets: list[Budget], usage: float
) -> dict[str, str]:
    if collection.area is not Area.IDENTITY:
        return {}
    headers = {"x-ms-resource-unit": str(resource_units(call))}
    if usage > 0.8:
        headers["x-ms-throttle-limit-percentage"] = f"{usage:.2f}"
        headers["x-ms-throttle-scope"] = (
            f"Tenant_Application/{budgets[-1].name}/{call.identity.client_id}/{call.tenant.tenant_id}"
        )
    return headers


def _request_key(call: Call) -> tuple[str, ...]:
    query = "&".join(pair for _, pair in call.options.raw)
    path = call.path.lower()
    return (call.tenant.tenant_id, call.identity.client_id, call.method, path, query)
