"""A backup as its users see it: everything there, nothing twice, changes named (D4, D5, D9)."""

from devstack.graph_service import GraphService
from storage.runs import RunRecord
from tests.end_to_end.product import Product
from tests.end_to_end.stored import (
    changes_of,
    documents_of,
    objects_of,
    results_of,
    select,
)
from tests.end_to_end.truth import PLACES, ids_of, path_of

CHANGE_KEYS = ("created", "updated", "deleted", "unchanged", "captured", "failed")


def counts(run: RunRecord) -> dict[str, int]:
    return {key: run.summary_counts[key] for key in CHANGE_KEYS}


def truth(graph: GraphService) -> dict[str, set[str]]:
    return {key: set(ids_of(graph, key)) for key in PLACES}


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
