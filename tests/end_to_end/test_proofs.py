"""Proofs of real backups: the certificate says what was read, and everything can be recomputed."""

import asyncio

import pytest

from domain.certificates import Certificate
from services.proofs.verification import VerificationReport
from storage.runs import RunRecord
from tests.end_to_end.product import Product
from tests.end_to_end.stored import objects_of, results_of, set_of
from tests.end_to_end.truth import PLACES

# Each begins with a backup of all types.
pytestmark = pytest.mark.long


async def certificate_of(product: Product, run: RunRecord) -> Certificate:
    checked = await product.services.certificates.of_set(product.workspace_id, set_of(run))
    assert checked.faults == []
    assert checked.signed.certificate is not None
    return checked.signed.certificate


async def verified(product: Product) -> VerificationReport:
    return await product.services.verification.verify(product.workspace_id, product.tenant.id)


async def test_certificate_says_what_the_run_recorded_of_every_type(
    shared_product: Product,
) -> None:
    run = await shared_product.backup()
    found = await certificate_of(shared_product, run)
    results = await results_of(shared_product, run)
    assert (found.operation_run_id, found.outcome) == (run.id, run.outcome)
    assert {entry.resource_type for entry in found.types} == results.keys() >= PLACES.keys()
    assert found.is_complete
    for entry in found.types:
        row = results[entry.resource_type]
        assert (entry.captured, entry.unchanged) == (row["captured"], row["unchanged"])
        assert entry.listing.listed == entry.expected == entry.entry_count
        assert entry.listing.started_at is not None
        assert entry.listing.ended_at is not None
        assert entry.listing.started_at <= entry.listing.ended_at <= found.captured_at
        assert entry.listing.pages >= 1


async def test_every_document_of_every_type_hashes_again_to_its_version(
    shared_product: Product,
) -> None:
    run = await shared_product.backup()
    report = await verified(shared_product)
    assert report.problems == ()
    objects = sum(len(ids) for ids in (await objects_of(shared_product, run)).values())
    assert report.documents.hashed >= objects > 150
    assert report.documents.older_rules == 0


async def test_verification_of_a_tenant_that_is_backed_up_meanwhile_finds_nothing(
    shared_product: Product,
) -> None:
    run = asyncio.create_task(shared_product.backup())
    reports = []
    while not run.done():
        reports.append(await verified(shared_product))
    assert (await run).outcome == "succeeded"
    assert all(report.problems == () for report in reports)


async def test_refused_type_is_certified_with_its_state_of_permission(
    shared_product: Product,
) -> None:
    control = shared_product.graph.control
    path = "/deviceManagement/assignmentFilters"
    control.add_fault(kind="status", path=path, status=403, code="Forbidden")
    run = await shared_product.backup("filter", "scopeTag")
    control.clear_faults()
    found = await certificate_of(shared_product, run)
    by_key = {entry.resource_type: entry for entry in found.types}
    assert (found.is_complete, found.outcome) == (False, run.outcome)
    assert by_key["filter"].permission_state == "denied"
    assert by_key["filter"].listing.started_at is None
    assert by_key["scopeTag"].is_complete
