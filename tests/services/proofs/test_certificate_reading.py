import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.contents.root_keys import LocalRootKey
from services.proofs.certificate_reading import (
    CertificateMissingError,
    CertificateReads,
    SignedCertificate,
    UnreadableExportError,
    check_export,
    export_document,
)
from tests.services.capture_runs import FILTER, Tenant, add_tenant, items
from tests.services.content_rows import new_id, signing_keys
from tests.services.tenancy import add_tenancy


@pytest_asyncio.fixture
async def tenant(shared_engine: AsyncEngine) -> Tenant:
    return await add_tenant(shared_engine)


def reads(tenant: Tenant) -> CertificateReads:
    return CertificateReads(engine=tenant.engine, signing_keys=signing_keys())


async def signed(tenant: Tenant) -> SignedCertificate:
    _, set_id = await tenant.back_up(items(3))
    assert set_id is not None
    checked = await reads(tenant).of_set(tenant.tenancy.workspace_id, set_id)
    assert checked.faults == []
    return checked.signed


def as_file(exported: dict[str, Any], changes: dict[str, Any] | None = None) -> bytes:
    return json.dumps(exported | (changes or {})).encode()


async def test_exported_certificate_proves_itself(tenant: Tenant) -> None:
    exported = export_document(await signed(tenant))
    checked = check_export(as_file(exported), exported["public_key_fingerprint"])
    assert checked.faults == []
    assert checked.signed.certificate is not None
    assert [entry.resource_type for entry in checked.signed.certificate.types] == [FILTER]


async def test_every_altered_part_of_an_export_is_found(tenant: Tenant) -> None:
    first, second = await signed(tenant), await signed(tenant)
    exported, other = export_document(first), export_document(second)
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    stranger = export_document(
        SignedCertificate(
            text=first.text,
            certificate_hash=first.certificate_hash,
            signature=first.signature,
            signing_key_id=first.signing_key_id,
            public_key=public,
        )
    )
    altered = {
        "document": exported["document"].replace('"expected":3', '"expected":4'),
        "certificate_hash": other["certificate_hash"],
        "signature": other["signature"],
        "public_key": stranger["public_key"],
        "public_key_pem": stranger["public_key_pem"],
        "public_key_fingerprint": stranger["public_key_fingerprint"],
    }
    for name, value in altered.items():
        assert value != exported[name]
        assert check_export(as_file(exported, {name: value})).faults, name
    assert check_export(as_file(exported), "00" * 32).faults == [
        "the key is another one than expected"
    ]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff\xfe", b'{"kind": "other"}'])
def test_file_that_is_no_export_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableExportError):
        check_export(content)


async def test_export_with_values_of_other_kinds_is_refused(tenant: Tenant) -> None:
    exported = export_document(await signed(tenant))
    wrong: list[Any] = [None, 1, [], "\ud800"]
    for name in ("document", "signature", "public_key", "signing_key_id", "algorithm"):
        for value in wrong:
            with pytest.raises(UnreadableExportError):
                check_export(as_file(exported, {name: value}))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_openssl_verifies_what_was_exported(tenant: Tenant, tmp_path: Path) -> None:
    found = await signed(tenant)
    (tmp_path / "document").write_bytes(found.text.encode())
    (tmp_path / "signature").write_bytes(found.signature)
    (tmp_path / "key").write_text(export_document(found)["public_key_pem"])
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key", "-rawin",
               "-in", "document", "-sigfile", "signature"]  # fmt: skip
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
    (tmp_path / "document").write_bytes(found.text.encode() + b" ")
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode != 0


async def test_python_of_the_documents_verifies_what_was_exported(
    tenant: Tenant, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    (tmp_path / "check.py").write_text(page.split("```python\n")[1].split("```")[0])
    exported = export_document(await signed(tenant))
    (tmp_path / "good").write_bytes(as_file(exported))
    (tmp_path / "bad").write_bytes(as_file(exported, {"document": exported["document"] + " "}))

    def checked(name: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-W", "ignore", "check.py", name]
        return subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)

    assert checked("good").stdout.splitlines()[-1] == "True"
    assert "InvalidSignature" in checked("bad").stderr


async def test_certificate_is_given_out_to_its_own_workspace_only(tenant: Tenant) -> None:
    _, set_id = await tenant.back_up(items(1))
    assert set_id is not None
    stranger = await add_tenancy(tenant.engine)
    for workspace_id, wanted in (
        (stranger.workspace_id, set_id),
        (tenant.tenancy.workspace_id, new_id()),
    ):
        with pytest.raises(CertificateMissingError):
            await reads(tenant).of_set(workspace_id, wanted)


async def test_certificate_can_be_read_without_the_root_key(tenant: Tenant) -> None:
    _, set_id = await tenant.back_up(items(1))
    lost = CertificateReads(
        engine=tenant.engine, signing_keys=signing_keys(LocalRootKey(b"o" * 32))
    )
    checked = await lost.of_set(tenant.tenancy.workspace_id, UUID(str(set_id)))
    assert checked.signed.certificate is not None
    assert checked.faults == ["the root key that proves the signing key is not at hand"]


async def test_certificate_outlives_the_rows_of_its_run(tenant: Tenant) -> None:
    _, set_id = await tenant.back_up(items(2))
    async with tenant.engine.begin() as connection:
        own = {"tenant": tenant.tenancy.tenant_id}
        await connection.execute(
            text("DELETE FROM operation_run_results WHERE tenant_id = :tenant"), own
        )
        await connection.execute(text("DELETE FROM operation_runs WHERE tenant_id = :tenant"), own)
    checked = await reads(tenant).of_set(tenant.tenancy.workspace_id, UUID(str(set_id)))
    assert checked.faults == []
    assert checked.signed.certificate is not None
    assert checked.signed.certificate.types[0].captured == 2
