"""The deployment's own signing key: Ed25519, made at first use, wrapped by the root key.

The public half is kept for ever and the wrapping is bound to it, so a row whose public half was
exchanged does not unwrap. Who may be certified what is not known here.
"""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy.ext.asyncio import AsyncConnection

from services.contents.root_keys import (
    EncryptionKeyUnavailableError,
    RootKeys,
    StoredKeyAlteredError,
    WrappedKey,
)
from services.contents.tenant_keys import root_key_for_new
from storage import proofs as rows
from storage.proofs import SigningKeyRow

ALGORITHM: Final = "Ed25519"
_DESTROYED: Final = "the private half of the signing key was destroyed"


class Signer:
    """Signs with one key."""

    def __init__(self, key_id: UUID, private_key: Ed25519PrivateKey) -> None:
        self.key_id = key_id
        self._private_key = private_key

    @property
    def public_key(self) -> bytes:
        """The public half, 32 raw bytes."""
        return self._private_key.public_key().public_bytes_raw()

    def sign(self, text: str) -> bytes:
        """Return the signature over the UTF-8 bytes of a text."""
        return self._private_key.sign(text.encode())


class SigningKeys:
    """Gives out the signer of this deployment, and makes its key at first use."""

    def __init__(
        self,
        *,
        root_keys: RootKeys,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._root_keys = root_keys
        self._clock = clock
        self._new_id = new_id
        self._signers: dict[UUID, Signer] = {}
        self._unwrapping = asyncio.Lock()

    async def signer_within(self, connection: AsyncConnection) -> Signer:
        """Return the signer in use, reading and making its key on `connection`.

        Concurrent first uses agree on one key. An unwrapped key is kept while the process lives;
        the row is read each time, because a transaction that made a key may have been undone.
        Raises EncryptionKeyUnavailableError.
        """
        key = await rows.current_signing_key(connection)
        if key is None:
            key = await self._make(connection)
        return await self.unwrap(key)

    def opens(self, key: SigningKeyRow) -> bool:
        """Whether the private half is stored, under a root key that is at hand."""
        return key.wrapped_private_key is not None and self._root_keys.opens(key.root_key_id)

    async def unwrap(self, key: SigningKeyRow) -> Signer:
        """Return the signer of a row; raises EncryptionKeyUnavailableError.

        StoredKeyAlteredError tells an altered row from a root key that cannot be asked. That it
        unwraps proves its public half: the wrapping is bound to it.
        """
        async with self._unwrapping:
            known = self._signers.get(key.id)
            if known is not None and known.public_key == key.public_key:
                return known
            signer = await self._unwrapped(key)
            self._signers[key.id] = signer
            return signer

    async def _make(self, connection: AsyncConnection) -> SigningKeyRow:
        private = Ed25519PrivateKey.generate()
        key_id, public = self._new_id(), private.public_key().public_bytes_raw()
        context = signing_key_context(key_id, public)
        secret = private.private_bytes_raw()
        root_key = await root_key_for_new(connection, self._root_keys)
        wrapped = await root_key.wrap(secret, context)
        new = SigningKeyRow(key_id, public, wrapped.wrapped, wrapped.root_key_id)
        await rows.insert_signing_key(connection, new, self._clock())
        key = await rows.current_signing_key(connection)
        if key is None:
            raise EncryptionKeyUnavailableError(_DESTROYED)
        return key

    async def _unwrapped(self, key: SigningKeyRow) -> Signer:
        if key.wrapped_private_key is None:
            raise EncryptionKeyUnavailableError(_DESTROYED)
        wrapped = WrappedKey(key.root_key_id, key.wrapped_private_key)
        private = await self._root_keys.unwrap(wrapped, signing_key_context(key.id, key.public_key))
        signer = Signer(key.id, Ed25519PrivateKey.from_private_bytes(private))
        if signer.public_key != key.public_key:
            raise StoredKeyAlteredError("the halves of the signing key do not fit")
        return signer


def signing_key_context(key_id: UUID, public_key: bytes) -> bytes:
    """Return what binds a wrapped private half to its row and to its public half."""
    return b"signing key" + key_id.bytes + public_key


def is_signed(text: str, signature: bytes, public_key: bytes) -> bool:
    """Whether the signature is one over this text by the key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def fingerprint(public_key: bytes) -> str:
    """Return what people compare to know a public key: SHA-256 of its raw bytes, in hex."""
    return hashlib.sha256(public_key).hexdigest()


def public_key_pem(public_key: bytes) -> str:
    """Return a public key as other tools read it (SubjectPublicKeyInfo, PEM)."""
    key = Ed25519PublicKey.from_public_bytes(public_key)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
