"""The root key: what data keys and signing keys are wrapped with (D9, decision 0007).

One interface for wherever a root key lives: here the environment and files, in
`services.contents.vault_keys` a key vault. A root key is never stored, logged or shown; its id is
public and stands beside whatever it wrapped.
"""

import base64
import hashlib
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SETTING: Final = "TENANTOPS_ROOT_KEY"
FILE_SETTING: Final = "TENANTOPS_ROOT_KEY_FILE"
PREVIOUS_SETTING: Final = "TENANTOPS_ROOT_KEY_PREVIOUS"
KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class EncryptionKeyUnavailableError(Exception):
    """The key that something was encrypted with is not at hand; the message says what to set."""

    reason_code = "encryption_key_unavailable"


class StoredKeyAlteredError(EncryptionKeyUnavailableError):
    """The root key works and is the one that is named, and yet a stored key does not open."""


class RootKeyOutageError(EncryptionKeyUnavailableError):
    """The home of the root key does not answer just now; `retry_after` seconds may help."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class WrappedKey(NamedTuple):
    """A key as it is stored, and the id of the root key that wrapped it."""

    root_key_id: str
    wrapped: bytes


class RootKey(Protocol):
    """Wraps and unwraps keys. Every method raises EncryptionKeyUnavailableError."""

    @property
    def setting(self) -> str:
        """Variable that names it, for messages."""

    async def current_id(self) -> str:
        """Return the id under which it wraps now."""

    def opens(self, root_key_id: str) -> bool:
        """Whether it is the key of that id, or has it among its versions."""

    async def wrap(self, secret: bytes, context: bytes) -> WrappedKey:
        """Encrypt a key, bound to `context`."""

    async def unwrap(self, key: WrappedKey, context: bytes) -> bytes:
        """Decrypt it again."""

    async def close(self) -> None:
        """Release connections."""


class LocalRootKey:
    """A root key that this process holds; AES-256-GCM."""

    def __init__(self, key: bytes, setting: str = KEY_SETTING) -> None:
        if len(key) != KEY_BYTES:
            raise EncryptionKeyUnavailableError(
                f"the root key must have {KEY_BYTES} bytes: set {setting} to their base64"
            )
        self.setting = setting
        self._cipher = AESGCM(key)
        self._key_id = hashlib.sha256(key).hexdigest()[:16]

    @property
    def key_id(self) -> str:
        """First 16 hex digits of the key's SHA-256."""
        return self._key_id

    async def current_id(self) -> str:
        """Return `key_id`."""
        return self._key_id

    def opens(self, root_key_id: str) -> bool:
        """Whether it is the key of that id."""
        return root_key_id == self._key_id

    async def wrap(self, secret: bytes, context: bytes) -> WrappedKey:
        """Return nonce and ciphertext of a key, bound to `context`."""
        nonce = os.urandom(_NONCE_BYTES)
        return WrappedKey(self._key_id, nonce + self._cipher.encrypt(nonce, secret, context))

    async def unwrap(self, key: WrappedKey, context: bytes) -> bytes:
        """Return the key; raises EncryptionKeyUnavailableError if this one did not wrap it."""
        nonce, sealed = key.wrapped[:_NONCE_BYTES], key.wrapped[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, sealed, context)
        except (InvalidTag, ValueError):
            raise StoredKeyAlteredError(
                f"a stored key does not open with {self.setting}: its row was altered, or another "
                "root key wrapped it"
            ) from None

    async def close(self) -> None:
        """Hold nothing."""


class RootKeys:
    """The root keys of a process: one that wraps, and others that still open what they wrapped."""

    def __init__(self, current: RootKey, previous: Sequence[RootKey] = ()) -> None:
        self.current = current
        self.previous = tuple(previous)

    @property
    def setting(self) -> str:
        """Variable of the key that wraps."""
        return self.current.setting

    async def current_id(self) -> str:
        """Return the id under which keys are wrapped once a rotation is through."""
        return await self.current.current_id()

    def opens(self, root_key_id: str) -> bool:
        """Whether one of the keys is that of the id."""
        return self._of(root_key_id) is not None

    async def wrap(self, secret: bytes, context: bytes) -> WrappedKey:
        """Wrap with the current key."""
        return await self.current.wrap(secret, context)

    async def beside(self, ids_in_use: Collection[str]) -> RootKey:
        """Return the key that wraps something new, so that whoever opens the others opens it too.

        While a previous root key is still in use, processes that know no other may be running, so
        it goes on wrapping until a rotation is through. Raises EncryptionKeyUnavailableError if
        none of the keys in use is at hand: this is the wrong root key then, and what it would wrap
        were lost once the right one is back.
        """
        if ids_in_use and not any(map(self.opens, ids_in_use)):
            raise EncryptionKeyUnavailableError(await self._missing(sorted(ids_in_use)))
        return next((key for key in self.previous if any(map(key.opens, ids_in_use))), self.current)

    async def unwrap(self, key: WrappedKey, context: bytes) -> bytes:
        """Unwrap with the key that wrapped it."""
        root_key = self._of(key.root_key_id)
        if root_key is None:
            raise EncryptionKeyUnavailableError(await self._missing([key.root_key_id]))
        return await root_key.unwrap(key, context)

    async def close(self) -> None:
        """Release the connections of all."""
        for key in (self.current, *self.previous):
            await key.close()

    def _of(self, root_key_id: str) -> RootKey | None:
        found = (key for key in (self.current, *self.previous) if key.opens(root_key_id))
        return next(found, None)

    async def _missing(self, wanted: Sequence[str]) -> str:
        keys = (self.current, *self.previous)
        held = [f"{key.setting} holds {await key.current_id()}" for key in keys]
        return (
            f"stored data is encrypted under root key {', '.join(wanted)}, but "
            f"{' and '.join(held)}; put the right key back ({KEY_SETTING}, {FILE_SETTING} or "
            f"{KEY_SETTING}_VAULT), or set it as {PREVIOUS_SETTING}"
        )


def as_root_keys(root_key: RootKey) -> RootKeys:
    """Return root keys as they are, and a single key as the only one."""
    return root_key if isinstance(root_key, RootKeys) else RootKeys(root_key)


def read_root_key(
    key: str | None,
    key_file: Path | None,
    settings: tuple[str, str] = (KEY_SETTING, FILE_SETTING),
) -> LocalRootKey:
    """Make a root key from the values of two settings, by default the current key's.

    Either holds the base64 of 32 bytes; the file may end with a line break. Raises
    EncryptionKeyUnavailableError when neither or both are set, or when it is no such key.
    """
    of_key, of_file = settings
    if (key is None) is (key_file is None):
        raise EncryptionKeyUnavailableError(
            f"set {of_key} or {of_file}, one of them, to encrypt what is backed up"
        )
    if key_file is None:
        return _decoded(key or "", of_key)
    try:
        return _decoded(key_file.read_text(encoding="ascii"), of_file)
    except (OSError, UnicodeDecodeError):
        raise EncryptionKeyUnavailableError(
            f"the file that {of_file} names cannot be read"
        ) from None


def generate_root_key() -> str:
    """Return a new root key as its setting holds it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _decoded(text: str, setting: str) -> LocalRootKey:
    try:
        return LocalRootKey(base64.b64decode(text.strip(), validate=True), setting)
    except ValueError:
        # Also what is no ASCII; its error quotes a character of the key.
        raise EncryptionKeyUnavailableError(f"{setting} does not hold base64") from None
