import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from domain.canonical_rules import rules_of
from domain.resource_types.registry import resource_type
from services.backups.captures import FailedObject
from storage.engine import create_engine
from tests.commands.terminal import Terminal
from tests.services.capture_runs import FILTER, Tenant, add_tenant, items


@pytest_asyncio.fixture(loop_scope="session")
async def tenant(terminal: Terminal) -> AsyncIterator[Tenant]:
    """A tenant in the terminal's database, with two sets."""
    terminal.variables["TENANTOPS_ROOT_KEY"] = base64.b64encode(b"r" * 32).decode()
    engine = create_engine(terminal.variables["DATABASE_URL"])
    tenant = await add_tenant(engine)
    for objects in (items(3), [*items(2), FailedObject("object-00002", "object_failed")]):
        run = await tenant.backup().begin()
        await run.step(objects, rules=rules_of(resource_type(FILTER)))
        await run.finish()
        await run.complete()
    yield tenant
    await engine.dispose()


async def test_certificate_is_shown_with_its_verdict(terminal: Terminal, tenant: Tenant) -> None:
    shown = await terminal.json("backup", "certificate", "latest")
    assert (shown["is_complete"], shown["faults"]) == (False, [])
    assert shown["certificate"]["types"][0]["failed_reasons"] == {"object_failed": 1}
    text = (await terminal("backup", "certificate")).stdout
    assert "not complete: 1 type" in text
    assert "valid" in text


async def test_exported_certificate_is_checked_without_a_database(
    terminal: Terminal, tenant: Tenant, tmp_path: Path
) -> None:
    file = tmp_path / "certificate.json"
    written = await terminal.json("backup", "certificate", "latest", "--output", str(file))
    nowhere = Terminal({})
    known = ("--fingerprint", written["public_key_fingerprint"])
    checked = await nowhere.json("backup", "certificate", "--check", str(file), *known)
    assert (checked["faults"], checked["certificate"]["sequence"]) == ([], 2)
    assert "valid" in (await nowhere("backup", "certificate", "--check", str(file))).stdout
    other = ("--fingerprint", "00")
    await nowhere("backup", "certificate", "--check", str(file), *other, code=1)
    content = json.loads(file.read_text())
    content["document"] = content["document"].replace('"failed":1', '"failed":0')
    forged = tmp_path / "forged.json"
    forged.write_text(json.dumps(content))
    checked = await nowhere.json("backup", "certificate", "--check", str(forged), code=1)
    assert len(checked["faults"]) >= 2


async def test_export_never_replaces_a_file(
    terminal: Terminal, tenant: Tenant, tmp_path: Path
) -> None:
    file = tmp_path / "kept.json"
    file.write_text("kept")
    refused = await terminal.json("backup", "certificate", "-o", str(file), code=2)
    assert refused["error"]["field"] == "--output"
    assert file.read_text() == "kept"


@pytest.mark.parametrize("content", [None, b"{}", b"\xff"])
async def test_file_that_is_no_certificate_is_wrong_input(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "file.json"
    if content is not None:
        file.write_bytes(content)
    refused = await Terminal({}).json("backup", "certificate", "--check", str(file), code=2)
    assert refused["error"]["field"] == "--check"


async def test_set_without_a_certificate_is_said(terminal: Terminal, tenant: Tenant) -> None:
    async with tenant.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM set_certificates")
    refused = await terminal.json("backup", "certificate", "latest", code=2)
    assert "has no certificate" in refused["error"]["message"]


async def test_verify_of_a_sound_tenant_succeeds(terminal: Terminal, tenant: Tenant) -> None:
    found = await terminal.json("backup", "verify")
    assert (found["problems"], found["set_count"]) == ([], 2)
    assert found["tenants"][0]["documents"]["hashed"] == 3
    assert (await terminal.json("backup", "verify", "latest"))["set_count"] == 1
    assert (await terminal.json("backup", "verify", "all"))["set_count"] == 2
    assert "Contoso" in (await terminal("backup", "verify", "--tenant", "Contoso")).stdout
    await terminal("backup", "verify", "all", "--tenant", "Contoso", code=2)


async def test_verify_names_what_was_altered_and_fails(terminal: Terminal, tenant: Tenant) -> None:
    async with tenant.engine.begin() as connection:
        await connection.exec_driver_sql(
            "UPDATE contents SET body = sha256(body) WHERE version_hash = "
            "(SELECT current_version_hash FROM policies WHERE external_id = 'object-00002')"
        )
    [problem] = (await terminal.json("backup", "verify", code=1))["problems"]
    assert (problem["kind"], problem["sequences"]) == ("content_altered", [1])
    assert (problem["resource_type"], problem["object_id"]) == (FILTER, "object-00002")
    assert "object-00002" in (await terminal("backup", "verify", code=1)).stdout


async def test_completeness_tells_age_and_what_never_was_complete(
    terminal: Terminal, tenant: Tenant
) -> None:
    found = await terminal.json("backup", "completeness")
    [entry] = found["complete"]
    assert (entry["resource_type"], entry["sequence"], entry["failed"]) == (FILTER, 2, 1)
    assert entry["age"] > 0
    assert "caPolicy" in found["never_read"]
    assert "never read" in (await terminal("backup", "completeness")).stdout
