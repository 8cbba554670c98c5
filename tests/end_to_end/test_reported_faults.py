"""Faults and limits that users of other tools reported (api.md f), where no other test plays them.

Which test stands for which report is written in docs/graph-faults.md.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, GraphService, Profile
from graph.client import ClientSettings
from graph.retry import RetryRules
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import changes_of, documents_of, failures_of, objects_of, results_of
from tests.end_to_end.truth import ids_of, path_of

COUNTS = {
    "groupPolicyConfigurations": 6,
    "policySets": 1,
    "deviceEnrollmentConfigurations": 6,
    "assignmentFilters": 4,
    "deviceManagementScripts": 3,
    "deviceHealthScripts": 3,
    "conditionalAccessPolicies": 8,
    "deviceConfigurations": 8,
}
PATIENCE = ClientSettings(rules=RetryRules(tries=3, first_backoff=0.05, longest_wait=0.5))
# More than two pages of what hangs on a policy set.
MANY = 120


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(run_product: Run) -> AsyncIterator[Product]:
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=COUNTS)
    async with run_product(config, TENANTOPS_BACKUP_DEADLINE="20s") as product:
        product.services.access.patience = PATIENCE
        yield product


def requests_to(graph: GraphService, ending: str) -> int:
    """Return how many requests went to paths with this ending."""
    by_path: dict[str, int] = graph.control.counters(0)["by_path"]
    return sum(count for path, count in by_path.items() if path.lower().endswith(ending.lower()))


def targets(filter_id: str | None) -> list[dict[str, Any]]:
    kind = "#microsoft.graph.allDevicesAssignmentTarget"
    target = {
        "@odata.type": kind,
        "deviceAndAppManagementAssignmentFilterId": filter_id,
        "deviceAndAppManagementAssignmentFilterType": "none",
    }
    return [{"id": "one", "target": target}]


async def test_f2_zero_guid_of_a_filter_is_kept_and_never_asked_for(shared: Product) -> None:
    zero = "00000000-0000-0000-0000-000000000000"
    first, second = ids_of(shared.graph, "deviceConfiguration")[:2]
    for object_id, filter_id in ((first, zero), (second, None)):
        document = shared.graph.control.get_object(0, path_of("deviceConfiguration"), object_id)
        document["assignments"] = targets(filter_id)
        shared.graph.control.replace_object(0, path_of("deviceConfiguration"), object_id, document)

    shared.graph.control.reset_counters()
    shared.graph.control.add_fault(path=f"*{zero}*")

    run = await shared.backup("deviceConfiguration", "filter", "group")

    (spy,) = shared.graph.control.list_faults()
    shared.graph.control.clear_faults()
    assert (run.outcome, run.summary_counts["failed"]) == ("succeeded", 0)
    assert (spy["struck"], 400 in shared.graph.control.counters(0)["by_status"]) == (0, False)
    kept = (await documents_of(shared, run, "deviceConfiguration"))[first]["assignments"]
    assert kept[0]["target"]["deviceAndAppManagementAssignmentFilterId"] == zero


async def test_f7_throttled_templates_get_further_with_each_attempt(shared: Product) -> None:
    before = await shared.backup("adminTemplate")
    shared.graph.control.add_fault(
        path=f"{path_of('adminTemplate')}/*", status=429, retry_after="0.1", probability=0.3
    )

    run = await shared.backup("adminTemplate")

    shared.graph.control.clear_faults()
    assert (run.outcome, await changes_of(shared, run)) == ("succeeded", set())
    assert await objects_of(shared, run) == await objects_of(shared, before)


async def test_f11_legacy_intents_that_are_empty_are_a_complete_type(shared: Product) -> None:
    run = await shared.backup("endpointSecurityIntent")

    result = (await results_of(shared, run))["endpointSecurityIntent"]
    assert (run.outcome, result["listing_complete"], result["expected"]) == ("succeeded", True, 0)


async def test_f14_policy_set_with_more_items_than_a_page_is_whole(shared: Product) -> None:
    object_id = ids_of(shared.graph, "policySet")[0]
    document = shared.graph.control.get_object(0, path_of("policySet"), object_id)
    kind = "#microsoft.graph.deviceConfigurationPolicySetItem"
    document["items"] = [
        {"@odata.type": kind, "id": f"item-{number}", "payloadId": f"payload-{number}"}
        for number in range(MANY)
    ]
    shared.graph.control.replace_object(0, path_of("policySet"), object_id, document)

    run = await shared.backup("policySet")

    items = (await documents_of(shared, run, "policySet"))[object_id]["items"]
    assert [item["payloadId"] for item in items] == [f"payload-{n}" for n in range(MANY)]


async def test_f19_one_refused_endpoint_leaves_the_others_alone(shared: Product) -> None:
    message = (
        "deviceEnrollmentConfigurations is called in app only context but does not have"
        " application permissions configured"
    )
    shared.graph.control.add_fault(
        path=f"{path_of('enrollmentConfig')}*", status=403, body_style="intune", message=message
    )

    run = await shared.backup("enrollmentConfig", "filter")

    shared.graph.control.clear_faults()
    results = await results_of(shared, run)
    assert failures_of(run) == {"enrollmentConfig": "provider_permission_denied"}
    assert results["filter"]["listing_complete"]
    assert message not in str(run)


@pytest.mark.long
async def test_f25_inventory_of_apps_is_never_read(shared: Product) -> None:
    shared.graph.control.reset_counters()

    await shared.backup()

    assert requests_to(shared.graph, "configurationPolicies") > 0
    assert requests_to(shared.graph, "detectedApps") == 0
    assert requests_to(shared.graph, "managedDevices") == 0
