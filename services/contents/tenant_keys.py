"""Data keys of tenants: made once, wrapped by the root key, used through a cipher (D9).

A tenant's contents, names and credentials are encrypted with its own key; destroying the key
erases the tenant. Fingerprints of secrets use another key derived from it.
"""

import asyncio
import hmac
import os
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.contents.root_keys import KEY_SETTING, EncryptionKeyUnavailableError, RootKey
from storage import tenant_keys as rows
from storage.tenant_keys import TenantKeyRow

_NONCE_BYTES: Final = 12


class SealedDataError(Exception):
    """Encrypted data was altered, or does not belong where it was found."""


class TenantCipher:
    """Encryption of one tenant's data: AES-256-GCM, with data that binds it to its place."""

    def __init__(self, key_id: UUID, data_key: bytes) -> None:
        self.key_id = key_id
        self._cipher = AESGCM(_derived(data_key, b"tenantops content v1"))
        self._fingerprint_key = _derived(data_key, b"tenantops fingerprint v1")

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Return nonce and ciphertext; `context` has to be given again to open it."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return the plaintext; raises SealedDataError."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError):
            raise SealedDataError("encrypted data does not open") from None

    def fingerprint(self, secret: bytes) -> str:
        """Return a keyed hash: equal for equal secrets of this tenant, useless to anybody else."""
        return hmac.digest(self._fingerprint_key, secret, "sha256").hex()


class TenantKeys:
    """Gives out the cipher of a tenant, and makes its key at first use."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        root_key: RootKey,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._engine = engine
        self._root_key = root_key
        self._clock = clock
        self._new_id = new_id
        self._ciphers: dict[UUID, TenantCipher] = {}
        self._unwrapping = asyncio.Lock()

    async def cipher(self, workspace_id: UUID, tenant_id: UUID) -> TenantCipher:
        """Return the tenant's cipher; raises EncryptionKeyUnavailableError.

        Concurrent first uses agree on one key. Unwrapped keys are kept while the process lives.
        """
        async with self._engine.begin() as connection:
            return await self.cipher_within(connection, workspace_id, tenant_id)

    async def cipher_within(
        self, connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
    ) -> TenantCipher:
        """Return the tenant's cipher, reading and making its key on `connection`."""
        key = await rows.current_key(connection, workspace_id, tenant_id)
        if key is None:
            key = await self._make(connection, workspace_id, tenant_id)
        return await self._cipher_of(tenant_id, key)

    async def rotate_root_key(self, workspace_id: UUID, tenant_id: UUID, old: RootKey) -> bool:
        """Wrap the tenant's key with this service's root key; False when it already was.

        Contents stay as they are. Raises EncryptionKeyUnavailableError.
        """
        async with self._engine.begin() as connection:
            key = await rows.current_key(connection, workspace_id, tenant_id)
            if key is None or key.root_key_id == self._root_key.key_id:
                return False
            context = _context(tenant_id, key.id)
            data_key = await old.unwrap(key.wrapped_key, context)
            wrapped = await self._root_key.wrap(data_key, context)
            new = TenantKeyRow(key.id, wrapped, self._root_key.key_id)
            return await rows.rewrap_key(connection, key.id, key.root_key_id, new)

    async def destroy(self, workspace_id: UUID, tenant_id: UUID) -> bool:
        """Destroy the tenant's key, which erases everything encrypted with it."""
        async with self._engine.begin() as connection:
            now = self._clock()
            destroyed = await rows.destroy_key(connection, workspace_id, tenant_id, now)
        for key_id in destroyed:
            self._ciphers.pop(key_id, None)
        return bool(destroyed)

    async def _make(
        self, connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
    ) -> TenantKeyRow:
        key_id = self._new_id()
        wrapped = await self._root_key.wrap(os.urandom(32), _context(tenant_id, key_id))
        new = TenantKeyRow(key_id, wrapped, self._root_key.key_id)
        await rows.insert_key(connection, workspace_id, tenant_id, new, self._clock())
        key = await rows.current_key(connection, workspace_id, tenant_id)
        if key is None:
            raise EncryptionKeyUnavailableError("the tenant is not of this workspace")
        return key

    async def _cipher_of(self, tenant_id: UUID, key: TenantKeyRow) -> TenantCipher:
        async with self._unwrapping:
            if key.id not in self._ciphers:
                if key.root_key_id != self._root_key.key_id:
                    raise EncryptionKeyUnavailableError(
                        f"this tenant's data is encrypted under root key {key.root_key_id}, but "
                        f"{KEY_SETTING} holds {self._root_key.key_id}"
                    )
                context = _context(tenant_id, key.id)
                data_key = await self._root_key.unwrap(key.wrapped_key, context)
                self._ciphers[key.id] = TenantCipher(key.id, data_key)
            return self._ciphers[key.id]


def _context(tenant_id: UUID, key_id: UUID) -> bytes:
    return b"tenant key" + tenant_id.bytes + key_id.bytes


def _derived(data_key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(data_key)
