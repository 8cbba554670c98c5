"""Whether a stored certificate is what was signed, and says what its set says.

Rows in, faults out; nothing is read here, and keys are opened by the caller.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from domain.certificates import (
    Certificate,
    UnreadableCertificateError,
    certificate_hash,
    is_canonical,
    read_certificate,
)
from services.proofs.problems import Fault, ProblemKind
from services.proofs.signing_keys import is_signed
from storage.statements import Row

# What a certificate repeats of its set's row, by the name that both have.
_REPEATED = (
    "set_hash",
    "sequence",
    "workspace_id",
    "tenant_id",
    "captured_at",
    "scheduled_for",
    "operation_run_id",
)


def text_faults(row: Row) -> Iterator[Fault]:
    """Yield what is wrong with a certificate by itself: text, hash, signature.

    Without its key the signature is left out; that the key is missing is said elsewhere.
    """
    text = row["document"]
    if certificate_hash(text) != row["certificate_hash"]:
        yield Fault(ProblemKind.CERTIFICATE_ALTERED, "the certificate is not what its hash names")
    if row["public_key"] is not None and not is_signed(
        text, bytes(row["signature"]), bytes(row["public_key"])
    ):
        yield Fault(
            ProblemKind.SIGNATURE_INVALID, "the signature of the certificate is not one of its key"
        )
    if not is_canonical(text):
        yield Fault(ProblemKind.CERTIFICATE_ALTERED, "the certificate is no canonical JSON")


def readable(row: Row) -> Certificate | Fault:
    """Return the certificate in a row, or why it cannot be read."""
    try:
        return read_certificate(row["document"])
    except UnreadableCertificateError:
        return Fault(ProblemKind.CERTIFICATE_ALTERED, "the certificate cannot be read")


def chain_faults(row: Row, certificate: Certificate, previous: str | None) -> Iterator[Fault]:
    """Yield a fault unless the certificate names the one before it; `previous` is its hash."""
    named = {row["previous_certificate_hash"], certificate.previous_certificate_hash}
    if named != {previous}:
        yield Fault(
            ProblemKind.CERTIFICATE_MISPLACED,
            "the certificate does not follow the one before it",
        )


def set_faults(
    certificate: Certificate, link: Row, manifests: Sequence[Row], object_count: int
) -> Iterator[Fault]:
    """Yield what the certificate says otherwise than the rows of its set."""
    for name in _REPEATED:
        if getattr(certificate, name) != link[name]:
            yield _contradiction(f"{name} of the set is not what was certified")
    if certificate.set_id != link["id"]:
        yield _contradiction("the certificate is that of another set")
    yield from _manifest_faults(certificate, {row["resource_type"]: row for row in manifests})
    read = [entry for entry in certificate.types if entry.manifest_hash is not None]
    status = "completed" if all(entry.is_complete for entry in read) else "partial"
    if link["status"] != status:
        yield _contradiction("status of the set is not what was certified")
    if sum(entry.entry_count for entry in read) != object_count:
        yield _contradiction("object_count of the set is not what was certified")


def _manifest_faults(
    certificate: Certificate, manifests: Mapping[str, Mapping[str, Any]]
) -> Iterator[Fault]:
    certified = {
        entry.resource_type: (entry.manifest_hash, entry.listing_complete, entry.entry_count)
        for entry in certificate.types
        if entry.manifest_hash is not None
    }
    for key in sorted(certified.keys() | manifests.keys()):
        row = manifests.get(key)
        stored = row and (row["manifest_hash"], row["listing_complete"], row["entry_count"])
        if stored != certified.get(key):
            yield _contradiction("the manifest is not the one that was certified", key)


def owner_faults(row: Row, owner: tuple[UUID, UUID]) -> Iterator[Fault]:
    """Yield a fault if the row names another owner, (workspace, tenant), than its set."""
    if (row["workspace_id"], row["tenant_id"]) != owner:
        yield Fault(
            ProblemKind.CERTIFICATE_ALTERED, "the row of the certificate names another tenant"
        )


def _contradiction(detail: str, resource_type: str | None = None) -> Fault:
    return Fault(ProblemKind.CERTIFICATE_CONTRADICTED, detail, resource_type)
