"""One call to Graph, and what its answer means. Pure: no I/O, no waiting."""

import base64
import binascii
import re
from dataclasses import dataclass, field, replace

from domain.provider_error_facts import ErrorFacts, ErrorMarker, read_error_body, safe_guid
from domain.provider_errors import RequestTarget, classify_response
from domain.resource_types.service_areas import service_area_of
from domain.resource_types.shape import ServiceArea
from graph.batching import ItemAnswer
from graph.errors import FaultFacts, GraphError, graph_error, protocol_error
from graph.json_bodies import BodyError, JsonValue, parse_json
from graph.links import below_version
from graph.paging import JsonObject
from graph.path_templates import path_template
from graph.transport import RawResponse

_CLAIMS = re.compile(r'claims="([A-Za-z0-9+/=_-]{1,8000})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is sent. link: quoted path and query that begin with the version.

    cost: units it takes from its area's budget. repeatable: a lost answer may be asked for again.
    """

    method: str
    link: str
    target: RequestTarget
    area: ServiceArea
    cost: int
    body: bytes | None = field(default=None, repr=False)
    is_write: bool = False
    repeatable: bool = True
    is_batch: bool = False

    def facts(self, client_request_id: str) -> FaultFacts:
        """Return the facts of a failure before any answer."""
        return FaultFacts(
            method=self.method,
            path_template=path_template(self.link),
            client_request_id=client_request_id,
        )


def get_call(link: str, target: RequestTarget, cost: int) -> Call:
    """Return a GET of a link."""
    area = service_area_of(below_version(link))
    return Call(method="GET", link=link, target=target, area=area, cost=cost)


def success_body(response: RawResponse, facts: FaultFacts) -> JsonObject | None:
    """Return the JSON object of a 2xx answer, null without content. Raises GraphProtocolError."""
    if response.status == 204 or not response.body:
        if response.status in {202, 204}:
            return None
        raise protocol_error("empty_answer", facts)
    if not response.is_json:
        raise protocol_error("not_json", facts)
    value = _parsed(response.body)
    if value is None:
        raise protocol_error("unreadable_json", facts)
    if not isinstance(value, dict):
        raise protocol_error("not_an_object", facts)
    return value


def response_error(call: Call, response: RawResponse, client_request_id: str) -> GraphError:
    """Return the error of an answer that is no success."""
    errors = read_error_body(_parsed(response.body) if response.is_json else None)
    if "insufficient_claims" in response.headers.get("www-authenticate", ""):
        errors = replace(errors, markers=errors.markers | {ErrorMarker.CLAIMS_CHALLENGE})
    header_id = safe_guid(response.headers.get("request-id"))
    errors = replace(
        errors,
        request_id=errors.request_id or header_id,
        client_request_id=client_request_id,
    )
    return _error(call.method, call.link, call.target, response.status, errors)


def item_error(link: str, target: RequestTarget, answer: ItemAnswer) -> GraphError:
    """Return the error of a batch item that is no success."""
    return _error("GET", link, target, answer.status, read_error_body(answer.body))


def claims_challenge(response: RawResponse) -> str | None:
    """Return the claims that a 401 asks for, as the JSON text for a token request, or null."""
    found = _CLAIMS.search(response.headers.get("www-authenticate", ""))
    if found is None:
        return None
    try:
        padded = found.group(1) + "=" * (-len(found.group(1)) % 4)
        text = base64.urlsafe_b64decode(padded.replace("+", "-").replace("/", "_"))
    except (ValueError, binascii.Error):
        return None
    return text.decode() if isinstance(_parsed(text), dict) else None


def _error(
    method: str, link: str, target: RequestTarget, status: int, errors: ErrorFacts
) -> GraphError:
    facts = FaultFacts(
        method=method,
        path_template=path_template(link),
        http_status=status,
        graph_code=errors.code,
        request_id=errors.request_id,
        client_request_id=errors.client_request_id,
        activity_id=errors.activity_id,
        missing_scopes=errors.missing_scopes,
    )
    return graph_error(classify_response(status, errors, target=target), facts)


def _parsed(raw: bytes) -> JsonValue:
    try:
        return parse_json(raw)
    except BodyError:
        return None
