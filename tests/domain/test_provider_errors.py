"""Every row of api.md d.4 and d.7, and what is kept of an error body."""

import json

import pytest

from domain.provider_error_facts import (
    ErrorFacts,
    ErrorMarker,
    read_error_body,
    read_token_error,
    safe_code,
    safe_scopes,
)
from domain.provider_errors import (
    Disposition,
    ProviderReason,
    RequestTarget,
    classify_response,
    classify_token_error,
)
from domain.reasons import is_registered

R, D, T = ProviderReason, Disposition, RequestTarget
ACTIVITY = "9567c8a9-1111-4222-8333-000000000001"
NESTED = json.dumps(
    {
        "_version": 3,
        "Message": (
            "Application is not authorized to perform this operation. Application must have one "
            "of the following scopes: DeviceManagementConfiguration.Read.All, "
            "DeviceManagementConfiguration.ReadWrite.All - Operation ID (for customer support): "
            f"00000000-0000-0000-0000-000000000000 - Activity ID: {ACTIVITY} - Url: "
            "https://fef.msua09.manage.microsoft.com/DeviceFE/Stateless.Service.Secret"
        ),
        "CustomApiErrorPhrase": "",
        "RetryAfter": None,
    }
)
SEGMENT = "Resource not found for the segment 'configurationPolicies'."


def envelope(code: object, message: object = "", **inner: object) -> dict[str, object]:
    return {"error": {"code": code, "message": message, "innerError": inner}}


@pytest.mark.parametrize(
    ("status", "code", "message", "reason", "disposition"),
    [
        (400, "BadRequest", "", R.REQUEST_REJECTED, D.FAILED),
        (400, "Request_BadRequest", "", R.REQUEST_REJECTED, D.FAILED),
        (400, "ModelValidationFailure", "", R.REQUEST_REJECTED, D.FAILED),
        (400, "invalidRequest", "", R.REQUEST_REJECTED, D.FAILED),
        (400, "Request_UnsupportedQuery", "", R.PAGE_TOKEN_EXPIRED, D.RESTART_LISTING),
        (400, "Directory_ExpiredPageToken", "", R.PAGE_TOKEN_EXPIRED, D.RESTART_LISTING),
        (400, "BadRequest", SEGMENT, R.ENDPOINT_UNAVAILABLE, D.SKIPPED_ITEM),
        (401, "InvalidAuthenticationToken", "", R.TOKEN_REJECTED, D.REFRESH_TOKEN),
        (402, "", "", R.PAYMENT_REQUIRED, D.BLOCKED),
        (403, "Authorization_RequestDenied", "", R.PERMISSION_DENIED, D.BLOCKED),
        (403, "Forbidden", NESTED, R.PERMISSION_DENIED, D.BLOCKED),
        (403, "UnknownError", json.dumps({"Message": NESTED}), R.PERMISSION_DENIED, D.BLOCKED),
        (403, "Forbidden", "", R.FEATURE_UNAVAILABLE, D.BLOCKED),
        (403, "UnknownError", "", R.FEATURE_UNAVAILABLE, D.BLOCKED),
        (403, "AccessDenied", "", R.FEATURE_UNAVAILABLE, D.BLOCKED),
        (403, "accessDenied", "", R.FEATURE_UNAVAILABLE, D.BLOCKED),
        (403, "insufficient_claims", "", R.CONDITIONAL_ACCESS, D.BLOCKED),
        (403, "interaction_required", "", R.CONDITIONAL_ACCESS, D.BLOCKED),
        (403, "SomethingNew", "", R.PERMISSION_DENIED, D.BLOCKED),
        (404, "Request_ResourceNotFound", "", R.OBJECT_NOT_FOUND, D.SKIPPED_ITEM),
        (404, "ResourceNotFound", "", R.ENDPOINT_UNAVAILABLE, D.SKIPPED_ITEM),
        (404, "NotFound", "", R.ENDPOINT_UNAVAILABLE, D.SKIPPED_ITEM),
        (404, "BadRequest", SEGMENT, R.ENDPOINT_UNAVAILABLE, D.SKIPPED_ITEM),
        (404, "", "", R.RESPONSE_INVALID, D.FAILED),
        (405, "Request_BadRequest", "", R.REQUEST_REJECTED, D.FAILED),
        (409, "Conflict", "", R.CONFLICT, D.FAILED),
        (409, "nameAlreadyExists", "", R.CONFLICT, D.FAILED),
        (410, "resyncRequired", "", R.RESYNC_REQUIRED, D.RESTART_LISTING),
        (400, "syncStateNotFound", "", R.RESYNC_REQUIRED, D.RESTART_LISTING),
        (404, "resyncRequired", "", R.RESYNC_REQUIRED, D.RESTART_LISTING),
        (412, "resourceModified", "", R.CONCURRENT_CHANGE, D.FAILED),
        (413, "", "", R.REQUEST_TOO_LARGE, D.FAILED),
        (414, "", "", R.REQUEST_TOO_LARGE, D.FAILED),
        (422, "", "", R.REQUEST_REJECTED, D.FAILED),
        (423, "", "", R.OBJECT_LOCKED, D.RETRYABLE),
        (424, "", "", R.DEPENDENCY_FAILED, D.FAILED),
        (429, "TooManyRequests", "", R.THROTTLED, D.RETRYABLE),
        (429, "UnknownError", "", R.THROTTLED, D.RETRYABLE),
        (500, "InternalServerError", "", R.SERVER_ERROR, D.RETRYABLE),
        (500, "InternalError", "", R.SERVER_ERROR, D.RETRYABLE),
        (501, "NotImplemented", "", R.REQUEST_REJECTED, D.FAILED),
        (502, "", "", R.UNAVAILABLE, D.RETRYABLE),
        (503, "serviceNotAvailable", "", R.UNAVAILABLE, D.RETRYABLE),
        (504, "GatewayTimeout", "", R.UNAVAILABLE, D.RETRYABLE),
        (505, "", "", R.SERVER_ERROR, D.FAILED),
        (507, "", "", R.SERVER_ERROR, D.FAILED),
        (509, "", "", R.UNAVAILABLE, D.RETRYABLE),
        (599, "", "", R.SERVER_ERROR, D.RETRYABLE),
        (302, "", "", R.RESPONSE_INVALID, D.FAILED),
    ],
)
def test_classify_response_follows_the_table(
    status: int, code: str, message: str, reason: ProviderReason, disposition: Disposition
) -> None:
    fault = classify_response(status, read_error_body(envelope(code, message)))
    assert (fault.reason_code, fault.disposition) == (reason, disposition)


@pytest.mark.parametrize("code", ["ResourceNotFound", "notfound", "Request_ResourceNotFound"])
def test_classify_404_of_an_object_means_that_it_is_gone(code: str) -> None:
    fault = classify_response(404, ErrorFacts(code=code), target=T.OBJECT)
    assert fault.reason_code is R.OBJECT_NOT_FOUND


def test_classify_404_of_an_object_without_its_endpoint_is_not_gone() -> None:
    facts = read_error_body(envelope("ResourceNotFound", SEGMENT))
    assert classify_response(404, facts, target=T.OBJECT).reason_code is R.ENDPOINT_UNAVAILABLE


@pytest.mark.parametrize("status", [400, 404, 410])
@pytest.mark.parametrize("code", ["UnknownError", "BadRequest", None])
def test_classify_refused_continuation_restarts(status: int, code: str | None) -> None:
    fault = classify_response(status, ErrorFacts(code=code), target=T.CONTINUATION)
    assert fault.disposition is D.RESTART_LISTING


def test_classify_success_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no fault"):
        classify_response(204, ErrorFacts())


@pytest.mark.parametrize(
    ("numbers", "reason", "disposition"),
    [
        ((7000215,), R.CREDENTIAL_INVALID, D.BLOCKED),
        ((7000222,), R.CREDENTIAL_EXPIRED, D.BLOCKED),
        ((700027, 700023, 50012, 50013), R.CREDENTIAL_INVALID, D.BLOCKED),
        ((700024, 500133), R.CLOCK_SKEW, D.BLOCKED),
        ((700028, 700030), R.CREDENTIAL_INVALID, D.BLOCKED),
        ((7000218, 900144, 90014, 7000216), R.REQUEST_REJECTED, D.FAILED),
        ((700016, 7000229), R.APP_NOT_FOUND, D.BLOCKED),
        ((7000112,), R.APP_DISABLED, D.BLOCKED),
        ((90002, 50059, 50128, 90019, 50049), R.TENANT_NOT_FOUND, D.BLOCKED),
        ((500021,), R.ACCESS_BLOCKED, D.BLOCKED),
        ((65001, 650052, 650056), R.CONSENT_REQUIRED, D.BLOCKED),
        ((500011, 50001), R.RESOURCE_NOT_FOUND, D.BLOCKED),
        ((70011, 1002012), R.REQUEST_REJECTED, D.FAILED),
        ((53003, 53000, 530032, 530035, 50158, 50076, 50079), R.CONDITIONAL_ACCESS, D.BLOCKED),
        ((50053, 50057, 50126, 50034), R.ACCOUNT_PROBLEM, D.BLOCKED),
        ((50173, 700082), R.CONSENT_REQUIRED, D.BLOCKED),
        ((50196,), R.THROTTLED, D.RETRYABLE),
        ((90033, 90024, 90025), R.UNAVAILABLE, D.RETRYABLE),
        ((90036,), R.SERVER_ERROR, D.FAILED),
        ((1002016,), R.TLS, D.FAILED),
        ((90093, 90094, 90095, 90097), R.CONSENT_REQUIRED, D.BLOCKED),
        ((50020, 50105), R.ACCOUNT_PROBLEM, D.BLOCKED),
        ((65004,), R.SIGN_IN_DECLINED, D.BLOCKED),
        ((70019, 70020), R.SIGN_IN_EXPIRED, D.BLOCKED),
        ((70018, 650053), R.REQUEST_REJECTED, D.FAILED),
    ],
)
def test_classify_token_error_follows_the_table(
    numbers: tuple[int, ...], reason: ProviderReason, disposition: Disposition
) -> None:
    for number in numbers:
        fault = classify_token_error(number, 400, "invalid_client")
        assert (fault.reason_code, fault.disposition) == (reason, disposition)


@pytest.mark.parametrize(
    ("status", "oauth_error", "reason"),
    [
        (503, None, R.UNAVAILABLE),
        (500, "server_error", R.UNAVAILABLE),
        (429, None, R.THROTTLED),
        (400, "temporarily_unavailable", R.UNAVAILABLE),
        (401, "invalid_client", R.CREDENTIAL_INVALID),
        (400, "unauthorized_client", R.APP_NOT_FOUND),
        (400, "invalid_resource", R.RESOURCE_NOT_FOUND),
        (400, "interaction_required", R.CONDITIONAL_ACCESS),
        (400, "invalid_grant", R.CONSENT_REQUIRED),
        (400, "invalid_scope", R.REQUEST_REJECTED),
        (400, "authorization_declined", R.SIGN_IN_DECLINED),
        (400, "access_denied", R.SIGN_IN_DECLINED),
        (400, "expired_token", R.SIGN_IN_EXPIRED),
        (400, None, R.REQUEST_REJECTED),
    ],
)
def test_classify_token_error_without_a_known_number_uses_the_rest(
    status: int, oauth_error: str | None, reason: ProviderReason
) -> None:
    assert classify_token_error(123456, status, oauth_error).reason_code is reason


@pytest.mark.parametrize(
    "message",
    [NESTED, json.dumps({"ErrorCode": "Forbidden", "Message": NESTED}), NESTED[:-20], NESTED[2:]],
    ids=["nested", "wrapped twice", "cut off", "plain text"],
)
def test_missing_scopes_and_activity_id_are_found_in_any_wrapping(message: str) -> None:
    facts = read_error_body(envelope("Forbidden", message))
    assert facts.missing_scopes == (
        "DeviceManagementConfiguration.Read.All",
        "DeviceManagementConfiguration.ReadWrite.All",
    )
    assert facts.activity_id == ACTIVITY
    assert facts.markers == {ErrorMarker.PERMISSION_MISSING}


def test_request_ids_are_kept_only_as_guids() -> None:
    facts = read_error_body(
        envelope("X", "", **{"request-id": ACTIVITY, "client-request-id": "user@example.com"})
    )
    assert facts.request_id == ACTIVITY
    assert facts.client_request_id is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {"error": None},
        {"error": "text"},
        {"error": {"code": 7, "message": {"a": {"b": []}}, "innerError": []}},
        envelope(["x"], "{" * 5000),
        envelope("x", '{"Message":' * 2000),
        envelope(None, None),
    ],
)
def test_bodies_of_any_shape_give_no_facts(body: object) -> None:
    facts = read_error_body(body)
    assert facts.missing_scopes == ()
    assert facts.request_id is None


@pytest.mark.parametrize(
    "code",
    ["eyJ0eXAiOiJKV1Qi.eyJhdWQi.ZkX2p", "Qx~8Q~hT3v.dK1n", "user@example.com", "a b", "x" * 300],
)
def test_code_that_could_be_a_secret_is_dropped(code: str) -> None:
    assert safe_code(code) is None


def test_scopes_are_kept_by_shape() -> None:
    assert safe_scopes(["Group.Read.All", "x", 7, "Policy.ReadWrite.ConditionalAccess"]) == (
        "Group.Read.All",
        "Policy.ReadWrite.ConditionalAccess",
    )
    assert safe_scopes("Group.Read.All") == ()


@pytest.mark.parametrize(
    ("body", "text", "number"),
    [
        ({"error": "invalid_client", "error_codes": [7000215]}, "", 7000215),
        ({"error_description": "AADSTS700016: Application with identifier"}, "", 700016),
        ({}, "Authentication failed: AADSTS50020: User account 'jane'", 50020),
        ({"error_codes": ["x"]}, "", None),
        ({"error_codes": [True]}, "", None),
        (None, "", None),
    ],
)
def test_token_error_gives_its_number(body: object, text: str, number: int | None) -> None:
    assert read_token_error(body, text).aadsts_code == number


def test_every_reason_stands_in_the_catalog_of_reasons() -> None:
    assert all(is_registered(reason.value) for reason in ProviderReason)
