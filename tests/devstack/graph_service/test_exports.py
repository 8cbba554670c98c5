"""Folders of real exports as objects: encodings, shapes, names (../shared is not needed)."""

import json
from pathlib import Path
from typing import Any

import pytest

from devstack.graph_service import GraphService
from devstack.graph_service.catalog import CATALOG
from devstack.graph_service.exports import read_json
from tests.devstack.graph_service.conftest import ClientFactory

SHARED = Path(__file__).parents[4] / "shared" / "graph" / "data"
POLICY = {
    "@odata.context": "https://graph.microsoft.com/beta/$metadata#deviceManagement/x/$entity",
    "@odata.type": "#microsoft.graph.deviceManagementConfigurationPolicy",
    "name@odata.type": "#String",
    "id": "11111111-2222-4333-8444-555555555555",
    "name": "Prüfung",
    "platforms": "windows10",
    "settings": [{"settingInstance": {"settingDefinitionId": "a"}}],
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
async def test_export_is_read_in_each_encoding(
    fresh: GraphService, tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "policy.json").write_text(json.dumps(POLICY, ensure_ascii=False), encoding)

    rows = fresh.control.load_exports(0, str(tmp_path))

    assert [(r["status"], r["collection"], r["name"]) for r in rows] == [
        ("loaded", "configurationPolicies", "Prüfung")
    ]


async def test_export_keeps_its_annotations_but_not_its_context(
    fresh: GraphService, connect: ClientFactory, tmp_path: Path
) -> None:
    (tmp_path / "policy.json").write_text(json.dumps(POLICY))
    fresh.control.load_exports(0, str(tmp_path), replace=True)
    path = f"/beta/deviceManagement/configurationPolicies/{POLICY['id']}"
    async with connect(fresh) as client:
        item = (await client.get(path)).json
        settings = (await client.get(f"{path}/settings")).rows

    assert fresh.control.count(0, "configurationPolicies") == 1
    assert item["name@odata.type"] == "#String"
    assert item["@odata.context"].startswith(fresh.root_url)
    assert settings == [{"id": "0", "settingInstance": {"settingDefinitionId": "a"}}]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"groups": [{"displayName": "g"}]}, ["groups"]),
        ({"filters": [{"displayName": "f", "rule": "r"}]}, ["assignmentFilters"]),
        (
            {"conditions": {}, "grantControls": None, "displayName": "c"},
            ["conditionalAccessPolicies"],
        ),
        (
            {"value": [{"@odata.type": "#microsoft.graph.iosStoreApp", "displayName": "a"}]},
            ["mobileApps"],
        ),
        (
            [{"definition@odata.bind": "https://x/groupPolicyDefinitions('d')", "enabled": "true"}],
            ["groupPolicyConfigurations"],
        ),
        (
            {"@odata.type": "#microsoft.graph.windows10GeneralConfiguration", "displayName": "d"},
            ["deviceConfigurations"],
        ),
        (
            {"@odata.type": "#microsoft.graph.iosCompliancePolicy", "displayName": "d"},
            ["deviceCompliancePolicies"],
        ),
        ({"resources": []}, [""]),
    ],
    ids=[
        "groups",
        "filters",
        "policy by shape",
        "list",
        "admx values",
        "configuration",
        "compliance",
        "something else",
    ],
)
async def test_shape_of_an_export_tells_its_collection(
    fresh: GraphService, tmp_path: Path, content: Any, expected: list[str]
) -> None:
    (tmp_path / "file.json").write_text(json.dumps(content))

    rows = fresh.control.load_exports(0, str(tmp_path))

    assert [row["collection"] for row in rows] == expected


async def test_values_of_a_template_keep_what_they_are_bound_to(
    fresh: GraphService, tmp_path: Path
) -> None:
    root = "https://x/groupPolicyDefinitions('d')"
    value = {"presentation@odata.bind": f"{root}/presentations('p')", "value": "2"}
    row = {"definition@odata.bind": root, "enabled": "true", "presentationValues": [value]}
    (tmp_path / "file.json").write_text(json.dumps([row]))

    loaded = fresh.control.load_exports(0, str(tmp_path))[0]

    body = fresh.control.get_object(0, loaded["collection"], loaded["object_id"])
    shown = body["definitionValues"][0]
    assert shown["definition"] == {"id": "d"}
    assert shown["presentationValues"][0]["presentation"] == {"id": "p"}
    assert shown["presentationValues"][0]["value"] == "2"


async def test_file_that_is_no_json_is_skipped_by_name(fresh: GraphService, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")

    rows = fresh.control.load_exports(0, str(tmp_path))

    assert rows[0]["file"] == "broken.json"
    assert rows[0]["status"] == "skipped"


@pytest.mark.skipif(not SHARED.exists(), reason="the shared exports are not here")
async def test_every_shared_export_of_a_known_resource_answers_unchanged(
    fresh: GraphService, connect: ClientFactory
) -> None:
    index = json.loads((SHARED / "index.json").read_text())
    known = {row["file"] for row in index if not row["resource"].startswith("other")}

    rows = fresh.control.load_exports(0, str(SHARED / "policies"), replace=True)

    loaded = [row for row in rows if row["status"] == "loaded"]
    assert {f"policies/{row['file']}" for row in loaded} == known
    single = [row for row in loaded if sum(r["file"] == row["file"] for r in loaded) == 1]
    async with connect(fresh) as client:
        for row in single:
            original = read_json(SHARED / "policies" / row["file"])
            if isinstance(original, dict) and "groups" not in original:
                await assert_unchanged(client, row, original)


async def assert_unchanged(client: Any, row: dict[str, str], original: dict[str, Any]) -> None:
    collection = CATALOG.get(row["collection"])
    navigations = {n.name for n in collection.navigations}
    item = (await client.get(f"/beta/{collection.path}/{row['object_id']}")).json
    for name, value in original.items():
        if name in navigations and isinstance(value, list):
            path = f"/beta/{collection.path}/{row['object_id']}/{name}"
            shown = [r for page in await client.pages(path) for r in page]
            assert len(shown) == len(value)
        elif name not in ("id", "@odata.context") and name.partition("@")[0] not in navigations:
            assert item[name] == value, (row["file"], name)
