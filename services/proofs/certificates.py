"""The writing of a set's certificate, in the transaction that writes the set (decision 0005).

So a run, its set and its certificate appear together, and results outlive pruned run rows. What a
certificate says is in `domain.certificates`; who signs, in `services.proofs.signing_keys`.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.certificates import (
    Certificate,
    ListingProof,
    TypeCertificate,
    certificate_hash,
    certificate_text,
    type_certificate,
    with_selected,
)
from domain.outcome import compute_outcome
from domain.runs import RunOutcome
from services.backups.capture_records import type_result
from services.proofs.signing_keys import SigningKeys
from storage import proofs as rows
from storage.proofs import NewCertificate
from storage.sets import NewSet
from storage.statements import Row


class SetCertificates:
    """Certifies sets as they are written."""

    def __init__(self, *, signing_keys: SigningKeys) -> None:
        self._signing_keys = signing_keys

    async def write(
        self,
        connection: AsyncConnection,
        new: NewSet,
        run: Row,
        results: Sequence[Row],
        *,
        previous_set_hash: str | None,
        outcome: RunOutcome | None,
    ) -> str:
        """Write and sign the certificate of a new set; return its hash.

        `results` are those of all types of the run; `outcome` None is the one that follows from
        them. The tenant's chain of sets is locked by the caller. Raises
        EncryptionKeyUnavailableError.
        """
        previous = await rows.last_certificate_hash(connection, new.tenant_id, new.sequence)
        certificate = Certificate(
            set_id=UUID(str(new.id)),
            set_hash=new.set_hash,
            previous_set_hash=previous_set_hash,
            sequence=new.sequence,
            workspace_id=new.workspace_id,
            tenant_id=new.tenant_id,
            captured_at=new.captured_at,
            scheduled_for=new.scheduled_for,
            operation_run_id=new.operation_run_id,
            operation_type=run["type"],
            outcome=outcome or compute_outcome([type_result(row) for row in results]),
            previous_certificate_hash=previous,
            types=with_selected([_type_of(row) for row in results], _selected(run)),
        )
        return await self._sign(connection, new, certificate)

    async def _sign(
        self, connection: AsyncConnection, new: NewSet, certificate: Certificate
    ) -> str:
        text = certificate_text(certificate)
        signer = await self._signing_keys.signer_within(connection)
        stored = NewCertificate(
            backup_set_id=new.id,
            workspace_id=new.workspace_id,
            tenant_id=new.tenant_id,
            document=text,
            certificate_hash=certificate_hash(text),
            previous_certificate_hash=certificate.previous_certificate_hash,
            signing_key_id=signer.key_id,
            signature=signer.sign(text),
            created_at=new.captured_at,
        )
        await rows.insert_certificate(connection, stored)
        return stored.certificate_hash


def _type_of(row: Row) -> TypeCertificate:
    started = row["listing_started_at"]
    listing = ListingProof(
        epoch=row["epoch"],
        # The reader counts from 1 and stores the part that would come next.
        pages=0 if started is None else max(row["page"] - 1, 1),
        listed=row["listed"],
        started_at=started,
        ended_at=row["listing_ended_at"],
        probed=row["probed"],
    )
    return type_certificate(
        type_result(row),
        listing=listing,
        missing_scopes=row["missing_scopes"] or (),
        manifest_hash=row["manifest_hash"],
    )


def _selected(run: Row) -> list[str]:
    """Return the types that the run's request named; without a list its results are all."""
    selection = run["context"].get("policy_types")
    return [str(key) for key in selection] if isinstance(selection, list) else []
