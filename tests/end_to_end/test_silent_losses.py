"""What other tools lose without a word, each class under its name (api.md f, peers.md 1).

Each test plays the situation against the local Graph and shows that nothing is lost here, or that
the loss is said aloud.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest_asyncio

from devstack.graph_service import GraphConfig, GraphService, Profile
from graph.client import ClientSettings
from graph.retry import RetryRules
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import (
    changes_of,
    documents_of,
    failures_of,
    objects_of,
    results_of,
    set_of,
    tombstones_of,
)
from tests.end_to_end.truth import ids_of, path_of

# More than a page of policies (25) and of whatever hangs on one.
COUNTS = {
    "configurationPolicies": 60,
    "assignmentFilters": 5,
    "deviceHealthScripts": 6,
    "termsAndConditions": 3,
    "groups": 40,
}
BEYOND_A_PAGE = 60
# Seconds where the product's own patience takes longer.
PATIENCE = ClientSettings(rules=RetryRules(tries=3, first_backoff=0.05))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(run_product: Run) -> AsyncIterator[Product]:
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=COUNTS)
    async with run_product(config, TENANTOPS_BACKUP_DEADLINE="20s") as product:
        product.services.access.patience = PATIENCE
        yield product


def change(graph: GraphService, key: str, object_id: str, **values: Any) -> None:
    document = graph.control.get_object(0, path_of(key), object_id)
    graph.control.replace_object(0, path_of(key), object_id, {**document, **values})


def assigned_to(groups: list[str]) -> list[dict[str, Any]]:
    kind = "#microsoft.graph.groupAssignmentTarget"
    return [
        {"id": f"assignment-{group}", "target": {"@odata.type": kind, "groupId": group}}
        for group in groups
    ]


async def test_403_is_not_archived_as_a_deletion(shared: Product) -> None:
    before = await shared.backup("filter")
    shared.graph.control.add_fault(path=f"{path_of('filter')}*", status=403, code="Forbidden")

    run = await shared.backup("filter")

    shared.graph.control.clear_faults()
    assert run.outcome != "succeeded"
    assert await tombstones_of(shared) == set()
    versions = await shared.services.comparison.compare(
        shared.workspace_id, set_of(before), set_of(await shared.backup("filter"))
    )
    assert all(not entry.removed and not entry.added for entry in versions)


async def test_list_longer_than_25_is_whole(shared: Product) -> None:
    run = await shared.backup("settingsCatalog")

    stored = await objects_of(shared, run)
    assert set(stored["settingsCatalog"]) == set(ids_of(shared.graph, "settingsCatalog"))
    assert len(stored["settingsCatalog"]) == COUNTS["configurationPolicies"] > 25


async def test_settings_beyond_the_first_25_are_kept(shared: Product) -> None:
    object_id = ids_of(shared.graph, "settingsCatalog")[0]
    document = shared.graph.control.get_object(0, path_of("settingsCatalog"), object_id)
    one = document["settings"][0]
    many = [{**one, "id": str(number)} for number in range(BEYOND_A_PAGE)]
    change(shared.graph, "settingsCatalog", object_id, settings=many, settingCount=BEYOND_A_PAGE)

    run = await shared.backup("settingsCatalog")

    kept = (await documents_of(shared, run, "settingsCatalog"))[object_id]["settings"]
    assert [entry["id"] for entry in kept] == [entry["id"] for entry in many]


async def test_assignments_beyond_the_first_25_are_kept(shared: Product) -> None:
    groups = [str(uuid4()) for _ in range(BEYOND_A_PAGE)]
    object_id = ids_of(shared.graph, "remediation")[0]
    change(shared.graph, "remediation", object_id, assignments=assigned_to(groups))

    run = await shared.backup("remediation")

    kept = (await documents_of(shared, run, "remediation"))[object_id]["assignments"]
    assert [entry["target"]["groupId"] for entry in kept] == groups


async def test_batch_item_without_an_answer_is_asked_again(shared: Product) -> None:
    before = await shared.backup("remediation")
    shared.graph.control.add_fault(
        kind="omitted", path=f"{path_of('remediation')}/*", in_batch=True, times=3
    )

    run = await shared.backup("remediation")

    (fault,) = shared.graph.control.list_faults()
    shared.graph.control.clear_faults()
    assert fault["struck"] == 3
    assert (run.outcome, await changes_of(shared, run)) == ("succeeded", set())
    assert await objects_of(shared, run) == await objects_of(shared, before)


async def test_batch_item_that_is_never_answered_fails_its_object(shared: Product) -> None:
    await shared.backup("remediation")
    object_id = ids_of(shared.graph, "remediation")[1]
    shared.graph.control.add_fault(kind="omitted", path=f"{path_of('remediation')}/{object_id}*")

    run = await shared.backup("remediation")

    shared.graph.control.clear_faults()
    result = (await results_of(shared, run))["remediation"]
    assert run.outcome != "succeeded"
    assert not result["listing_complete"] or result["failed"] == 1
    assert await changes_of(shared, run) == set()
    assert ("remediation", object_id) not in await tombstones_of(shared)


async def test_throttled_item_of_a_batch_does_not_drop_its_assignments(shared: Product) -> None:
    before = await shared.backup("settingsCatalog")
    shared.graph.control.add_fault(
        path=f"{path_of('settingsCatalog')}/*",
        status=429,
        retry_after="0.1",
        in_batch=True,
        probability=0.3,
        times=20,
    )

    run = await shared.backup("settingsCatalog")

    shared.graph.control.clear_faults()
    assert (run.outcome, await changes_of(shared, run)) == ("succeeded", set())
    assert await objects_of(shared, run) == await objects_of(shared, before)


async def test_assignments_that_cannot_be_read_are_not_taken_for_none(shared: Product) -> None:
    await shared.backup("termsAndConditions")
    object_id = ids_of(shared.graph, "termsAndConditions")[0]
    shared.graph.control.add_fault(path=f"*/{object_id}/assignments*", status=403)

    run = await shared.backup("termsAndConditions")

    (fault,) = shared.graph.control.list_faults()
    shared.graph.control.clear_faults()
    assert fault["struck"]
    result = (await results_of(shared, run))["termsAndConditions"]
    assert run.outcome == "partially_succeeded"
    assert (result["failed"], result["unchanged"]) == (1, COUNTS["termsAndConditions"] - 1)
    assert await changes_of(shared, run) == set()


async def test_objects_of_one_name_are_both_kept_and_exported(
    shared: Product, tmp_path: Path
) -> None:
    twins = ids_of(shared.graph, "filter")[:2]
    for object_id in twins:
        change(shared.graph, "filter", object_id, displayName="Corporate devices")

    run = await shared.backup("filter")

    report = await shared.services.exports.export(
        shared.workspace_id, set_of(run), tmp_path / "export"
    )
    files = {entry.path for entry in report.files if entry.object_id in twins}
    assert {entry["displayName"] for entry in (await documents_of(shared, run, "filter")).values()}
    assert len({path.lower() for path in files}) == 2


async def test_added_and_removed_properties_are_seen(shared: Product) -> None:
    await shared.backup("filter")
    added, removed = ids_of(shared.graph, "filter")[2:4]
    change(shared.graph, "filter", added, newSetting="on")
    shorter = shared.graph.control.get_object(0, path_of("filter"), removed)
    del shorter["description"]
    shared.graph.control.replace_object(0, path_of("filter"), removed, shorter)

    run = await shared.backup("filter")

    expected = {("filter", added, "updated"), ("filter", removed, "updated")}
    assert await changes_of(shared, run) == expected
    found = await shared.services.comparison.changes_of_run(
        shared.workspace_id, shared.tenant.id, run.id
    )
    pointers = set()
    for entry in found:
        assert entry.version_before is not None
        assert entry.version_hash is not None
        hashes = (entry.version_before, entry.version_hash)
        differences = await shared.services.comparison.diff_versions(
            shared.workspace_id, shared.tenant.id, "filter", hashes
        )
        pointers |= {(difference.kind.value, difference.pointer) for difference in differences}
    assert pointers == {("added", "/newSetting"), ("removed", "/description")}


async def test_backup_with_errors_does_not_finish_successfully(shared: Product) -> None:
    shared.graph.control.add_fault(path=f"{path_of('remediation')}*", status=400)

    run = await shared.backup("remediation", "filter")

    shared.graph.control.clear_faults()
    assert run.outcome == "partially_succeeded"
    assert failures_of(run) == {"remediation": "provider_request_rejected"}


async def test_empty_answer_for_a_full_list_deletes_nothing(shared: Product) -> None:
    await shared.backup("filter")
    shared.graph.control.add_fault(kind="empty_list", path=path_of("filter"))

    run = await shared.backup("filter")

    shared.graph.control.clear_faults()
    assert failures_of(run) == {"filter": "listing_inconsistent"}
    assert await tombstones_of(shared) == set()
