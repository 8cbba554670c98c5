"""What the service counted, for tests to read. Never holds tokens, queries or bodies."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class TenantCounters:
    """Numbers of one tenant; `by_path` is keyed `METHOD /path/{id}`."""

    requests: int = 0  # HTTP requests to Graph, a batch counts once
    batch_requests: int = 0
    sub_requests: int = 0  # items of batches and single requests alike
    token_requests: int = 0
    token_failures: int = 0
    overruns: int = 0  # 429 answers served because a budget was used up
    injected_throttles: int = 0  # 429 answers served by a fault
    early_retries: int = 0  # same method and path before its Retry-After had passed
    early_bucket_requests: int = 0  # same budget before its Retry-After had passed
    unauthorized: int = 0
    forbidden: int = 0
    faults_served: int = 0
    writes_applied: int = 0
    sub_requests_in_flight: int = 0
    sub_requests_in_flight_max: int = 0
    by_path: Counter[str] = field(default_factory=Counter)
    by_status: Counter[int] = field(default_factory=Counter)
    overruns_by_area: Counter[str] = field(default_factory=Counter)


class Counters:
    """Per-tenant numbers, the service's totals and the last requests."""

    def __init__(self, *, keep: int) -> None:
        self._tenants: dict[str, TenantCounters] = {}
        self._recent: deque[dict[str, Any]] = deque(maxlen=keep)
        self.in_flight = 0
        self.in_flight_max = 0

    def of(self, tenant_id: str) -> TenantCounters:
        """Live numbers of one tenant."""
        found = self._tenants.get(tenant_id)
        if found is None:
            found = self._tenants[tenant_id] = TenantCounters()
        return found

    def enter(self) -> None:
        """An HTTP request came in."""
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)

    def leave(self) -> None:
        """An HTTP request was answered."""
        self.in_flight -= 1

    def remember(self, row: dict[str, Any]) -> None:
        """Keep one request among the last ones."""
        self._recent.append(row)

    def recent(self, limit: int) -> list[dict[str, Any]]:
        """The last requests, oldest first."""
        return list(self._recent)[-limit:]

    def reset(self) -> None:
        """Forget everything but what is in flight."""
        self._tenants.clear()
        self._recent.clear()
        self.in_flight_max = self.in_flight

    def snapshot(self, tenant_id: str | None = None) -> dict[str, Any]:
        """Plain numbers of one tenant, or summed over all."""
        total = TenantCounters()
        for identifier, one in self._tenants.items():
            if tenant_id is None or identifier == tenant_id:
                _add(total, one)
        numbers = asdict(total)
        numbers["by_path"] = dict(sorted(total.by_path.items()))
        numbers["by_status"] = {str(k): v for k, v in sorted(total.by_status.items())}
        numbers["overruns_by_area"] = {str(k): v for k, v in total.overruns_by_area.items()}
        return {**numbers, "in_flight": self.in_flight, "in_flight_max": self.in_flight_max}


def _add(total: TenantCounters, one: TenantCounters) -> None:
    for name in TenantCounters.__slots__:
        value = getattr(one, name)
        if isinstance(value, Counter):
            getattr(total, name).update(value)
        elif name.endswith("_max"):
            setattr(total, name, max(getattr(total, name), value))
        else:
            setattr(total, name, getattr(total, name) + value)
