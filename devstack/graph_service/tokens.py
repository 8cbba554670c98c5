"""Access tokens: signed JWTs issued by the token endpoint and checked on every Graph request."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from devstack.graph_service.answers import GraphRefusalError
from devstack.graph_service.clock import ServiceClock

CACHED_TOKENS = 5000


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token speaks for: tenant, app, and the permissions baked into it."""

    tenant_id: str
    client_id: str
    permissions: frozenset[str]
    delegated: bool
    issued_at: float
    expires_at: float


class TokenAuthority:
    """Issues and verifies. `audiences` are the resources this Graph answers to."""

    def __init__(
        self, *, key: RSAPrivateKey, clock: ServiceClock, audiences: Sequence[str]
    ) -> None:
        self._key = key
        self._public = key.public_key()
        self._clock = clock
        self.audiences = tuple(audiences)
        numbers = self._public.public_numbers()
        modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        self.key_id = base64.urlsafe_b64encode(hashlib.sha256(modulus).digest()[:15]).decode()
        self._known: dict[str, Identity] = {}

    def issue(self, claims: dict[str, Any], *, lifetime_s: int) -> str:
        """A signed token with these claims and the usual times."""
        now = int(self._clock.timestamp())
        times = {"iat": now, "nbf": now - 300, "exp": now + lifetime_s}
        headers = {"kid": self.key_id, "x5t": self.key_id}
        return jwt.encode({**claims, **times}, self._key, algorithm="RS256", headers=headers)

    def jwks(self) -> dict[str, Any]:
        """The public key as a key set."""
        key = jwt.algorithms.RSAAlgorithm.to_jwk(self._public, as_dict=True)
        return {"keys": [{**key, "kid": self.key_id, "use": "sig", "alg": "RS256"}]}

    def verify(self, authorization: str | None) -> Identity:
        """The identity behind an Authorization header, or a 401."""
        token = (authorization or "").removeprefix("Bearer ").strip()
        if not token:
            raise unauthorized("Access token is empty.")
        identity = self._known.get(token)
        if identity is None:
            identity = self._decode(token)
            if len(self._known) > CACHED_TOKENS:
                self._known.clear()
            self._known[token] = identity
        if identity.expires_at <= self._clock.timestamp():
            raise unauthorized("Lifetime validation failed, the token is expired.")
        return identity

    def _decode(self, token: str) -> Identity:
        try:
            claims = jwt.decode(
                token,
                self._public,
                algorithms=["RS256"],
                audience=list(self.audiences),
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidAudienceError:
            raise unauthorized("Access token validation failure. Invalid audience.") from None
        except jwt.InvalidTokenError:
            raise unauthorized("Access token validation failure. Invalid signature.") from None
        delegated = "scp" in claims
        granted = claims["scp"].split() if delegated else claims.get("roles", [])
        return Identity(
            tenant_id=claims["tid"],
            client_id=claims["appid"],
            permissions=frozenset(granted),
            delegated=delegated,
            issued_at=float(claims["iat"]),
            expires_at=float(claims["exp"]),
        )


def unauthorized(message: str) -> GraphRefusalError:
    """401 InvalidAuthenticationToken with the challenge that Graph sends."""
    challenge = (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize",'
        ' client_id="00000003-0000-0000-c000-000000000000", error="invalid_token"'
    )
    return GraphRefusalError(
        401, "InvalidAuthenticationToken", message, headers={"WWW-Authenticate": challenge}
    )
