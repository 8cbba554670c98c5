"""A backup as its users see it: everything there, nothing twice, changes named (D4, D5, D9)."""

from contextlib import suppress
from uuid import uuid4

import pytest

from devstack.graph_service import GraphConfig, GraphService, Profile
from devstack.graph_service.control import UnknownObjectError
from services.sets.set_comparison import SetComparison
from storage.runs import RunRecord
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import (
    changes_of,
    documents_of,
    objects_of,
    results_of,
    select,
    tombstones_of,
)
from tests.end_to_end.truth import PLACES, ids_of, path_of, referred_groups
from tests.eventually import eventually

CHANGE_KEYS = ("created", "updated", "deleted", "unchanged", "captured", "failed")


def counts(run: RunRecord) -> dict[str, int]:
    return {key: run.summary_counts[key] for key in CHANGE_KEYS}


def truth(graph: GraphService) -> dict[str, set[str]]:
    """Return the ids of all types; groups are those that something refers to."""
    return {key: set(ids_of(graph, key)) for key in PLACES} | {"group": referred_groups(graph)}


async def test_backup_of_a_small_tenant_holds_exactly_its_objects(shared_product: Product) -> None:
    run = await shared_product.backup()

    expected = truth(shared_product.graph)
    stored = await objects_of(shared_product, run)
    results = await results_of(shared_product, run)
    assert run.outcome == "succeeded"
    assert {key: set(ids) for key, ids in stored.items()} == expected
    assert {k: r["captured"] for k, r in results.items()} == {
        k: len(v) for k, v in expected.items()
    }
    assert run.summary_counts["total"] == sum(map(len, expected.values())) > 150


@pytest.mark.long
async def test_backup_of_an_unchanged_tenant_names_no_change(shared_product: Product) -> None:
    first = await shared_product.backup()
    before = await select(shared_product, CONTENT_ROWS)

    second = await shared_product.backup()

    assert counts(second) | {"unchanged": 0} == dict.fromkeys(CHANGE_KEYS, 0)
    assert second.summary_counts["unchanged"] == second.summary_counts["total"]
    assert await objects_of(shared_product, second) == await objects_of(shared_product, first)
    assert await select(shared_product, CONTENT_ROWS) == before


CONTENT_ROWS = """
    SELECT (SELECT count(*) FROM contents) AS contents,
        (SELECT count(*) FROM policies) AS policies,
        (SELECT count(*) FROM policy_versions) AS versions,
        (SELECT count(*) FROM manifest_chunks) AS chunks
"""


async def test_backup_after_changes_names_exactly_these(shared_product: Product) -> None:
    graph = shared_product.graph
    await shared_product.backup()
    updated = {key: ids_of(graph, key)[-1] for key in ("settingsCatalog", "caPolicy", "filter")}
    for key, object_id in updated.items():
        graph.control.update_object(0, path_of(key), object_id, {"description": "Another."})
    inserted = graph.control.insert_object(0, path_of("remediation"))
    deleted = ids_of(graph, "shellScript")[0]
    graph.control.delete_object(0, path_of("shellScript"), deleted)
    graph.control.touch_object(0, path_of("mobileApp"), ids_of(graph, "mobileApp")[0])

    run = await shared_product.backup()

    expected = {(key, object_id, "updated") for key, object_id in updated.items()}
    expected |= {("remediation", inserted, "created"), ("shellScript", deleted, "deleted")}
    assert await changes_of(shared_product, run) == expected
    assert [counts(run)[key] for key in CHANGE_KEYS[:3]] == [1, 3, 1]
    assert {k: set(v) for k, v in (await objects_of(shared_product, run)).items()} == truth(graph)


async def test_object_that_comes_back_is_created_once_more(shared_product: Product) -> None:
    control = shared_product.graph.control
    path, object_id = path_of("namedLocation"), ids_of(shared_product.graph, "namedLocation")[0]
    first = await shared_product.backup("namedLocation")
    document = control.get_object(0, path, object_id)
    control.delete_object(0, path, object_id)
    gone = await shared_product.backup("namedLocation")
    control.insert_object(0, path, document)

    back = await shared_product.backup("namedLocation")

    assert await changes_of(shared_product, gone) == {("namedLocation", object_id, "deleted")}
    assert await changes_of(shared_product, back) == {("namedLocation", object_id, "created")}
    assert await objects_of(shared_product, back) == await objects_of(shared_product, first)
    assert await tombstones_of(shared_product) & {("namedLocation", object_id)} == set()


async def test_objects_of_one_name_are_two_objects(shared_product: Product) -> None:
    control, path = shared_product.graph.control, path_of("settingsCatalog")
    await shared_product.backup("settingsCatalog")
    body = control.get_object(0, path, ids_of(shared_product.graph, "settingsCatalog")[0])
    twins = [control.insert_object(0, path, {**body, "id": str(uuid4())}) for _ in range(2)]

    run = await shared_product.backup("settingsCatalog")

    documents = await documents_of(shared_product, run, "settingsCatalog")
    expected = {("settingsCatalog", object_id, "created") for object_id in twins}
    assert await changes_of(shared_product, run) == expected
    assert [documents[twin]["id"] for twin in twins] == twins
    assert {documents[twin]["name"] for twin in twins} == {body["name"]}


async def test_secret_that_changed_is_named_without_its_value(run_product: Run) -> None:
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=SECRET_COUNTS)
    async with run_product(config) as product:
        control, path = product.graph.control, path_of("deviceConfiguration")
        control.grant_permission(0, "read", "DeviceManagementConfiguration.ReadWrite.All")
        await product.backup("deviceConfiguration")
        object_id, value = change_any_secret(product.graph)

        run = await product.backup("deviceConfiguration")

        versions = await select(product, VERSIONS_OF_OBJECT, object_id=object_id)
        services = product.services
        comparison = SetComparison(
            engine=services.engine, keys=services.keys, sets=services.backup_sets
        )
        differences = await comparison.diff_versions(
            product.workspace_id,
            product.tenant.id,
            "deviceConfiguration",
            (versions[0]["version_hash"], versions[1]["version_hash"]),
        )
        documents = await documents_of(product, run, "deviceConfiguration")
        assert control.get_object(0, path, object_id)["id"] == object_id
        assert await changes_of(product, run) == {("deviceConfiguration", object_id, "updated")}
        assert [(c.is_secret, c.before, c.after) for c in differences] == [(True, None, None)]
        assert differences[0].pointer.startswith("/omaSettings/")
        assert value in str(documents[object_id])
        assert value not in str(run)


SECRET_COUNTS = {"deviceConfigurations": 40}
VERSIONS_OF_OBJECT = """
    SELECT version_hash FROM policy_versions JOIN policies ON policies.id = policy_id
    WHERE external_id = :object_id ORDER BY version_number
"""


def change_any_secret(graph: GraphService) -> tuple[str, str]:
    """Change the secret of the first object that has one; return its id and the new value."""
    path = path_of("deviceConfiguration")
    for object_id in graph.control.object_ids(0, path):
        with suppress(UnknownObjectError):
            return object_id, graph.control.change_secret(0, path, object_id)
    raise AssertionError("no object has a secret")


@pytest.mark.long
@pytest.mark.parametrize("profile", [Profile.S, Profile.M], ids=str)
async def test_unchanged_backup_writes_rows_by_the_number_of_types(
    run_product: Run, profile: Profile
) -> None:
    config = GraphConfig(profile=profile, tenants=1, budget_scale=0)
    async with run_product(config) as product:
        await product.backup()
        before = await written_rows(product)

        run = await product.backup()

        after = await written_rows(product)
        written = {table: after[table] - before.get(table, 0) for table in after}
        assert run.summary_counts["unchanged"] == run.summary_counts["total"]
        assert {table: count for table, count in written.items() if table in CONTENT_TABLES} == (
            dict.fromkeys(CONTENT_TABLES, 0)
        )
        types = len(PLACES) + 1  # and the groups
        assert written["set_manifests"] == written["operation_run_results"] == types
        # Steps end after 250 objects or 192 KiB, and their rows go when the run ends.
        steps = written.pop("operation_run_steps")
        assert steps <= 1.5 * types
        assert sum(written.values()) <= 2 * types + 10, written
        if profile is Profile.M:
            # P5; in a smaller tenant the rows of the types weigh more than those of its objects.
            first = sum(count for table, count in before.items() if table != "operation_run_steps")
            assert sum(written.values()) <= 0.05 * first


CONTENT_TABLES = ("contents", "policies", "policy_versions", "manifests", "manifest_chunks")


async def written_rows(product: Product) -> dict[str, int]:
    """Rows inserted into each table so far; backends report when they end."""
    for engine in (product.services.engine, product.services.budget_engine):
        await engine.dispose()

    async def reported() -> bool:
        others = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()"
        return bool((await select(product, others))[0]["n"] == 1)

    await eventually(reported)
    rows = await select(product, "SELECT relname, n_tup_ins FROM pg_stat_user_tables")
    return {row["relname"]: row["n_tup_ins"] for row in rows}
