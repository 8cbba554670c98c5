"""Device codes of the login service: shown to a person, polled by a client, decided by a test.

Knows nothing of HTTP and of tokens. A code belongs to a tenant only once somebody signed in,
unless the client named the tenant.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devstack.graph_service.clock import ServiceClock
from devstack.graph_service.token_failures import (
    AUTHORIZATION_PENDING,
    CODE_EXPIRED,
    CODE_UNKNOWN,
    TokenRefusalError,
)

LINK = "https://microsoft.com/devicelogin"


@dataclass(slots=True)
class SignIn:
    """A device code waiting for a person, and what the person decided.

    tenant_id: None until somebody of a tenant signs in. scopes: what was asked for. granted: what
    the person consented to, None before. failure: AADSTS code of a refusal.
    """

    tenant_id: str | None
    client_id: str
    user_code: str
    scopes: tuple[str, ...]
    expires_at: float
    user: str = "admin"
    granted: tuple[str, ...] | None = None
    failure: int | None = None
    polled_at: float | None = None

    @property
    def is_pending(self) -> bool:
        """Whether nobody decided yet."""
        return self.granted is None and self.failure is None


class DeviceCodes:
    """The codes of one service. `interval_s` and `lifetime_s` are those of codes made from now."""

    def __init__(self, clock: ServiceClock) -> None:
        self._clock = clock
        self._by_code: dict[str, SignIn] = {}
        self.interval_s = 1.0
        self.lifetime_s = 900.0

    def begin(self, tenant_id: str | None, client_id: str, scope: str) -> dict[str, Any]:
        """Make a code and return what the client is told."""
        code, user_code = f"GAQABAAEAAA{secrets.token_urlsafe(40)}", secrets.token_hex(5).upper()
        self._by_code[code] = SignIn(
            tenant_id=tenant_id,
            client_id=client_id,
            user_code=user_code,
            scopes=tuple(scope.split()),
            expires_at=self._clock.timestamp() + self.lifetime_s,
        )
        return {
            "user_code": user_code,
            "device_code": code,
            "verification_uri": LINK,
            "expires_in": int(self.lifetime_s),
            "interval": self.interval_s,
            "message": f"To sign in, open the page {LINK} and enter the code {user_code}.",
        }

    def approve(
        self, user_code: str, tenant_id: str, user: str, scopes: Sequence[str] | None
    ) -> bool:
        """Sign a person in who consents to the scopes, or to all; False for an unknown code."""
        sign_in = self._shown(user_code)
        if sign_in is None:
            return False
        sign_in.tenant_id = sign_in.tenant_id or tenant_id
        sign_in.user = user
        sign_in.granted = sign_in.scopes if scopes is None else tuple(scopes)
        return True

    def deny(self, user_code: str, failure: int) -> bool:
        """Let a sign-in end with an AADSTS code; False for an unknown code."""
        sign_in = self._shown(user_code)
        if sign_in is not None:
            sign_in.failure = failure
        return sign_in is not None

    def pending(self) -> list[str]:
        """User codes that nobody decided about."""
        return [each.user_code for each in self._by_code.values() if each.is_pending]

    def scopes_of(self, user_code: str) -> tuple[str, ...]:
        """What a person who enters this code is asked to consent to."""
        sign_in = self._shown(user_code)
        return () if sign_in is None else sign_in.scopes

    def tenant_of(self, code: str) -> str | None:
        """The tenant in which a code was approved."""
        return self._by_code[code].tenant_id if code in self._by_code else None

    def redeem(self, code: str, client_id: str) -> SignIn:
        """The approved sign-in, once; a TokenRefusalError while or because there is none."""
        sign_in = self._by_code.get(code)
        if sign_in is None or sign_in.client_id != client_id:
            raise TokenRefusalError(CODE_UNKNOWN)
        now, before = self._clock.monotonic(), sign_in.polled_at
        sign_in.polled_at = now
        if sign_in.expires_at < self._clock.timestamp():
            raise TokenRefusalError(CODE_EXPIRED)
        # A tenth of the interval is forgiven: timers are not exact.
        if before is not None and now - before < 0.9 * self.interval_s:
            raise TokenRefusalError(AUTHORIZATION_PENDING, error="slow_down")
        if sign_in.is_pending:
            raise TokenRefusalError(AUTHORIZATION_PENDING)
        del self._by_code[code]
        if sign_in.failure is not None:
            raise TokenRefusalError(sign_in.failure)
        return sign_in

    def _shown(self, user_code: str) -> SignIn | None:
        return next((e for e in self._by_code.values() if e.user_code == user_code), None)
