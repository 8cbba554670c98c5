"""Random tenants with random faults: what a run calls complete is what Graph itself counts (D5)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from devstack.graph_service import GraphConfig, Profile
from graph.client import ClientSettings
from graph.retry import RetryRules
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product, Tenant
from tests.end_to_end.stored import select
from tests.end_to_end.truth import PLACES, path_of

TENANTS_AT_ONCE = 10
EXAMPLES = 20
MOST_OBJECTS = 30
PATIENCE = ClientSettings(rules=RetryRules(tries=2, first_backoff=0.02, longest_wait=0.3))
# Which of a collection's objects are of the type is not in question here; only whole collections.
KEYS = sorted(key for key, (_, belongs) in PLACES.items() if belongs.__name__ == "_every")
KINDS = (
    {"kind": "status", "status": 403},
    {"kind": "status", "status": 404},
    {"kind": "status", "status": 429, "retry_after": "0.1"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "reset"},
    {"kind": "cut"},
    {"kind": "truncated"},
    {"kind": "html", "status": 200},
    {"kind": "omitted"},
    {"kind": "unauthorized"},
    {"kind": "empty_list"},
    {"kind": "empty_page", "page": 0},
    {"kind": "broken_page", "page": 1},
    {"kind": "expired_page", "page": 1},
)


@dataclass(frozen=True)
class Case:
    """One tenant: objects of each type that is backed up, and what goes wrong."""

    counts: dict[str, int]
    faults: list[dict[str, Any]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True))
    counts = {key: draw(st.integers(0, MOST_OBJECTS)) for key in keys}
    faults = [
        {
            **draw(st.sampled_from(KINDS)),
            "path": path_of(draw(st.sampled_from(keys))) + draw(st.sampled_from(("", "*", "/*"))),
            "times": draw(st.sampled_from((1, 2, 5, None))),
            "skip": draw(st.integers(0, 3)),
            "probability": draw(st.sampled_from((0.2, 1.0))),
            "seed": draw(st.integers(0, 1000)),
        }
        for _ in range(draw(st.integers(0, 3)))
    ]
    return Case(counts, faults)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def estate(run_product: Run) -> AsyncIterator[Product]:
    """Empty tenants, as many as are looked at together, and an impatient product."""
    config = GraphConfig(profile=Profile.NONE, tenants=TENANTS_AT_ONCE, budget_scale=0, counts={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.backups.lane_reading.OUTAGE_PAUSE", timedelta(seconds=0.1))
        async with run_product(config, TENANTOPS_BACKUP_DEADLINE="5s") as product:
            product.services.access.patience = PATIENCE
            yield product


@pytest.mark.long
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=st.lists(cases(), min_size=TENANTS_AT_ONCE, max_size=TENANTS_AT_ONCE))
async def test_complete_types_of_random_tenants_hold_what_graph_counts(
    estate: Product, drawn: list[Case]
) -> None:
    estate.graph.control.clear_faults()
    pairs = list(zip(estate.tenants, drawn, strict=True))
    for number, (tenant, case) in enumerate(pairs):
        arrange(estate, number, tenant, case)

    problems = await asyncio.gather(*(examine(estate, n, *pair) for n, pair in enumerate(pairs)))

    estate.graph.control.clear_faults()
    assert [problem for found in problems for problem in found] == []


def arrange(estate: Product, number: int, tenant: Tenant, case: Case) -> None:
    """Bring the tenant's collections to their sizes, and put its faults in force."""
    control = estate.graph.control
    for key, wanted in case.counts.items():
        ids = control.object_ids(number, path_of(key))
        for object_id in ids[wanted:]:
            control.delete_object(number, path_of(key), object_id)
        for _ in range(wanted - len(ids)):
            control.insert_object(number, path_of(key))
    for values in case.faults:
        control.add_fault(tenant=tenant.entra_tenant_id, **values)


async def examine(estate: Product, number: int, tenant: Tenant, case: Case) -> list[str]:
    """Back the tenant up and return what is wrong with what the run says of its types."""
    unseen = await unseen_types(estate, tenant, case)
    run = await estate.backup(*case.counts, tenant=tenant)
    sql = """
        SELECT resource_type, expected, captured + unchanged AS held, failed, skipped,
            listing_complete, reason_code, reason_counts
        FROM operation_run_results WHERE operation_run_id = :run
    """
    results = {row["resource_type"]: row for row in await select(estate, sql, run=run.id)}
    problems = []
    for key in case.counts:
        if key in unseen and results[key]["expected"] == 0:
            continue
        counted = len(estate.graph.control.object_ids(number, path_of(key)))
        result = results[key]
        accounted = result["held"] + result["failed"] + result["skipped"]
        if result["listing_complete"] and (result["expected"], accounted) != (counted, counted):
            problems.append(f"{key}: complete, but not the {counted} of Graph: {dict(result)}")
        if result["listing_complete"] and result["held"] < counted and not result["reason_counts"]:
            problems.append(f"{key}: objects are missing without a cause: {dict(result)}")
        if not result["listing_complete"] and result["reason_code"] is None:
            problems.append(f"{key}: incomplete without a reason")
    is_whole = all(r["listing_complete"] and not r["failed"] for r in results.values())
    if (run.outcome == "succeeded") is not is_whole and not any(
        r["skipped"] or r["reason_code"] for r in results.values()
    ):
        problems.append(f"outcome {run.outcome}: {results}")
    return problems


async def unseen_types(estate: Product, tenant: Tenant, case: Case) -> set[str]:
    """Return the types whose list may answer without objects, none of which was ever seen.

    That answer is all that Graph says of them. Of a type with a known object it is no proof, so
    nothing is excused there.
    """
    sql = """
        SELECT DISTINCT resource_type FROM policies
        WHERE tenant_id = :tenant AND deleted_at IS NULL
    """
    seen = {row["resource_type"] for row in await select(estate, sql, tenant=tenant.id)}
    emptied = {str(fault["path"]) for fault in case.faults if fault["kind"] == "empty_list"}
    return {
        key for key in case.counts.keys() - seen if emptied & {path_of(key), f"{path_of(key)}*"}
    }
