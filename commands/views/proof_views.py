"""How certificates, verifications and last complete versions look."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from commands.views.screen import counted, details, duration, moment, short_id, styled, table
from domain.reasons import reason

if TYPE_CHECKING:
    from domain.certificates import Certificate, ListingProof, TypeCertificate
    from services.proofs.certificate_reading import CheckedCertificate
    from services.proofs.problems import Problem
    from services.proofs.verification import VerificationReport
    from services.sets.last_complete import LastComplete


def certificate_document(checked: "CheckedCertificate") -> dict[str, Any]:
    """Return a certificate with what the check of it found."""
    signed = checked.signed
    return {
        "certificate": signed.certificate,
        "is_complete": None if signed.certificate is None else signed.certificate.is_complete,
        "certificate_hash": signed.certificate_hash,
        "signing_key_id": signed.signing_key_id,
        "public_key_fingerprint": signed.fingerprint,
        "faults": list(checked.faults),
    }


def certificate_parts(checked: "CheckedCertificate") -> list[RenderableType]:
    """Return what a person reads of a certificate."""
    certificate, signed = checked.signed.certificate, checked.signed
    state = styled("valid", "green") if not checked.faults else styled("not valid", "red")
    proof = (
        ("Signature", state),
        ("Certificate hash", signed.certificate_hash),
        ("Key", signed.signing_key_id),
        ("Key fingerprint", signed.fingerprint),
    )
    faults = [styled(f"  {fault}", "red") for fault in checked.faults]
    if certificate is None:
        return [details(proof), *faults]
    header = (
        ("Set", certificate.set_id),
        ("Number", certificate.sequence),
        ("Tenant", certificate.tenant_id),
        ("Captured", certificate.captured_at),
        ("Slot", certificate.scheduled_for),
        ("Run", certificate.operation_run_id),
        ("Outcome", certificate.outcome.value),
        ("Verdict", _verdict(certificate)),
        ("Set hash", certificate.set_hash),
        ("Certificate before", certificate.previous_certificate_hash),
        *proof,
    )
    return [details(header), *faults, _types_table(certificate)]


def verification_document(
    reports: "Sequence[tuple[str, VerificationReport]]",
) -> dict[str, Any]:
    """Return what was verified of each tenant, and every problem in one list."""
    return {
        "tenants": [
            {
                "tenant_id": report.tenant_id,
                "tenant": name,
                "set_count": report.set_count,
                "certificate_count": report.certificate_count,
                "uncertified_count": report.uncertified_count,
                "chunk_count": report.chunk_count,
                "documents": report.documents,
                "problems": [_problem(problem) for problem in report.problems],
            }
            for name, report in reports
        ],
        "set_count": sum(report.set_count for _, report in reports),
        "problems": [
            {"tenant_id": report.tenant_id, **_problem(problem)}
            for _, report in reports
            for problem in report.problems
        ],
    }


def verification_parts(
    reports: "Sequence[tuple[str, VerificationReport]]",
) -> list[RenderableType]:
    """Return what a person reads of a verification: the problems, then a line for each tenant."""
    found = [
        (
            name,
            ", ".join(map(str, problem.sequences)) or "none",
            problem.fault.resource_type,
            problem.fault.object_id,
            problem.fault.detail,
        )
        for name, report in reports
        for problem in report.problems
    ]
    rows = [
        (
            name,
            report.set_count,
            report.certificate_count,
            report.documents.hashed,
            report.documents.opened or None,
            report.documents.older_rules or None,
            report.documents.sealed or None,
            len(report.problems),
        )
        for name, report in reports
    ]
    columns = (
        "Tenant",
        "#Sets",
        "#Certificates",
        "#Documents hashed",
        "#Opened only",
        "#Under older rules",
        "#Not opened",
        "#Problems",
    )
    problems = table(("Tenant", "Sets", "Resource type", "Object", "Problem"), found)
    return [*([problems] if found else []), table(columns, rows)]


def last_complete_document(found: "LastComplete", now: datetime) -> dict[str, Any]:
    """Return when each type was last complete, with its age in seconds."""
    return {
        "complete": [
            {
                "resource_type": entry.resource_type,
                "backup_set_id": entry.backup_set_id,
                "sequence": entry.sequence,
                "captured_at": entry.captured_at,
                "age": now - entry.captured_at,
                "object_count": entry.object_count,
                "failed": entry.failed,
            }
            for entry in found.complete
        ],
        "never_complete": found.incomplete,
        "never_read": found.unread,
    }


def last_complete_parts(found: "LastComplete", now: datetime) -> list[RenderableType]:
    """Return a line for each type; those without a complete version come first."""
    rows: list[tuple[object, ...]] = [
        *((key, styled("never complete", "red")) + (None,) * 4 for key in found.incomplete),
        *((key, styled("never read", "yellow")) + (None,) * 4 for key in found.unread),
        *(
            (
                entry.resource_type,
                entry.captured_at,
                duration(now - entry.captured_at),
                short_id(entry.backup_set_id),
                entry.object_count,
                entry.failed or None,
            )
            for entry in found.complete
        ),
    ]
    columns = ("Resource type", "Last complete", "Age", "Set", "#Objects", "#Failed")
    return [table(columns, rows)]


def _verdict(certificate: "Certificate") -> Text:
    open_types = [entry for entry in certificate.types if not entry.is_complete]
    if not open_types:
        return styled("complete", "green")
    return styled(f"not complete: {counted(len(open_types), 'type')}", "yellow")


def _types_table(certificate: "Certificate") -> RenderableType:
    rows = [
        (
            entry.resource_type,
            "complete" if entry.is_complete else "partial",
            entry.expected,
            entry.captured,
            entry.unchanged,
            _causes(entry.skipped, entry.skipped_reasons),
            _causes(entry.failed, entry.failed_reasons),
            entry.not_captured or None,
            _permission(entry),
            _listing(entry.listing),
            None if entry.reason_code is None else reason(entry.reason_code).label,
        )
        for entry in certificate.types
    ]
    columns = (
        "Resource type",
        "State",
        "#Expected",
        "#Captured",
        "#Unchanged",
        "Skipped",
        "Failed",
        "#Not captured",
        "Permission",
        "Listing",
        "Reason",
    )
    return table(columns, rows)


def _causes(count: int, causes: Mapping[str, int]) -> str | None:
    if not count:
        return None
    named = ", ".join(f"{number} {reason(code).label}" for code, number in sorted(causes.items()))
    return f"{count}: {named}"


def _permission(entry: "TypeCertificate") -> str:
    missing = f", lacks {', '.join(entry.missing_scopes)}" if entry.missing_scopes else ""
    return f"{entry.permission_state.value}{missing}"


def _listing(proof: "ListingProof") -> str | None:
    if proof.started_at is None:
        return None
    until = "not ended" if proof.ended_at is None else f"to {proof.ended_at:%H:%M:%S}Z"
    parts = [
        f"{counted(proof.listed, 'object')} in {counted(proof.pages, 'page')}",
        f"{moment(proof.started_at)} {until}",
        f"started again {proof.epoch} times" if proof.epoch else "",
        f"{proof.probed} asked for" if proof.probed else "",
    ]
    return ", ".join(filter(None, parts))


def _problem(problem: "Problem") -> dict[str, Any]:
    return {
        "kind": problem.fault.kind.value,
        "sequences": problem.sequences,
        "resource_type": problem.fault.resource_type,
        "object_id": problem.fault.object_id,
        "detail": problem.fault.detail,
    }
