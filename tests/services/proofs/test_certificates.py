import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.certificates import Certificate, certificate_hash, read_certificate
from domain.outcome import PermissionState
from domain.runs import RunOutcome
from services.backups.captures import FailedObject
from services.contents.root_keys import EncryptionKeyUnavailableError, LocalRootKey
from services.proofs.signing_keys import is_signed
from storage.proofs import certificate_of_set
from tests.services.capture_runs import FILTER, Tenant, add_tenant, items
from tests.services.content_rows import count_rows, signing_keys


@pytest_asyncio.fixture
async def tenant(engine: AsyncEngine) -> Tenant:
    return await add_tenant(engine)


async def stored(tenant: Tenant, set_id: UUID | None) -> Mapping[str, Any]:
    assert set_id is not None
    async with tenant.engine.connect() as connection:
        row = await certificate_of_set(connection, tenant.tenancy.workspace_id, set_id)
    assert row is not None
    return row


async def certificate(tenant: Tenant, set_id: UUID | None) -> Certificate:
    return read_certificate((await stored(tenant, set_id))["document"])


async def test_certificate_of_a_set_names_it_and_its_run(tenant: Tenant) -> None:
    run = await tenant.backup().begin(context={"scheduled_for": "2026-03-01T02:00:00+00:00"})
    await run.step(items(3))
    await run.finish()
    set_id = await run.complete()
    found = await certificate(tenant, set_id)
    assert (found.set_id, found.operation_run_id, found.sequence) == (set_id, run.id, 1)
    assert (found.operation_type, found.outcome) == ("backup_schedule.run_now", "succeeded")
    assert found.scheduled_for is not None
    assert found.is_complete
    assert found.recomputed_set_hash == found.set_hash


async def test_certificate_counts_each_type_with_causes(tenant: Tenant) -> None:
    await tenant.back_up(items(4))
    broken = [FailedObject("object-00002", "object_failed"), *items(2), *items(1, start=8)]
    _, set_id = await tenant.back_up(broken, gone=[], unknown=["object-00003"])
    [entry] = (await certificate(tenant, set_id)).types
    assert (entry.expected, entry.captured, entry.unchanged, entry.failed) == (5, 1, 2, 2)
    assert sum(entry.failed_reasons.values()) == 2
    assert entry.skipped_reasons == {}
    assert (entry.entry_count, entry.permission_state) == (3, PermissionState.GRANTED)
    assert not entry.is_complete


async def test_listing_proof_tells_how_the_final_listing_went(tenant: Tenant) -> None:
    await tenant.back_up(items(5))
    run = await tenant.backup().begin()
    await run.step(items(2), last=False, page=1)
    await run.service.restart_listing(run.id, run.owner, FILTER, 0)
    await run.step(items(3), epoch=1, page=1, last=False)
    await run.step(items(1, start=3), epoch=1, page=2)
    await run.finish(gone=await run.missing())
    [entry] = (await certificate(tenant, await run.complete())).types
    proof = entry.listing
    assert (proof.epoch, proof.pages, proof.listed, proof.probed) == (1, 2, 4, 1)
    assert proof.started_at is not None
    assert proof.ended_at is not None
    assert proof.started_at < proof.ended_at


async def test_nothing_selected_is_absent_from_the_certificate(tenant: Tenant) -> None:
    selected = [FILTER, "scopeTag", "caPolicy", "intuneRole"]
    run = await tenant.backup().begin(FILTER, "scopeTag", "caPolicy", context={
        "policy_types": selected
    })  # fmt: skip
    await run.step(items(1))
    await run.finish()
    await run.service.close_type(
        run.id,
        run.owner,
        "caPolicy",
        reason_code="provider_permission_missing",
        missing_scopes=["Policy.Read.All"],
        permission_state=PermissionState.DENIED,
    )
    found = await certificate(tenant, await run.complete())
    by_key = {entry.resource_type: entry for entry in found.types}
    assert list(by_key) == sorted(selected)
    assert by_key["caPolicy"].missing_scopes == ("Policy.Read.All",)
    assert by_key["caPolicy"].permission_state is PermissionState.DENIED
    assert by_key["scopeTag"].reason_code == "deadline_exceeded"
    assert by_key["scopeTag"].listing.started_at is None
    assert by_key["intuneRole"].manifest_hash is None
    assert not found.is_complete
    assert found.recomputed_set_hash == found.set_hash


async def test_certificates_form_a_chain_with_one_signing_key(tenant: Tenant) -> None:
    rows = [await stored(tenant, (await tenant.back_up(items(2)))[1]) for _ in range(3)]
    before = None
    for row in rows:
        assert row["previous_certificate_hash"] == before
        before = certificate_hash(row["document"])
        assert row["certificate_hash"] == before
        assert is_signed(row["document"], row["signature"], row["public_key"])
    assert await count_rows(tenant.engine, "signing_keys") == 1


async def test_cancelled_run_is_certified_as_cancelled(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    await run.step(items(2), last=False)
    async with tenant.engine.begin() as connection:
        set_id = await run.service.complete_backup(
            run.id,
            run.owner,
            within=connection,
            open_reason="cancelled_by_operator",
            outcome=RunOutcome.CANCELLED,
        )
    found = await certificate(tenant, set_id)
    assert (found.outcome, found.is_complete) == (RunOutcome.CANCELLED, False)


async def test_set_that_is_not_committed_leaves_no_certificate(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    await run.step(items(2))
    await run.finish()
    async with tenant.engine.connect() as connection:
        await run.service.complete_backup(run.id, run.owner, within=connection)
        await connection.rollback()
    for table in ("backup_sets", "set_certificates", "signing_keys"):
        assert await count_rows(tenant.engine, table) == 0
    # The signer of the undone transaction is not used again.
    assert is_signed(**await signed(tenant, await run.complete()))


async def signed(tenant: Tenant, set_id: UUID | None) -> dict[str, Any]:
    row = await stored(tenant, set_id)
    return {
        "text": row["document"],
        "signature": row["signature"],
        "public_key": row["public_key"],
    }


async def test_concurrent_first_uses_agree_on_one_signing_key(engine: AsyncEngine) -> None:
    async def first_use() -> UUID:
        async with engine.begin() as connection:
            return (await signing_keys().signer_within(connection)).key_id

    assert len(set(await asyncio.gather(*(first_use() for _ in range(6))))) == 1


async def test_another_root_key_signs_nothing(engine: AsyncEngine) -> None:
    old, new = LocalRootKey(b"a" * 32), LocalRootKey(b"b" * 32)
    async with engine.begin() as connection:
        await signing_keys(old).signer_within(connection)
        with pytest.raises(EncryptionKeyUnavailableError):
            await signing_keys(new).signer_within(connection)


async def test_exchanged_public_half_does_not_unwrap(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await signing_keys().signer_within(connection)
        await connection.execute(text("UPDATE signing_keys SET public_key = sha256('other')"))
        with pytest.raises(EncryptionKeyUnavailableError):
            await signing_keys().signer_within(connection)
