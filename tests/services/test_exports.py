import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.canonical_rules import rules_of
from domain.resource_types.registry import RESOURCE_TYPES
from services.backups.captures import CapturedObject
from services.contents.contents import ContentReader
from services.sets.backup_sets import BackupSets
from services.sets.exports import ExportReport, ExportTargetError, SetExporter
from tests.services.capture_runs import Tenant, add_tenant, item, items
from tests.services.content_rows import tenant_keys

REAL_EXPORTS = Path(__file__).parents[3] / "shared" / "graph" / "data"
RESOURCES = {
    f"{entry.list_path}".lstrip("/"): entry.key for entry in reversed(list(RESOURCE_TYPES.values()))
}


@pytest_asyncio.fixture
async def tenant(engine: AsyncEngine) -> Tenant:
    return await add_tenant(engine)


@pytest.fixture
def exporter(engine: AsyncEngine) -> SetExporter:
    keys = tenant_keys(engine)
    return SetExporter(
        sets=BackupSets(engine=engine, keys=keys), reader=ContentReader(engine=engine, keys=keys)
    )


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
    _, set_id = await tenant.back_up(items(3))
    async with tenant.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE contents SET body = body || '\\x00'")
    with pytest.raises(Exception, match="does not open"):
        await export(exporter, tenant, set_id, tmp_path / "export")
    assert list(tmp_path.iterdir()) == []


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
