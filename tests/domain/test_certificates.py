import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from domain.certificates import (
    Certificate,
    ListingProof,
    TypeCertificate,
    UnreadableCertificateError,
    certificate_text,
    is_canonical,
    read_certificate,
    type_certificate,
    with_selected,
)
from domain.manifests import TypeManifest, set_hash
from domain.outcome import TypeResult
from domain.runs import RunOutcome

AT = datetime(2026, 3, 1, 2, 0, 0, 5, tzinfo=UTC)
TENANT = UUID(int=3)


def made(*types: TypeCertificate, **changes: Any) -> Certificate:
    values: dict[str, Any] = {
        "set_id": UUID(int=1),
        "set_hash": "aa",
        "previous_set_hash": None,
        "sequence": 1,
        "workspace_id": UUID(int=2),
        "tenant_id": TENANT,
        "captured_at": AT,
        "scheduled_for": None,
        "operation_run_id": UUID(int=4),
        "operation_type": "backup_schedule.run_now",
        "outcome": RunOutcome.SUCCEEDED,
        "previous_certificate_hash": None,
        "types": types,
    }
    return Certificate(**values | changes)


def complete(key: str, **changes: Any) -> TypeCertificate:
    values: dict[str, Any] = {"resource_type": key, "listing_complete": True, "manifest_hash": "m"}
    return TypeCertificate(**values | changes)


def test_certificate_comes_back_from_its_text() -> None:
    proof = ListingProof(epoch=2, pages=3, listed=9, started_at=AT, ended_at=AT, probed=1)
    whole = complete("filter", expected=9, captured=9, listing=proof, missing_scopes=("a",))
    original = made(whole, TypeCertificate(resource_type="scopeTag"), scheduled_for=AT)
    text = certificate_text(original)
    assert read_certificate(text) == original
    assert is_canonical(text)


def test_certificate_text_does_not_depend_on_the_time_zone() -> None:
    moved = AT.astimezone(timezone(timedelta(hours=5)))
    assert certificate_text(made(captured_at=moved)) == certificate_text(made())


@pytest.mark.parametrize(
    ("entry", "verdict"),
    [
        (complete("filter"), True),
        (complete("filter", failed=1), False),
        (complete("filter", skipped=1), True),
        (TypeCertificate(resource_type="filter"), False),
    ],
)
def test_set_is_complete_only_if_every_type_is(entry: TypeCertificate, verdict: bool) -> None:
    assert made(complete("caPolicy"), entry).is_complete is verdict


def test_set_hash_follows_from_the_certificate() -> None:
    types = (complete("filter"), complete("caPolicy", listing_complete=False))
    unread = TypeCertificate(resource_type="scopeTag")
    manifests = [TypeManifest("caPolicy", "m", False), TypeManifest("filter", "m", True)]
    expected = set_hash("before", TENANT, AT, manifests)
    assert made(*types, unread, previous_set_hash="before").recomputed_set_hash == expected


def test_causes_add_up_to_what_was_skipped_and_what_failed() -> None:
    result = TypeResult(
        resource_type="filter",
        expected=9,
        skipped=3,
        failed=4,
        reason_counts={"provider_object_not_found": 2, "provider_throttled": 3},
    )
    entry = type_certificate(result, listing=ListingProof(), manifest_hash=None)
    assert entry.skipped_reasons == {"provider_object_not_found": 2, "object_failed": 1}
    assert entry.failed_reasons == {"provider_throttled": 3, "object_failed": 1}


def test_harmless_code_of_failed_objects_is_no_skip() -> None:
    result = TypeResult(
        resource_type="filter", failed=2, reason_counts={"provider_endpoint_unavailable": 2}
    )
    entry = type_certificate(result, listing=ListingProof(), manifest_hash=None)
    assert entry.skipped_reasons == {}
    assert entry.failed_reasons == {"object_failed": 2}


def test_selected_type_without_a_result_is_there_as_unread() -> None:
    types = with_selected([complete("scopeTag")], ["scopeTag", "filter"])
    assert [entry.resource_type for entry in types] == ["filter", "scopeTag"]
    assert (types[0].reason_code, types[0].is_complete) == ("listing_incomplete", False)


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 2},
        {"kind": "something else"},
        {"set_id": "no id"},
        {"types": [{"resource_type": "filter"}]},
        {"is_complete": False},
        {"outcome": "great"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_certificate_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    document = json.loads(certificate_text(made(complete("filter")))) | change
    with pytest.raises(UnreadableCertificateError):
        read_certificate(json.dumps(document))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000])
def test_text_that_is_no_certificate_is_refused(text: str) -> None:
    assert not is_canonical(text + " ")
    with pytest.raises(UnreadableCertificateError):
        read_certificate(text)
