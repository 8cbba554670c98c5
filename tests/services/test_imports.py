"""Folders of exports, by this product and by others, become sets; whatever does not is named."""

import base64
import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.import_faults import FileFault, FileFaultError
from domain.import_recognition import resource_type_of
from domain.resource_types.registry import RESOURCE_TYPES
from services.imports import folder_files
from services.imports.file_values import value_in
from services.imports.folder_objects import ExportedFolder
from services.imports.imports import ImportReport, ImportSourceError, SetImporter
from services.proofs.verification import Verification
from services.sets.backup_sets import BackupSets
from services.sets.exports import SetExporter
from tests.services.capture_runs import Tenant, add_tenant, item, items
from tests.services.content_rows import new_id, signing_keys, tenant_keys, ticking_clock
from tests.services.exporting import set_exporter
from tests.services.tenancy import EDITOR, audited

FILTER = {
    "@odata.type": "#microsoft.graph.deviceAndAppManagementAssignmentFilter",
    "displayName": "Corporate",
    "platform": "iOS",
    "rule": '(device.model -eq "Ünï")',
}


@pytest_asyncio.fixture
async def tenant(engine: AsyncEngine) -> Tenant:
    return await add_tenant(engine)


@pytest.fixture
def sets(engine: AsyncEngine) -> BackupSets:
    return BackupSets(engine=engine, keys=tenant_keys(engine))


@pytest.fixture
def exporter(engine: AsyncEngine) -> SetExporter:
    return set_exporter(engine)


def write(folder: Path, files: Mapping[str, Any]) -> Path:
    """Write files: bytes as they are, anything else as JSON."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


async def imported(tenant: Tenant, folder: Path, **more: Any) -> ImportReport:
    importer = SetImporter(
        engine=tenant.engine,
        keys=tenant_keys(tenant.engine),
        clock=ticking_clock(),
        new_id=new_id,
    )
    place = (tenant.tenancy.workspace_id, tenant.tenancy.tenant_id)
    return await importer.import_folder(EDITOR, *place, folder, **more)


def faults(report: ImportReport) -> dict[str, FileFault]:
    return {entry.path: entry.fault for entry in report.broken}


async def documents(
    tenant: Tenant, sets: BackupSets, set_id: UUID | None, resource_type: str
) -> list[dict[str, Any]]:
    assert set_id is not None
    workspace_id = tenant.tenancy.workspace_id
    entries = await sets.entries(workspace_id, set_id, resource_type)
    return [
        await sets.document(workspace_id, set_id, resource_type, entry.object_id)
        for entry in entries
    ]


async def test_import_is_a_set_of_the_chain_without_run_and_completeness(
    tenant: Tenant, sets: BackupSets, tmp_path: Path
) -> None:
    _, before = await tenant.back_up(items(1))
    report = await imported(tenant, write(tmp_path, {"Filters/a.json": {"id": "a", **FILTER}}))
    assert report.backup_set_id is not None
    shown, types = await sets.show(tenant.tenancy.workspace_id, report.backup_set_id)
    assert (shown.origin, shown.operation_run_id, shown.status) == ("import", None, "partial")
    assert (shown.previous_set_id, shown.sequence, shown.object_count) == (before, 2, 1)
    assert [(t.resource_type, t.listing_complete) for t in types] == [("filter", False)]
    verification = Verification(
        engine=tenant.engine,
        keys=tenant_keys(tenant.engine),
        signing_keys=signing_keys(),
    )
    verified = await verification.verify(shown.workspace_id, shown.tenant_id)
    # The rules of the backup above are the test's own, not the registry's.
    assert [entry for entry in verified.problems if shown.sequence in entry.sequences] == []
    assert await audited(tenant.engine) == ["backup_set.import"]


async def test_import_writes_no_history_and_shows_names_of_its_documents(
    tenant: Tenant, sets: BackupSets, tmp_path: Path
) -> None:
    report = await imported(tenant, write(tmp_path, {"Filters/a.json": {"id": "a", **FILTER}}))
    assert report.backup_set_id is not None
    entries = await sets.entries(tenant.tenancy.workspace_id, report.backup_set_id, "filter")
    assert [(entry.object_id, entry.name) for entry in entries] == [("a", "Corporate")]
    assert await tenant.scalar("SELECT count(*) FROM policies") == 0
    assert await tenant.scalar("SELECT count(*) FROM policy_versions") == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
async def test_encodings_that_tools_write_are_read(
    tenant: Tenant, sets: BackupSets, tmp_path: Path, encoding: str
) -> None:
    text = json.dumps({"id": "a", **FILTER}, ensure_ascii=False)
    report = await imported(tenant, write(tmp_path, {"a.json": text.encode(encoding)}))
    found = await documents(tenant, sets, report.backup_set_id, "filter")
    assert found == [{"id": "a", **FILTER}]


async def test_broken_files_are_named_and_stop_nothing(tenant: Tenant, tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "Filters/good.json": {"id": "a", **FILTER},
            "Filters/again.json.json": {"id": "a", **FILTER},
            "broken/cut.json": b'{"id": ',
            "broken/empty.json": b"",
            "broken/list.json": [1, 2],
            "broken/encoding.json": b'{"name": "\xff\xfe\xfa"}',
            "broken/deep.json": b'{"a":' * 300 + b"1" + b"}" * 300,
            "broken/deeper.json": b"[" * 100_000,
            "broken/number.json": b'{"rule": NaN, "platform": 1}',
            "broken/infinite.json": b'{"rule": 1e999, "platform": 1}',
            "broken/surrogate.json": b'{"rule": "\\ud800", "platform": 1}',
            "broken/twice.json": b'{"rule": 1, "rule": 2, "platform": 1}',
            "broken/alike.json": b'{"rule": true, "rule": 1, "platform": 1}',
            "broken/unknown.json": {"@odata.type": "#microsoft.graph.printer"},
            "broken/bomb.yaml": b"a: &a [1, 2, 3, 4]\nb: &b [*a, *a, *a, *a]\n"
            b"c: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]\n",
            "broken/merges.yaml": b"a: &a {a: 1, b: 1, c: 1, d: 1}\nb: &b {<<: [*a, *a, *a, *a]}\n"
            b"c: &c {<<: [*b, *b, *b, *b]}\nd: {<<: [*c, *c, *c, *c]}\n",
            "broken/loop.yaml": b"a: &a [*a]",
            "broken/keys.yaml": b"1: 2",
            "broken/cut.yaml": b"a: [",
            "broken/tag.yml": b"!!python/object/apply:os.system [id]",
            "README.md": b"# no document",
            ".git/config.json": b"{",
        },
    )
    report = await imported(tenant, folder)
    assert faults(report) == {
        "Filters/good.json": FileFault.DUPLICATE_OBJECT,
        "broken/cut.json": FileFault.NOT_JSON,
        "broken/empty.json": FileFault.NOT_JSON,
        "broken/list.json": FileFault.NOT_AN_OBJECT,
        "broken/encoding.json": FileFault.UNREADABLE_ENCODING,
        "broken/deep.json": FileFault.TOO_DEEP,
        "broken/deeper.json": FileFault.TOO_DEEP,
        "broken/number.json": FileFault.NOT_JSON,
        "broken/infinite.json": FileFault.NOT_JSON,
        "broken/surrogate.json": FileFault.NOT_REPRESENTABLE,
        "broken/twice.json": FileFault.DUPLICATE_KEY,
        "broken/alike.json": FileFault.DUPLICATE_KEY,
        "broken/unknown.json": FileFault.UNKNOWN_TYPE,
        "broken/bomb.yaml": FileFault.EXPANDS,
        "broken/merges.yaml": FileFault.EXPANDS,
        "broken/loop.yaml": FileFault.EXPANDS,
        "broken/keys.yaml": FileFault.NOT_YAML,
        "broken/cut.yaml": FileFault.NOT_YAML,
        "broken/tag.yml": FileFault.NOT_YAML,
    }
    assert (report.objects, report.others) == ({"filter": 1}, ["README.md"])
    details = {entry.path: entry.detail for entry in report.broken if entry.detail}
    assert details == {
        "Filters/good.json": "Filters/again.json.json",
        "broken/unknown.json": "#microsoft.graph.printer",
    }


@pytest.mark.parametrize(
    "text", ['!!int ""', '!!float ""', "!!bool maybe", "!!timestamp now", "!!map [a]"]
)
def test_yaml_whose_tags_do_not_fit_is_a_named_fault(text: str) -> None:
    with pytest.raises(FileFaultError) as raised:
        value_in(f"rule: {text}".encode(), is_yaml=True)
    assert raised.value.fault is FileFault.NOT_YAML


async def test_links_and_what_is_no_file_are_not_followed(tenant: Tenant, tmp_path: Path) -> None:
    secret = write(tmp_path / "elsewhere", {"secret.json": {"id": "a", **FILTER}})
    folder = write(tmp_path / "folder", {"one.json": {"id": "b", **FILTER}})
    (folder / "file.json").symlink_to(secret / "secret.json")
    (folder / "folder").symlink_to(secret)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.json")
    report = await imported(tenant, folder)
    assert report.objects == {"filter": 1}
    assert faults(report) == {
        "file.json": FileFault.SYMBOLIC_LINK,
        "folder": FileFault.SYMBOLIC_LINK,
        "loop": FileFault.SYMBOLIC_LINK,
        "pipe.json": FileFault.UNREADABLE,
    }


async def test_file_above_the_limit_is_named_and_not_read(tenant: Tenant, tmp_path: Path) -> None:
    (tmp_path / "huge.json").touch()
    os.truncate(tmp_path / "huge.json", folder_files.LARGEST_FILE + 1)
    report = await imported(tenant, tmp_path)
    assert faults(report) == {"huge.json": FileFault.TOO_LARGE}
    assert report.backup_set_id is None


async def test_folder_that_is_none_is_refused(tenant: Tenant, tmp_path: Path) -> None:
    with pytest.raises(ImportSourceError):
        await imported(tenant, tmp_path / "absent")


async def test_object_without_id_gets_the_same_one_each_time(
    tenant: Tenant, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"Filters/a.json": FILTER, "Filters/b.json": FILTER})
    first, second = await imported(tenant, folder), await imported(tenant, folder)
    assert (first.objects, first.made_up_ids, first.broken) == ({"filter": 2}, 2, [])
    assert (first.equal_to, second.equal_to) == (None, first.backup_set_id)
    write(tmp_path, {"Filters/b.json": {**FILTER, "rule": "other"}})
    assert (await imported(tenant, folder)).equal_to is None


async def test_intunecd_folder_is_recognised(
    tenant: Tenant, sets: BackupSets, tmp_path: Path
) -> None:
    folder = write(
        tmp_path,
        {
            "Settings Catalog/Edge_mdm.json": {"name": "Edge", "settings": [], "assignments": []},
            "Compliance Policies/Policies/Linux.json": {"name": "Linux", "settings": []},
            "Compliance Policies/Policies/iOS_iosCompliancePolicy.json": {
                "@odata.type": "#microsoft.graph.iosCompliancePolicy",
                "displayName": "iOS",
            },
            "Compliance Policies/Message Templates/Mail.yaml": b"displayName: Mail\n",
            "Filters/Corp.yaml": b"displayName: Corp\nrule: 'yes'\nsince: 2024-01-02\n",
            "Scripts/Powershell/Clean.json": {"displayName": "Clean", "scriptContent": "eA=="},
            "Scripts/Powershell/Script Data/Clean.ps1": b"x",
            "Scripts/Shell/Clean.json": {"displayName": "Clean", "scriptContent": "eA=="},
            "Enrollment Profiles/Windows/Default.json": {"displayName": "Default"},
            "Conditional Access/MFA.json": {"displayName": "MFA", "conditions": {}},
            "Roles/Helpdesk.json": {"displayName": "Helpdesk"},
            "Entra/Domains/contoso.com.json": {"id": "contoso.com"},
        },
    )
    report = await imported(tenant, folder)
    assert report.objects == {
        "settingsCatalog": 1,
        "compliancePolicyV2": 1,
        "compliancePolicy": 1,
        "notificationTemplate": 1,
        "filter": 1,
        "powershellScript": 1,
        "shellScript": 1,
        "autopilotProfile": 1,
        "caPolicy": 1,
        "intuneRole": 1,
        **({"domain": 1} if "domain" in report.objects else {}),
    }
    (corp,) = await documents(tenant, sets, report.backup_set_id, "filter")
    assert corp == {"displayName": "Corp", "rule": "yes", "since": "2024-01-02"}


async def test_intunemanagement_folder_is_recognised(tenant: Tenant, tmp_path: Path) -> None:
    graph = "https://graph.microsoft.com/beta/$metadata#deviceManagement"
    context = f"{graph}/deviceConfigurations(assignments())/$entity"
    folder = write(
        tmp_path,
        {
            "DeviceConfiguration/Wifi_1.json": {
                "@odata.context": context,
                "@odata.type": "#microsoft.graph.windowsWifiConfiguration",
                "id": "1",
            },
            "UpdatePolicies/Ring_2.json": {
                "@odata.context": context,
                "@odata.type": "#microsoft.graph.windowsUpdateForBusinessConfiguration",
                "id": "2",
            },
            "moved/Catalog_3.json": {
                "@odata.context": f"{graph}/configurationPolicies('3')/$entity",
                "id": "3",
            },
            "EndpointSecurity/Baseline_4.json": {"id": "4", "displayName": "Baseline"},
            "MacCustomAttributes/Disk_5.json": {"id": "5", "displayName": "Disk"},
            "MigrationTable.json": {"TenantId": "x", "Objects": []},
        },
    )
    report = await imported(tenant, folder)
    assert report.objects == {
        "customAttribute": 1,
        "deviceConfiguration": 1,
        "endpointSecurityIntent": 1,
        "settingsCatalog": 1,
        "updateRings": 1,
    }
    assert faults(report) == {"MigrationTable.json": FileFault.UNKNOWN_TYPE}


async def test_assignments_that_lie_apart_join_their_object(
    tenant: Tenant, sets: BackupSets, tmp_path: Path
) -> None:
    target = {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}
    app = {"@odata.type": "#microsoft.graph.win32LobApp", "id": "7", "displayName": "Zip"}
    folder = write(
        tmp_path,
        {
            "Settings Catalog/Edge.json": {"id": "1", "name": "Edge", "settings": []},
            "Settings Catalog/Assignments/Edge.json": {"id": "x", "target": target},
            "Client Apps/win32LobApp_Zip.json": app,
            "Client Apps/Assignments/7 - Zip.json": [{"target": target}, {"target": target}],
            "Settings Catalog/Assignments/Gone.json": [{"target": target}],
            "Administrative Templates/Office.json": [
                {"definition@odata.bind": "https://graph.microsoft.com/beta/x", "enabled": True}
            ],
        },
    )
    report = await imported(tenant, folder)
    assert faults(report) == {
        "Settings Catalog/Assignments/Gone.json": FileFault.ASSIGNMENTS_WITHOUT_OBJECT
    }
    (edge,) = await documents(tenant, sets, report.backup_set_id, "settingsCatalog")
    assert edge["assignments"] == [{"id": "x", "target": target}]
    (zip_app,) = await documents(tenant, sets, report.backup_set_id, "mobileApp")
    assert len(zip_app["assignments"]) == 2
    (office,) = await documents(tenant, sets, report.backup_set_id, "adminTemplate")
    assert (office["displayName"], len(office["definitionValues"])) == ("Office", 1)


async def test_entraexporter_folder_is_recognised(tenant: Tenant, tmp_path: Path) -> None:
    role = {"id": "r", "displayName": "Reader", "rolePermissions": []}
    folder = write(
        tmp_path,
        {
            "Identity/Conditional/AccessPolicies/p/p.json": {"id": "p", "displayName": "MFA"},
            "Identity/Conditional/NamedLocations/n/n.json": {"id": "n", "displayName": "HQ"},
            "RoleManagement/Directory/RoleDefinitions/r/r.json": role,
            "Groups/g/Members/m/m.json": {"id": "m"},
        },
    )
    report = await imported(tenant, folder)
    assert report.objects == {"caPolicy": 1, "entraRole": 1, "namedLocation": 1}
    (broken,) = report.broken
    assert (broken.fault, broken.detail) == (FileFault.UNKNOWN_TYPE, "members of another object")


async def test_answer_of_graph_gives_all_its_objects(tenant: Tenant, tmp_path: Path) -> None:
    context = "https://graph.microsoft.com/beta/$metadata#deviceManagement/assignmentFilters"
    answer = {"@odata.context": context, "value": [{"id": "a"}, {"id": "b"}, "no object"]}
    report = await imported(tenant, write(tmp_path, {"answer.json": answer}))
    assert report.objects == {"filter": 2}
    assert faults(report) == {"answer.json#2": FileFault.NOT_AN_OBJECT}


async def test_own_export_comes_back_byte_for_byte(
    tenant: Tenant, sets: BackupSets, exporter: SetExporter, tmp_path: Path
) -> None:
    script = base64.b64encode(b"Get-Date").decode()
    extra: dict[str, Any] = {"number": 2**70, "half": 0.5, "text": "Ünï", "scriptContent": script}
    objects = [item(f"o-{n}", **extra) for n in range(40)]
    _, set_id = await tenant.back_up(objects)
    assert set_id is not None
    workspace_id = tenant.tenancy.workspace_id
    await exporter.export(workspace_id, set_id, tmp_path / "one")
    report = await imported(tenant, tmp_path / "one", name="Back again")
    assert (report.broken, report.altered, report.others, report.made_up_ids) == ([], [], [], 0)
    assert report.backup_set_id is not None
    await exporter.export(workspace_id, report.backup_set_id, tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def tree(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file; index and certificate are those of their set."""
    return {
        f"{path.relative_to(folder)}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in {"set.json", "certificate.json"}
    }


async def test_export_of_another_tenant_is_said_to_be_one(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    other = await add_tenant(tenant.engine)
    _, set_id = await other.back_up(items(1))
    assert set_id is not None
    await exporter.export(other.tenancy.workspace_id, set_id, tmp_path)
    assert (await imported(tenant, tmp_path)).is_foreign
    assert not (await imported(other, tmp_path)).is_foreign


async def test_altered_and_missing_files_of_an_own_export_are_named(
    tenant: Tenant, exporter: SetExporter, tmp_path: Path
) -> None:
    _, set_id = await tenant.back_up(items(3))
    assert set_id is not None
    report = await exporter.export(tenant.tenancy.workspace_id, set_id, tmp_path)
    altered, missing, _ = (file.path for file in report.files)
    write(tmp_path, {altered: {"id": "object-00000", "displayName": "By hand"}})
    (tmp_path / missing).unlink()
    again = await imported(tenant, tmp_path)
    assert (again.objects, again.altered) == ({"filter": 2}, [altered])
    assert faults(again) == {missing: FileFault.MISSING_FILE}


async def test_export_of_another_version_is_refused(tenant: Tenant, tmp_path: Path) -> None:
    write(tmp_path, {"set.json": {"format": "tenantops-export", "format_version": 2}})
    with pytest.raises(ImportSourceError, match="another version"):
        await imported(tenant, tmp_path)


async def test_index_of_an_own_export_is_believed_no_more_than_any_file(
    tenant: Tenant, tmp_path: Path
) -> None:
    entry = {"object_id": "a", "sha256": ""}
    files = {
        "../outside.json": {**entry, "resource_type": "filter"},
        "one.json": {**entry, "resource_type": "madeUp"},
        "two.json": {**entry, "resource_type": "filter", "object_id": "a\nb"},
        "three.json": {**entry, "resource_type": "filter", "object_id": 3},
    }
    index = {"format": "tenantops-export", "format_version": 1, "files": files, "kept": [1]}
    names = ("one.json", "two.json", "three.json")
    write(tmp_path, {"set.json": index, **dict.fromkeys(names, FILTER)})
    report = await imported(tenant, tmp_path)
    assert (report.objects, report.made_up_ids) == ({"filter": 1}, 1)
    assert faults(report) == {
        "../outside.json": FileFault.MISSING_FILE,
        "one.json": FileFault.UNKNOWN_TYPE,
        "two.json": FileFault.NOT_REPRESENTABLE,
    }


async def test_import_that_is_cut_short_leaves_no_set_and_the_next_one_is_whole(
    tenant: Tenant, tmp_path: Path
) -> None:
    folder = write(tmp_path, {f"Filters/{n:03}.json": {"id": f"{n}", **FILTER} for n in range(150)})

    def stop(_done: int, _total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await imported(tenant, folder, on_progress=stop)
    assert await tenant.scalar("SELECT count(*) FROM backup_sets") == 0
    assert await tenant.scalar("SELECT count(*) FROM contents") == 100
    assert (await imported(tenant, folder)).objects == {"filter": 150}
    assert await tenant.scalar("SELECT count(*) FROM contents") == 150


REAL = Path(__file__).parents[3] / "shared" / "graph" / "data"


def real_index() -> dict[str, str]:
    """Return what the collection of each real export was found to be when it was collected."""
    if not REAL.exists():
        pytest.skip("the folder of real exports is not there")
    entries = json.loads((REAL / "index.json").read_text())
    return {entry["file"].removeprefix("policies/"): entry["resource"] for entry in entries}


async def test_every_real_export_is_an_object_or_named(tenant: Tenant) -> None:
    expected = real_index()
    report = await imported(tenant, REAL / "policies")
    paths = [path for path in (REAL / "policies").rglob("*") if path.is_file()]
    assert len(paths) == len(expected) == report.file_count
    assert len(paths) == sum(report.objects.values()) + len(faults(report))
    named = {FileFault.UNKNOWN_TYPE, FileFault.DUPLICATE_KEY, FileFault.DUPLICATE_OBJECT}
    assert set(faults(report).values()) == named
    for path, fault in faults(report).items():
        is_other = expected[path].startswith(("other", "bundle"))
        assert is_other == (fault is FileFault.UNKNOWN_TYPE), path


def test_real_exports_are_recognised_as_what_they_are() -> None:
    expected = real_index()
    source = ExportedFolder(REAL / "policies")
    source.look()
    found = {
        entry.path: RESOURCE_TYPES[entry.resource_type].list_path.strip("/")
        for _, batch in source.batches()
        for entry in batch
    }
    others = {
        path: (found[path], expected[path]) for path in found if found[path] != expected[path]
    }
    linux = ("deviceManagement/compliancePolicies", "deviceManagement/configurationPolicies")
    templates = "deviceManagement/groupPolicyConfigurations"
    # The two kinds of catalog policies look alike, and here the folder tells them apart.
    assert Counter(others.values()) == {
        linux: 2,
        (templates, f"{templates}(definitionValues[])"): 1,
    }
    assert len(found) > 200


def test_types_of_the_metadata_are_recognised_by_their_names() -> None:
    real_index()
    types = json.loads((REAL / "schema" / "beta-types.json").read_text())["types"]
    bases = {
        "DeviceConfiguration": "deviceConfiguration",
        "MobileApp": "mobileApp",
        "DeviceCompliancePolicy": "compliancePolicy",
        "NamedLocation": "namedLocation",
        "WindowsAutopilotDeploymentProfile": "autopilotProfile",
        "ManagedDeviceMobileAppConfiguration": "appConfigDevice",
    }
    checked = 0
    for name, of_type in types.items():
        base = of_type["base"]
        while base in types and base not in bases:
            base = types[base]["base"]
        if base in bases and not name.endswith(("Base", "Profile")):
            checked += 1
            found = resource_type_of({"@odata.type": of_type["odata"]}, ())
            assert RESOURCE_TYPES[found].list_path == RESOURCE_TYPES[bases[base]].list_path, name
    assert checked > 130
