"""Errors of Microsoft Graph, safe to store, log and raise across processes (D7).

    GraphError
    ├── GraphThrottledError          wait longer than a worker slot may be held
    ├── GraphUnavailableError        network, gateway or service failure; retries used up
    ├── GraphCredentialRefusedError  the token endpoint refused
    ├── GraphTokenRejectedError      Graph refused a fresh token, for this request
    ├── GraphPermissionDeniedError   the app may not do this
    ├── GraphPageTokenExpiredError   a next link or delta link is too old: start again
    ├── GraphObjectNotFoundError     the object does not exist
    ├── GraphEndpointUnavailableError  the path does not exist in this cloud or version
    ├── GraphRequestRejectedError    our request is wrong or conflicts
    └── GraphProtocolError           the answer breaks the protocol or attacks the reader

An error holds allow-listed facts only: no provider text, address, header, token or object id.
Foreign exceptions are turned into these at their boundary and never chained.
"""

from dataclasses import dataclass, field

from domain.provider_errors import Disposition, ProviderFault, ProviderReason


@dataclass(frozen=True, slots=True)
class FaultFacts:
    """What is known of a failed request. Null means: not applicable or not sent."""

    method: str | None = None
    path_template: str | None = None
    http_status: int | None = None
    graph_code: str | None = None
    aadsts_code: int | None = None
    request_id: str | None = None
    client_request_id: str | None = None
    activity_id: str | None = None
    missing_scopes: tuple[str, ...] = ()
    detail: str | None = field(default=None)  # a word of our own, never of the provider


class GraphError(Exception):
    """A request to Graph or its token endpoint failed; see the attributes for the facts.

    `retry_after` is in seconds, null when no time is known. `resource_type` is set by the reader.
    """

    def __init__(
        self,
        fault: ProviderFault,
        facts: FaultFacts | None = None,
        *,
        retry_after: float | None = None,
        resource_type: str | None = None,
    ) -> None:
        self.fault = fault
        self.facts = facts or FaultFacts()
        self.retry_after = retry_after
        self.resource_type = resource_type
        super().__init__(fault.reason_code.value)

    @property
    def reason_code(self) -> ProviderReason:
        """Reason code that is stored."""
        return self.fault.reason_code

    @property
    def disposition(self) -> Disposition:
        """What the caller does about it."""
        return self.fault.disposition

    @property
    def http_status(self) -> int | None:
        """HTTP status, null if no answer came."""
        return self.facts.http_status

    @property
    def graph_code(self) -> str | None:
        """Graph's error code."""
        return self.facts.graph_code

    @property
    def aadsts_code(self) -> int | None:
        """Number of the token endpoint's refusal."""
        return self.facts.aadsts_code

    @property
    def request_id(self) -> str | None:
        """Microsoft's id of the request, for its support."""
        return self.facts.request_id

    @property
    def client_request_id(self) -> str | None:
        """Our id of the request."""
        return self.facts.client_request_id

    @property
    def path_template(self) -> str | None:
        """Path with ids replaced."""
        return self.facts.path_template

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """Permissions of which one would have sufficed."""
        return self.facts.missing_scopes

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.fault, self.facts, self.retry_after))

    def __str__(self) -> str:
        facts = self.facts
        parts = [
            facts.method and facts.path_template and f"{facts.method} {facts.path_template}",
            facts.http_status and f"HTTP {facts.http_status}",
            facts.graph_code,
            facts.aadsts_code and f"AADSTS{facts.aadsts_code}",
            facts.detail,
            facts.request_id and f"request-id {facts.request_id}",
        ]
        known = ", ".join(str(part) for part in parts if part)
        return f"{self.reason_code.value} ({known})" if known else self.reason_code.value


class GraphThrottledError(GraphError):
    """The next try is allowed after `retry_after` seconds, longer than a slot should wait (D10)."""


class GraphUnavailableError(GraphError):
    """No useful answer although the request was repeated, or the connection failed."""


class GraphCredentialRefusedError(GraphError):
    """No token for this credential. Nothing helps until repaired."""


class GraphTokenRejectedError(GraphError):
    """A fresh token was refused as well. Other requests of the same credential may succeed."""


class GraphPermissionDeniedError(GraphError):
    """The app lacks a permission, a licence, or a policy forbids it."""


class GraphPageTokenExpiredError(GraphError):
    """A continuation cannot be followed any more: begin the collection again, bounded."""


class GraphObjectNotFoundError(GraphError):
    """The object does not exist (any more)."""


class GraphEndpointUnavailableError(GraphError):
    """This cloud or API version has no such path: leave out the type, with this reason."""


class GraphRequestRejectedError(GraphError):
    """Graph understood the request and refused it; the same request is refused again."""


class GraphProtocolError(GraphError):
    """The answer is not what Graph sends: cut off, HTML, hostile shape, a foreign next link."""


def protocol_error(detail: str, facts: FaultFacts | None = None) -> GraphProtocolError:
    """Return the error for an answer that breaks the protocol; `detail` is one of our own words."""
    known = facts or FaultFacts()
    return GraphProtocolError(
        ProviderFault(ProviderReason.RESPONSE_INVALID, Disposition.FAILED),
        FaultFacts(
            method=known.method,
            path_template=known.path_template,
            http_status=known.http_status,
            request_id=known.request_id,
            client_request_id=known.client_request_id,
            detail=detail,
        ),
    )


def unavailable_error(detail: str, facts: FaultFacts | None = None) -> GraphUnavailableError:
    """Return the error for a connection that failed; `detail` is one of our own words."""
    known = facts or FaultFacts()
    return GraphUnavailableError(
        ProviderFault(ProviderReason.UNAVAILABLE, Disposition.RETRYABLE),
        FaultFacts(
            method=known.method,
            path_template=known.path_template,
            client_request_id=known.client_request_id,
            detail=detail,
        ),
    )


def throttled_error(retry_after: float, facts: FaultFacts | None = None) -> GraphThrottledError:
    """Return the error for a wait of this many seconds."""
    return GraphThrottledError(
        ProviderFault(ProviderReason.THROTTLED, Disposition.RETRYABLE),
        facts,
        retry_after=retry_after,
    )


def graph_error(
    fault: ProviderFault, facts: FaultFacts, *, retry_after: float | None = None
) -> GraphError:
    """Return the error class that fits a classified fault."""
    return _class_of(fault)(fault, facts, retry_after=retry_after)


def settled(error: GraphError) -> GraphError:
    """Return the error as final: a fresh token was refused as well, so asking again is over."""
    if error.disposition is Disposition.REFRESH_TOKEN:
        error.fault = ProviderFault(error.reason_code, Disposition.FAILED)
    return error


_CLASS_OF_REASON: dict[ProviderReason, type[GraphError]] = {
    ProviderReason.THROTTLED: GraphThrottledError,
    ProviderReason.RESPONSE_INVALID: GraphProtocolError,
    ProviderReason.OBJECT_NOT_FOUND: GraphObjectNotFoundError,
}
_CLASS_OF_DISPOSITION: dict[Disposition, type[GraphError]] = {
    Disposition.RETRYABLE: GraphUnavailableError,
    Disposition.BLOCKED: GraphPermissionDeniedError,
    Disposition.FAILED: GraphRequestRejectedError,
    Disposition.RESTART_LISTING: GraphPageTokenExpiredError,
    Disposition.REFRESH_TOKEN: GraphTokenRejectedError,
    Disposition.SKIPPED_ITEM: GraphEndpointUnavailableError,
}


def _class_of(fault: ProviderFault) -> type[GraphError]:
    by_reason = _CLASS_OF_REASON.get(fault.reason_code)
    return by_reason or _CLASS_OF_DISPOSITION[fault.disposition]


def _rebuild(
    kind: type[GraphError], fault: ProviderFault, facts: FaultFacts, retry_after: float | None
) -> GraphError:
    return kind(fault, facts, retry_after=retry_after)
