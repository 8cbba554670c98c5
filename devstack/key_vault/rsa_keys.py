"""RSA keys with versions, as a key vault keeps them: made, disabled, used, never given out."""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ALGORITHMS = {"RSA-OAEP": hashes.SHA1, "RSA-OAEP-256": hashes.SHA256}


class UnknownAlgorithmError(ValueError):
    """A key of this kind has no such algorithm."""


@dataclass
class KeyVersion:
    """One version; a disabled one wraps on but unwraps nothing, as in Azure."""

    version: str = field(default_factory=lambda: secrets.token_hex(16))
    private: RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    is_enabled: bool = True
    created: int = field(default_factory=lambda: int(time.time()))

    def wrap(self, algorithm: str, value: str) -> str:
        """Encrypt base64url with the public half."""
        return encode(self.private.public_key().encrypt(decode(value), _padding(algorithm)))

    def unwrap(self, algorithm: str, value: str) -> str:
        """Decrypt base64url; raises ValueError for what another key encrypted."""
        return encode(self.private.decrypt(decode(value), _padding(algorithm)))

    def public(self, identifier: str) -> dict[str, Any]:
        """Return the key as GET shows it."""
        numbers = self.private.public_key().public_numbers()
        return {
            "key": {
                "kid": identifier,
                "kty": "RSA",
                "key_ops": ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"],
                "n": encode(numbers.n.to_bytes(256, "big")),
                "e": encode(numbers.e.to_bytes(3, "big")),
            },
            "attributes": {
                "enabled": self.is_enabled,
                "created": self.created,
                "updated": self.created,
                "recoveryLevel": "Recoverable+Purgeable",
            },
            "tags": {},
        }


def encode(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(text: str) -> bytes:
    """Return what base64url without padding holds."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _padding(algorithm: str) -> padding.OAEP:
    digest = ALGORITHMS.get(algorithm)
    if digest is None:
        raise UnknownAlgorithmError(algorithm)
    return padding.OAEP(padding.MGF1(digest()), digest(), None)
