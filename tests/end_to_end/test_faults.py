"""Graph at its worst: what fails is named, nothing is called deleted that exists (D5, D10)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from devstack.graph_service import GraphConfig, GraphService, Profile
from storage.runs import RunRecord
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import (
    changes_of,
    failures_of,
    objects_of,
    results_of,
    tombstones_of,
)
from tests.end_to_end.truth import PLACES, ids_of, path_of

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
    "deviceShellScripts": 5,
    "namedLocations": 4,
}
DEADLINE = "12s"
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
    assert {k: set(v) for k, v in stored.items()} == {k: set(ids_of(graph, k)) for k in PLACES}
