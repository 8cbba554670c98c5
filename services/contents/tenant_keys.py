"""Data keys of tenants: made once, wrapped by the root key, used through a cipher (D9).

A tenant's contents, names and credentials are encrypted with its own key; destroying the key
erases the tenant. Fingerprints of secrets use another key, which outlives a rotation of the data
key. What is under which key, and moving it, is the business of `services.contents.key_rotation`.
"""

import asyncio
import hmac
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.contents.root_keys import (
    EncryptionKeyUnavailableError,
    RootKey,
    RootKeys,
    WrappedKey,
    as_root_keys,
)
from storage import tenant_keys as rows
from storage.tenant_keys import TenantKeyRow

_NONCE_BYTES: Final = 12
_DATA_KEY_BYTES: Final = 32


class SealedDataError(Exception):
    """Encrypted data was altered, or does not belong where it was found."""


class TenantCipher:
    """Encryption of one tenant's data: AES-256-GCM, with data that binds it to its place.

    Seals with the key in use; opens what older keys sealed as well, while they live.
    """

    def __init__(
        self,
        key_id: UUID,
        data_key: bytes,
        fingerprint_key: bytes | None = None,
        older: "Sequence[TenantCipher]" = (),
    ) -> None:
        self.key_id = key_id
        self._cipher = AESGCM(_derived(data_key, b"tenantops content v1"))
        # Of the tenant's first key when the data key was rotated since.
        self.fingerprint_key = fingerprint_key or _derived(data_key, b"tenantops fingerprint v1")
        self._older = {cipher.key_id: cipher for cipher in older}

    @property
    def key_ids(self) -> list[UUID]:
        """The keys whose seals it opens; the one in use first."""
        return [self.key_id, *self._older]

    def can_open(self, key_id: UUID | None) -> bool:
        """Whether it opens what that key sealed."""
        return key_id == self.key_id or key_id in self._older

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Return nonce and ciphertext; `context` has to be given again to open it."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, context)

    def open(self, sealed: bytes, context: bytes, key_id: UUID | None = None) -> bytes:
        """Return the plaintext that `key_id` sealed, by default the key in use.

        Raises SealedDataError, also when that key does not live any more.
        """
        if key_id is not None and key_id != self.key_id:
            if key_id not in self._older:
                raise SealedDataError("the key of this data was destroyed")
            return self._older[key_id].open(sealed, context)
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError):
            raise SealedDataError("encrypted data does not open") from None

    def fingerprint(self, secret: bytes) -> str:
        """Return a keyed hash: equal for equal secrets of this tenant, useless to anybody else."""
        return hmac.digest(self.fingerprint_key, secret, "sha256").hex()


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
        self.root_keys = as_root_keys(root_key)
        self._clock = clock
        self._new_id = new_id
        self._ciphers: dict[UUID, TenantCipher] = {}
        self._unwrapping: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def cipher(self, workspace_id: UUID, tenant_id: UUID) -> TenantCipher:
        """Return the tenant's cipher; raises EncryptionKeyUnavailableError.

        Concurrent first uses agree on one key. Unwrapped keys are kept while they live.
        """
        async with self._engine.begin() as connection:
            return await self.cipher_within(connection, workspace_id, tenant_id)

    async def cipher_within(
        self, connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
    ) -> TenantCipher:
        """Return the tenant's cipher, reading and making its key on `connection`.

        The rows say which keys live, at each call: a key that another process destroyed is
        forgotten here too. To open rows, read them first and then ask for the cipher, so that a
        rotation between the two cannot have put them under a key that the cipher does not know.
        """
        keys = await rows.live_keys(connection, workspace_id, tenant_id)
        if not keys or keys[0].retired_at is not None:
            keys = await self._make(connection, workspace_id, tenant_id)
        async with self._unwrapping[tenant_id]:
            return await self._cipher_of(tenant_id, keys)

    async def replace_within(
        self, connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
    ) -> UUID | None:
        """Make another key the one in use and return it; the old one only opens from now on.

        None when an older key still lives: its rotation is to be finished first. Raises
        EncryptionKeyUnavailableError.
        """
        await rows.hold_wrapping(connection)
        cipher = await self.cipher_within(connection, workspace_id, tenant_id)
        # Of two at once, one retires the key and the other finds it retired.
        is_first = len(cipher.key_ids) == 1
        if not is_first or not await rows.retire_key(connection, cipher.key_id, self._clock()):
            return None
        new = await self._wrapped(connection, tenant_id, cipher.fingerprint_key)
        await rows.insert_key(connection, workspace_id, tenant_id, new, self._clock())
        return new.id

    async def destroy(self, workspace_id: UUID, tenant_id: UUID) -> bool:
        """Destroy the tenant's keys, which erases everything encrypted with them."""
        async with self._engine.begin() as connection:
            return bool(await self.destroy_within(connection, workspace_id, tenant_id))

    async def destroy_within(
        self, connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
    ) -> list[UUID]:
        """Destroy the tenant's keys on `connection` and return which.

        Another process forgets them when it next asks for the tenant's cipher.
        """
        self._ciphers.pop(tenant_id, None)
        destroyed: list[UUID] = []
        # A rotation may have put another key beside one that this statement waited for.
        while gone := await rows.destroy_keys(connection, workspace_id, tenant_id, self._clock()):
            destroyed += gone
        return destroyed

    async def _make(
        self, connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID
    ) -> list[TenantKeyRow]:
        new = await self._wrapped(connection, tenant_id, None)
        await rows.insert_key(connection, workspace_id, tenant_id, new, self._clock())
        keys = await rows.live_keys(connection, workspace_id, tenant_id)
        if not keys:
            raise EncryptionKeyUnavailableError("the tenant is not of this workspace")
        return keys

    async def _wrapped(
        self, connection: AsyncConnection, tenant_id: UUID, fingerprint_key: bytes | None
    ) -> TenantKeyRow:
        """Return a new data key; `fingerprint_key` None means that it is derived from it."""
        root_key = await root_key_for_new(connection, self.root_keys)
        key_id, data_key = self._new_id(), os.urandom(_DATA_KEY_BYTES)
        return await wrap_tenant_key(root_key, tenant_id, key_id, (data_key, fingerprint_key))

    async def _cipher_of(self, tenant_id: UUID, keys: Sequence[TenantKeyRow]) -> TenantCipher:
        known = self._ciphers.get(tenant_id)
        if known is not None and known.key_ids == [key.id for key in keys]:
            return known
        # Before anything is opened: what was destroyed must not stay in memory if that fails.
        self._ciphers.pop(tenant_id, None)
        older = [await self._opened(tenant_id, key) for key in keys[1:]]
        current = await self._opened(tenant_id, keys[0], older)
        self._ciphers[tenant_id] = current
        return current

    async def _opened(
        self, tenant_id: UUID, key: TenantKeyRow, older: Sequence[TenantCipher] = ()
    ) -> TenantCipher:
        data_key, fingerprint_key = await open_tenant_key(self.root_keys, tenant_id, key)
        return TenantCipher(key.id, data_key, fingerprint_key, older)


async def lost_root_keys(engine: AsyncEngine, root_keys: RootKeys) -> list[str]:
    """Return the ids of root keys that stored keys need and this process does not have.

    Raises EncryptionKeyUnavailableError when it has none of them: it holds the wrong root key.
    """
    async with engine.connect() as connection:
        in_use = await rows.root_keys_in_use(connection)
    await root_keys.beside(in_use)
    return [root_key_id for root_key_id in in_use if not root_keys.opens(root_key_id)]


async def root_key_for_new(connection: AsyncConnection, root_keys: RootKeys) -> RootKey:
    """Return the root key for a key that is inserted in this transaction.

    Whoever makes keys asks here. Raises EncryptionKeyUnavailableError when other keys are stored
    and none of these root keys opens any: then it is the wrong one.
    """
    await rows.hold_wrapping(connection)
    return await root_keys.beside(await rows.root_keys_in_use(connection))


async def wrap_tenant_key(
    root_key: RootKey, tenant_id: UUID, key_id: UUID, secrets: tuple[bytes, bytes | None]
) -> TenantKeyRow:
    """Return the row of a data key and of the key of fingerprints, if it is kept apart."""
    data_key, fingerprint_key = secrets
    while True:
        wrapped = await root_key.wrap(data_key, data_key_context(tenant_id, key_id))
        if fingerprint_key is None:
            return TenantKeyRow(key_id, wrapped.wrapped, wrapped.root_key_id)
        apart = await root_key.wrap(fingerprint_key, fingerprint_key_context(tenant_id, key_id))
        # A key vault may have got a new version in between; a row has one root key.
        if apart.root_key_id == wrapped.root_key_id:
            return TenantKeyRow(key_id, wrapped.wrapped, wrapped.root_key_id, apart.wrapped)


async def open_tenant_key(
    root_key: RootKey, tenant_id: UUID, key: TenantKeyRow
) -> tuple[bytes, bytes | None]:
    """Return the data key in a row, and the key of fingerprints if it is kept apart."""
    wrapped = WrappedKey(key.root_key_id, key.wrapped_key)
    data_key = await root_key.unwrap(wrapped, data_key_context(tenant_id, key.id))
    if key.wrapped_fingerprint_key is None:
        return data_key, None
    apart = WrappedKey(key.root_key_id, key.wrapped_fingerprint_key)
    return data_key, await root_key.unwrap(apart, fingerprint_key_context(tenant_id, key.id))


def data_key_context(tenant_id: UUID, key_id: UUID) -> bytes:
    """Return what binds a wrapped data key to its row."""
    return b"tenant key" + tenant_id.bytes + key_id.bytes


def fingerprint_key_context(tenant_id: UUID, key_id: UUID) -> bytes:
    """Return what binds a wrapped key of fingerprints to its row."""
    return b"fingerprint key" + tenant_id.bytes + key_id.bytes


def _derived(data_key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(data_key)
