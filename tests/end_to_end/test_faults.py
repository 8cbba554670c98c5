"""Graph at its worst: what fails is named, nothing is called deleted that exists (D5, D10)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from devstack.graph_service import PLANTED_SECRETS, GraphConfig, GraphService, Profile
from domain.reasons import reason
from graph.client import ClientSettings
from graph.retry import RetryRules
from storage.runs import RunRecord
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product, history_of
from tests.end_to_end.stored import (
    changes_of,
    failures_of,
    objects_of,
    results_of,
    tombstones_of,
)
from tests.end_to_end.truth import PLACES, ids_of, path_of
from tests.eventually import eventually

DENIED, THROTTLED, BROKEN, EMPTY, EXPIRED = (
    "mobileApp",
    "autopilotProfile",
    "settingsCatalog",
    "compliancePolicy",
    "deviceConfiguration",
)
# More than one page each, and no type that empties as a whole.
COUNTS = {
    "configurationPolicies": 60,
    "deviceConfigurations": 120,
    "deviceCompliancePolicies": 12,
    "mobileApps": 8,
    "windowsAutopilotDeploymentProfiles": 8,
    "deviceHealthScripts": 8,
    "assignmentFilters": 5,
    "roleScopeTags": 3,
    "deviceCategories": 3,
    "termsAndConditions": 3,
    "conditionalAccessPolicies": 3,
    "roleDefinitions": 12,
    "notificationMessageTemplates": 3,
    "windowsFeatureUpdateProfiles": 3,
    "deviceShellScripts": 5,
    "namedLocations": 4,
}
# Twice what the rest of the tenant takes on a slow machine.
DEADLINE = "20s"
# So patient is a client where a type fails for good.
PATIENCE = ClientSettings(rules=RetryRules(tries=2, first_backoff=0.05, longest_wait=0.3))
# As Intune words it (api.md d.4).
NO_SCOPE = (
    "Application is not authorized to perform this operation. Application must have one of the"
    " following scopes: DeviceManagementApps.Read.All, DeviceManagementApps.ReadWrite.All"
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hurried_product(run_product: Run) -> AsyncIterator[Product]:
    """A product whose backups give up after a few seconds; each test lifts its faults."""
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=COUNTS)
    async with run_product(config, TENANTOPS_BACKUP_DEADLINE=DEADLINE) as product:
        yield product


def fault(graph: GraphService, key: str, **values: Any) -> None:
    graph.control.add_fault(path=path_of(key), **values)


def summary(run: RunRecord) -> dict[str, int]:
    keys = ("created", "updated", "deleted")
    return {key: run.summary_counts[key] for key in keys}


@pytest.mark.long
async def test_five_faults_in_one_backup_are_named_and_delete_nothing(
    hurried_product: Product,
) -> None:
    product, graph = hurried_product, hurried_product.graph
    await product.backup()
    fault(graph, DENIED, kind="status", status=403, body_style="intune", message=NO_SCOPE)
    fault(graph, THROTTLED, kind="status", status=429, retry_after="1")
    fault(graph, BROKEN, kind="broken_page", page=1)
    fault(graph, EMPTY, kind="empty_list")
    fault(graph, EXPIRED, kind="expired_page", page=1, times=1)
    inserted = graph.control.insert_object(0, path_of(EXPIRED), position=0)
    removed = ids_of(graph, EXPIRED)[1]
    graph.control.delete_object(0, path_of(EXPIRED), removed)

    faulty = await product.backup()

    results = await results_of(product, faulty)
    assert faulty.outcome == "partially_succeeded"
    assert failures_of(faulty) == {
        DENIED: "provider_permission_denied",
        THROTTLED: "provider_throttled",
        BROKEN: "provider_server_error",
        EMPTY: "listing_inconsistent",
    }
    assert {key for key, row in results.items() if row["epoch"]} == {EXPIRED}
    assert {key for key, row in results.items() if not row["listing_complete"]} == {
        DENIED,
        THROTTLED,
        BROKEN,
        EMPTY,
    }
    assert results[DENIED]["permission_state"] == "denied"
    real = {(EXPIRED, inserted, "created"), (EXPIRED, removed, "deleted")}
    assert await changes_of(product, faulty) == real
    assert await tombstones_of(product) == {(EXPIRED, removed)}

    graph.control.clear_faults()
    deleted = ids_of(graph, EMPTY)[3]
    graph.control.delete_object(0, path_of(EMPTY), deleted)
    good = await product.backup()

    assert good.outcome == "succeeded"
    assert await changes_of(product, good) == {(EMPTY, deleted, "deleted")}
    assert summary(good) == {"created": 0, "updated": 0, "deleted": 1}
    stored = await objects_of(product, good)
    assert {k: set(stored[k]) for k in PLACES} == {k: set(ids_of(graph, k)) for k in PLACES}


# One thing goes wrong once: resource type → fault.
PASSING: dict[str, dict[str, Any]] = {
    "settingsCatalog": {"kind": "truncated"},
    "deviceConfiguration": {"kind": "cut"},
    "compliancePolicy": {"kind": "html", "status": 502},
    "mobileApp": {"kind": "html", "status": 200},
    "appProtection": {"kind": "reset"},
    "compliancePolicyV2": {"kind": "empty_page", "page": 0},
    "filter": {"kind": "wrong_content_type"},
    "scopeTag": {"kind": "unauthorized"},
    "intuneRole": {"kind": "insufficient_claims"},
    "deviceCategory": {"kind": "status", "status": 500, "body_style": "intune_double"},
    "termsAndConditions": {"kind": "delay", "delay_s": 2.0},
    "notificationTemplate": {"kind": "status", "status": 429, "retry_after": "1"},
    "shellScript": {"kind": "hostile", "status": 503},
    "namedLocation": {"kind": "status", "status": 504, "body_style": "none"},
}


@pytest.mark.long
async def test_faults_that_pass_leave_no_trace(run_product: Run) -> None:
    config = GraphConfig(profile=Profile.S, tenants=1, budget_scale=0)
    async with run_product(config) as product:
        first = await product.backup(*PASSING)
        for key, values in PASSING.items():
            fault(product.graph, key, times=1, **values)

        run = await product.backup(*PASSING)

        struck = [entry["struck"] for entry in product.graph.control.list_faults()]
        assert struck == [1] * len(PASSING)
        assert (run.outcome, failures_of(run)) == ("succeeded", {})
        assert run.summary_counts["unchanged"] == first.summary_counts["total"] > len(PASSING)


# The same happens each time: resource type → fault, and the reason that the run shows.
LASTING: dict[str, tuple[dict[str, Any], str]] = {
    "filter": ({"kind": "truncated"}, "provider_response_invalid"),
    "scopeTag": ({"kind": "html", "status": 200}, "provider_response_invalid"),
    "deviceCategory": ({"kind": "wrong_content_type"}, "provider_response_invalid"),
    "termsAndConditions": ({"kind": "reset"}, "provider_unavailable"),
    "caPolicy": (
        {"kind": "status", "status": 500, "body_style": "nested_inner"},
        "provider_server_error",
    ),
    "namedLocation": ({"kind": "hostile", "status": 400}, "provider_request_rejected"),
    "intuneRole": ({"kind": "unauthorized"}, "provider_token_rejected"),
    "notificationTemplate": ({"kind": "insufficient_claims"}, "provider_token_rejected"),
    "deviceConfiguration": ({"kind": "expired_page"}, "provider_page_token_expired"),
    "shellScript": ({"kind": "status", "status": 402}, "provider_payment_required"),
    "featureUpdate": (
        {"kind": "status", "status": 403, "message": "No licence for this."},
        "provider_feature_unavailable",
    ),
}


@pytest.mark.long
async def test_faults_that_last_are_named_type_by_type(hurried_product: Product) -> None:
    product = hurried_product
    product.graph.control.clear_faults()
    await product.backup(*LASTING)
    buried = await tombstones_of(product)
    for key, (values, _) in LASTING.items():
        fault(product.graph, key, **values)

    run = await product.backup(*LASTING)

    assert failures_of(run) == {key: reason for key, (_, reason) in LASTING.items()}
    assert await changes_of(product, run) == set()
    assert await tombstones_of(product) == buried
    assert not any(secret in str(run) for secret in PLANTED_SECRETS)
    product.graph.control.clear_faults()
    assert summary(await product.backup(*LASTING)) == {"created": 0, "updated": 0, "deleted": 0}


async def test_backup_without_any_permission_is_blocked(run_product: Run) -> None:
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=COUNTS)
    async with run_product(config) as product:
        product.graph.control.set_permissions(0, "read", [])

        run = await product.backup()

        results = await results_of(product, run)
        assert run.outcome == "blocked"
        assert {row["reason_code"] for row in results.values()} == {"provider_permission_denied"}
        assert results["settingsCatalog"]["missing_scopes"][0] == (
            "DeviceManagementConfiguration.Read.All"
        )
        assert "backup_set_id" not in run.context


async def test_refused_credential_blocks_after_a_handful_of_requests(run_product: Run) -> None:
    config = GraphConfig(profile=Profile.S, tenants=1, budget_scale=0)
    async with run_product(config) as product:
        control = product.graph.control
        control.set_token_failure(0, 7000215)

        first = await product.backup()

        counters = control.counters(0)
        assert first.outcome == "blocked"
        assert set(failures_of(first).values()) == {"provider_credential_invalid"}
        assert reason("provider_credential_invalid").next_steps[0].label == "Replace the credential"
        assert counters["requests"] == 0
        assert 1 <= counters["token_requests"] <= 3
        control.reset_counters()

        second = await product.backup()

        assert second.outcome == "blocked"
        assert control.counters(0)["token_requests"] == 0


@pytest.mark.long
async def test_graph_that_comes_back_within_the_deadline_is_read_whole(
    hurried_product: Product,
) -> None:
    product, control = hurried_product, hurried_product.graph.control
    before = await product.backup("settingsCatalog", "mobileApp")
    control.add_fault(kind="reset")
    decision = await product.start(
        "backup_schedule.run_now", {"policy_types": ["settingsCatalog", "mobileApp"]}
    )
    await eventually(lambda: control.list_faults()[0]["struck"] >= 2)
    control.clear_faults()

    run = await product.finished(decision)

    assert run.outcome == "succeeded"
    assert await objects_of(product, run) == await objects_of(product, before)


async def test_pause_beyond_the_deadline_ends_the_type_at_once(hurried_product: Product) -> None:
    product, graph = hurried_product, hurried_product.graph
    fault(graph, "namedLocation", kind="status", status=429, retry_after="3600")

    run = await product.backup("namedLocation", "filter")

    assert run.started_at is not None
    assert run.completed_at is not None
    assert failures_of(run) == {"namedLocation": "provider_throttled"}
    assert (run.completed_at - run.started_at).total_seconds() < 5


@pytest.mark.long
async def test_type_that_fails_for_good_leaves_the_context_its_time(
    run_product: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = timedelta(seconds=6)
    monkeypatch.setattr("services.runs.run_gate.context_reserve", lambda _time: reserve)
    monkeypatch.setattr("services.backups.lane_reading.OUTAGE_PAUSE", timedelta(seconds=0.3))
    counts = COUNTS | {"groups": 30}
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=counts)
    async with run_product(config, TENANTOPS_BACKUP_DEADLINE="10s") as product:
        product.services.access.patience = PATIENCE
        fault(product.graph, "termsAndConditions", kind="status", status=500)

        run = await product.backup("scopeTag", "termsAndConditions", "caPolicy")

        assert failures_of(run) == {"termsAndConditions": "provider_server_error"}
        group = (await results_of(product, run))["group"]
        assert group["listing_complete"]
        assert group["captured"] == group["expected"] > 0


async def test_right_to_read_groups_alone_leaves_a_backup_blocked(run_product: Run) -> None:
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=COUNTS)
    async with run_product(config) as product:
        product.graph.control.set_permissions(0, "read", ["Group.Read.All"])

        run = await product.backup("filter", "scopeTag")

        assert (await results_of(product, run))["group"]["listing_complete"]
        assert run.outcome == "blocked"
        assert "backup_set_id" not in run.context


@pytest.mark.long
async def test_long_pause_gives_the_slot_back_and_is_kept(run_product: Run) -> None:
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=COUNTS)
    async with run_product(config) as product:
        control = product.graph.control
        fault(product.graph, BROKEN, kind="status", status=429, retry_after="12", times=1)
        fault(product.graph, DENIED, kind="status", status=429, retry_after="16", times=1)

        run = await product.backup()

        client = await product.services.temporal()
        attempts = [
            event.activity_task_started_event_attributes.attempt
            for event in await history_of(client, run.workflow_id)
            if event.HasField("activity_task_started_event_attributes")
        ]
        assert (run.outcome, failures_of(run)) == ("succeeded", {})
        assert max(attempts) >= 2
        assert control.counters(0)["early_retries"] == 0
