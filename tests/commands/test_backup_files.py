"""Sets to files and back from the command line, with a worker and a local Graph."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.commands.terminal import Terminal

TYPES = ("--types", "filter,scopeTag,powershellScript")


@pytest.fixture
async def backup(office: Terminal) -> dict[str, Any]:
    """The set of a small backup, made once for the module."""
    sets = (await office.json("backup", "sets", "Tenant 0"))["sets"]
    made: list[dict[str, Any]] = [entry for entry in sets if entry["origin"] == "backup"]
    if not made:
        await office("backup", "run", "Tenant 0", *TYPES, "--wait")
        made = (await office.json("backup", "sets", "Tenant 0"))["sets"]
    return made[-1]


def tree(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file; index and certificate are those of their set."""
    return {
        f"{path.relative_to(folder)}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in {"set.json", "certificate.json"}
    }


def object_ids(folder: Path) -> list[str]:
    index = json.loads((folder / "set.json").read_text())
    return [entry["object_id"] for entry in index["files"].values()]


async def test_export_is_shown_by_type_and_updated_without_touching_what_is_equal(
    office: Terminal, backup: dict[str, Any], tmp_path: Path
) -> None:
    target = str(tmp_path / "out")
    first = await office.json("backup", "export", backup["id"], target)
    assert first["file_count"] == backup["object_count"]
    assert first["decoded_count"] > 0
    again = await office.json("backup", "export", backup["id"], target, "--update")
    assert (again["written"], again["removed"]) == (0, 0)
    text = (await office("backup", "export", backup["id"], target, "--update")).stdout
    assert "powershellScript" in text
    assert "0 files written" in text
    refused = await office("backup", "export", backup["id"], target, code=2)
    assert "FOLDER: the folder to export into is not empty" in refused.stderr


async def test_single_object_is_exported(
    office: Terminal, backup: dict[str, Any], tmp_path: Path
) -> None:
    await office("backup", "export", backup["id"], str(tmp_path / "all"), "--types", "filter")
    wanted = object_ids(tmp_path / "all")[0]
    one = ("backup", "export", backup["id"], str(tmp_path / "one"), "--object")
    assert (await office.json(*one, f"filter/{wanted}"))["file_count"] == 1
    assert (
        await office.json(*one[:-2], str(tmp_path / "start"), "--object", f"filter/{wanted[:8]}")
    )["file_count"] == 1
    for wrong in ("filter", f"filters/{wanted}", "filter/", "filter/none"):
        await office(*one, wrong, code=2)


async def test_imported_set_is_listed_shown_verified_and_exported_alike(
    office: Terminal, backup: dict[str, Any], tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    await office("backup", "export", backup["id"], str(one))
    report = await office.json("backup", "import", str(one), "-t", "Tenant 0", "--name", "Again")
    assert (report["object_count"], report["broken"]) == (backup["object_count"], [])
    listed = (await office.json("backup", "sets", "Tenant 0", "-n", "1"))["sets"][0]
    assert (listed["name"], listed["origin"], listed["operation_run_id"]) == (
        "Again",
        "import",
        None,
    )
    assert "import" in (await office("backup", "sets", "Tenant 0", "-n", "1")).stdout
    assert "import" in (await office("backup", "show", report["backup_set_id"])).stdout
    # An imported set is no backup: nothing is measured by it unasked.
    latest = (await office.json("backup", "show", "latest", "-t", "Tenant 0"))["set"]
    assert (latest["id"], latest["origin"]) == (backup["id"], "backup")
    await office("backup", "certificate", "latest", "-t", "Tenant 0")
    only = await office("backup", "diff", "latest", "-t", "Tenant 0", code=2)
    assert "SET: is the first one" in only.stderr
    assert (await office.json("backup", "verify"))["problems"] == []
    refused = await office("backup", "changes", report["backup_set_id"], code=2)
    assert "was imported" in refused.stderr
    await office("backup", "export", report["backup_set_id"], str(two))
    assert tree(one) == tree(two)
    assert (one / "certificate.json").exists()
    assert not (two / "certificate.json").exists()


async def test_import_names_what_it_could_not_take(office: Terminal, tmp_path: Path) -> None:
    (tmp_path / "Filters").mkdir()
    (tmp_path / "Filters" / "a.json").write_text('{"displayName": "A", "rule": "x"}')
    (tmp_path / "Filters" / "cut.json").write_text("{")
    result = await office("backup", "import", str(tmp_path), "--tenant", "Tenant 0", code=1)
    assert "Filters/cut.json" in result.stdout
    assert "not json" in result.stdout or "not_json" in result.stdout
    assert "1 object had no id" in result.stdout
    assert "1 file not imported" in result.stderr
    # One document, whatever the exit code.
    (tmp_path / "Filters" / os.fsdecode(b"cut\xff.json")).write_text("{")
    listed = await office.json("backup", "import", str(tmp_path), "-t", "Tenant 0", code=1)
    assert [entry["path"] for entry in listed["broken"]] == [
        "Filters/cut.json",
        "Filters/cut\\udcff.json",
    ]
    for wrong in (tmp_path / "absent", tmp_path / "Filters" / "a.json"):
        refused = await office("backup", "import", str(wrong), "-t", "Tenant 0", code=2)
        assert "FOLDER: the folder to import is no folder" in refused.stderr


async def test_import_of_nothing_makes_no_set(office: Terminal, tmp_path: Path) -> None:
    before = (await office.json("backup", "sets", "Tenant 0"))["sets"]
    await office("backup", "import", str(tmp_path), "-t", "Tenant 0", code=1)
    assert (await office.json("backup", "sets", "Tenant 0"))["sets"] == before


@pytest.mark.long
async def test_every_type_comes_back_from_its_files_with_the_same_versions(
    office: Terminal, tmp_path: Path
) -> None:
    await office("backup", "run", "Tenant 0", "--wait")
    first = await office.json("backup", "show", "latest")
    one, two = tmp_path / "one", tmp_path / "two"
    await office("backup", "export", first["set"]["id"], str(one))
    report = await office.json("backup", "import", str(one), "-t", "Tenant 0")
    again = await office.json("backup", "show", report["backup_set_id"])
    counts = {entry["resource_type"]: entry["entry_count"] for entry in first["types"]}
    assert sum(counts.values()) == first["set"]["object_count"] > 150
    # A manifest's hash covers type, ids and versions of all objects.
    assert {t["resource_type"]: t["manifest_hash"] for t in again["types"]} == {
        t["resource_type"]: t["manifest_hash"] for t in first["types"] if t["entry_count"]
    }
    await office("backup", "export", report["backup_set_id"], str(two))
    assert tree(one) == tree(two)
