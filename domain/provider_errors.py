"""Which reason code and which handling belongs to which answer of Microsoft.

Owns the one table for Graph answers (api.md d.4), for refusals of the token endpoint (d.7) and the
rule what may be tried again (d.8). Pure: it gets a status and allow-listed facts, never a body, a
header or a sentence of the provider (D7), and knows no HTTP library.
"""

from dataclasses import dataclass
from enum import StrEnum

from domain.provider_error_facts import ErrorFacts, ErrorMarker


class ProviderReason(StrEnum):
    """Reason codes of failures at the provider; what runs, results and items store."""

    THROTTLED = "provider_throttled"  # 429, a budget that is used up, a request loop (50196)
    PERMISSION_DENIED = "provider_permission_denied"  # the app lacks an application permission
    FEATURE_UNAVAILABLE = "provider_feature_unavailable"  # no licence, or the service is not set up
    CONDITIONAL_ACCESS = "provider_conditional_access"  # a policy of the tenant refuses the app
    PAYMENT_REQUIRED = "provider_payment_required"  # a metered API without billing
    TOKEN_REJECTED = "provider_token_rejected"  # noqa: S105 - a reason code; 401 although the token is fresh
    OBJECT_NOT_FOUND = "provider_object_not_found"  # the object vanished
    ENDPOINT_UNAVAILABLE = "provider_endpoint_unavailable"  # not in this cloud or API version
    PAGE_TOKEN_EXPIRED = "provider_page_token_expired"  # noqa: S105 - a reason code; start the collection again
    RESYNC_REQUIRED = "provider_resync_required"  # the delta token is too old
    CONFLICT = "provider_conflict"  # an object with this key or name exists
    CONCURRENT_CHANGE = "provider_concurrent_change"  # changed since it was read
    REQUEST_REJECTED = "provider_request_rejected"  # our request is wrong
    REQUEST_TOO_LARGE = "provider_request_too_large"  # payload or address too long
    OBJECT_LOCKED = "provider_object_locked"  # 423
    DEPENDENCY_FAILED = "provider_dependency_failed"  # the batch item that it depends on failed
    SERVER_ERROR = "provider_server_error"  # the service failed inside
    UNAVAILABLE = "provider_unavailable"  # gateway, network or timeout
    RESPONSE_INVALID = "provider_response_invalid"  # the answer breaks the protocol
    TLS = "provider_tls"  # no trusted or modern enough encrypted connection
    CONNECTION_INVALID = "provider_connection_invalid"  # ours: somebody disabled the connection
    CREDENTIAL_MISSING = "provider_credential_missing"  # ours: the connection has none
    CREDENTIAL_INVALID = "provider_credential_invalid"  # wrong secret or certificate
    CREDENTIAL_EXPIRED = "provider_credential_expired"  # the secret's last day has passed
    CREDENTIAL_UNAVAILABLE = (
        "provider_credential_unavailable"  # no managed or workload identity here
    )
    CLOCK_SKEW = "provider_clock_skew"  # this machine's clock is wrong
    APP_NOT_FOUND = "provider_app_not_found"  # the app is not in this tenant
    APP_DISABLED = "provider_app_disabled"  # an administrator disabled the app
    TENANT_NOT_FOUND = "provider_tenant_not_found"  # unknown tenant, or the wrong cloud
    ACCESS_BLOCKED = "provider_access_blocked"  # tenant restrictions deny access
    CONSENT_REQUIRED = "provider_consent_required"  # an administrator has to consent
    RESOURCE_NOT_FOUND = "provider_resource_not_found"  # Graph is not known in this cloud or tenant
    ACCOUNT_PROBLEM = "provider_account_problem"  # the signed-in account is locked or disabled
    SIGN_IN_DECLINED = "provider_sign_in_declined"  # the person said no
    SIGN_IN_EXPIRED = "provider_sign_in_expired"  # nobody entered the code in time


class Disposition(StrEnum):
    """What the caller does with a fault (api.md d.8)."""

    RETRYABLE = "retryable"  # try again later, not before Retry-After
    BLOCKED = "blocked"  # nothing helps until a person acts
    FAILED = "failed"  # trying again gives the same answer
    SKIPPED_ITEM = "skipped_item"  # leave out this object or type, with its reason
    RESTART_LISTING = "restart_listing"  # begin the collection again, bounded
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a word; one fresh token, one more try


class RequestTarget(StrEnum):
    """What was asked for: one code means different things for a collection and for an object."""

    COLLECTION = "collection"  # the first page of a collection, an action, a singleton
    CONTINUATION = "continuation"  # a next link
    OBJECT = "object"  # one object by its id, or something below it


@dataclass(frozen=True, slots=True)
class ProviderFault:
    """A classified failure."""

    reason_code: ProviderReason
    disposition: Disposition


_RETRYABLE = Disposition.RETRYABLE
_BLOCKED = Disposition.BLOCKED
_FAILED = Disposition.FAILED
_SKIPPED = Disposition.SKIPPED_ITEM
_RESTART = Disposition.RESTART_LISTING

_REJECTED = ProviderFault(ProviderReason.REQUEST_REJECTED, _FAILED)
_DENIED = ProviderFault(ProviderReason.PERMISSION_DENIED, _BLOCKED)
_NO_FEATURE = ProviderFault(ProviderReason.FEATURE_UNAVAILABLE, _BLOCKED)
_REFUSED_BY_POLICY = ProviderFault(ProviderReason.CONDITIONAL_ACCESS, _BLOCKED)
_GONE = ProviderFault(ProviderReason.OBJECT_NOT_FOUND, _SKIPPED)
_NO_ENDPOINT = ProviderFault(ProviderReason.ENDPOINT_UNAVAILABLE, _SKIPPED)
_PAGE_TOKEN = ProviderFault(ProviderReason.PAGE_TOKEN_EXPIRED, _RESTART)
_RESYNC = ProviderFault(ProviderReason.RESYNC_REQUIRED, _RESTART)
_SERVER = ProviderFault(ProviderReason.SERVER_ERROR, _RETRYABLE)
_UNAVAILABLE = ProviderFault(ProviderReason.UNAVAILABLE, _RETRYABLE)
_NOT_OURS = ProviderFault(ProviderReason.RESPONSE_INVALID, _FAILED)

_BY_STATUS: dict[int, ProviderFault] = {
    400: _REJECTED,
    401: ProviderFault(ProviderReason.TOKEN_REJECTED, Disposition.REFRESH_TOKEN),
    402: ProviderFault(ProviderReason.PAYMENT_REQUIRED, _BLOCKED),
    403: _DENIED,
    405: _REJECTED,
    408: _UNAVAILABLE,
    409: ProviderFault(ProviderReason.CONFLICT, _FAILED),
    410: _RESYNC,
    412: ProviderFault(ProviderReason.CONCURRENT_CHANGE, _FAILED),
    413: ProviderFault(ProviderReason.REQUEST_TOO_LARGE, _FAILED),
    414: ProviderFault(ProviderReason.REQUEST_TOO_LARGE, _FAILED),
    423: ProviderFault(ProviderReason.OBJECT_LOCKED, _RETRYABLE),
    424: ProviderFault(ProviderReason.DEPENDENCY_FAILED, _FAILED),
    429: ProviderFault(ProviderReason.THROTTLED, _RETRYABLE),
    500: _SERVER,
    501: _REJECTED,
    502: _UNAVAILABLE,
    503: _UNAVAILABLE,
    504: _UNAVAILABLE,
    505: ProviderFault(ProviderReason.SERVER_ERROR, _FAILED),
    507: ProviderFault(ProviderReason.SERVER_ERROR, _FAILED),
    509: _UNAVAILABLE,
}

# Codes that say more than their status. Lower case: codes compare without case (d.4).
_BY_CODE: dict[tuple[int, str], ProviderFault] = {
    (400, "request_unsupportedquery"): _PAGE_TOKEN,
    (400, "directory_expiredpagetoken"): _PAGE_TOKEN,
    (400, "resyncrequired"): _RESYNC,
    (400, "syncstatenotfound"): _RESYNC,
    (403, "forbidden"): _NO_FEATURE,
    (403, "unknownerror"): _NO_FEATURE,
    (403, "accessdenied"): _NO_FEATURE,
    (403, "insufficient_claims"): _REFUSED_BY_POLICY,
    (403, "interaction_required"): _REFUSED_BY_POLICY,
    (404, "request_resourcenotfound"): _GONE,
    (404, "resourcenotfound"): _NO_ENDPOINT,
    (404, "notfound"): _NO_ENDPOINT,
    (404, "itemnotfound"): _NO_ENDPOINT,
    (404, "badrequest"): _NO_ENDPOINT,
    (404, "resyncrequired"): _RESYNC,
    (404, "syncstatenotfound"): _RESYNC,
}

_NOT_FOUND_CODES = frozenset(
    {"request_resourcenotfound", "resourcenotfound", "notfound", "itemnotfound"}
)


def classify_response(
    status: int, facts: ErrorFacts, *, target: RequestTarget = RequestTarget.COLLECTION
) -> ProviderFault:
    """Classify a Graph answer that is not a success (api.md d.4): the status first, then the code.

    Raises ValueError for a 2xx status, which is no fault. A 404 without a Graph error code counts
    as an invalid answer, never as a missing object: a gateway's page must not delete anything (D5).
    """
    if 200 <= status < 300:
        raise ValueError("a successful answer has no fault")
    code = (facts.code or "").lower()
    if status in {400, 404} and ErrorMarker.SEGMENT_NOT_FOUND in facts.markers:
        return _NO_ENDPOINT
    if status == 403:
        return _classify_forbidden(code, facts)
    if target is RequestTarget.CONTINUATION and status in {400, 404, 410}:
        # Seen in the wild: 400 and 404 with any code for a skip token (api.md c). Starting again
        # is bounded by the caller, so a query that is really wrong still ends.
        return _RESYNC if _BY_CODE.get((status, code)) == _RESYNC else _PAGE_TOKEN
    if status == 404:
        return _classify_not_found(code, target)
    return _BY_CODE.get((status, code)) or _by_status(status)


def _classify_forbidden(code: str, facts: ErrorFacts) -> ProviderFault:
    if ErrorMarker.PERMISSION_MISSING in facts.markers:
        return _DENIED
    if ErrorMarker.CLAIMS_CHALLENGE in facts.markers:
        return _REFUSED_BY_POLICY
    return _BY_CODE.get((403, code), _DENIED)


def _classify_not_found(code: str, target: RequestTarget) -> ProviderFault:
    if target is RequestTarget.OBJECT and code in _NOT_FOUND_CODES:
        return _GONE
    return _BY_CODE.get((404, code), _NOT_OURS)


def _by_status(status: int) -> ProviderFault:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return _SERVER
    return _REJECTED if status >= 400 else _NOT_OURS


_CREDENTIAL = ProviderFault(ProviderReason.CREDENTIAL_INVALID, _BLOCKED)
_SKEW = ProviderFault(ProviderReason.CLOCK_SKEW, _BLOCKED)
_NO_APP = ProviderFault(ProviderReason.APP_NOT_FOUND, _BLOCKED)
_NO_TENANT = ProviderFault(ProviderReason.TENANT_NOT_FOUND, _BLOCKED)
_CONSENT = ProviderFault(ProviderReason.CONSENT_REQUIRED, _BLOCKED)
_NO_RESOURCE = ProviderFault(ProviderReason.RESOURCE_NOT_FOUND, _BLOCKED)
_ACCOUNT = ProviderFault(ProviderReason.ACCOUNT_PROBLEM, _BLOCKED)
_DECLINED = ProviderFault(ProviderReason.SIGN_IN_DECLINED, _BLOCKED)
_TOO_LATE = ProviderFault(ProviderReason.SIGN_IN_EXPIRED, _BLOCKED)

# The rows of api.md d.7, in its order; then those of a person who signs in with a device code.
_AADSTS_ROWS: tuple[tuple[ProviderFault, tuple[int, ...]], ...] = (
    (_CREDENTIAL, (7000215,)),
    (ProviderFault(ProviderReason.CREDENTIAL_EXPIRED, _BLOCKED), (7000222,)),
    (_CREDENTIAL, (700027, 700023, 50012, 50013)),
    (_SKEW, (700024, 500133)),
    (_CREDENTIAL, (700028, 700030)),
    (_REJECTED, (7000218, 900144, 90014, 7000216)),
    (_NO_APP, (700016, 7000229)),
    (ProviderFault(ProviderReason.APP_DISABLED, _BLOCKED), (7000112,)),
    (_NO_TENANT, (90002, 50059, 50128, 90019, 50049)),
    (ProviderFault(ProviderReason.ACCESS_BLOCKED, _BLOCKED), (500021,)),
    (_CONSENT, (65001, 650052, 650056)),
    (_NO_RESOURCE, (500011, 50001)),
    (_REJECTED, (70011, 1002012)),
    (_REFUSED_BY_POLICY, (53003, 53000, 530032, 530035, 50158, 50076, 50079)),
    (_ACCOUNT, (50053, 50057, 50126, 50034)),
    (_CONSENT, (50173, 700082)),
    (ProviderFault(ProviderReason.THROTTLED, _RETRYABLE), (50196,)),
    (_UNAVAILABLE, (90033, 90024, 90025)),
    (ProviderFault(ProviderReason.SERVER_ERROR, _FAILED), (90036,)),
    (ProviderFault(ProviderReason.TLS, _FAILED), (1002016,)),
    (_CONSENT, (90093, 90094, 90095, 90097)),
    (_ACCOUNT, (50020, 50105)),
    (_DECLINED, (65004,)),
    (_TOO_LATE, (70019, 70020)),
    (_REJECTED, (70018, 650053)),
)
_BY_AADSTS = {number: fault for fault, numbers in _AADSTS_ROWS for number in numbers}

_BY_OAUTH_ERROR: dict[str, ProviderFault] = {
    "temporarily_unavailable": _UNAVAILABLE,
    "invalid_client": _CREDENTIAL,
    "unauthorized_client": _NO_APP,
    "invalid_resource": _NO_RESOURCE,
    "interaction_required": _REFUSED_BY_POLICY,
    "consent_required": _CONSENT,
    "invalid_grant": _CONSENT,
    "invalid_tenant": _NO_TENANT,
    # RFC 8628, and Microsoft's own word for the first.
    "access_denied": _DECLINED,
    "authorization_declined": _DECLINED,
    "expired_token": _TOO_LATE,
}


def classify_token_error(
    aadsts_code: int | None, http_status: int | None, oauth_error: str | None
) -> ProviderFault:
    """Classify a refusal of the token endpoint (api.md d.7).

    The AADSTS number decides; without a known one the HTTP status, then the OAuth error.
    """
    if aadsts_code is not None and aadsts_code in _BY_AADSTS:
        return _BY_AADSTS[aadsts_code]
    if http_status is not None and (http_status == 429 or http_status >= 500):
        return _by_status(http_status) if http_status != 500 else _UNAVAILABLE
    return _BY_OAUTH_ERROR.get((oauth_error or "").lower(), _REJECTED)
