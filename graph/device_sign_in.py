"""A person signs in on another device (RFC 8628): the code, the polling, and later tokens.

Owns what is said to the sign-in service for a person. Nothing of it is written anywhere: tokens
live in memory, and end with the process. It talks through `graph.transport`, because the libraries
of Microsoft poll in a thread that nobody can cancel.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast
from urllib.parse import urlencode, urlsplit

import orjson
from azure.core.credentials import AccessToken as AzureToken

from domain.provider_error_facts import TokenErrorFacts, read_token_error, safe_guid
from domain.provider_errors import Disposition, ProviderFault, ProviderReason, classify_token_error
from graph.clouds import GraphEndpoint
from graph.credentials import AppIdentity
from graph.errors import (
    FaultFacts,
    GraphCredentialRefusedError,
    GraphError,
    graph_error,
    protocol_error,
)
from graph.json_bodies import BodyError, parse_json
from graph.retry import Pacing, RetryBudget, RetryRules, parse_retry_after
from graph.transport import RawResponse, Transport, TransportSettings

_DEVICE_CODE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
# An id token says who it is and of which tenant; a refresh token lets long reads go on.
_IDENTITY_SCOPES = "openid profile offline_access"
_CODE_PATH = "/oauth2/v2.0/devicecode"
_TOKEN_PATH = "/oauth2/v2.0/token"  # noqa: S105 - a path
_USUAL_INTERVAL = 5.0
_SHORTEST_INTERVAL = 0.1
# What "slow down" adds (RFC 8628, 3.5).
_SLOWER = 5.0
_USUAL_LIFETIME = 900.0
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class SignInPrompt:
    """What a person has to do: open the address and type the code there before it ends."""

    address: str
    code: str = field(repr=False)
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in, and where. The account is personal data: for the screen, never for files."""

    entra_tenant_id: str
    account: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Code:
    device_code: str = field(repr=False)
    prompt: SignInPrompt
    interval: float


class DeviceSignIn:
    """The credential of a person; an `OpenCredential` that asks the person once.

    prompt: called with what to show. The tenant of `identity` may be `organizations`: that of
    whoever signs in. Errors are GraphErrors: GraphCredentialRefusedError with
    `provider_sign_in_declined`, `provider_sign_in_expired` and the reasons of api.md d.7.
    """

    is_interactive = True

    def __init__(
        self,
        endpoint: GraphEndpoint,
        identity: AppIdentity,
        prompt: Callable[[SignInPrompt], None],
        *,
        proxy: str | None = None,
        pacing: Pacing | None = None,
    ) -> None:
        self.identity = identity
        self._authority = endpoint.authority
        self._prompt = prompt
        self._transport = Transport(endpoint, TransportSettings(proxy=proxy))
        self._pacing = pacing or Pacing()
        self._refresh_token: str | None = None
        self.signed_in: SignedIn | None = None

    async def get_token(self, scope: str, claims: str | None) -> AzureToken:
        """Return a token for scopes that are separated by spaces; waits for the person at first.

        claims: the JSON that a challenge of Graph asked for.
        """
        scopes = f"{scope} {_IDENTITY_SCOPES}"
        if self._refresh_token is None:
            return await self._sign_in(scopes)
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        return self._accept(await self._ask(_TOKEN_PATH, _with_claims(form, scopes, claims)))

    async def close(self) -> None:
        """Forget the tokens and release connections."""
        self._refresh_token = None
        await self._transport.close()

    async def _sign_in(self, scopes: str) -> AzureToken:
        code = self._code_of(await self._ask(_CODE_PATH, {"scope": scopes}))
        self._prompt(code.prompt)
        form = {"grant_type": _DEVICE_CODE_GRANT, "device_code": code.device_code}
        interval = code.interval
        while True:
            await self._pacing.sleep(interval)
            if self._pacing.now() >= code.prompt.ends_at:
                raise _refused(ProviderReason.SIGN_IN_EXPIRED)
            answer = await self._poll(form)
            if isinstance(answer, dict):
                return self._accept(answer)
            interval += answer

    async def _poll(self, form: dict[str, str]) -> dict[str, object] | float:
        """Return the grant, or by how much to wait longer than before; the network may fail."""
        try:
            response = await self._send(_TOKEN_PATH, form)
            facts = read_token_error(_body(response))
            if facts.oauth_error == "authorization_pending":
                return 0.0
            if facts.oauth_error == "slow_down":
                return _SLOWER
            return _granted(response, facts)
        except GraphError as error:
            if error.disposition is Disposition.RETRYABLE:
                return _USUAL_INTERVAL
            raise

    async def _ask(self, path: str, form: dict[str, str]) -> dict[str, object]:
        budget = RetryBudget(RetryRules(tries=3), self._pacing)
        while True:
            wait: float | None = None
            try:
                response = await self._send(path, form)
                header = response.headers.get("retry-after")
                wait = parse_retry_after(header, self._pacing.now())
                return _granted(response, read_token_error(_body(response)))
            except GraphError as error:
                failure = error
            if failure.disposition is not Disposition.RETRYABLE:
                raise failure
            throttled = failure.reason_code is ProviderReason.THROTTLED
            wait = budget.next_wait(wait, is_throttled=throttled)
            if budget.is_exhausted or not budget.allows(wait):
                failure.retry_after = wait
                raise failure
            await budget.sleep(wait)

    async def _send(self, path: str, form: dict[str, str]) -> RawResponse:
        fields = {"client_id": self.identity.app_id, **form}
        return await self._transport.send(
            "POST",
            f"{self._authority}/{self.identity.entra_tenant_id}{path}",
            headers=_HEADERS,
            body=urlencode(fields).encode(),
            facts=FaultFacts(method="POST", path_template=path),
        )

    def _code_of(self, answer: dict[str, object]) -> _Code:
        device_code, user_code = answer.get("device_code"), answer.get("user_code")
        address = answer.get("verification_uri")
        if not all(isinstance(each, str) and each for each in (device_code, user_code, address)):
            raise protocol_error("no_device_code", FaultFacts("POST", _CODE_PATH))
        if urlsplit(str(address)).scheme != "https":
            raise protocol_error("sign_in_page_not_https", FaultFacts("POST", _CODE_PATH))
        lifetime = timedelta(seconds=_number(answer.get("expires_in"), _USUAL_LIFETIME))
        prompt = SignInPrompt(str(address), str(user_code), self._pacing.now() + lifetime)
        interval = _number(answer.get("interval"), _USUAL_INTERVAL)
        return _Code(str(device_code), prompt, max(interval, _SHORTEST_INTERVAL))

    def _accept(self, answer: dict[str, object]) -> AzureToken:
        token, refresh = answer.get("access_token"), answer.get("refresh_token")
        if not isinstance(token, str) or not token:
            raise protocol_error("no_access_token", FaultFacts("POST", _TOKEN_PATH))
        if isinstance(refresh, str) and refresh:
            self._refresh_token = refresh
        self.signed_in = _signed_in(answer.get("id_token")) or self.signed_in
        lifetime = _number(answer.get("expires_in"), 0.0)
        return AzureToken(token, int(self._pacing.now().timestamp() + lifetime))


def _with_claims(form: dict[str, str], scopes: str, claims: str | None) -> dict[str, str]:
    return {**form, "scope": scopes, **({} if claims is None else {"claims": claims})}


def _body(response: RawResponse) -> object:
    try:
        return parse_json(response.body) if response.is_json else None
    except BodyError:
        return None


def _granted(response: RawResponse, facts: TokenErrorFacts) -> dict[str, object]:
    """Return the body of a success, or raise what the answer means."""
    known = FaultFacts(
        "POST", _TOKEN_PATH, http_status=response.status, aadsts_code=facts.aadsts_code
    )
    body = _body(response)
    if response.status == 200 and isinstance(body, dict):
        return cast("dict[str, object]", body)
    if 200 <= response.status < 400:
        raise protocol_error("sign_in_answer_unreadable", known)
    fault = classify_token_error(facts.aadsts_code, response.status, facts.oauth_error)
    if fault.disposition is Disposition.RETRYABLE:
        raise graph_error(fault, known)
    raise GraphCredentialRefusedError(fault, known)


def _signed_in(id_token: object) -> SignedIn | None:
    """Return whom an id token names.

    It came from the sign-in service itself over TLS, which stands for its signature (OpenID Connect
    Core, 3.1.3.7).
    """
    parts = id_token.split(".") if isinstance(id_token, str) else []
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return None
    if not isinstance(claims, dict) or safe_guid(claims.get("tid")) is None:
        return None
    account = claims.get("preferred_username")
    return SignedIn(str(claims["tid"]).lower(), account if isinstance(account, str) else None)


def _number(value: object, usual: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(cast("float", value)) if is_number and cast("float", value) > 0 else usual


def _refused(reason: ProviderReason) -> GraphCredentialRefusedError:
    return GraphCredentialRefusedError(
        ProviderFault(reason, Disposition.BLOCKED), FaultFacts("POST", _TOKEN_PATH)
    )
