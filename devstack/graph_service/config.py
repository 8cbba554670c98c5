"""What a local Graph is made of: profile, tenants, budgets, where its state lies.

Knows nothing of HTTP and nothing of the product.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class Profile(enum.StrEnum):
    """Size of a generated tenant (scale.md section 4)."""

    NONE = "none"  # empty collections; counts come from GraphConfig.counts alone
    S = "S"  # about 190 configuration objects
    M = "M"  # about 800
    L = "L"  # about 3,500
    STRESS = "stress"  # about 9,500, 150,000 groups


class RetryAfterStyle(enum.StrEnum):
    """How a 429 says when to come back (api.md d.2)."""

    INTEGER = "integer"  # whole seconds, rounded up
    DECIMAL = "decimal"  # "2.128"
    MISSING = "missing"  # no header at all
    CONSTANT_ONE = "constant_one"  # always "1", however long it really takes
    HTTP_DATE = "http_date"  # an HTTP date
    MIXED = "mixed"  # one of the above, drawn from the seed


@dataclass(frozen=True, kw_only=True)
class GraphConfig:
    """Start parameters of one service; everything else is changed through its control."""

    host: str = "127.0.0.1"
    port: int = 0  # 0: any free port
    state_dir: Path | None = None  # None: a temporary folder, gone with the service
    profile: Profile = Profile.S
    tenant_profiles: tuple[Profile, ...] = ()  # differing profiles by tenant number
    tenants: int = 2
    seed: int = 7
    counts: Mapping[str, int] = field(default_factory=dict)  # collection key → objects, wins
    budget_scale: float = 1.0  # multiplies every throttling limit; 0 switches throttling off
    retry_after: RetryAfterStyle = RetryAfterStyle.INTEGER
    latency_ms: float = 0.0  # added to every HTTP answer of Graph
    sub_latency_fraction: float = 0.05  # a batch of k items waits latency * (1 + fraction * k)
    token_lifetime_s: int = 3599
    page_token_ttl_s: float = 600.0
    page_token_uses: int = 0  # 0: as often as wished
    cache_bytes: int = 192 * 1024 * 1024  # rendered objects kept in memory
    load_exports: Path | None = None  # folder of real exports for the first tenant
    load_roles: Path | None = None  # JSON list of unifiedRoleDefinition for every tenant
    keep_requests: int = 500  # how many of the last requests the counters remember

    def profile_of(self, number: int) -> Profile:
        """Profile of the tenant with this number, counted from 0."""
        if number < len(self.tenant_profiles):
            return self.tenant_profiles[number]
        return self.profile
