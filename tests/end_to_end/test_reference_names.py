"""Names of what the objects of a set refer to: of the set's time, and never guessed."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, GraphService, Profile
from domain.assignments import TargetKind
from domain.references import Reference
from services.references.name_books import NameState
from services.references.object_references import Referrer, ShownObject
from services.sets.backup_sets import BackupSetNotFoundError
from storage.runs import RunRecord
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import set_of
from tests.end_to_end.test_references import COUNTS, SCRIPT, ZERO, assignment, groups_of
from tests.end_to_end.truth import ids_of, path_of

EXCLUSION = "#microsoft.graph.exclusionGroupAssignmentTarget"
NOWHERE = "0d0e8a9e-0000-4000-8000-00000000dead"
FOUNDATIONS = ("filter", "scopeTag")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_product(run_product: Run) -> AsyncIterator[Product]:
    counts = COUNTS | {"roleScopeTags": 2, "deviceConfigurations": 12}
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=counts)
    async with run_product(config) as product:
        yield product


def place(graph: GraphService, *rows: dict[str, object], **values: object) -> str:
    """Give the first script these assignments and return its id."""
    first = ids_of(graph, SCRIPT)[0]
    document = graph.control.get_object(0, path_of(SCRIPT), first)
    changed = {**document, "assignments": list(rows), **values}
    graph.control.replace_object(0, path_of(SCRIPT), first, changed)
    return first


async def shown(product: Product, run: RunRecord, object_id: str) -> ShownObject:
    references = product.services.object_references
    return await references.shown_object(product.workspace_id, set_of(run), SCRIPT, object_id)


def name_in(graph: GraphService, collection: str, object_id: str) -> str:
    return str(graph.control.get_object(0, collection, object_id)["displayName"])


async def test_assignments_of_an_object_are_shown_by_name(shared_product: Product) -> None:
    product, graph = shared_product, shared_product.graph
    one, two, *_ = groups_of(graph)
    chosen = graph.control.object_ids(0, "/deviceManagement/assignmentFilters")[0]
    target = {
        "deviceAndAppManagementAssignmentFilterId": chosen,
        "deviceAndAppManagementAssignmentFilterType": "exclude",
    }
    rows = (
        assignment(1, one, **target),
        assignment(2, two, **{"@odata.type": EXCLUSION}),
        assignment(3, None, deviceAndAppManagementAssignmentFilterId=ZERO),
    )
    script = place(graph, *rows, roleScopeTagIds=["0", "1"])

    run = await product.backup(SCRIPT, *FOUNDATIONS)

    found = await shown(product, run, script)
    by_target = {
        entry.reference and entry.reference.object_id: entry for entry in found.assignments
    }
    first, second, everywhere = by_target[one], by_target[two], by_target[None]
    assert first.reference is not None
    assert first.reference.name == name_in(graph, "/groups", one)
    assert first.filter is not None
    name = name_in(graph, "/deviceManagement/assignmentFilters", chosen)
    assert (first.filter.name, first.filter_mode) == (name, "exclude")
    assert (first.is_exclusion, second.is_exclusion) == (False, True)
    assert (everywhere.target, everywhere.filter) == (TargetKind.ALL_DEVICES, None)
    tags = {tag.object_id: tag.name for tag in found.scope_tags}
    assert tags == {
        number: name_in(graph, "/deviceManagement/roleScopeTags", number) for number in ("0", "1")
    }
    assert found.references == []


async def test_name_is_that_of_the_time_of_the_set(shared_product: Product) -> None:
    product, graph = shared_product, shared_product.graph
    group = groups_of(graph)[0]
    script = place(graph, assignment(1, group))
    before = name_in(graph, "/groups", group)
    older = await product.backup(SCRIPT)
    graph.control.update_object(0, "/groups", group, {"displayName": "Renamed since"})

    newer = await product.backup(SCRIPT)

    names = [(await shown(product, run, script)).assignments[0].reference for run in (older, newer)]
    assert [name and name.name for name in names] == [before, "Renamed since"]
    versions = {(await shown(product, run, script)).version_hash for run in (older, newer)}
    assert len(versions) == 1


async def test_reference_to_nothing_is_dangling_and_what_was_not_read_is_unknown(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    chosen = graph.control.object_ids(0, "/deviceManagement/assignmentFilters")[0]
    target = {"deviceAndAppManagementAssignmentFilterId": chosen}
    script = place(graph, assignment(1, NOWHERE, **target))

    (entry,) = (await shown(product, await product.backup(SCRIPT), script)).assignments

    assert entry.reference is not None
    assert (entry.reference.name, entry.reference.state) == (None, NameState.DANGLING)
    assert entry.filter is not None
    assert (entry.filter.name, entry.filter.state) == (None, NameState.UNKNOWN)


async def test_names_are_unknown_and_nothing_dangles_when_groups_may_not_be_read(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    script = place(graph, assignment(1, NOWHERE), assignment(2, groups_of(graph)[1]))
    graph.control.add_fault(path="/groups/*", kind="status", status=403)

    run = await product.backup(SCRIPT)

    graph.control.clear_faults()
    assert run.outcome == "partially_succeeded"
    states = {entry.reference and entry.reference.state
              for entry in (await shown(product, run, script)).assignments}  # fmt: skip
    assert states == {NameState.UNKNOWN}


async def test_referrers_are_the_objects_whose_latest_version_refers(
    shared_product: Product,
) -> None:
    product, graph = shared_product, shared_product.graph
    group, other = groups_of(graph)[5:7]
    script = place(graph, assignment(1, group))
    await product.backup(SCRIPT)
    name = name_in(graph, path_of(SCRIPT), script)
    references, home = product.services.object_references, product.workspace_id

    found = await references.referrers(home, product.tenant.id, "group", group.upper())
    place(graph, assignment(1, other))
    await product.backup(SCRIPT)
    later = await references.referrers(home, product.tenant.id, "group", group)

    assert Referrer(SCRIPT, script, name) in found
    assert Referrer(SCRIPT, script, name) not in later


async def test_values_that_a_reading_app_cannot_get_are_listed_by_object(
    shared_product: Product,
) -> None:
    product = shared_product
    run = await product.backup("deviceConfiguration")
    references = product.services.object_references
    where = (product.workspace_id, set_of(run), "deviceConfiguration")

    withheld = await references.not_captured(*where)

    assert run.summary_counts["not_captured"] == sum(map(len, withheld.values())) > 0
    object_id, places = next(iter(withheld.items()))
    assert (await references.shown_object(*where, object_id)).not_captured == places
    assert all(place.startswith("/") for place in places)


@pytest.mark.long
async def test_object_that_the_set_does_not_hold_is_said_to_be_missing(
    shared_product: Product,
) -> None:
    product = shared_product
    run = await product.backup(SCRIPT)
    for key, object_id in ((SCRIPT, NOWHERE), ("caPolicy", NOWHERE)):
        with pytest.raises(BackupSetNotFoundError):
            await product.services.object_references.shown_object(
                product.workspace_id, set_of(run), key, object_id
            )
    book = await product.services.name_books.of_set(
        product.workspace_id, set_of(run), [Reference("user", NOWHERE)]
    )
    assert book.look_up(Reference("user", NOWHERE)).state is NameState.UNKNOWN
