"""The client: requests to Graph with tokens, budgets, retries and safe errors.

Owns what one request may do before its caller hears of it: wait up to ten seconds, repeat after
failures, ask once for a fresh token. It does not know what the answers mean to the product.
One client serves one app in one tenant; transport, tokens and budgets are shared.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from domain.provider_errors import Disposition, ProviderReason, RequestTarget
from domain.resource_types.service_areas import service_area_of
from domain.resource_types.shape import ServiceArea
from graph.batch_runs import BatchRun
from graph.batching import LARGEST_BATCH, BatchRequest, BatchResult
from graph.budgets import BudgetKey, BudgetKind, BudgetSource
from graph.calls import Call, claims_challenge, get_call, response_error, success_body
from graph.credentials import AppIdentity
from graph.errors import (
    GraphCredentialRefusedError,
    GraphError,
    GraphProtocolError,
    GraphThrottledError,
    protocol_error,
    settled,
)
from graph.json_bodies import JsonValue, dump_json
from graph.links import below_version, checked_link
from graph.paging import NEXT_LINK, JsonObject, Page, next_link_of, read_page
from graph.request_costs import largest_batch, request_cost
from graph.retry import Pacing, RetryBudget, RetryRules, parse_retry_after
from graph.slots import AreaSlots
from graph.tasks import gather_patiently
from graph.tokens import AccessToken, TokenSource
from graph.transport import RawResponse, Transport

# A token this old may lack a permission that was granted meanwhile (api.md a.2).
_OLD_TOKEN_SECONDS = 300.0
_HEADERS = {
    "Accept": "application/json",
    # Without it new members of enums come back as unknownFutureValue, which nobody can restore.
    "Prefer": "include-unknown-enum-members",
    "x-ms-throttle-priority": "Low",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """How many requests of a service area are in flight at once, and the retry rules."""

    in_flight: int = 8
    rules: RetryRules = field(default_factory=RetryRules)
    pacing: Pacing = field(default_factory=Pacing)


class GraphClient:
    """Reads Graph for one app in one tenant."""

    def __init__(
        self,
        *,
        identity: AppIdentity,
        transport: Transport,
        tokens: TokenSource,
        budgets: BudgetSource,
        settings: ClientSettings | None = None,
    ) -> None:
        self.identity = identity
        self._transport = transport
        self._tokens = tokens
        self._budgets = budgets
        self._settings = settings or ClientSettings()
        self._pacing = self._settings.pacing
        self._slots = AreaSlots(self._settings.in_flight)

    @property
    def graph_root(self) -> str:
        """Scheme and host that all requests go to."""
        return self._transport.endpoint.graph_root

    async def get(
        self, version: str, path: str, *, target: RequestTarget = RequestTarget.COLLECTION
    ) -> JsonObject:
        """Return the JSON object at a quoted path. Raises GraphError."""
        call = get_call(f"/{version}{path}", target, _cost(path))
        answer = await self._answer(call)
        return answer or {}

    async def post(
        self, version: str, path: str, body: JsonValue, *, is_write: bool
    ) -> JsonObject | None:
        """Send a JSON body; null if Graph answers without content. Raises GraphError.

        A write whose answer is lost is not repeated: it may have happened (api.md d.4).
        """
        call = Call(
            method="POST",
            link=f"/{version}{path}",
            target=RequestTarget.COLLECTION,
            area=service_area_of(path),
            cost=_cost(path),
            body=dump_json(body),
            is_write=is_write,
            repeatable=not is_write,
        )
        return await self._answer(call)

    async def pages(
        self, version: str, path: str, resume: str | None = None
    ) -> AsyncIterator[Page]:
        """Yield the pages of a collection, from the start or from a page's `next_link`.

        Raises GraphPageTokenExpiredError when a continuation is refused: begin again, bounded.
        """
        link: str | None = checked_link(version, resume) if resume else f"/{version}{path}"
        continued = resume is not None
        seen: set[str] = set()
        while link is not None:
            target = RequestTarget.CONTINUATION if continued else RequestTarget.COLLECTION
            seen.add(link)
            body = await self._answer(get_call(link, target, _cost(below_version(link))))
            page = read_page(body or {}, self.graph_root, version)
            if page.next_link in seen:
                raise protocol_error("endless_listing")
            yield page
            link, continued = page.next_link, True

    async def batch(self, version: str, requests: Sequence[BatchRequest]) -> list[BatchResult]:
        """Return one result for each request, in their order, collections with all their pages.

        Errors of single items stand in their results. Raises GraphThrottledError if nothing gets
        on or waiting would hold the slot too long, and errors that concern all items.
        """
        chunks: list[list[int]] = []
        for area, places in _by_area(requests).items():
            size = min(largest_batch(area), LARGEST_BATCH)
            chunks.extend(places[at : at + size] for at in range(0, len(places), size))
        outcomes = await gather_patiently(
            [
                partial(self._chunk, version, [requests[place] for place in chunk])
                for chunk in chunks
            ],
            longest_wait=self._settings.rules.longest_wait,
            sleep=self._pacing.sleep,
        )
        results: dict[int, BatchResult] = {}
        for chunk, outcome in zip(chunks, outcomes, strict=True):
            results.update(zip(chunk, outcome, strict=True))
        return [results[place] for place in range(len(requests))]

    async def token_roles(self) -> tuple[str, ...]:
        """Return the permissions of the current token, unverified, for diagnosis."""
        return await self._tokens.roles()

    async def _chunk(self, version: str, requests: list[BatchRequest]) -> list[BatchResult]:
        if len(requests) == 1:
            # One request needs no envelope: conditional access allows one a second anyway.
            return [await self._single(version, requests[0])]
        run = BatchRun(
            version=version,
            graph_root=self.graph_root,
            requests=requests,
            budget=RetryBudget(self._settings.rules, self._pacing),
        )
        area = service_area_of(requests[0].path)
        while run.is_open:
            answered = await self._succeed(run.next_call(area, _HEADERS))
            wait = run.accept(answered.body or {}, self._pacing.now())
            if run.refuses_token:
                await self._tokens.replace(answered.token)
            if wait is None:
                continue
            if run.is_throttled:
                await self._budgets.report_throttled(self._key(area), wait)
            await run.wait(wait)
        return run.results()

    async def _single(self, version: str, request: BatchRequest) -> BatchResult:
        try:
            call = get_call(f"/{version}{request.path}", request.target, _cost(request.path))
            body = await self._answer(call)
            if body is None:
                return BatchResult(request)
            link = next_link_of(body, self.graph_root, version)
            if link is not None:
                rest = [page async for page in self.pages(version, "", resume=link)]
                value = read_page(body, self.graph_root, version).items
                value.extend(item for page in rest for item in page.items)
                whole = {name: part for name, part in body.items() if name != NEXT_LINK}
                body = {**whole, "value": cast("JsonValue", value)}
        except (GraphThrottledError, GraphCredentialRefusedError):
            raise
        except GraphError as error:
            return BatchResult(request, None, error)
        return BatchResult(request, body)

    async def _answer(self, call: Call) -> JsonObject | None:
        return (await self._succeed(call)).body

    async def _succeed(self, call: Call) -> "_Attempt":
        """Send a call until it succeeds or its caller has to decide."""
        budget = RetryBudget(self._settings.rules, self._pacing)
        has_second_token = fresh_connection = False
        while True:
            attempt = await self._attempt(call, fresh_connection=fresh_connection)
            failure, response, token = attempt.failure, attempt.response, attempt.token
            if failure is None:
                return attempt
            if response and not has_second_token and self._wants_new_token(failure, token):
                await self._tokens.replace(token, claims_challenge(response))
                has_second_token = True
                continue
            wait = await self._wait_or_raise(call, budget, failure, response)
            await budget.sleep(wait)
            fresh_connection = response is None or response.status >= 500

    async def _attempt(self, call: Call, *, fresh_connection: bool) -> "_Attempt":
        """Send once, when there is a slot, a token and budget, in this order.

        Budget is last: units that are taken and not sent at once would add to a later second's. A
        token from before the queue could be too old behind it.
        """
        async with self._slots.of(call.area):
            token = await self._tokens.get()
            await self._take_budget(call)
            return await self._send(call, token, fresh_connection=fresh_connection)

    async def _send(self, call: Call, token: AccessToken, *, fresh_connection: bool) -> "_Attempt":
        """Send. Failures are returned, so that what follows is raised in the open."""
        request_id = self._pacing.new_id()
        facts = call.facts(request_id)
        headers = {
            **_HEADERS,
            "Authorization": f"Bearer {token.value}",
            "client-request-id": request_id,
        }
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        try:
            response = await self._transport.send(
                call.method,
                self.graph_root + call.link,
                headers=headers,
                body=call.body,
                fresh_connection=fresh_connection,
                facts=facts,
            )
        except GraphError as error:
            return _Attempt(token=token, failure=error)
        failure: GraphError
        try:
            if 200 <= response.status < 300 or _is_batch_answer(call, response):
                body = success_body(response, facts)
                return _Attempt(token=token, body=body, response=response)
            failure = response_error(call, response, request_id)
        except GraphProtocolError as error:
            failure = error
        return _Attempt(token=token, failure=failure, response=response)

    async def _wait_or_raise(
        self, call: Call, budget: RetryBudget, failure: GraphError, response: RawResponse | None
    ) -> float:
        """Return the seconds to wait before the next attempt, or raise the failure."""
        if not _may_repeat(call, failure):
            raise settled(failure)
        header = response.headers.get("retry-after") if response else None
        is_throttled = isinstance(failure, GraphThrottledError)
        wait = budget.next_wait(
            parse_retry_after(header, self._pacing.now()), is_throttled=is_throttled
        )
        if is_throttled:
            await self._budgets.report_throttled(self._key(call.area), wait)
        if budget.allows(wait) and (is_throttled or not budget.is_exhausted):
            return wait
        failure.retry_after = wait
        raise failure

    def _wants_new_token(self, failure: GraphError, token: AccessToken) -> bool:
        """Tell whether a fresh token may help: after a 401, or a 403 with an old token.

        Permissions are baked into a token; one from before an administrator's consent keeps
        failing (api.md a.2). With a young token a 403 is final.
        """
        if failure.http_status == 403:
            age = self._pacing.monotonic() - token.obtained_at
            denied = failure.reason_code is ProviderReason.PERMISSION_DENIED
            return denied and age > _OLD_TOKEN_SECONDS
        return failure.http_status == 401

    async def _take_budget(self, call: Call) -> None:
        # The one that may take long comes first, so that the other's units are used fresh.
        if call.is_write:
            await self._budgets.acquire(self._key(call.area, BudgetKind.WRITE), 1)
        await self._budgets.acquire(self._key(call.area), call.cost)

    def _key(self, area: ServiceArea, kind: BudgetKind = BudgetKind.REQUEST) -> BudgetKey:
        return BudgetKey(self.identity.app_id, self.identity.entra_tenant_id, area, kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One send: a body, or a failure; the response if one came, and the token it was sent with."""

    token: AccessToken
    body: JsonObject | None = None
    failure: GraphError | None = None
    response: RawResponse | None = None


def _may_repeat(call: Call, failure: GraphError) -> bool:
    if isinstance(failure, GraphThrottledError):
        return True
    # An answer that was cut off or replaced by a gateway's page may be whole the next time.
    is_damaged = isinstance(failure, GraphProtocolError) and failure.facts.detail in {
        "not_json",
        "unreadable_json",
        "empty_answer",
    }
    return call.repeatable and (is_damaged or failure.disposition is Disposition.RETRYABLE)


def _is_batch_answer(call: Call, response: RawResponse) -> bool:
    # 424 for the whole batch was documented once and is simulated by Microsoft's proxy (d.3).
    return call.is_batch and response.status == 424 and b'"responses"' in response.body


def _cost(path: str) -> int:
    return request_cost(service_area_of(path), path)


def _by_area(requests: Sequence[BatchRequest]) -> dict[ServiceArea, list[int]]:
    places: dict[ServiceArea, list[int]] = {}
    for place, request in enumerate(requests):
        places.setdefault(service_area_of(request.path), []).append(place)
    return places
