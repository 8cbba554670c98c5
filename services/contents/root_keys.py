"""The root key: what tenants' data keys are wrapped with (D9).

One interface for wherever the key lives; here it comes from the environment or from a file. The
key is never stored, logged or shown; its id is public.
"""

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SETTING: Final = "TENANTOPS_ROOT_KEY"
FILE_SETTING: Final = "TENANTOPS_ROOT_KEY_FILE"
KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class EncryptionKeyUnavailableError(Exception):
    """The key that something was encrypted with is not at hand; the message says what to set."""

    reason_code = "encryption_key_unavailable"


class RootKey(Protocol):
    """Wraps and unwraps data keys; a key vault can stand behind it."""

    @property
    def key_id(self) -> str:
        """Name of the key, stored beside what it wrapped."""

    async def wrap(self, data_key: bytes, context: bytes) -> bytes:
        """Encrypt a data key, bound to `context`."""

    async def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Decrypt it again; raises EncryptionKeyUnavailableError if the key does not fit."""


class LocalRootKey:
    """A root key that this process holds; AES-256-GCM."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise EncryptionKeyUnavailableError(
                f"the root key must have {KEY_BYTES} bytes: set {KEY_SETTING} to their base64"
            )
        self._cipher = AESGCM(key)
        self._key_id = hashlib.sha256(key).hexdigest()[:16]

    @property
    def key_id(self) -> str:
        """First 16 hex digits of the key's SHA-256."""
        return self._key_id

    async def wrap(self, data_key: bytes, context: bytes) -> bytes:
        """Return nonce and ciphertext of a data key, bound to `context`."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data_key, context)

    async def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the data key; raises EncryptionKeyUnavailableError if this key did not wrap it."""
        try:
            return self._cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], context)
        except InvalidTag:
            raise EncryptionKeyUnavailableError(
                f"{KEY_SETTING} is not the key that this tenant's data was encrypted with"
            ) from None


def read_root_key(key: str | None, key_file: Path | None) -> LocalRootKey:
    """Make the root key from the values of TENANTOPS_ROOT_KEY and TENANTOPS_ROOT_KEY_FILE.

    Either holds the base64 of 32 bytes; the file may end with a line break. Raises
    EncryptionKeyUnavailableError when neither or both are set, or when it is no such key.
    """
    if (key is None) is (key_file is None):
        raise EncryptionKeyUnavailableError(
            f"set {KEY_SETTING} or {FILE_SETTING}, one of them, to encrypt what is backed up"
        )
    if key_file is None:
        return _decoded(key or "", KEY_SETTING)
    try:
        return _decoded(key_file.read_text(encoding="ascii"), FILE_SETTING)
    except (OSError, UnicodeDecodeError):
        raise EncryptionKeyUnavailableError(
            f"the file that {FILE_SETTING} names cannot be read"
        ) from None


def generate_root_key() -> str:
    """Return a new root key as its setting holds it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _decoded(text: str, setting: str) -> LocalRootKey:
    try:
        return LocalRootKey(base64.b64decode(text.strip(), validate=True))
    except binascii.Error:
        raise EncryptionKeyUnavailableError(f"{setting} does not hold base64") from None
