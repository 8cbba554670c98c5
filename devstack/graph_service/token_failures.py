"""AADSTS failures of the token endpoint: HTTP status, OAuth error and text (api.md d.7)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from devstack.graph_service.answers import Answer, json_answer
from devstack.graph_service.clock import ServiceClock

AUTHORIZATION_PENDING = 70016
CODE_UNKNOWN = 70018
CODE_EXPIRED = 70020
CONSENT_DECLINED = 65004


@dataclass(frozen=True, slots=True)
class TokenFailure:
    """How one code is answered."""

    status: int
    error: str
    text: str


FAILURES: dict[int, TokenFailure] = {
    7000215: TokenFailure(
        401,
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client"
        " secret value, not the client secret ID, for a secret added to app '{app}'.",
    ),
    7000222: TokenFailure(
        401,
        "invalid_client",
        "The provided client secret keys for app '{app}' are expired.",
    ),
    700027: TokenFailure(
        401,
        "invalid_client",
        "The certificate used to sign the client assertion is not registered.",
    ),
    700023: TokenFailure(401, "invalid_client", "Client assertion audience claim is wrong."),
    700024: TokenFailure(
        401, "invalid_client", "Client assertion is not within its valid time range."
    ),
    7000218: TokenFailure(
        401,
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or"
        " 'client_secret'.",
    ),
    900144: TokenFailure(
        400, "invalid_request", "The request body must contain the following parameter: '{detail}'."
    ),
    700016: TokenFailure(
        400,
        "unauthorized_client",
        "Application with identifier '{app}' was not found in the directory '{tenant}'.",
    ),
    7000229: TokenFailure(
        400, "unauthorized_client", "The client application is missing service principal."
    ),
    7000112: TokenFailure(400, "unauthorized_client", "Application '{app}' is disabled."),
    90002: TokenFailure(
        400, "invalid_request", "Tenant '{tenant}' not found. Check to make sure it is correct."
    ),
    65001: TokenFailure(
        400, "invalid_grant", "The user or administrator has not consented to use the application."
    ),
    500011: TokenFailure(
        400, "invalid_resource", "The resource principal named {detail} was not found."
    ),
    70011: TokenFailure(
        400, "invalid_scope", "The provided value for scope {detail} is not valid."
    ),
    1002012: TokenFailure(
        400, "invalid_scope", "The provided value for scope {detail} is not valid."
    ),
    53003: TokenFailure(
        400,
        "invalid_grant",
        "Access has been blocked by Conditional Access policies. The access policy does not allow"
        " token issuance.",
    ),
    53000: TokenFailure(400, "invalid_grant", "Device is not in required device state."),
    50076: TokenFailure(
        400, "interaction_required", "You must use multi-factor authentication to access '{app}'."
    ),
    50034: TokenFailure(400, "invalid_grant", "The user account does not exist in the directory."),
    50053: TokenFailure(400, "invalid_grant", "The account is locked."),
    50173: TokenFailure(400, "invalid_grant", "The provided grant has been revoked."),
    700082: TokenFailure(400, "invalid_grant", "The refresh token has expired due to inactivity."),
    50196: TokenFailure(400, "invalid_grant", "The server terminated an operation: request loop."),
    90033: TokenFailure(
        503, "temporarily_unavailable", "A transient error has occurred. Please try again."
    ),
    90024: TokenFailure(503, "temporarily_unavailable", "The request budget is exceeded."),
    90036: TokenFailure(500, "server_error", "An unexpected, non-retryable error occurred."),
    65004: TokenFailure(
        400, "authorization_declined", "User declined to consent to access the app."
    ),
    90094: TokenFailure(
        400, "invalid_grant", "An administrator of the tenant has to consent to '{app}'."
    ),
    50020: TokenFailure(400, "invalid_grant", "User account does not exist in tenant '{tenant}'."),
    650053: TokenFailure(
        400, "invalid_scope", "The application asked for scope '{detail}' that does not exist."
    ),
    AUTHORIZATION_PENDING: TokenFailure(
        400, "authorization_pending", "OAuth 2.0 device flow error. Authorization is pending."
    ),
    CODE_EXPIRED: TokenFailure(400, "expired_token", "The provided value for 'code' is expired."),
    CODE_UNKNOWN: TokenFailure(400, "bad_verification_code", "Invalid verification code."),
}
UNKNOWN = TokenFailure(400, "invalid_grant", "The request could not be fulfilled.")


class TokenRefusalError(Exception):
    """A token request that ends with an AADSTS code; `error` replaces the code's usual one."""

    def __init__(self, code: int, *, detail: str = "", error: str | None = None) -> None:
        super().__init__(str(code))
        self.code = code
        self.detail = detail
        self.error = error


def render_token_refusal(
    refusal: TokenRefusalError, *, app: str, tenant: str, clock: ServiceClock
) -> Answer:
    """The failure in the shape of the login service."""
    failure = FAILURES.get(refusal.code, UNKNOWN)
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    moment = clock.now().strftime("%Y-%m-%d %H:%M:%SZ")
    text = failure.text.format(app=app, tenant=tenant, detail=refusal.detail)
    content = {
        "error": refusal.error or failure.error,
        "error_description": (
            f"AADSTS{refusal.code}: {text} Trace ID: {trace} Correlation ID: {correlation}"
            f" Timestamp: {moment}"
        ),
        "error_codes": [refusal.code],
        "timestamp": moment,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={refusal.code}",
    }
    headers = {"Set-Cookie": "fpc=AgPlantedCookie; path=/; secure; HttpOnly; SameSite=None"}
    return json_answer(failure.status, content, headers)
