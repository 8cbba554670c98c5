"""One Graph request from its accepted token to its answer: faults, budgets, rights, handling."""

from __future__ import annotations

from dataclasses import dataclass

from devstack.graph_service import refusals
from devstack.graph_service.answers import (
    Answer,
    BodyStyle,
    GraphRefusalError,
    Transport,
    render_refusal,
)
from devstack.graph_service.call import Call
from devstack.graph_service.catalog import CATALOG, NotFoundSegmentError, Route
from devstack.graph_service.clock import ServiceClock
from devstack.graph_service.counters import Counters
from devstack.graph_service.directory_reads import DirectoryReader, resync_required
from devstack.graph_service.faults import FaultKind, Faults, FaultSpec, Occasion
from devstack.graph_service.hostile import hostile_answer
from devstack.graph_service.paging import PageTokens, expired_token
from devstack.graph_service.permissions import accepted_permissions
from devstack.graph_service.reading import Empty, Reader
from devstack.graph_service.throttling import Throttle
from devstack.graph_service.tokens import unauthorized
from devstack.graph_service.writing import Writer

NOT_IDS = frozenset({"delta", "$count", "getbyids"})


@dataclass(kw_only=True)
class Dispatcher:
    """Answers calls; the parts are those of one service."""

    reader: Reader
    writer: Writer
    directory: DirectoryReader
    throttle: Throttle
    faults: Faults
    counters: Counters
    tokens: PageTokens
    clock: ServiceClock

    def answer(self, call: Call) -> Answer:
        """The answer to one request or batch item; never raises for what a client may send."""
        route = self._route(call)
        call.template = path_template(call, route)
        numbers = self.counters.of(call.tenant.tenant_id)
        numbers.sub_requests += 1
        numbers.by_path[f"{call.method} {call.template}"] += 1
        self.throttle.note_arrival(call, route.collection.area if route else None)
        fault = self._fault(call)
        try:
            answer = self._answer(call, route, fault)
        except GraphRefusalError as refusal:
            answer = render_refusal(refusal, call.trace)
        numbers.by_status[answer.status] += 1
        if answer.status == 403:
            numbers.forbidden += 1
        elif answer.status < 400 and call.is_write:
            numbers.writes_applied += 1
        return answer

    def _route(self, call: Call) -> Route | None:
        lowered = tuple(s.lower() for s in call.segments[:2])
        if lowered == ("directoryobjects", "getbyids"):
            return Route(CATALOG.get("groups"), ("getByIds",))
        try:
            return CATALOG.resolve(call.segments, call.version)
        except NotFoundSegmentError:
            return None

    def _fault(self, call: Call) -> FaultSpec | None:
        occasion = Occasion(
            path=call.path,
            template=call.template,
            method=call.method,
            version=call.version,
            tenant=call.tenant.tenant_id,
            app=call.identity.client_id,
            in_batch=call.in_batch,
            page=self.tokens.peek_page(call.options.get("skiptoken")),
        )
        fault = self.faults.strike(occasion)
        if fault is not None:
            self.counters.of(call.tenant.tenant_id).faults_served += 1
        return fault

    def _answer(self, call: Call, route: Route | None, fault: FaultSpec | None) -> Answer:
        if fault is not None:
            instead = self.instead(call, fault)
            if instead is not None:
                return instead
        if route is None:
            raise self._unknown(call)
        headers = self.throttle.admit(call, route.collection)
        self._authorize(call, route)
        answer = self._handle(call, route, _emptiness(fault))
        answer.headers.update(headers)
        return answer if fault is None else self.afterwards(call, fault, answer)

    def _unknown(self, call: Call) -> GraphRefusalError:
        try:
            CATALOG.resolve(call.segments, call.version)
        except NotFoundSegmentError as error:
            return refusals.unknown_segment(error.segment)
        return refusals.unknown_segment(call.segments[-1])

    def _authorize(self, call: Call, route: Route) -> None:
        accepted = accepted_permissions(route.collection, route.rest, call.method)
        if not call.identity.permissions.intersection(accepted):
            style = BodyStyle(call.tenant.knobs.intune_error_style)
            raise refusals.forbidden(route.collection, accepted, style)

    def _handle(self, call: Call, route: Route, empty: Empty) -> Answer:
        first = route.rest[0].lower() if route.rest else ""
        if first == "getbyids":
            if call.method != "POST":
                raise refusals.method_not_allowed()
            return self.directory.get_by_ids(call)
        if call.method == "GET":
            if first == "delta" and route.collection.key == "groups":
                return self.directory.groups_delta(call)
            return self.reader.read(call, route, empty=empty)
        return self.writer.write(call, route)

    def instead(self, call: Call, fault: FaultSpec) -> Answer | None:
        """The answer that a fault gives in place of handling the request, if it does."""
        match fault.kind:
            case FaultKind.STATUS | FaultKind.BROKEN_PAGE:
                return self._status(call, fault)
            case FaultKind.RESET:
                return Answer(500, delay_s=fault.delay_s, transport=Transport.RESET)
            case FaultKind.HOSTILE:
                hostile = hostile_answer(fault.status, fault.code, fault.secrets, call.trace)
                hostile.headers.update(fault.headers)
                return hostile
            case FaultKind.EXPIRED_PAGE:
                raise expired_token()
            case FaultKind.RESYNC_REQUIRED:
                raise resync_required(call)
            case FaultKind.UNAUTHORIZED:
                raise unauthorized("Lifetime validation failed, the token is expired.")
            case FaultKind.INSUFFICIENT_CLAIMS:
                raise _claims_challenge()
            case FaultKind.HTML:
                page = GraphRefusalError(
                    fault.status, "", "The gateway is not available.", style=BodyStyle.HTML
                )
                return render_refusal(page, call.trace)
            case _:
                return None

    def _status(self, call: Call, fault: FaultSpec) -> Answer:
        headers = dict(fault.headers)
        if fault.retry_after is not None:
            headers["Retry-After"] = fault.retry_after
            self.throttle.note_refusal(call, _seconds(fault.retry_after))
        if fault.status == 429:
            self.counters.of(call.tenant.tenant_id).injected_throttles += 1
        refusal = GraphRefusalError(
            fault.status,
            fault.code or DEFAULT_CODES.get(fault.status, "UnknownError"),
            fault.message,
            style=fault.body_style,
            headers=headers,
        )
        answer = render_refusal(refusal, call.trace)
        answer.delay_s = fault.delay_s
        return answer

    def afterwards(self, call: Call, fault: FaultSpec, answer: Answer) -> Answer:
        """The right answer with what a fault does to it on its way out."""
        answer.delay_s = fault.delay_s
        match fault.kind:
            case FaultKind.DELAY:
                answer.headers.update(fault.headers)
            case FaultKind.CUT:
                answer.transport = Transport.CUT
            case FaultKind.OMITTED:
                answer.transport = Transport.OMITTED
            case FaultKind.TRUNCATED:
                answer.transport = Transport.TRUNCATED
            case FaultKind.WRONG_CONTENT_TYPE:
                answer.content_type = "text/plain; charset=utf-8"
            case FaultKind.LATE_VISIBILITY:
                answer.delay_s = 0.0
                if call.created_id:
                    until = self.clock.monotonic() + fault.delay_s
                    call.tenant.hidden_until[call.created_id] = until
            case FaultKind.APPLIED_THEN_LOST:
                if fault.delay_s > 0:
                    answer.transport = Transport.RESET
                else:
                    lost = GraphRefusalError(504, "GatewayTimeout", "The gateway timed out.")
                    answer = render_refusal(lost, call.trace)
            case _:
                pass
        return answer


DEFAULT_CODES = {
    400: "BadRequest",
    401: "InvalidAuthenticationToken",
    402: "PaymentRequired",
    403: "Forbidden",
    404: "ResourceNotFound",
    405: "Request_BadRequest",
    409: "Conflict",
    410: "resyncRequired",
    412: "resourceModified",
    423: "resourceLocked",
    429: "TooManyRequests",
    500: "InternalServerError",
    501: "NotImplemented",
    502: "BadGateway",
    503: "serviceNotAvailable",
    504: "GatewayTimeout",
    509: "bandwidthLimitExceeded",
}


def path_template(call: Call, route: Route | None) -> str:
    """The path with `{id}` where ids stand; unknown paths are one template."""
    if route is None:
        return "/{unknown}"
    if call.segments[0].lower() == "directoryobjects":
        return "/directoryObjects/getByIds"
    parts = [route.collection.path]
    expects_id = not route.collection.singleton
    for segment in route.rest:
        lowered = segment.lower()
        if lowered.startswith("microsoft.graph."):
            parts.append(segment)
            continue
        if expects_id and lowered not in NOT_IDS:
            parts.append("{id}")
            expects_id = False
            continue
        parts.append(segment.partition("(")[0])
        expects_id = True
    return "/" + "/".join(parts)


def _emptiness(fault: FaultSpec | None) -> Empty:
    if fault is None:
        return "no"
    if fault.kind is FaultKind.EMPTY_LIST:
        return "list"
    return "page" if fault.kind is FaultKind.EMPTY_PAGE else "no"


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _claims_challenge() -> GraphRefusalError:
    refusal = unauthorized("Continuous access evaluation resulted in challenge.")
    refusal.headers["WWW-Authenticate"] = (
        'Bearer realm="", error="insufficient_claims",'
        ' claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ=="'
    )
    return refusal
