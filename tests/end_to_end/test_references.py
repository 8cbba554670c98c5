"""What a backup knows of the groups and other objects that the objects of a tenant refer to."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from devstack.graph_service import GraphConfig, GraphService, Profile
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import (
    changes_of,
    documents_of,
    objects_of,
    results_of,
    select,
    set_of,
    tombstones_of,
)
from tests.end_to_end.truth import ids_of, path_of

COUNTS = {"deviceManagementScripts": 6, "groups": 30, "assignmentFilters": 2}
ZERO = "00000000-0000-0000-0000-000000000000"
SCRIPT = "powershellScript"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_product(run_product: Run) -> AsyncIterator[Product]:
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=COUNTS)
    async with run_product(config) as product:
        yield product


def assignment(number: int, group: str | None, **target: Any) -> dict[str, Any]:
    kind = "allDevices" if group is None else "group"
    return {
        "id": f"5f0e8a9e-0000-4000-8000-{number:012}",
        "source": "direct",
        "sourceId": "5f0e8a9e-0000-4000-8000-000000000000",
        "target": {
            "@odata.type": f"#microsoft.graph.{kind}AssignmentTarget",
            "deviceAndAppManagementAssignmentFilterId": None,
            "deviceAndAppManagementAssignmentFilterType": "none",
            **({} if group is None else {"groupId": group}),
            **target,
        },
    }


def assign(graph: GraphService, *groups: str) -> None:
    """Let the first script be assigned to these groups, and no other script to any."""
    first, *others = ids_of(graph, SCRIPT)
    for object_id, wanted in ((first, groups), *((other, ()) for other in others)):
        document = graph.control.get_object(0, path_of(SCRIPT), object_id)
        rows = [assignment(number, group) for number, group in enumerate(wanted)]
        changed = {**document, "assignments": rows}
        graph.control.replace_object(0, path_of(SCRIPT), object_id, changed)


def groups_of(graph: GraphService) -> list[str]:
    return graph.control.object_ids(0, "/groups")


async def test_groups_that_are_assigned_are_in_the_set_with_their_names(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    one, two, *_ = groups_of(graph)
    assign(graph, one, two)

    run = await product.backup(SCRIPT)

    assert run.outcome == "succeeded"
    stored = await documents_of(product, run, "group")
    assert set(stored) == {one, two}
    truth = graph.control.get_object(0, "/groups", one)
    assert stored[one]["displayName"] == truth["displayName"]
    assert stored[one]["@odata.type"] == "#microsoft.graph.group"
    assert "members" not in stored[one]
    result = (await results_of(product, run))["group"]
    assert (result["expected"], result["listing_complete"]) == (2, True)


async def test_unchanged_backup_writes_no_reference_and_no_group(shared_product: Product) -> None:
    product, graph = shared_product, shared_product.graph
    assign(graph, *groups_of(graph)[:3])
    await product.backup(SCRIPT)
    sql = "SELECT xmin::text, ctid::text, * FROM content_references"
    before = await select(product, sql)

    run = await product.backup(SCRIPT)

    assert await select(product, sql) == before
    assert await changes_of(product, run) == set()
    assert (await results_of(product, run))["group"]["unchanged"] == 3


async def test_group_that_is_not_referenced_any_more_leaves_without_a_deletion(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    one, two, *_ = groups_of(graph)
    assign(graph, one, two)
    await product.backup(SCRIPT)
    assign(graph, one)

    run = await product.backup(SCRIPT)

    assert run.outcome == "succeeded"
    assert set((await objects_of(product, run))["group"]) == {one}
    result = (await results_of(product, run))["group"]
    assert (result["expected"], result["failed"], result["deleted"]) == (1, 0, 0)
    assert ("group", two) not in await tombstones_of(product)


async def test_referenced_group_that_was_deleted_gets_a_tombstone_and_is_dangling_then(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    one, two = groups_of(graph)[-2:]
    assign(graph, one, two)
    await product.backup(SCRIPT)
    graph.control.delete_object(0, "/groups", two)

    gone = await product.backup(SCRIPT)
    again = await product.backup(SCRIPT)

    assert (gone.outcome, again.outcome) == ("succeeded", "succeeded")
    assert ("group", two, "deleted") in await changes_of(product, gone)
    result = (await results_of(product, again))["group"]
    assert (result["expected"], result["skipped"], result["deleted"]) == (2, 1, 0)
    assert result["reason_counts"] == {"reference_dangling": 1}


async def test_group_that_never_was_is_a_dangling_reference_and_no_failure(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    one = groups_of(graph)[0]
    assign(graph, one, "0d0e8a9e-0000-4000-8000-00000000dead")

    run = await product.backup(SCRIPT)

    assert (run.outcome, run.summary_counts["failed"]) == ("succeeded", 0)
    assert run.summary_counts["skipped"] == 1
    sql = "SELECT status FROM backup_sets WHERE id = :set"
    assert (await select(product, sql, set=set_of(run)))[0]["status"] == "completed"


async def test_zero_filter_is_never_asked_for_and_is_no_reference(shared_product: Product) -> None:
    product, graph = shared_product, shared_product.graph
    first = ids_of(graph, SCRIPT)[0]
    target = {"deviceAndAppManagementAssignmentFilterId": ZERO}
    rows = [assignment(1, groups_of(graph)[0], **target)]
    document = graph.control.get_object(0, path_of(SCRIPT), first)
    graph.control.replace_object(0, path_of(SCRIPT), first, {**document, "assignments": rows})
    graph.control.reset_counters()

    run = await product.backup()

    assert run.outcome == "succeeded"
    statuses = graph.control.counters(0)["by_status"]
    assert "400" not in {str(status) for status in statuses}
    assert not any(ZERO in str(request) for request in graph.control.last_requests(1000))
    sql = "SELECT kind FROM content_references WHERE external_id = :zero"
    assert await select(product, sql, zero=ZERO) == []
