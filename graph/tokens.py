"""Access tokens: a cache per app and tenant, one refresh in flight, refusals mapped and kept.

Owns the boundary to azure-identity: its errors quote accounts, apps and request bodies, so they
become ours here, unchained, with the AADSTS number and nothing else (D7).
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import orjson
from aiohttp import ClientSSLError
from azure.core.credentials import AccessToken as AzureToken
from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
from azure.identity import CredentialUnavailableError

from domain.provider_error_facts import TokenErrorFacts, read_token_error, safe_scopes
from domain.provider_errors import (
    Disposition,
    ProviderFault,
    ProviderReason,
    classify_token_error,
)
from graph.credentials import OpenCredential
from graph.errors import (
    FaultFacts,
    GraphCredentialRefusedError,
    GraphError,
    GraphThrottledError,
    graph_error,
    throttled_error,
    unavailable_error,
)
from graph.retry import Pacing, RetryBudget, RetryRules, parse_retry_after

_EARLY = timedelta(minutes=5)
_OAUTH_ERROR = re.compile(r"error '(?:\(|\{'error': ')([a-z_]{1,60})['\)]")
# "You call too often" (AADSTS50196) comes without a time.
_REQUEST_LOOP = 50196
_LOOP_PAUSE_SECONDS = 300.0
_REFUSAL_REMEMBERED_SECONDS = 60.0
_TOKEN_PATH = "/oauth2/v2.0/token"  # noqa: S105 - a path


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token. `obtained_at` by the clock of `Pacing.monotonic`, in seconds."""

    value: str = field(repr=False)
    expires_at: datetime
    refresh_at: datetime
    obtained_at: float


class TokenSource:
    """Tokens of one app in one tenant. Safe for many tasks; close it when the app is done.

    open_credential: returns a credential with an empty cache; called again for each token, except
    for one that a person signed in with.
    """

    def __init__(
        self,
        open_credential: Callable[[], OpenCredential],
        scope: str,
        *,
        pacing: Pacing | None = None,
        rules: RetryRules | None = None,
    ) -> None:
        self._open = open_credential
        self._scope = scope
        self._pacing = pacing or Pacing()
        self._rules = rules or RetryRules(tries=3)
        self._lock = asyncio.Lock()
        self._credential: OpenCredential | None = None
        self._token: AccessToken | None = None
        self._refusal: tuple[float, GraphError] | None = None

    async def get(self) -> AccessToken:
        """Return a token that is good for a while; refreshed five minutes before it ends.

        Raises GraphCredentialRefusedError, GraphUnavailableError or GraphThrottledError. A refusal
        is remembered for a minute: a wrong secret is not tried again by each request.
        """
        token = self._token
        if token is not None and self._pacing.now() < token.refresh_at:
            return token
        async with self._lock:
            token = self._token
            if token is not None and self._pacing.now() < token.refresh_at:
                return token
            return await self._renew(claims=None, fallback=token)

    async def replace(self, rejected: AccessToken, claims: str | None = None) -> AccessToken:
        """Return another token than the rejected one; one request for all tasks that ask."""
        async with self._lock:
            if self._token is not None and self._token != rejected:
                return self._token
            return await self._renew(claims=claims, fallback=None)

    async def roles(self) -> tuple[str, ...]:
        """Return the permissions that the token carries."""
        return token_roles((await self.get()).value)

    async def close(self) -> None:
        """Release connections."""
        async with self._lock:
            await self._forget_credential()

    async def _renew(self, *, claims: str | None, fallback: AccessToken | None) -> AccessToken:
        self._raise_remembered_refusal()
        if self._credential is not None and not self._credential.is_interactive:
            # azure-identity would give its cached token back until it looks too old to itself.
            await self._forget_credential()
        try:
            self._token = await self._request(claims)
        except GraphError as error:
            if error.disposition is Disposition.BLOCKED:
                self._refusal = (self._pacing.monotonic(), error)
            elif fallback is not None and self._pacing.now() < fallback.expires_at:
                return fallback
            raise
        return self._token

    def _raise_remembered_refusal(self) -> None:
        if self._refusal is None:
            return
        at, error = self._refusal
        if self._pacing.monotonic() - at < _REFUSAL_REMEMBERED_SECONDS:
            raise type(error)(error.fault, error.facts)
        self._refusal = None

    async def _request(self, claims: str | None) -> AccessToken:
        budget = RetryBudget(self._rules, self._pacing)
        clock_was_wrong = False
        while True:
            outcome = await self._ask(claims)
            if isinstance(outcome, AzureToken):
                return self._accept(outcome)
            if outcome.reason_code is ProviderReason.CLOCK_SKEW and not clock_was_wrong:
                clock_was_wrong = True
                continue
            if outcome.disposition is not Disposition.RETRYABLE:
                raise outcome
            throttled = isinstance(outcome, GraphThrottledError)
            wait = budget.next_wait(outcome.retry_after, is_throttled=throttled)
            if budget.is_exhausted or not budget.allows(wait):
                raise throttled_error(wait, outcome.facts) if throttled else outcome
            await budget.sleep(wait)

    async def _ask(self, claims: str | None) -> AzureToken | GraphError:
        """Return the token or our error: returned, not raised, so nothing foreign is chained."""
        try:
            if self._credential is None:
                self._credential = self._open()
            return await self._credential.get_token(self._scope, claims)
        except AzureError as error:
            return _translate(error, self._pacing.now())
        except (ValueError, TypeError):
            return _refused(ProviderReason.CREDENTIAL_INVALID, "malformed_credential")
        except OSError:
            return _refused(ProviderReason.CREDENTIAL_UNAVAILABLE, "credential_file_unreadable")

    def _accept(self, token: AzureToken) -> AccessToken:
        now = self._pacing.now()
        expires_at = datetime.fromtimestamp(token.expires_on, UTC)
        margin = min(_EARLY, max(expires_at - now, timedelta()) / 4)
        return AccessToken(token.token, expires_at, expires_at - margin, self._pacing.monotonic())

    async def _forget_credential(self) -> None:
        credential, self._credential = self._credential, None
        if credential is not None:
            await credential.close()


@dataclass(frozen=True, slots=True)
class TokenKey:
    """What a cached token belongs to. revision changes with the credential."""

    authority_host: str
    entra_tenant_id: str
    app_id: str
    revision: str


class TokenCache:
    """The token sources of a process: one for each key."""

    def __init__(self) -> None:
        self._sources: dict[TokenKey, TokenSource] = {}

    def source(self, key: TokenKey, create: Callable[[], TokenSource]) -> TokenSource:
        """Return the source of a key, made on first use."""
        if key not in self._sources:
            self._sources[key] = create()
        return self._sources[key]

    async def close(self) -> None:
        """Close all sources."""
        sources, self._sources = list(self._sources.values()), {}
        for source in sources:
            await source.close()


def token_roles(token: str) -> tuple[str, ...]:
    """Return the permission names of a token, application or delegated, for diagnosis only.

    The signature is not checked: Graph does that. A token that cannot be read has no roles.
    """
    payload = _payload(token)
    roles = safe_scopes(payload.get("roles"))
    scopes = payload.get("scp")
    return roles or safe_scopes(scopes.split() if isinstance(scopes, str) else None)


def _payload(token: str) -> dict[str, object]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        value = orjson.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, binascii.Error):
        return {}
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _translate(error: AzureError, now: datetime) -> GraphError:
    if isinstance(error, CredentialUnavailableError):
        return _refused(ProviderReason.CREDENTIAL_UNAVAILABLE, None)
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return _connection_failed(error)
    response = getattr(error, "response", None)
    status = response.status_code if response is not None else None
    text = str(error.message)
    found = _OAUTH_ERROR.search(text)
    body = {"error": found.group(1)} if found else {}
    known = read_token_error(body, text)
    if response is None and known == TokenErrorFacts():
        # A gateway's page; azure-identity says it in prose only.
        return unavailable_error(
            "sign_in_answer_unreadable", FaultFacts(method="POST", path_template=_TOKEN_PATH)
        )
    fault = classify_token_error(known.aadsts_code, status, known.oauth_error)
    facts = FaultFacts(
        method="POST",
        path_template=_TOKEN_PATH,
        http_status=status,
        aadsts_code=known.aadsts_code,
    )
    if fault.reason_code is ProviderReason.THROTTLED:
        header = response.headers.get("Retry-After") if response is not None else None
        pause = _LOOP_PAUSE_SECONDS if known.aadsts_code == _REQUEST_LOOP else None
        return graph_error(fault, facts, retry_after=parse_retry_after(header, now) or pause)
    if fault.disposition is Disposition.RETRYABLE:
        return graph_error(fault, facts)
    return GraphCredentialRefusedError(fault, facts)


def _connection_failed(error: AzureError) -> GraphError:
    facts = FaultFacts(method="POST", path_template=_TOKEN_PATH)
    if isinstance(error.inner_exception, ClientSSLError):
        return GraphError(ProviderFault(ProviderReason.TLS, Disposition.FAILED), facts)
    return unavailable_error("sign_in_unreachable", facts)


def _refused(reason: ProviderReason, detail: str | None) -> GraphCredentialRefusedError:
    return GraphCredentialRefusedError(
        ProviderFault(reason, Disposition.BLOCKED), FaultFacts(detail=detail)
    )
