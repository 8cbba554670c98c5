"""Using provider connections: which one, with what credential, and whether it works just now.

What is learned here is written down for every process: a refused credential keeps all of them
away (D10). Nothing here asks who wants it: the work was authorized before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.connections import ConsentStatus, VerificationStatus
from services.accounts.account_errors import AccountError
from services.connections.credential_documents import (
    StorableCredential,
    credential_context,
    read_credential,
)
from services.contents.tenant_keys import TenantKeys
from storage import connections as rows
from storage.connections import StoredConnection

_KEPT_HERE = ("client_secret", "certificate")


class CredentialMissingError(AccountError):
    """The connection has no credential, or none that opens; `reason_code` says which."""

    def __init__(self, reason_code: str) -> None:
        super().__init__("the connection has no usable credential; replace it")
        self.reason_code = reason_code


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Why there is no connection to work with: a reason code of `domain.reasons`."""

    reason_code: str


class ConnectionUse:
    """What work needs of its connection."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        keys: TenantKeys,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        # One statement, one round trip: it is asked at every cursor of a backup.
        self._alone = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._keys = keys
        self._clock = clock

    async def find(self, connection_id: UUID) -> StoredConnection | None:
        """Return a connection by its id alone, for work that was authorized before."""
        async with self._alone.connect() as connection:
            return await rows.find_connection(connection, connection_id)

    async def resolve_read_connection(
        self, tenant_id: UUID, pinned_id: UUID | None = None
    ) -> StoredConnection | Unresolved:
        """Return the connection that reading work uses: the pinned one, else the default.

        Several without a default mean that none is chosen (behaviour section 4).
        """
        async with self._engine.connect() as connection:
            found = await rows.read_connections(connection, tenant_id)
        if pinned_id is None:
            chosen = next((row for row in found if row.is_default), None)
            missing = "provider_connection_missing"
        else:
            chosen = next((row for row in found if row.id == pinned_id), None)
            missing = "provider_connection_invalid"
        if chosen is None:
            return Unresolved(missing)
        reason_code = unusable_reason(chosen, self._clock())
        return chosen if reason_code is None else Unresolved(reason_code)

    async def open_credential(self, stored: StoredConnection) -> StorableCredential:
        """Return the decrypted credential, for the Graph client only.

        Raises CredentialMissingError, and EncryptionKeyUnavailableError for another root key.
        """
        async with self._engine.begin() as connection:
            kept = await rows.sealed_credential(connection, stored.id)
            if kept.sealed is None:
                raise CredentialMissingError("provider_credential_missing")
            cipher = await self._keys.cipher_within(
                connection, stored.workspace_id, stored.tenant_id
            )
        if not cipher.can_open(kept.key_id):
            # The tenant's key was destroyed and another one made: nothing opens it any more.
            raise CredentialMissingError("provider_credential_missing")
        context = credential_context(stored.tenant_id, stored.id)
        document = cipher.open(kept.sealed, context, kept.key_id)
        return read_credential(stored.credential_kind, document)

    async def open_circuit(self, connection_id: UUID, reason_code: str, until: datetime) -> None:
        """Keep every process away from the provider until then (D10)."""
        values = {
            "circuit_open_until": until,
            "last_reason_code": reason_code,
            "verification_status": VerificationStatus.BLOCKED.value,
        }
        if reason_code == "provider_consent_required":
            values["consent_status"] = ConsentStatus.REQUIRED.value
        await self._set(connection_id, values)

    async def close_circuit(self, connection_id: UUID) -> None:
        """Note that the credential is accepted again; what it may do is for a check to say."""
        values = {
            "circuit_open_until": None,
            "last_reason_code": None,
            "verification_status": VerificationStatus.UNKNOWN.value,
        }
        await self._set(connection_id, values)

    async def note_consent(
        self, connection_id: UUID, status: ConsentStatus, reason_code: str | None = None
    ) -> None:
        """Note what was learned about consent."""
        values = {"consent_status": status.value, "last_reason_code": reason_code}
        await self._set(connection_id, values)

    async def note_verification(
        self, connection_id: UUID, status: VerificationStatus, reason_code: str | None = None
    ) -> None:
        """Note what a look at the connection gave."""
        values = {"verification_status": status.value, "last_reason_code": reason_code}
        await self._set(connection_id, values)

    async def _set(self, connection_id: UUID, values: Mapping[str, object]) -> None:
        async with self._engine.begin() as connection:
            await rows.change_connection(connection, connection_id, self._clock(), dict(values))


def unusable_reason(stored: StoredConnection, now: datetime) -> str | None:
    """Return the reason code for which a connection cannot be used now, or None."""
    if stored.disabled_at is not None:
        return "provider_connection_invalid"
    if stored.credential_kind in _KEPT_HERE and not stored.has_credential:
        return "provider_credential_missing"
    if stored.credential_expires_at is not None and stored.credential_expires_at <= now:
        return "provider_credential_expired"
    if stored.circuit_open_until is not None and stored.circuit_open_until > now:
        return stored.last_reason_code or "provider_credential_invalid"
    return None
