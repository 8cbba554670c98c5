"""Types by faults: whatever Graph does to a type, its result says so and nothing is lost (D5).

Each row strikes every resource type at once, in a tenant that was backed up before. What a row
claims is asserted type by type. Afterwards Graph is well again, and the next backup has to find
nothing changed: a fault that was taken for a change, a deletion or an empty type would show there.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from devstack.graph_service import PLANTED_SECRETS, GraphConfig, Profile
from graph.client import ClientSettings
from graph.retry import RetryRules
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import Row, changes_of, objects_of, results_of, tombstones_of
from tests.end_to_end.truth import GROUPS, PLACES, ids_of, path_of, referred_groups

pytestmark = pytest.mark.long

# Enough for every type read well, on a slow machine; lasting faults that may pass take all of it.
DEADLINE = "20s"
# So patient is a client in these tests: seconds where the product takes minutes.
PATIENCE = ClientSettings(rules=RetryRules(tries=2, first_backoff=0.05, longest_wait=0.3))
# Intune's answer to an app without the permission (api.md d.4).
NO_SCOPE = (
    "Application is not authorized to perform this operation. Application must have one of the"
    " following scopes: Planted.Read.All"
)
Fault = dict[str, Any]

# Every request for the type meets it: name → fault, and the reason that the result shows.
LASTING: dict[str, tuple[Fault, str]] = {
    "permission refused by Intune": (
        {"status": 403, "body_style": "intune", "message": NO_SCOPE},
        "provider_permission_denied",
    ),
    "permission refused by the directory": (
        {"status": 403, "code": "Authorization_RequestDenied"},
        "provider_permission_denied",
    ),
    "no licence": ({"status": 403, "message": "No licence."}, "provider_feature_unavailable"),
    "payment required": ({"status": 402}, "provider_payment_required"),
    "request rejected": ({"status": 400, "code": "BadRequest"}, "provider_request_rejected"),
    "token refused again and again": ({"kind": "unauthorized"}, "provider_token_rejected"),
    "claims challenge": ({"kind": "insufficient_claims"}, "provider_token_rejected"),
    "throttled for ever": ({"status": 429, "retry_after": "1"}, "provider_throttled"),
    "throttled with a decimal": ({"status": 429, "retry_after": "0.35"}, "provider_throttled"),
    "throttled without a hint": ({"status": 429}, "provider_throttled"),
    "internal error": ({"status": 500}, "provider_server_error"),
    "internal error, nested": (
        {"status": 500, "body_style": "intune_double"},
        "provider_server_error",
    ),
    "service unavailable": ({"status": 503, "retry_after": "0.2"}, "provider_unavailable"),
    "gateway timeout without a body": (
        {"status": 504, "body_style": "none"},
        "provider_unavailable",
    ),
    "gateway's page with 200": ({"kind": "html", "status": 200}, "provider_response_invalid"),
    "gateway's page with 502": ({"kind": "html", "status": 502}, "provider_unavailable"),
    "connection reset": ({"kind": "reset"}, "provider_unavailable"),
    "connection cut in the answer": ({"kind": "cut"}, "provider_unavailable"),
    "half an answer": ({"kind": "truncated"}, "provider_response_invalid"),
    "wrong content type": ({"kind": "wrong_content_type"}, "provider_response_invalid"),
    "secrets in the error": ({"kind": "hostile", "status": 400}, "provider_request_rejected"),
}
# The first request for the type meets it, and the next one no more.
PASSING: dict[str, Fault] = {
    "throttled once": {"status": 429, "retry_after": "0.2"},
    "internal error once": {"status": 500},
    "unavailable once": {"status": 503},
    "reset once": {"kind": "reset"},
    "cut once": {"kind": "cut"},
    "half an answer once": {"kind": "truncated"},
    "gateway's page once": {"kind": "html", "status": 200},
    "token refused once": {"kind": "unauthorized"},
    "slow once": {"kind": "delay", "delay_s": 0.5},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def settled(run_product: Run) -> AsyncIterator[Product]:
    """A tenant with some objects of every type, backed up once and without any fault."""
    config = GraphConfig(profile=Profile.S, tenants=1, budget_scale=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.backups.lane_reading.OUTAGE_PAUSE", timedelta(seconds=0.3))
        async with run_product(config, TENANTOPS_BACKUP_DEADLINE=DEADLINE) as product:
            product.services.access.patience = PATIENCE
            await fill(product)
            yield product


async def fill(product: Product) -> None:
    """Give the tenant an object of every type, and back it up."""
    for key in PLACES:
        if not ids_of(product.graph, key):
            product.graph.control.insert_object(0, path_of(key))
    # On a busy machine the deadline ends the first one; what it stored is not stored again.
    for _ in range(4):
        if (await product.backup()).outcome == "succeeded":
            return
    raise AssertionError("no backup came to its end")


def strike(product: Product, values: Fault, **more: Any) -> None:
    """Let every request below each type's collection meet a fault, those for groups as well."""
    for path in {GROUPS, *(path_of(key) for key in PLACES)}:
        product.graph.control.add_fault(path=f"{path}*", **values, **more)


async def faulty_results(product: Product) -> tuple[str, dict[str, Row]]:
    """Back up under the faults, lift them; nothing may have been changed or called deleted."""
    buried = await tombstones_of(product)
    run = await product.backup(*PLACES)
    product.graph.control.clear_faults()
    assert await changes_of(product, run) == set()
    assert await tombstones_of(product) == buried
    assert not any(secret in str(run) for secret in PLANTED_SECRETS)
    return run.outcome, await results_of(product, run)


async def assert_nothing_lost(product: Product) -> None:
    """Back up a well Graph: every object is there, in the version that it had."""
    run = await product.backup(*PLACES)
    assert (run.outcome, await changes_of(product, run)) == ("succeeded", set())
    stored = await objects_of(product, run)
    for key in PLACES:
        assert set(stored[key]) == set(ids_of(product.graph, key)), key
    assert set(stored["group"]) == referred_groups(product.graph)


@pytest.mark.parametrize("name", LASTING)
async def test_fault_that_lasts_is_named_for_every_type_and_loses_nothing(
    settled: Product, name: str
) -> None:
    values, reason_code = LASTING[name]
    strike(settled, values)

    outcome, results = await faulty_results(settled)

    assert outcome != "succeeded"
    for key in PLACES:
        result = results[key]
        assert (result["reason_code"], result["listing_complete"]) == (reason_code, False), key
        # What is known and was not read is missing, and said to be.
        assert result["failed"] == result["expected"] == len(ids_of(settled.graph, key)), key
    # Groups have no listing, so what is refused for each of them is each one's failure.
    groups = results["group"]
    assert groups["failed"] == groups["expected"] == len(referred_groups(settled.graph)) > 0
    # They come last, with a tenth of the time: it may be over before Graph has refused for good.
    found = {groups["reason_code"], *groups["reason_counts"]}
    assert found & {reason_code, "deadline_exceeded"}
    await assert_nothing_lost(settled)


@pytest.mark.parametrize("name", PASSING)
async def test_fault_that_passes_leaves_no_trace_in_any_type(settled: Product, name: str) -> None:
    strike(settled, PASSING[name], times=1)

    outcome, results = await faulty_results(settled)

    assert outcome == "succeeded"
    for key in PLACES:
        result = results[key]
        assert result["listing_complete"], key
        assert result["unchanged"] == len(ids_of(settled.graph, key)), key
    assert results["group"]["unchanged"] == len(referred_groups(settled.graph))
