"""What goes into a tenant comes out of its backup: real exports first, generated bodies always."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from devstack.graph_service import GraphConfig, Profile
from devstack.graph_service.catalog import CATALOG
from devstack.graph_service.exports import read_json
from storage.runs import RunRecord
from tests.end_to_end.comparer import differences
from tests.end_to_end.conftest import Run
from tests.end_to_end.documented_examples import (
    ABOUT_GRAPH,
    DATA,
    OTHER_FORMS,
    assign_to,
    class_of,
    load_examples,
    shown,
)
from tests.end_to_end.product import Product
from tests.end_to_end.stored import set_of
from tests.end_to_end.truth import GROUPS, PLACES, ids_of, path_of, referred_groups

REAL_EXPORTS = Path(__file__).parents[3] / "shared/graph/data/policies"
Document = dict[str, Any]
NO_OBJECTS = frozenset({*OTHER_FORMS, "not readable as JSON"})


async def exported(product: Product, run: RunRecord, folder: Path) -> dict[str, Document]:
    """Export the set of a run and return its documents by object id."""
    await product.services.exports.export(product.workspace_id, set_of(run), folder)
    index = json.loads((folder / "set.json").read_text())
    assert index["missing"] == []
    return {
        entry["object_id"]: json.loads((folder / path).read_text())
        for path, entry in index["files"].items()
    }


@pytest.mark.skipif(not REAL_EXPORTS.exists(), reason="../shared is not here")
async def test_real_exports_come_out_of_a_backup_as_they_went_in(
    run_product: Run, tmp_path: Path
) -> None:
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0)
    async with run_product(config) as product:
        rows = product.graph.control.load_exports(0, str(REAL_EXPORTS), replace=True)
        # A backup reads the groups that others refer to.
        assign_to(product.graph, [r["object_id"] for r in rows if r["collection"] == "groups"])
        run = await product.backup()
        copies = await exported(product, run, tmp_path / "export")
        there = ids_in(product)

    wrong = {
        row["file"]: found
        for row, original in covered(rows)
        if (found := list(differences(original, copies[row["object_id"]])))
    }
    assert run.outcome == "succeeded"
    assert wrong == {}
    assert {row["object_id"] for row, _ in covered(rows)} <= set(copies) == there
    loaded = [row for row in rows if row["status"] == "loaded"]
    assert len(covered(rows)) == len(loaded) > 190
    assert {row["reason"] for row in rows if row["status"] != "loaded"} <= NO_OBJECTS


def ids_in(product: Product) -> set[str]:
    """Return the ids of all objects that a backup reads: what every tenant has among them."""
    ids = {object_id for key in PLACES for object_id in ids_of(product.graph, key)}
    return ids | referred_groups(product.graph)


def covered(rows: list[dict[str, str]]) -> list[tuple[dict[str, str], Document]]:
    """Pair what was loaded into collections that a backup reads with what the files say."""
    paths = {GROUPS, *(path for path, _ in PLACES.values())}
    loaded = [row for row in rows if row["status"] == "loaded"]
    pairs = zip(loaded, originals(loaded), strict=True)
    found = [pair for pair in pairs if f"/{CATALOG.get(pair[0]['collection']).path}" in paths]
    taken = Counter(original.get("id") for _, original in found)
    # Of files that share an id, a tenant can only have one under it.
    named = [
        (row, {**original, "id": row["object_id"]} if taken[original.get("id")] > 1 else original)
        for row, original in found
    ]
    return [(row, shown(f"/{CATALOG.get(row['collection']).path}", whole)) for row, whole in named]


def originals(loaded: list[dict[str, str]]) -> list[Document]:
    """Return what the files say about the objects that were loaded from them, in their order."""
    files = list(dict.fromkeys(row["file"] for row in loaded))
    return [found for file in files for found in objects_in(read_json(REAL_EXPORTS / file), file)]


def objects_in(content: Any, file: str) -> list[Document]:
    if isinstance(content, list):
        # A tool's file with the values of one administrative template, in the form of a request.
        return [{"displayName": Path(file).stem, "definitionValues": unbound(content)}]
    for bundle in ("groups", "filters", "value"):
        if isinstance(content.get(bundle), list):
            found: list[Document] = content[bundle]
            return found
    return [content]


def unbound(value: Any) -> Any:
    """Return a request's `x@odata.bind` addresses as the objects that an answer shows."""
    if isinstance(value, list):
        return [unbound(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name.removesuffix("@odata.bind"): {"id": item.rpartition("('")[2].rstrip("')")}
        if name.endswith("@odata.bind")
        else unbound(item)
        for name, item in value.items()
    }


def generated(product: Product) -> dict[str, Document]:
    """Return the local Graph's own documents of every type that a backup reads."""
    control = product.graph.control
    return {
        object_id: visible(key, control.get_object(0, path_of(key), object_id))
        for key in PLACES
        for object_id in ids_of(product.graph, key)
    }


def visible(key: str, document: Document) -> Document:
    """Return what Graph shows of a document to an app that may only read."""
    shown = {name: value for name, value in document.items() if name != "_secrets"}
    if key == "endpointSecurityIntent":
        # A second view of the same settings, by the headings of their template.
        headings = shown.pop("categories")
        below = [setting["id"] for heading in headings for setting in heading["settings"]]
        assert sorted(below) == sorted(setting["id"] for setting in shown["settings"])
    return shown


@pytest.mark.long
async def test_generated_tenant_comes_out_of_a_backup_as_it_is(
    run_product: Run, tmp_path: Path
) -> None:
    config = GraphConfig(profile=Profile.S, tenants=1, budget_scale=0)
    async with run_product(config) as product:
        expected = generated(product)
        there = ids_in(product)
        run = await product.backup()
        copies = await exported(product, run, tmp_path / "export")

    wrong = {
        object_id: found
        for object_id, original in expected.items()
        if (found := list(differences(original, copies[object_id])))
    }
    assert run.outcome == "succeeded"
    assert wrong == {}
    assert set(expected) <= set(copies) == there
    assert len(expected) > 150


@pytest.mark.long
@pytest.mark.skipif(not DATA.exists(), reason="../shared is not here")
async def test_documented_examples_come_out_of_a_backup_as_they_went_in(
    run_product: Run, tmp_path: Path
) -> None:
    config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0)
    async with run_product(config) as product:
        loaded = load_examples(product.graph)
        run = await product.backup()
        copies = await exported(product, run, tmp_path / "export")

    wrong = {
        (example.file, object_id): found
        for object_id, example in loaded.items()
        if (found := list(differences(example.document, copies[object_id])))
    }
    assert run.outcome == "succeeded", run.failure_summary
    assert wrong == {}
    assert len(loaded) > 300


@pytest.mark.skipif(not DATA.exists(), reason="../shared is not here")
def test_every_file_of_the_data_round_trips_or_says_why_not() -> None:
    files = [path.relative_to(DATA).as_posix() for path in DATA.rglob("*.json")]
    classes = Counter(class_of(file) for file in files)

    assert set(classes) <= {
        "export",
        "example",
        *ABOUT_GRAPH.values(),
        *OTHER_FORMS.values(),
        "abstract type or built-in role",
        "answer to a write",
        "part of an object, its state, or its changes",
        "collection that no backup reads",
    }
    assert classes["export"] > 200
    assert classes["example"] > 290
