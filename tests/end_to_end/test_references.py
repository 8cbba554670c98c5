"""What a backup knows of the groups and other objects that the objects of a tenant refer to."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from devstack.graph_service import GraphConfig, GraphService, Profile
from graph.credentials import ClientSecret
from services.backups import type_reading
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import ACTOR, Product
from tests.end_to_end.stored import (
    changes_of,
    documents_of,
    failures_of,
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


async def test_groups_are_read_while_other_types_are_still_being_read(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    one, two, *_ = groups_of(graph)
    assign(graph, one, two)
    graph.control.add_fault(kind="delay", path=path_of("filter"), delay_s=2.0)
    graph.control.reset_counters()
    try:
        run = await product.backup(SCRIPT, "filter", "domain")
    finally:
        graph.control.clear_faults()

    assert run.outcome == "succeeded"
    results = await results_of(product, run)
    assert results["group"]["listing_started_at"] < results["filter"]["listing_ended_at"]
    assert results["group"]["listing_ended_at"] > results["filter"]["listing_ended_at"]
    assert set((await objects_of(product, run))["group"]) == {one, two}
    asked = graph.control.counters(0)["by_path"]
    assert asked["GET /groups/{id}"] == 2


async def test_groups_of_a_type_that_is_still_being_read_are_read_meanwhile(
    run_product: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type_reading, "STEP_OBJECTS", 1)
    counts = {"configurationPolicies": 30, "groups": 30}
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=counts)
    async with run_product(config) as product:
        # Of two pages; the second one is late.
        last = ids_of(product.graph, "settingsCatalog")[-1]
        product.graph.control.add_fault(
            kind="delay", path=f"{path_of('settingsCatalog')}/{last}", delay_s=1.5
        )

        run = await product.backup("settingsCatalog", "domain")

        assert run.outcome == "succeeded"
        results = await results_of(product, run)
        group, policies = results["group"], results["settingsCatalog"]
        assert group["listing_started_at"] < policies["listing_ended_at"]
        stored = await objects_of(product, run)
        assert set(stored["group"]) <= set(groups_of(product.graph))
        asked = product.graph.control.counters(0)["by_path"]
        assert asked["GET /groups/{id}"] == len(stored["group"]) > 0


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

    run = await product.backup(SCRIPT, "filter")

    assert run.outcome == "succeeded"
    statuses = graph.control.counters(0)["by_status"]
    assert "400" not in {str(status) for status in statuses}
    assert not any(ZERO in str(request) for request in graph.control.last_requests(1000))
    sql = "SELECT kind FROM content_references WHERE external_id = :zero"
    assert await select(product, sql, zero=ZERO) == []


async def renewed(product: Product, permission: str, *, is_granted: bool) -> None:
    """Grant or revoke a right of the app, which signs in anew: rights are in its token."""
    control = product.graph.control
    (control.grant_permission if is_granted else control.revoke_permission)(0, "read", permission)
    credential = ClientSecret(product.graph.tenants[0].read_app.secret)
    await product.services.connections.replace_credential(
        ACTOR, product.workspace_id, product.tenant.connection_id, credential
    )


async def test_groups_that_may_not_be_read_are_incomplete_and_stay_known(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    assign(graph, *groups_of(graph)[:3])
    await product.backup(SCRIPT)
    await renewed(product, "Group.Read.All", is_granted=False)

    run = await product.backup(SCRIPT)

    await renewed(product, "Group.Read.All", is_granted=True)
    result = (await results_of(product, run))["group"]
    assert run.outcome == "partially_succeeded"
    assert failures_of(run) == {"group": "provider_permission_denied"}
    assert (result["permission_state"], result["listing_complete"]) == ("denied", False)
    assert (result["expected"], result["failed"], result["deleted"]) == (3, 3, 0)
    again = await product.backup(SCRIPT)
    assert (await results_of(product, again))["group"]["unchanged"] == 3


@pytest.mark.long
async def test_type_that_cannot_be_read_makes_no_group_vanish(shared_product: Product) -> None:
    product, graph = shared_product, shared_product.graph
    one = groups_of(graph)[4]
    assign(graph, one)
    await product.backup(SCRIPT)
    graph.control.add_fault(path=path_of(SCRIPT), kind="status", status=403, code="Forbidden")

    run = await product.backup(SCRIPT)

    graph.control.clear_faults()
    assert SCRIPT in failures_of(run)
    assert set((await objects_of(product, run))["group"]) == {one}


async def test_object_with_more_assignments_than_a_page_is_read_whole(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    groups = groups_of(graph)
    assert len(groups) > 25
    policy = graph.control.insert_object(0, CONFIGURATIONS)
    document = graph.control.get_object(0, CONFIGURATIONS, policy)
    rows = [assignment(number, group) for number, group in enumerate(groups)]
    rows += [assignment(100 + number, None) for number in range(40)]
    graph.control.replace_object(0, CONFIGURATIONS, policy, {**document, "assignments": rows})

    run = await product.backup("settingsCatalog")

    stored = (await documents_of(product, run, "settingsCatalog"))[policy]
    assert len(stored["assignments"]) == len(groups) + 40
    assert not any(name.endswith("nextLink") for name in stored)
    assert set(groups) <= set((await objects_of(product, run))["group"])
    # The tests after this one begin with a tenant in which only scripts refer to groups.
    graph.control.delete_object(0, CONFIGURATIONS, policy)
    await product.backup("settingsCatalog")


CONFIGURATIONS = "/deviceManagement/configurationPolicies"


@pytest.mark.long
async def test_assignment_of_a_policy_set_is_kept_with_its_source(shared_product: Product) -> None:
    product, graph = shared_product, shared_product.graph
    first = ids_of(graph, SCRIPT)[0]
    document = graph.control.get_object(0, path_of(SCRIPT), first)
    row = {**assignment(1, groups_of(graph)[0]), "source": "policySets", "sourceId": ONE_SET}
    graph.control.replace_object(0, path_of(SCRIPT), first, {**document, "assignments": [row]})

    run = await product.backup(SCRIPT)
    other = {**row, "id": f"{first}_another", "sourceId": ANOTHER_SET}
    graph.control.replace_object(0, path_of(SCRIPT), first, {**document, "assignments": [other]})
    quiet = await product.backup(SCRIPT)
    direct = {**row, "source": "direct"}
    graph.control.replace_object(0, path_of(SCRIPT), first, {**document, "assignments": [direct]})
    changed = await product.backup(SCRIPT)

    (kept,) = (await documents_of(product, run, SCRIPT))[first]["assignments"]
    assert (kept["source"], kept["sourceId"]) == ("policySets", ONE_SET)
    # Ids are made by the service; where an assignment comes from is configuration.
    assert await changes_of(product, quiet) == set()
    assert (SCRIPT, first, "updated") in await changes_of(product, changed)


ONE_SET = "0d0e8a9e-0000-4000-8000-0000000005e1"
ANOTHER_SET = "0d0e8a9e-0000-4000-8000-0000000005e2"


@pytest.mark.long
async def test_contents_of_an_older_extraction_are_caught_up_when_they_are_seen_again(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    one = groups_of(graph)[0]
    assign(graph, one)
    await product.backup(SCRIPT)
    async with product.services.engine.begin() as connection:
        await connection.execute(text("DELETE FROM content_references"))
        await connection.execute(text("UPDATE contents SET references_version = 0"))

    run = await product.backup(SCRIPT)

    assert await changes_of(product, run) == set()
    assert set((await objects_of(product, run))["group"]) == {one}
    behind = """
        SELECT version_hash FROM contents JOIN policies ON current_version_hash = version_hash
        WHERE resource_type = :key AND references_version = 0
    """
    assert await select(product, behind, key=SCRIPT) == []


async def test_backup_of_types_without_groups_reads_none(shared_product: Product) -> None:
    run = await shared_product.backup("filter", "namedLocation")

    assert set(await results_of(shared_product, run)) == {"filter", "namedLocation"}


@pytest.mark.long
async def test_group_that_was_deleted_while_nothing_referred_to_it_is_known_gone_when_it_is_again(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    one, two = groups_of(graph)[2:4]
    assign(graph, one, two)
    await product.backup(SCRIPT)
    assign(graph, one)
    graph.control.delete_object(0, "/groups", two)
    between = await product.backup(SCRIPT)
    assign(graph, one, two.upper())

    run = await product.backup(SCRIPT)

    assert ("group", two, "deleted") not in await changes_of(product, between)
    assert ("group", two, "deleted") in await changes_of(product, run)
    assert (run.outcome, set((await objects_of(product, run))["group"])) == ("succeeded", {one})


@pytest.mark.long
async def test_group_that_comes_back_after_its_deletion_is_in_the_set_again(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    one = groups_of(graph)[4]
    assign(graph, one)
    await product.backup(SCRIPT)
    document = graph.control.get_object(0, "/groups", one)
    graph.control.delete_object(0, "/groups", one)
    await product.backup(SCRIPT)
    graph.control.insert_object(0, "/groups", document)

    run = await product.backup(SCRIPT)

    assert ("group", one, "created") in await changes_of(product, run)
    assert set((await objects_of(product, run))["group"]) == {one}
    assert ("group", one) not in await tombstones_of(product)


@pytest.mark.long
async def test_more_than_a_thousand_groups_are_read_and_one_that_fails_is_named(
    run_product: Run,
) -> None:
    config = GraphConfig(
        profile=Profile.NONE, tenants=1, budget_scale=0, counts=COUNTS | {"groups": 1_300}
    )
    async with run_product(config) as product:
        groups = groups_of(product.graph)
        assign(product.graph, *groups)
        broken = groups[700]
        product.graph.control.add_fault(path=f"/groups/{broken}", status=400)

        run = await product.backup(SCRIPT)

        result = (await results_of(product, run))["group"]
        assert (run.outcome, result["failed"]) == ("partially_succeeded", 1)
        assert set((await objects_of(product, run))["group"]) == set(groups) - {broken}
        product.graph.control.clear_faults()
        assert set((await objects_of(product, await product.backup(SCRIPT)))["group"]) == {*groups}
