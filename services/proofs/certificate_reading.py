"""Certificates as people read them, and as a file that an auditor checks without a database.

The file holds the signed text as it was signed, the signature and the public key. It proves what
the holder of that key said, and nothing about whose key it is: the fingerprint has to be known from
elsewhere (docs/operations.md).
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.certificates import (
    Certificate,
    UnreadableCertificateError,
    certificate_hash,
    is_canonical,
    read_certificate,
)
from services.contents.root_keys import EncryptionKeyUnavailableError, StoredKeyAlteredError
from services.proofs.signing_keys import (
    ALGORITHM,
    SigningKeys,
    fingerprint,
    is_signed,
    public_key_pem,
)
from storage.proofs import SigningKeyRow, certificate_of_set

EXPORT_KIND: Final = "tenantops.certificate-export"
EXPORT_VERSION: Final = 1


class CertificateMissingError(LookupError):
    """The set has no certificate: it is older than certificates, or was imported."""

    reason_code = "not_found"


class UnreadableExportError(ValueError):
    """A file that is no exported certificate."""


@dataclass(frozen=True, kw_only=True)
class SignedCertificate:
    """A certificate with all that proves it; `text` is what was signed, byte for byte."""

    text: str
    certificate_hash: str
    signature: bytes
    signing_key_id: UUID
    public_key: bytes

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, in hex."""
        return fingerprint(self.public_key)

    @property
    def certificate(self) -> Certificate | None:
        """What it says; None when that cannot be read."""
        try:
            return read_certificate(self.text)
        except UnreadableCertificateError:
            return None


@dataclass(frozen=True, kw_only=True)
class CheckedCertificate:
    """A certificate and what is wrong with it; no faults means that it proves itself."""

    signed: SignedCertificate
    faults: Sequence[str]


class CertificateReads:
    """Reads certificates of sets."""

    def __init__(self, *, engine: AsyncEngine, signing_keys: SigningKeys) -> None:
        self._engine = engine
        self._signing_keys = signing_keys

    async def of_set(self, workspace_id: UUID, set_id: UUID) -> CheckedCertificate:
        """Return the certificate of a set, checked; raises CertificateMissingError."""
        async with self._engine.connect() as connection:
            row = await certificate_of_set(connection, workspace_id, set_id)
        if row is None:
            raise CertificateMissingError("the set has no certificate")
        signed = SignedCertificate(
            text=row["document"],
            certificate_hash=row["certificate_hash"],
            signature=bytes(row["signature"]),
            signing_key_id=UUID(str(row["signing_key_id"])),
            public_key=bytes(row["public_key"]),
        )
        key = SigningKeyRow(
            signed.signing_key_id,
            signed.public_key,
            row["wrapped_private_key"],
            row["root_key_id"],
        )
        return CheckedCertificate(
            signed=signed, faults=[*faults_of(signed), *await self._faults_of_key(key)]
        )

    async def _faults_of_key(self, key: SigningKeyRow) -> list[str]:
        # Without the root key a certificate can be read all the same.
        if not self._signing_keys.opens(key):
            return ["the root key that proves the signing key is not at hand"]
        try:
            await self._signing_keys.unwrap(key)
        except StoredKeyAlteredError:
            return ["the signing key was altered"]
        except EncryptionKeyUnavailableError as error:
            return [f"the signing key is not proven: {error}"]
        return []


def faults_of(signed: SignedCertificate, expected: str | None = None) -> list[str]:
    """Return what is wrong with a certificate by itself; needs no database.

    `expected` is the fingerprint that the key should have, if it is known from elsewhere.
    """
    found = []
    if certificate_hash(signed.text) != signed.certificate_hash:
        found.append("the certificate is not what its hash names")
    if not is_signed(signed.text, signed.signature, signed.public_key):
        found.append("the signature is not one of the key over this certificate")
    if expected is not None and signed.fingerprint != expected.replace(":", "").lower():
        found.append("the key is another one than expected")
    certificate = signed.certificate
    if certificate is None or not is_canonical(signed.text):
        found.append("the certificate cannot be read")
    elif certificate.recomputed_set_hash != certificate.set_hash:
        found.append("the hash of the set does not follow from its manifests")
    return found


def export_document(signed: SignedCertificate) -> dict[str, Any]:
    """Return the file that stands for itself."""
    return {
        "kind": EXPORT_KIND,
        "format_version": EXPORT_VERSION,
        "document": signed.text,
        "certificate_hash": signed.certificate_hash,
        "algorithm": ALGORITHM,
        "signature": base64.b64encode(signed.signature).decode(),
        "signing_key_id": str(signed.signing_key_id),
        "public_key": base64.b64encode(signed.public_key).decode(),
        "public_key_pem": public_key_pem(signed.public_key),
        "public_key_fingerprint": signed.fingerprint,
    }


def check_export(content: bytes, expected: str | None = None) -> CheckedCertificate:
    """Check an exported file; raises UnreadableExportError if it is none."""
    try:
        signed, repeated = _read_export(json.loads(content))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error):
        raise UnreadableExportError("the file is no exported certificate") from None
    found = faults_of(signed, expected)
    # What people feed to other tools has to be the key that was checked here.
    if repeated != (_pem_of(signed.public_key), signed.fingerprint):
        found.append("the file names its key in two ways that differ")
    return CheckedCertificate(signed=signed, faults=found)


def _read_export(document: Mapping[str, Any]) -> tuple[SignedCertificate, tuple[str, str]]:
    shape = (document["kind"], document["format_version"], document["algorithm"])
    if shape != (EXPORT_KIND, EXPORT_VERSION, ALGORITHM):
        raise ValueError(shape)
    text = document["document"]
    if not isinstance(text, str):
        raise TypeError
    text.encode()
    signed = SignedCertificate(
        text=text,
        certificate_hash=document["certificate_hash"],
        signature=base64.b64decode(document["signature"], validate=True),
        signing_key_id=UUID(document["signing_key_id"]),
        public_key=base64.b64decode(document["public_key"], validate=True),
    )
    return signed, (document["public_key_pem"], document["public_key_fingerprint"])


def _pem_of(public_key: bytes) -> str | None:
    try:
        return public_key_pem(public_key)
    except ValueError:
        return None
