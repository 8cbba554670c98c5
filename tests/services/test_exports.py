import base64
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.canonical_rules import rules_of
from domain.resource_types.registry import RESOURCE_TYPES
from services.backups.captures import CapturedObject, FailedObject
from services.exports.export_folders import new_folder
from services.proofs.certificate_reading import check_export
from services.sets.backup_sets import BackupSetNotFoundError
from services.sets.exports import ExportReport, ExportTargetError, SetExporter
from tests.services.capture_runs import Tenant, add_tenant, item, items
from tests.services.exporting import set_exporter

REAL_EXPORTS = Path(__file__).parents[3] / "shared" / "graph" / "data"
RESOURCES = {
    f"{entry.list_path}".lstrip("/"): entry.key for entry in reversed(list(RESOURCE_TYPES.values()))
}


@pytest_asyncio.fixture
async def tenant(engine: AsyncEngine) -> Tenant:
    return await add_tenant(engine)


@pytest.fixture
def exporter(engine: AsyncEngine) -> SetExporter:
    return set_exporter(engine)


async def export(
    exporter: SetExporter, tenant: Tenant, set_id: UUID | None, folder: Path
) -> ExportReport:
    assert set_id is not None
    return await exporter.export(tenant.tenancy.workspace_id, set_id, folder)


async def test_export_writes_every_object_as_graph_returned_it(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    objects = [item(f"object-{n}", number=2**70 + n, text="Ünïcode") for n in range(250)]
    _, set_id = await tenant.back_up(objects)
    report = await export(exporter, tenant, set_id, tmp_path / "export")
    assert len(report.files) == len({entry.path for entry in report.files}) == 250
    written = {
        entry.object_id: json.loads((tmp_path / "export" / entry.path).read_text())
        for entry in report.files
    }
    assert written == {captured.object_id: captured.document for captured in objects}


async def test_export_of_two_objects_of_one_name_keeps_both(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    twins = [CapturedObject(i, "../Same", {"id": i, "displayName": "../Same"}) for i in "ab"]
    _, set_id = await tenant.back_up(twins)
    report = await export(exporter, tenant, set_id, tmp_path / "export")
    assert {path.parent for path in (tmp_path / "export").rglob("*Same*.json")} == {
        tmp_path / "export" / RESOURCE_TYPES["filter"].export_folder
    }
    assert len(report.files) == 2


async def test_export_says_what_the_set_is_and_lacks(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    run = await tenant.backup().begin("filter", "scopeTag")
    await run.step(items(2))
    await run.finish()
    set_id = await run.complete()
    async with tenant.engine.begin() as connection:
        await connection.exec_driver_sql(
            "DELETE FROM contents WHERE version_hash = (SELECT min(version_hash) FROM contents)"
        )
    report = await export(exporter, tenant, set_id, tmp_path / "export")
    index = json.loads((tmp_path / "export" / "set.json").read_text())
    assert len(report.missing) == len(index["missing"]) == 1
    assert index["types"]["scopeTag"]["listing_complete"] is False
    assert index["types"]["scopeTag"]["reason_code"] == "deadline_exceeded"


async def test_export_is_readable_for_its_owner_only(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, set_id = await tenant.back_up(items(1))
    report = await export(exporter, tenant, set_id, tmp_path / "export")
    assert (tmp_path / "export").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "export" / report.files[0].path).stat().st_mode & 0o777 == 0o600


async def test_export_never_mixes_with_what_is_there(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, set_id = await tenant.back_up(items(1))
    (tmp_path / "export").mkdir()
    await export(exporter, tenant, set_id, tmp_path / "export")
    with pytest.raises(ExportTargetError):
        await export(exporter, tenant, set_id, tmp_path / "export")


async def test_export_that_breaks_leaves_nothing(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    def fail(_done: int, _total: int) -> None:
        raise RuntimeError("broken half way")

    _, set_id = await tenant.back_up(items(3))
    assert set_id is not None
    with pytest.raises(RuntimeError):
        await exporter.export(tenant.tenancy.workspace_id, set_id, tmp_path / "x", on_progress=fail)
    assert list(tmp_path.iterdir()) == []


async def test_altered_document_is_named_and_the_others_are_exported(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, set_id = await tenant.back_up(items(3))
    async with tenant.engine.begin() as connection:
        await connection.exec_driver_sql(
            "UPDATE contents SET body = sha256(body) WHERE version_hash = "
            "(SELECT current_version_hash FROM policies WHERE external_id = 'object-00001' "
            f"AND tenant_id = '{tenant.tenancy.tenant_id}')"
        )
    assert set_id is not None
    report = await exporter.export(tenant.tenancy.workspace_id, set_id, tmp_path / "x")
    assert report.missing == [("filter", "object-00001")]
    assert {file.object_id for file in report.files} >= {"object-00000", "object-00002"}


def files_under(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return bytes and time of each file that is not about the set alone."""
    return {
        f"{path.relative_to(folder)}": (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.name not in {"set.json", "certificate.json"}
    }


async def updated(
    exporter: SetExporter, tenant: Tenant, set_id: UUID | None, folder: Path, **more: Any
) -> ExportReport:
    assert set_id is not None
    workspace_id = tenant.tenancy.workspace_id
    return await exporter.export(workspace_id, set_id, folder, update=True, **more)


async def test_scripts_stand_decoded_beside_and_the_json_keeps_them(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    script = item("one", scriptContent=base64.b64encode(b"Get-Date\r\n").decode())
    _, set_id = await tenant.back_up([script])
    report = await export(exporter, tenant, set_id, tmp_path / "export")
    (file,) = report.files
    ((path, of_file),) = file.decoded.items()
    assert (tmp_path / "export" / path).read_bytes() == b"Get-Date\r\n"
    assert (path, of_file["pointer"]) == (f"{file.path[:-5]}.script.ps1", "/scriptContent")
    assert json.loads((tmp_path / "export" / file.path).read_text()) == script.document


async def test_index_has_the_hash_of_each_file(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, set_id = await tenant.back_up([item("one"), item("two")])
    await export(exporter, tenant, set_id, tmp_path)
    index = json.loads((tmp_path / "set.json").read_text())
    assert (index["format"], index["format_version"]) == ("tenantops-export", 1)
    files = dict(index["files"])
    files |= {entry["path"]: entry for entry in (index["references"], index["certificate"])}
    for path, entry in files.items():
        assert hashlib.sha256((tmp_path / path).read_bytes()).hexdigest() == entry["sha256"]
    assert len(files) + 1 == sum(path.is_file() for path in tmp_path.rglob("*"))


async def test_references_are_named_beside_and_the_certificate_proves_itself(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    run = await tenant.backup().begin("filter", "scopeTag")
    await run.step([item("one", roleScopeTagIds=["7", "8"])])
    await run.finish()
    await run.step([item("7")], resource_type="scopeTag")
    await run.finish("scopeTag")
    await export(exporter, tenant, await run.complete(), tmp_path)
    names = json.loads((tmp_path / "references.json").read_text())
    assert names == {"scopeTag": {"7": "Name of 7", "8": None}}
    assert check_export((tmp_path / "certificate.json").read_bytes()).faults == []


async def test_update_touches_only_what_changed(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, first = await tenant.back_up([item("same"), item("changed"), item("gone")])
    await export(exporter, tenant, first, tmp_path / "export")
    before = files_under(tmp_path / "export")
    changed = item("changed", "two")
    _, second = await tenant.back_up([item("same"), changed, item("new")])
    report = await updated(exporter, tenant, second, tmp_path / "export")
    after = files_under(tmp_path / "export")
    paths = {file.object_id: file.path for file in report.files}
    assert after[paths["same"]] == before[paths["same"]]
    assert json.loads(after[paths["changed"]][0]) == changed.document
    assert after.keys() == {*paths.values(), "references.json"}
    assert report.removed == 1
    await export(exporter, tenant, second, tmp_path / "fresh")
    fresh = {path: content for path, (content, _) in files_under(tmp_path / "fresh").items()}
    assert fresh == {path: content for path, (content, _) in after.items()}


async def test_renamed_object_leaves_no_old_file(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, first = await tenant.back_up([item("one")])
    await export(exporter, tenant, first, tmp_path)
    renamed = CapturedObject("one", "New", {"id": "one", "displayName": "New"})
    _, second = await tenant.back_up([renamed])
    report = await updated(exporter, tenant, second, tmp_path)
    assert files_under(tmp_path).keys() == {report.files[0].path, "references.json"}


async def test_files_stay_while_nothing_proves_that_their_objects_are_gone(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, first = await tenant.back_up([item("one"), item("two")])
    await export(exporter, tenant, first, tmp_path)
    run = await tenant.backup().begin("filter")
    await run.step([item("one", "changed")], last=False)
    report = await updated(exporter, tenant, await run.complete(), tmp_path)
    index = json.loads((tmp_path / "set.json").read_text())
    assert (report.removed, len(report.files), len(report.kept)) == (0, 1, 1)
    assert index["kept"][report.kept[0]]["set"] == str(first)
    assert (tmp_path / report.kept[0]).exists()


async def test_file_that_somebody_removed_is_not_said_to_be_kept(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, first = await tenant.back_up(items(2))
    report = await export(exporter, tenant, first, tmp_path)
    (tmp_path / report.files[0].path).unlink()
    kept = await updated(exporter, tenant, first, tmp_path, resource_types=["scopeTag"])
    assert kept.kept == [report.files[1].path]


async def test_file_of_an_object_that_could_not_be_read_stays(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, first = await tenant.back_up([item("one"), item("two")])
    await export(exporter, tenant, first, tmp_path)
    # Listed to the end, but one object did not come.
    failed = FailedObject("two", "provider_error")
    result, second = await tenant.back_up([item("one"), failed])
    assert (result.listing_complete, result.failed) == (True, 1)
    report = await updated(exporter, tenant, second, tmp_path)
    assert (report.removed, len(report.kept)) == (0, 1)
    assert (tmp_path / report.kept[0]).exists()


async def test_file_under_two_spellings_of_its_name_is_not_removed(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, set_id = await tenant.back_up([item("one")])
    report = await export(exporter, tenant, set_id, tmp_path)
    path = tmp_path / report.files[0].path
    # As it looks where case means nothing: both names lead to the file.
    path.with_name(path.name.replace("Name", "NAME")).hardlink_to(path)
    again = await updated(exporter, tenant, set_id, tmp_path)
    assert (again.removed, again.written) == (0, 0)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


async def test_export_into_an_empty_folder_leaves_the_folder_itself(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, set_id = await tenant.back_up(items(2))
    monkeypatch.chdir(tmp_path)
    number = tmp_path.stat().st_ino
    (tmp_path / ".tenantops.partial" / "filters").mkdir(parents=True)  # of a killed call
    report = await export(exporter, tenant, set_id, Path())
    assert (tmp_path.stat().st_ino, len(report.files)) == (number, 2)
    assert (tmp_path / report.files[0].path).exists()
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]


async def test_what_the_system_refuses_is_said_of_the_folder(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, set_id = await tenant.back_up(items(1))
    report = await export(exporter, tenant, set_id, tmp_path)
    (tmp_path / report.files[0].path).unlink()
    (tmp_path / report.files[0].path).mkdir()
    with pytest.raises(ExportTargetError, match="is a directory"):
        await updated(exporter, tenant, set_id, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ExportTargetError, match="is no folder"):
        await export(exporter, tenant, set_id, tmp_path / "file")


@pytest.mark.parametrize("name", ["new", "there"])
async def test_second_export_into_a_folder_at_a_time_is_refused(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path, name: str
) -> None:
    (tmp_path / "there").mkdir()
    _, set_id = await tenant.back_up(items(1))
    first = new_folder(tmp_path / name, f"{tenant.tenancy.tenant_id}")
    with pytest.raises(ExportTargetError, match="at work"):
        await updated(exporter, tenant, set_id, tmp_path / name)
    first.abandon()
    first.close()
    assert (await updated(exporter, tenant, set_id, tmp_path / name)).files


def test_abandoned_folder_takes_nothing_more(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "export", "tenant")
    folder.put("filters/one.json", b"{}")
    folder.abandon()
    # The thread of a call that was cancelled is still at work.
    with pytest.raises(ExportTargetError):
        folder.put("filters/two.json", b"{}")
    folder.close()
    assert list(tmp_path.iterdir()) == []


async def test_links_to_other_folders_are_not_cleaned(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, first = await tenant.back_up(items(2))
    await export(exporter, tenant, first, tmp_path / "other")
    await export(exporter, tenant, first, tmp_path / "export")
    folder = RESOURCE_TYPES["filter"].export_folder
    shutil.rmtree(tmp_path / "export" / folder)
    (tmp_path / "export" / folder).symlink_to(tmp_path / "other" / folder)
    _, second = await tenant.back_up([])
    with pytest.raises(ExportTargetError, match="symbolic link"):
        await updated(exporter, tenant, second, tmp_path / "export")
    assert len(list((tmp_path / "other" / folder).iterdir())) == 2


async def test_update_leaves_an_export_of_another_version_alone(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, set_id = await tenant.back_up(items(1))
    await export(exporter, tenant, set_id, tmp_path)
    index = json.loads((tmp_path / "set.json").read_text())
    (tmp_path / "set.json").write_text(json.dumps({**index, "format_version": 2}))
    with pytest.raises(ExportTargetError, match="another version"):
        await updated(exporter, tenant, set_id, tmp_path)


async def test_update_repairs_what_a_kill_left(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, set_id = await tenant.back_up([item("one"), item("two"), item("gone")])
    report = await export(exporter, tenant, set_id, tmp_path)
    whole = files_under(tmp_path)
    _, set_id = await tenant.back_up([item("one"), item("two")])
    # Written, cut off, never written; and the index is the one before.
    (tmp_path / report.files[0].path).write_bytes(b"{")
    (tmp_path / report.files[1].path).unlink()
    (tmp_path / report.files[0].path).with_name(".0123456789abcdef.partial").write_bytes(b"x")
    (tmp_path / ".0123456789abcdef.partial").write_bytes(b"x")
    repaired = await updated(exporter, tenant, set_id, tmp_path)
    assert {file.object_id for file in repaired.files} == {"one", "two"}
    after = files_under(tmp_path)
    assert after.keys() == {*(file.path for file in repaired.files), "references.json"}
    for file in repaired.files:
        assert after[file.path][0] == whole[file.path][0]


async def test_update_of_a_repository_without_files_begins_one(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    _, set_id = await tenant.back_up([item("one")])
    report = await updated(exporter, tenant, set_id, tmp_path)
    again = await updated(exporter, tenant, set_id, tmp_path)
    assert (report.written, again.written) == (4, 0)


async def test_update_refuses_what_is_no_export_of_the_tenant(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, set_id = await tenant.back_up([item("one")])
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ExportTargetError, match="holds no export"):
        await updated(exporter, tenant, set_id, tmp_path)
    other = await add_tenant(tenant.engine)
    _, other_set = await other.back_up([item("one")])
    await export(exporter, other, other_set, tmp_path / "other")
    with pytest.raises(ExportTargetError, match="another tenant"):
        await updated(exporter, tenant, set_id, tmp_path / "other")


async def test_single_object_is_exported_and_an_unknown_one_refused(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, set_id = await tenant.back_up(items(3))
    one = [("filter", "object-00001")]
    report = await updated(exporter, tenant, set_id, tmp_path / "one", objects=one)
    assert [(file.resource_type, file.object_id) for file in report.files] == one
    with pytest.raises(BackupSetNotFoundError):
        await updated(exporter, tenant, set_id, tmp_path / "two", objects=[("filter", "none")])
    assert not (tmp_path / "two").exists()


def real_documents() -> dict[str, dict[str, dict[str, Any]]]:
    """Return real exports by resource type and a made-up id."""
    if not REAL_EXPORTS.exists():
        pytest.skip("the folder of real exports is not there")
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for entry in json.loads((REAL_EXPORTS / "index.json").read_text()):
        key = RESOURCES.get(entry["resource"])
        if key is None or not entry["valid_json"]:
            continue
        document = json.loads((REAL_EXPORTS / entry["file"]).read_text(encoding="utf-8-sig"))
        if isinstance(document, dict):
            found.setdefault(key, {})[f"{key}-{len(found.get(key, {}))}"] = document
    return found


async def test_real_exports_come_back_as_they_were(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    documents = real_documents()
    run = await tenant.backup().begin(*documents)
    for key, of_type in documents.items():
        objects = [CapturedObject(name, name, body) for name, body in of_type.items()]
        await run.step(objects, resource_type=key, rules=rules_of(RESOURCE_TYPES[key]))
        assert (await run.finish(key)).captured == len(objects)
    report = await export(exporter, tenant, await run.complete(), tmp_path / "export")
    written = [
        (entry.object_id, json.loads((tmp_path / "export" / entry.path).read_text()))
        for entry in report.files
    ]
    assert len(written) > 150
    originals = {name: body for of_type in documents.values() for name, body in of_type.items()}
    assert dict(written) == originals
