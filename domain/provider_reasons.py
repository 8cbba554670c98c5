"""Reason entries for what the provider answers (api.md d.4, d.7); append-only.

The codes are those of `domain.provider_errors`, which decides when each applies, and those of the
connection itself. The sentences are ours: they say what happened and never what was answered (D7).
"""

from domain.links import LinkTarget
from domain.reason_entries import Actionability, NextStep, Reason, ReasonClass

_BLOCKED = ReasonClass.BLOCKED
_FAILED = ReasonClass.FAILED
_RETRYABLE = ReasonClass.RETRYABLE
_SKIPPED = ReasonClass.SKIPPED
_TRANSIENT = Actionability.RETRYABLE_TRANSIENT
_CONFIGURATION = Actionability.PERMANENT_CONFIGURATION
_PREREQUISITE = Actionability.PREREQUISITE_MISSING
_NOTHING = Actionability.NON_ACTIONABLE

_OPEN_CONNECTION = NextStep("Open the connection", LinkTarget.CONNECTION)
_GRANT_CONSENT = NextStep("Grant admin consent", LinkTarget.CONNECTION)
_ROTATE = NextStep("Replace the credential", LinkTarget.CONNECTION)
_READ = NextStep("Read what this means", LinkTarget.DOCUMENTATION)
_RETRY = NextStep("Try again later", LinkTarget.RUN)

ANSWER_REASONS = (
    Reason(
        "provider_throttled",
        _RETRYABLE,
        _TRANSIENT,
        "Throttled by Microsoft",
        "Microsoft Graph asked for fewer requests until the time for this work was used up.",
        (_RETRY,),
    ),
    Reason(
        "provider_permission_denied",
        _BLOCKED,
        _CONFIGURATION,
        "Permission missing",
        "The app registration lacks an application permission that this needs.",
        (_GRANT_CONSENT,),
    ),
    Reason(
        "provider_token_rejected",
        _FAILED,
        _CONFIGURATION,
        "Access token rejected",
        "Microsoft Graph refused a fresh access token.",
        (_OPEN_CONNECTION,),
    ),
    Reason(
        "provider_page_token_expired",
        _RETRYABLE,
        _TRANSIENT,
        "Page token expired",
        "The listing could not be read to its end, because its page tokens kept expiring.",
        (_RETRY,),
    ),
    Reason(
        "provider_request_rejected",
        _FAILED,
        _NOTHING,
        "Request rejected",
        "Microsoft Graph did not accept a request of ours. This is a defect to report.",
        (_READ,),
    ),
    Reason(
        "provider_request_too_large",
        _FAILED,
        _NOTHING,
        "Request too large",
        "A request exceeded what Microsoft Graph accepts in one piece.",
        (_READ,),
    ),
    Reason(
        "provider_payment_required",
        _BLOCKED,
        _PREREQUISITE,
        "Metered API without billing",
        "This part of Microsoft Graph is metered, and the app has no billing set up.",
        (_READ,),
    ),
    Reason(
        "provider_feature_unavailable",
        _BLOCKED,
        _PREREQUISITE,
        "Feature not available in the tenant",
        "The tenant has no licence for this feature, or it was never set up.",
        (_READ,),
    ),
    Reason(
        "provider_conditional_access",
        _BLOCKED,
        _CONFIGURATION,
        "Refused by conditional access",
        "A conditional access policy of the tenant does not let the app in.",
        (_READ,),
    ),
    Reason(
        "provider_object_not_found",
        _SKIPPED,
        _NOTHING,
        "Object no longer exists",
        "The object was removed in the tenant while it was being read.",
    ),
    Reason(
        "provider_object_locked",
        _RETRYABLE,
        _TRANSIENT,
        "Object locked",
        "Microsoft Graph holds the object locked for another change.",
        (_RETRY,),
    ),
    Reason(
        "provider_endpoint_unavailable",
        _SKIPPED,
        _NOTHING,
        "Not offered in this cloud",
        "This cloud or API version does not offer this resource type.",
    ),
    Reason(
        "provider_conflict",
        _FAILED,
        _CONFIGURATION,
        "Conflicting object",
        "An object with the same name or key already exists in the tenant.",
        (_READ,),
    ),
    Reason(
        "provider_resync_required",
        _RETRYABLE,
        _TRANSIENT,
        "Change history too old",
        "The provider no longer keeps the changes since the last read; everything is read again.",
        (_RETRY,),
    ),
    Reason(
        "provider_concurrent_change",
        _RETRYABLE,
        _TRANSIENT,
        "Changed meanwhile",
        "Somebody changed the object between reading and writing it.",
        (_RETRY,),
    ),
    Reason(
        "provider_dependency_failed",
        _RETRYABLE,
        _TRANSIENT,
        "Preceding request failed",
        "A request was not tried, because one that it builds on had failed.",
        (_RETRY,),
    ),
    Reason(
        "provider_server_error",
        _RETRYABLE,
        _TRANSIENT,
        "Provider error",
        "Microsoft Graph failed inside, again and again.",
        (_RETRY,),
    ),
    Reason(
        "provider_unavailable",
        _RETRYABLE,
        _TRANSIENT,
        "Provider unavailable",
        "Microsoft's service could not be reached or did not answer in time.",
        (_RETRY,),
    ),
    Reason(
        "provider_network_unreachable",
        _RETRYABLE,
        _TRANSIENT,
        "Network unreachable",
        "No connection to Microsoft's addresses could be made from here.",
        (_READ,),
    ),
    Reason(
        "provider_response_invalid",
        _FAILED,
        _NOTHING,
        "Unreadable answer",
        "An answer broke the rules of the protocol, so nothing was concluded from it.",
        (_READ,),
    ),
    Reason(
        "provider_tls",
        _FAILED,
        _CONFIGURATION,
        "No trusted encryption",
        "No trusted, modern enough encrypted connection to the provider could be made.",
        (_READ,),
    ),
    Reason(
        "provider_unknown_error",
        _FAILED,
        _NOTHING,
        "Unknown provider error",
        "The provider failed in a way that has no code here yet.",
        (_READ,),
    ),
)

CONNECTION_REASONS = (
    Reason(
        "provider_connection_missing",
        _BLOCKED,
        _PREREQUISITE,
        "No default connection",
        "The tenant has no default provider connection for this purpose.",
        (NextStep("Add a connection", LinkTarget.CONNECTION),),
    ),
    Reason(
        "provider_credential_missing",
        _BLOCKED,
        _PREREQUISITE,
        "Credential missing",
        "The provider connection has no credential.",
        (NextStep("Add a credential", LinkTarget.CONNECTION),),
    ),
    Reason(
        "provider_credential_invalid",
        _BLOCKED,
        _CONFIGURATION,
        "Credential refused",
        "Microsoft Entra refused the secret or certificate of the connection.",
        (_ROTATE,),
    ),
    Reason(
        "provider_credential_expired",
        _BLOCKED,
        _CONFIGURATION,
        "Credential expired",
        "The last day of the connection's secret or certificate has passed.",
        (_ROTATE,),
    ),
    Reason(
        "provider_credential_unavailable",
        _BLOCKED,
        _CONFIGURATION,
        "No identity on this machine",
        "The connection uses a managed or workload identity, which this machine does not have.",
        (_OPEN_CONNECTION,),
    ),
    Reason(
        "provider_clock_skew",
        _BLOCKED,
        _CONFIGURATION,
        "Clock is wrong",
        "The clock of this machine is too far off for a signed request to be accepted.",
        (_READ,),
    ),
    Reason(
        "provider_app_not_found",
        _BLOCKED,
        _CONFIGURATION,
        "App not in the tenant",
        "The tenant does not know the app registration of the connection.",
        (_GRANT_CONSENT,),
    ),
    Reason(
        "provider_app_disabled",
        _BLOCKED,
        _CONFIGURATION,
        "App disabled",
        "An administrator of the tenant disabled the app registration.",
        (_OPEN_CONNECTION,),
    ),
    Reason(
        "provider_tenant_not_found",
        _BLOCKED,
        _CONFIGURATION,
        "Tenant not found",
        "Microsoft Entra does not know the tenant in this cloud.",
        (_OPEN_CONNECTION,),
    ),
    Reason(
        "provider_tenant_mismatch",
        _BLOCKED,
        _CONFIGURATION,
        "Connection of another tenant",
        "The connection belongs to another Entra tenant than the one to be worked on.",
        (_OPEN_CONNECTION,),
    ),
    Reason(
        "provider_access_blocked",
        _BLOCKED,
        _CONFIGURATION,
        "Access blocked",
        "Tenant restrictions deny access from here.",
        (_READ,),
    ),
    Reason(
        "provider_consent_required",
        _BLOCKED,
        _PREREQUISITE,
        "Admin consent required",
        "An administrator of the tenant has not consented to the app, or withdrew the consent.",
        (_GRANT_CONSENT,),
    ),
    Reason(
        "provider_resource_not_found",
        _BLOCKED,
        _CONFIGURATION,
        "Microsoft Graph not known",
        "The tenant or cloud does not know Microsoft Graph under the configured address.",
        (_OPEN_CONNECTION,),
    ),
    Reason(
        "provider_account_problem",
        _BLOCKED,
        _CONFIGURATION,
        "Account problem",
        "The signed-in account is locked, disabled or unknown.",
        (_OPEN_CONNECTION,),
    ),
    Reason(
        "provider_sign_in_declined",
        _BLOCKED,
        _PREREQUISITE,
        "Sign-in declined",
        "The person who was asked to sign in declined, or did not consent.",
        (_READ,),
    ),
    Reason(
        "provider_sign_in_expired",
        _BLOCKED,
        _PREREQUISITE,
        "Sign-in took too long",
        "Nobody entered the code at Microsoft's sign-in page before it ended.",
        (_READ,),
    ),
)
