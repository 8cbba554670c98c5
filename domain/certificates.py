"""The completeness certificate of a backup set: what was selected, and what became of each type.

One canonical JSON document (RFC 8785) that carries the hash of the set and of the certificate
before it, so that it can be signed and checked without a database (decision 0005). Holds counts,
hashes, ids and reason codes; never a name or a value of the tenant. Keys and tables are not known
here.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import rfc8785

from domain.manifests import TypeManifest, set_hash
from domain.outcome import PermissionState, TypeResult
from domain.reasons import ReasonClass, normalize_reason_code, reason
from domain.runs import RunOutcome

# Stands in the signed text, so that a signature over something else is none over a certificate.
KIND: Final = "tenantops.completeness-certificate"
FORMAT_VERSION: Final = 1

_HARMLESS: Final = frozenset({ReasonClass.SKIPPED, ReasonClass.NEUTRAL})
# Of a type that was selected and that nobody began to read.
NEVER_READ: Final = "listing_incomplete"


class UnreadableCertificateError(ValueError):
    """A text that is no certificate of a format that this version knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingProof:
    """How the listing went that the counts come from.

    `epoch`: how often it was started again. `pages`: parts that it was read in. `listed`: objects
    that it held. `probed`: objects that it lacked and that were asked for by their own GET. Times
    are null for a listing that did not begin, or did not come to its end.
    """

    epoch: int = 0
    pages: int = 0
    listed: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    probed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCertificate:
    """What became of one resource type; counts are objects, `not_captured` are values.

    `skipped_reasons` and `failed_reasons` add up to `skipped` and `failed`. `reason_code` says why
    the type as a whole is not complete. `manifest_hash` is null for a type that nothing was read
    of; `entry_count` is how many objects its manifest lists.
    """

    resource_type: str
    expected: int = 0
    captured: int = 0
    unchanged: int = 0
    skipped: int = 0
    skipped_reasons: Mapping[str, int] = field(default_factory=dict)
    failed: int = 0
    failed_reasons: Mapping[str, int] = field(default_factory=dict)
    not_captured: int = 0
    permission_state: PermissionState = PermissionState.UNKNOWN
    missing_scopes: tuple[str, ...] = ()
    listing_complete: bool = False
    reason_code: str | None = None
    listing: ListingProof = field(default_factory=ListingProof)
    manifest_hash: str | None = None
    entry_count: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether the listing came to its end and no object of it failed."""
        return self.listing_complete and not self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What is certified of one set; `types` are sorted and hold everything that was selected.

    `previous_set_hash` and `previous_certificate_hash` are null for the first of a tenant.
    """

    set_id: UUID
    set_hash: str
    previous_set_hash: str | None
    sequence: int
    workspace_id: UUID
    tenant_id: UUID
    captured_at: datetime
    scheduled_for: datetime | None
    operation_run_id: UUID
    operation_type: str
    outcome: RunOutcome
    previous_certificate_hash: str | None
    types: tuple[TypeCertificate, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every selected type was listed to its end and no object failed."""
        return all(entry.is_complete for entry in self.types)

    @property
    def recomputed_set_hash(self) -> str:
        """The hash of the set as it follows from what the certificate says of its manifests."""
        manifests = [
            TypeManifest(entry.resource_type, entry.manifest_hash, entry.listing_complete)
            for entry in self.types
            if entry.manifest_hash is not None
        ]
        return set_hash(self.previous_set_hash, self.tenant_id, self.captured_at, manifests)


def type_certificate(
    result: TypeResult,
    *,
    listing: ListingProof,
    missing_scopes: Iterable[str] = (),
    manifest_hash: str | None,
) -> TypeCertificate:
    """Make a type's part from its result; causes are split by whether they are harmless."""
    is_read = manifest_hash is not None
    return TypeCertificate(
        resource_type=result.resource_type,
        expected=result.expected,
        captured=result.captured,
        unchanged=result.unchanged,
        skipped=result.skipped,
        skipped_reasons=_skips(result),
        failed=result.failed,
        failed_reasons=dict(result.problems),
        not_captured=result.not_captured,
        permission_state=result.permission_state,
        missing_scopes=tuple(sorted(missing_scopes)),
        listing_complete=result.listing_complete,
        reason_code=None
        if result.reason_code is None
        else normalize_reason_code(result.reason_code),
        listing=listing,
        manifest_hash=manifest_hash,
        entry_count=result.captured + result.unchanged if is_read else 0,
    )


def with_selected(
    types: Iterable[TypeCertificate], selected: Iterable[str]
) -> tuple[TypeCertificate, ...]:
    """Return the types in order; one that was selected and has no result is there as unread."""
    by_key = {entry.resource_type: entry for entry in types}
    for key in selected:
        by_key.setdefault(key, TypeCertificate(resource_type=key, reason_code=NEVER_READ))
    return tuple(by_key[key] for key in sorted(by_key))


def certificate_text(certificate: Certificate) -> str:
    """Return the canonical text, which is what is hashed and signed."""
    return rfc8785.dumps(_document(certificate)).decode()


def certificate_hash(text: str) -> str:
    """Return the hash by which the next certificate names this one: SHA-256 of the text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_canonical(text: str) -> bool:
    """Whether a text is JSON in its canonical form."""
    try:
        return rfc8785.dumps(json.loads(text)) == text.encode()
    except (ValueError, RecursionError):
        return False


def read_certificate(text: str) -> Certificate:
    """Return the certificate that a text holds; raises UnreadableCertificateError."""
    try:
        document = json.loads(text)
        is_known = (document["kind"], document["format_version"]) == (KIND, FORMAT_VERSION)
        certificate = _certificate(document) if is_known else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UnreadableCertificateError("the text is no completeness certificate") from None
    if certificate is None:
        raise UnreadableCertificateError("the certificate has a format that is not known here")
    if document["is_complete"] is not certificate.is_complete:
        raise UnreadableCertificateError("the verdict contradicts the types")
    return certificate


def _skips(result: TypeResult) -> dict[str, int]:
    """Return the causes of the skipped objects; `object_failed` where none is named.

    A harmless code may also stand for objects that failed with it (decision 0003), so there can be
    more of it than was skipped.
    """
    named: dict[str, int] = {}
    left = result.skipped
    for raw, count in sorted(result.reason_counts.items()):
        code = normalize_reason_code(raw)
        if reason(code).reason_class in _HARMLESS and (taken := min(count, left)) > 0:
            named[code] = named.get(code, 0) + taken
            left -= taken
    return named | ({"object_failed": left} if left else {})


def _document(certificate: Certificate) -> dict[str, Any]:
    return {
        "kind": KIND,
        "format_version": FORMAT_VERSION,
        "set_id": str(certificate.set_id),
        "set_hash": certificate.set_hash,
        "previous_set_hash": certificate.previous_set_hash,
        "sequence": certificate.sequence,
        "workspace_id": str(certificate.workspace_id),
        "tenant_id": str(certificate.tenant_id),
        "captured_at": _moment(certificate.captured_at),
        "scheduled_for": _moment(certificate.scheduled_for),
        "operation_run_id": str(certificate.operation_run_id),
        "operation_type": certificate.operation_type,
        "outcome": certificate.outcome.value,
        "previous_certificate_hash": certificate.previous_certificate_hash,
        "is_complete": certificate.is_complete,
        "types": [_type_document(entry) for entry in certificate.types],
    }


def _type_document(entry: TypeCertificate) -> dict[str, Any]:
    return {
        "resource_type": entry.resource_type,
        "expected": entry.expected,
        "captured": entry.captured,
        "unchanged": entry.unchanged,
        "skipped": entry.skipped,
        "skipped_reasons": dict(entry.skipped_reasons),
        "failed": entry.failed,
        "failed_reasons": dict(entry.failed_reasons),
        "not_captured": entry.not_captured,
        "permission_state": entry.permission_state.value,
        "missing_scopes": list(entry.missing_scopes),
        "listing_complete": entry.listing_complete,
        "reason_code": entry.reason_code,
        "listing": {
            "epoch": entry.listing.epoch,
            "pages": entry.listing.pages,
            "listed": entry.listing.listed,
            "started_at": _moment(entry.listing.started_at),
            "ended_at": _moment(entry.listing.ended_at),
            "probed": entry.listing.probed,
        },
        "manifest_hash": entry.manifest_hash,
        "entry_count": entry.entry_count,
    }


def _certificate(document: Mapping[str, Any]) -> Certificate:
    return Certificate(
        set_id=UUID(document["set_id"]),
        set_hash=document["set_hash"],
        previous_set_hash=document["previous_set_hash"],
        sequence=document["sequence"],
        workspace_id=UUID(document["workspace_id"]),
        tenant_id=UUID(document["tenant_id"]),
        captured_at=datetime.fromisoformat(document["captured_at"]),
        scheduled_for=_read_moment(document["scheduled_for"]),
        operation_run_id=UUID(document["operation_run_id"]),
        operation_type=document["operation_type"],
        outcome=RunOutcome(document["outcome"]),
        previous_certificate_hash=document["previous_certificate_hash"],
        types=tuple(_type_of(entry) for entry in document["types"]),
    )


def _type_of(document: Mapping[str, Any]) -> TypeCertificate:
    listing = dict(document["listing"])
    for name in ("started_at", "ended_at"):
        listing[name] = _read_moment(listing[name])
    values = dict(document) | {
        "permission_state": PermissionState(document["permission_state"]),
        "missing_scopes": tuple(document["missing_scopes"]),
        "listing": ListingProof(**listing),
    }
    return TypeCertificate(**values)


def _moment(value: datetime | None) -> str | None:
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _read_moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
