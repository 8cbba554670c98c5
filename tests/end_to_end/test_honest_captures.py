"""What a backup says of objects that it cannot read as before: never more than it knows (D5)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, GraphService, Profile
from graph.credentials import ClientSecret
from services.sets.set_comparison import TypeComparison
from storage.runs import RunRecord
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import ACTOR, Product
from tests.end_to_end.stored import (
    changes_of,
    failures_of,
    objects_of,
    results_of,
    select,
    set_of,
    tombstones_of,
)
from tests.end_to_end.test_backup import change_any_secret
from tests.end_to_end.truth import ids_of, path_of
from tests.eventually import eventually

COUNTS = {"mobileApps": 6, "deviceHealthScripts": 6, "deviceConfigurations": 40}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_product(run_product: Run) -> AsyncIterator[Product]:
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=COUNTS)
    async with run_product(config) as product:
        yield product


def store_app(graph: GraphService) -> str:
    """Make the first app one of the store's, which belongs only while it is assigned."""
    object_id = ids_of(graph, "mobileApp")[0]
    values = {"appAvailability": "global", "isAssigned": True, "assignments": [ASSIGNMENT]}
    change(graph, "mobileApp", object_id, **values)
    return object_id


ASSIGNMENT = {
    "id": "5f0e8a9e-0000-4000-8000-000000000001",
    "intent": "available",
    "target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"},
}


def change(graph: GraphService, key: str, object_id: str, **values: Any) -> None:
    document = graph.control.get_object(0, path_of(key), object_id)
    graph.control.replace_object(0, path_of(key), object_id, {**document, **values})


async def test_app_that_is_not_assigned_any_more_is_updated_and_stays(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    app = store_app(graph)
    await product.backup("mobileApp")

    change(graph, "mobileApp", app, isAssigned=False, assignments=[])
    unassigned = await product.backup("mobileApp")
    quiet = await product.backup("mobileApp")

    assert (unassigned.outcome, quiet.outcome) == ("succeeded", "succeeded")
    assert await changes_of(product, unassigned) == {("mobileApp", app, "updated")}
    assert await changes_of(product, quiet) == set()
    assert app in (await objects_of(product, quiet))["mobileApp"]
    graph.control.delete_object(0, path_of("mobileApp"), app)
    gone = await product.backup("mobileApp")
    assert await changes_of(product, gone) == {("mobileApp", app, "deleted")}
    assert ("mobileApp", app) in await tombstones_of(product)


def lost(graph: GraphService, key: str, object_id: str) -> None:
    """Let an object's own path answer 404 although the list has it."""
    graph.control.add_fault(path=f"{path_of(key)}/{object_id}", kind="status", status=404)


async def test_listed_object_that_is_not_found_fails_and_stays(shared_product: Product) -> None:
    product, graph = shared_product, shared_product.graph
    await product.backup("remediation")
    object_id = ids_of(graph, "remediation")[0]
    lost(graph, "remediation", object_id)

    run = await product.backup("remediation")

    graph.control.clear_faults()
    result = (await results_of(product, run))["remediation"]
    assert run.outcome == "partially_succeeded"
    assert (result["failed"], result["skipped"]) == (1, 0)
    assert result["reason_counts"] == {"object_listed_not_found": 1}
    status = "SELECT status FROM backup_sets WHERE id = :set"
    assert (await select(product, status, set=set_of(run)))[0]["status"] == "partial"
    assert await changes_of(product, run) == set()
    again = await product.backup("remediation")
    assert (again.outcome, await changes_of(product, again)) == ("succeeded", set())


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "new"])
async def test_object_deleted_while_it_is_read_is_no_failure(
    shared_product: Product, *, is_known: bool
) -> None:
    product, graph = shared_product, shared_product.graph
    await product.backup("remediation")
    if is_known:
        object_id = ids_of(graph, "remediation")[0]
    else:
        object_id = graph.control.insert_object(0, path_of("remediation"))
    lost(graph, "remediation", object_id)
    # The second look at the list waits, so that the object is gone by then.
    values = {"kind": "status", "status": 429, "retry_after": "1", "skip": 1, "times": 1}
    graph.control.add_fault(path=path_of("remediation"), **values)
    decision = await product.start("backup_schedule.run_now", {"policy_types": ["remediation"]})
    await eventually(lambda: graph.control.list_faults()[1]["struck"] == 1)
    graph.control.delete_object(0, path_of("remediation"), object_id)

    run = await product.finished(decision)

    graph.control.clear_faults()
    assert run.outcome == "succeeded"
    assert run.summary_counts["skipped"] == 0
    deleted = {("remediation", object_id, "deleted")} if is_known else set()
    assert await changes_of(product, run) == deleted


ENCRYPTED = "DeviceManagementConfiguration.ReadWrite.All"


async def renew_token(product: Product) -> None:
    """Let the connection sign in again: what an app may do is in its token."""
    credential = ClientSecret(product.graph.tenants[0].read_app.secret)
    await product.services.connections.replace_credential(
        ACTOR, product.workspace_id, product.tenant.connection_id, credential
    )


async def backup_with_right(product: Product, *, is_granted: bool) -> RunRecord:
    """Back up with or without the right to read encrypted values."""
    control = product.graph.control
    (control.grant_permission if is_granted else control.revoke_permission)(0, "read", ENCRYPTED)
    await renew_token(product)
    return await product.backup("deviceConfiguration")


@pytest.mark.long
async def test_right_to_read_encrypted_values_changes_nothing_by_coming_and_going(
    shared_product: Product,
) -> None:
    product = shared_product
    whole = await backup_with_right(product, is_granted=True)
    lost = await backup_with_right(product, is_granted=False)
    again = await backup_with_right(product, is_granted=True)

    for run in (lost, again):
        assert (run.outcome, run.summary_counts["updated"]) == ("succeeded", 0)
        changes = await changes_of(product, run)
        assert {change for _, _, change in changes} == {"schema_change"}
    assert lost.summary_counts["not_captured"] > again.summary_counts["not_captured"]
    key = "deviceConfiguration"
    objects = [(await objects_of(product, run))[key] for run in (whole, lost, again)]
    assert objects[0] == objects[2] != objects[1]
    compared = await compared_types(product, whole, lost)
    assert (compared[key].changed, len(compared[key].schema_changed)) == ([], len(changes))


async def compared_types(
    product: Product, one: RunRecord, other: RunRecord
) -> dict[str, TypeComparison]:
    sets = (set_of(one), set_of(other))
    types = await product.services.comparison.compare(product.workspace_id, *sets)
    return {entry.resource_type: entry for entry in types}


@pytest.mark.long
async def test_secret_that_changed_while_it_could_not_be_read_is_updated(
    shared_product: Product,
) -> None:
    product = shared_product
    whole = await backup_with_right(product, is_granted=True)
    lost = await backup_with_right(product, is_granted=False)
    object_id, _ = change_any_secret(product.graph)

    again = await backup_with_right(product, is_granted=True)

    assert again.summary_counts["updated"] == 1
    key = "deviceConfiguration"
    assert (key, object_id, "updated") in await changes_of(product, again)
    for earlier in (whole, lost):
        changed = (await compared_types(product, earlier, again))[key].changed
        assert [entry.object_id for entry in changed] == [object_id]


async def enable(product: Product) -> None:
    place = (product.workspace_id, product.tenant.connection_id)
    await product.services.connections.enable(ACTOR, *place)
    await product.services.connections.set_default(ACTOR, *place)


@pytest.mark.long
async def test_connection_disabled_meanwhile_is_not_used_on(shared_product: Product) -> None:
    product, control = shared_product, shared_product.graph.control
    services, place = product.services, (product.workspace_id, product.tenant.connection_id)
    control.set_latency_ms(100)
    decision = await product.start("backup_schedule.run_now")

    async def is_one_done() -> bool:
        sql = "SELECT * FROM operation_run_results WHERE operation_run_id = :run AND state = 'done'"
        return bool(await select(product, sql, run=decision.operation_run_id))

    await eventually(is_one_done)
    await services.connections.disable(ACTOR, *place)
    control.reset_counters()

    run = await product.finished(decision)

    control.set_latency_ms(0)
    assert run.outcome == "partially_succeeded"
    assert set(failures_of(run).values()) == {"provider_connection_invalid"}
    assert len(failures_of(run)) > 10
    # What had been asked for when the step before the next look began.
    assert control.counters(0)["requests"] < 60
    assert (await services.connections.show(*place)).circuit_open_until is None
    await enable(product)
    assert (await product.backup()).outcome == "succeeded"


async def test_sync_of_roles_ends_when_its_connection_is_disabled(shared_product: Product) -> None:
    product, control = shared_product, shared_product.graph.control
    services, place = product.services, (product.workspace_id, product.tenant.connection_id)
    control.add_fault(path="/roleManagement/directory/roleDefinitions", kind="delay", delay_s=1.0)
    decision = await product.start("directory_role_definitions.sync")
    await eventually(lambda: control.list_faults()[0]["struck"] == 1)
    await services.connections.disable(ACTOR, *place)

    run = await product.finished(decision)

    control.clear_faults()
    await enable(product)
    assert (run.outcome, run.summary_counts["created"]) == ("blocked", 0)
    assert failures_of(run) == {"entraRole": "provider_connection_invalid"}
