"""Credentials of connections on their way into and out of encryption.

Owns how a credential is checked, written down and read again. What is checked is what people get
wrong; nothing of a credential ever stands in an error.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from graph.credentials import (
    ClientCertificate,
    ClientSecret,
    ManagedIdentity,
    WorkloadIdentity,
)
from services.accounts.account_errors import InvalidFieldError

StorableCredential = ClientSecret | ClientCertificate | WorkloadIdentity | ManagedIdentity
_FIELD = "credential"


@dataclass(frozen=True, slots=True)
class CheckedCredential:
    """What is known of a credential without opening it again; `expires_at` is None if unknown."""

    kind: str
    document: bytes
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return f"CheckedCredential({self.kind})"


def check_credential(credential: StorableCredential) -> CheckedCredential:
    """Return the credential as it will be encrypted; raises InvalidFieldError."""
    match credential:
        case ClientSecret(secret=secret):
            _check_secret(secret)
            return CheckedCredential("client_secret", orjson.dumps({"secret": secret}))
        case ClientCertificate(data=data, password=password):
            expires_at = _certificate_end(data, password)
            body = {"data": base64.b64encode(data).decode(), "password": password}
            return CheckedCredential("certificate", orjson.dumps(body), expires_at)
        case WorkloadIdentity(token_file=token_file):
            body = {"token_file": str(token_file)}
            return CheckedCredential("workload_identity", orjson.dumps(body))
        case ManagedIdentity(client_id=client_id):
            return CheckedCredential("managed_identity", orjson.dumps({"client_id": client_id}))


def read_credential(kind: str, document: bytes) -> StorableCredential:
    """Return the credential of a decrypted document; raises ValueError for an unknown kind."""
    body = orjson.loads(document)
    match kind:
        case "client_secret":
            return ClientSecret(body["secret"])
        case "certificate":
            return ClientCertificate(base64.b64decode(body["data"]), body["password"])
        case "workload_identity":
            return WorkloadIdentity(Path(body["token_file"]))
        case "managed_identity":
            return ManagedIdentity(body["client_id"])
    raise ValueError("unknown kind of credential")


def credential_context(tenant_id: UUID, connection_id: UUID) -> bytes:
    """Return what binds an encrypted credential to its connection."""
    return b"provider credential" + tenant_id.bytes + connection_id.bytes


def _check_secret(secret: str) -> None:
    if not secret.strip():
        raise InvalidFieldError(_FIELD, "is empty", "give the value of the client secret")
    try:
        UUID(secret.strip())
    except ValueError:
        return
    # The portal shows both columns, and the id is the one that stays visible.
    mend = "give the secret's value, which the portal shows once"
    raise InvalidFieldError(_FIELD, "is the id of a client secret", mend)


def _certificate_end(data: bytes, password: str | None) -> datetime:
    """Return when the certificate ends; a private key has to come with it."""
    try:
        certificate = _load(data, None if password is None else password.encode())
    except (ValueError, TypeError):
        certificate = None
    if certificate is None:
        mend = "give a PEM or PKCS #12 file with certificate and private key, and its password"
        raise InvalidFieldError(_FIELD, "is not a usable certificate", mend)
    return certificate.not_valid_after_utc


def _load(data: bytes, password: bytes | None) -> x509.Certificate | None:
    if b"-----BEGIN" in data:
        load_pem_private_key(data, password)
        return x509.load_pem_x509_certificate(data)
    key, certificate, _ = pkcs12.load_key_and_certificates(data, password)
    return None if key is None else certificate
