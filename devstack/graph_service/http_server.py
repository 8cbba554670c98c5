"""aiohttp in front of the service: parses requests, sends answers, plays network faults."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from devstack.graph_service import refusals
from devstack.graph_service.answers import (
    Answer,
    GraphRefusalError,
    Trace,
    Transport,
    json_answer,
    render_refusal,
)
from devstack.graph_service.authority import LoginService
from devstack.graph_service.batching import answer_batch, read_items
from devstack.graph_service.call import Call, split_path
from devstack.graph_service.catalog.lookup import VERSIONS
from devstack.graph_service.clock import Latency, ServiceClock
from devstack.graph_service.counters import Counters
from devstack.graph_service.dispatch import Dispatcher
from devstack.graph_service.faults import FaultKind, Faults, Occasion
from devstack.graph_service.hostile import hostile_token_answer
from devstack.graph_service.metadata import metadata_document
from devstack.graph_service.odata import parse_options
from devstack.graph_service.tenant import TenantState
from devstack.graph_service.tokens import Identity, TokenAuthority, unauthorized

DIAGNOSTIC = (
    '{"ServerInfo":{"DataCenter":"Local","Slice":"E","Ring":"1","ScaleUnit":"001",'
    '"RoleInstance":"LOCAL0000"}}'
)
ControlHandler = Callable[[str, web.BaseRequest], Awaitable[Answer]]


@dataclass(kw_only=True)
class HttpServer:
    """Routes a request to Graph, to the login service, or to the control."""

    latency: Latency
    clock: ServiceClock
    counters: Counters
    dispatcher: Dispatcher
    login: LoginService
    tokens: TokenAuthority
    faults: Faults
    tenant_of: Callable[[str], TenantState | None]
    control: ControlHandler
    root_url: str
    _batches: int = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The entry point of aiohttp's low-level server."""
        raw_path, _, query = request.raw_path.partition("?")
        first = raw_path.lstrip("/").partition("/")[0].lower()
        if first == "healthz":
            return web.json_response({"status": "ok"})
        if first == "_control":
            answer = await self.control(raw_path.strip("/").partition("/")[2], request)
            return await self._send(request, answer, {})
        if first in VERSIONS:
            self.counters.enter()
            try:
                return await self._graph(request, raw_path, query)
            finally:
                self.counters.leave()
        return await self._login(request, raw_path)

    async def _login(self, request: web.BaseRequest, raw_path: str) -> web.StreamResponse:
        segments = split_path(raw_path)
        body = await request.read()
        if len(segments) < 2:
            refusal = refusals.unknown_version(segments[0] if segments else "")
            return await self._send(request, render_refusal(refusal, self._trace(request)), {})
        tenant = self.tenant_of(segments[0])
        fault = None
        if request.method == "POST":
            occasion = Occasion(
                path="/token",
                template="/token",
                method="POST",
                version="",
                tenant=tenant.tenant_id if tenant else "",
                app="",
                in_batch=False,
                page=0,
            )
            fault = self.faults.strike(occasion)
        answer = self.login.answer(request.method, segments, body)
        if answer is None:
            answer = json_answer(404, {"error": "not_found"})
        if fault is not None and fault.kind is FaultKind.STATUS:
            content = {"error": fault.code or "temporarily_unavailable"}
            answer = json_answer(fault.status, {**content, "error_description": fault.message})
        elif fault is not None and fault.kind is FaultKind.HOSTILE:
            answer = hostile_token_answer(fault.status, fault.code, fault.secrets)
        elif fault is not None:
            answer.transport = {
                FaultKind.RESET: Transport.RESET,
                FaultKind.CUT: Transport.CUT,
                FaultKind.TRUNCATED: Transport.TRUNCATED,
            }.get(fault.kind, Transport.WHOLE)
        if fault is not None:
            answer.delay_s = fault.delay_s
        return await self._send(request, answer, {})

    async def _graph(
        self, request: web.BaseRequest, raw_path: str, query: str
    ) -> web.StreamResponse:
        if split_path(raw_path)[1:] == ("$metadata",) and request.method == "GET":
            # Graph describes itself to everybody.
            document = metadata_document(split_path(raw_path)[0].lower())
            return web.Response(body=document, content_type="application/xml")
        trace = self._trace(request)
        items = 1
        identity: Identity | None = None
        try:
            identity = self.tokens.verify(request.headers.get("Authorization"))
            call = self._call(request, identity, raw_path, query, trace, await request.read())
            numbers = self.counters.of(call.tenant.tenant_id)
            numbers.requests += 1
            if call.segments == ("$batch",):
                answer, items = self._batch(call)
            else:
                answer = self.dispatcher.answer(call)
            template = call.template
        except GraphRefusalError as refusal:
            answer = render_refusal(refusal, trace)
            template = "/$batch" if raw_path.endswith("$batch") else ""
            if refusal.status == 401 and identity is not None:
                self.counters.of(identity.tenant_id).unauthorized += 1
        await self._wait(identity, answer, items)
        self._remember(request, identity, template, answer, items)
        echo = {
            "request-id": trace.request_id,
            "client-request-id": trace.client_request_id,
            "x-ms-ags-diagnostic": DIAGNOSTIC,
            "Strict-Transport-Security": "max-age=31536000",
            "Cache-Control": "no-cache",
        }
        return await self._send(request, answer, echo)

    def _call(
        self,
        request: web.BaseRequest,
        identity: Identity,
        raw_path: str,
        query: str,
        trace: Trace,
        body: bytes,
    ) -> Call:
        tenant = self.tenant_of(identity.tenant_id)
        if tenant is None or identity.issued_at < tenant.knobs.tokens_valid_from:
            raise unauthorized("Lifetime validation failed, the token is expired.")
        version, _, path = raw_path.lstrip("/").partition("/")
        return Call(
            tenant=tenant,
            identity=identity,
            method=request.method,
            version=version.lower(),
            path=f"/{path}",
            segments=split_path(path),
            options=parse_options(query),
            headers={k.lower(): v for k, v in request.headers.items()},
            body=body,
            root_url=self.root_url,
            trace=trace,
        )

    def _batch(self, call: Call) -> tuple[Answer, int]:
        call.template = "/$batch"
        numbers = self.counters.of(call.tenant.tenant_id)
        numbers.batch_requests += 1
        occasion = Occasion(
            path="/$batch",
            template="/$batch",
            method=call.method,
            version=call.version,
            tenant=call.tenant.tenant_id,
            app=call.identity.client_id,
            in_batch=False,
            page=0,
        )
        fault = self.faults.strike(occasion)
        if fault is not None:
            numbers.faults_served += 1
            instead = self.dispatcher.instead(call, fault)
            if instead is not None:
                return instead, 1
        if call.method != "POST":
            raise refusals.method_not_allowed()
        items = read_items(call)
        self._batches += 1
        answer = answer_batch(call, items, self.dispatcher.answer, number=self._batches)
        if fault is not None:
            answer = self.dispatcher.afterwards(call, fault, answer)
        return answer, len(items)

    async def _wait(self, identity: Identity | None, answer: Answer, items: int) -> None:
        delay = answer.delay_s + self.latency.seconds(items)
        if delay <= 0:
            return
        numbers = self.counters.of(identity.tenant_id if identity else "")
        numbers.sub_requests_in_flight += items
        numbers.sub_requests_in_flight_max = max(
            numbers.sub_requests_in_flight_max, numbers.sub_requests_in_flight
        )
        try:
            await asyncio.sleep(delay)
        finally:
            numbers.sub_requests_in_flight -= items

    def _remember(
        self,
        request: web.BaseRequest,
        identity: Identity | None,
        template: str,
        answer: Answer,
        items: int,
    ) -> None:
        row = {
            "at": self.clock.isoformat(),
            "method": request.method,
            "path": template,
            "status": answer.status,
            "items": items,
            "tenant": identity.tenant_id if identity else "",
            "app": identity.client_id if identity else "",
            "priority": request.headers.get("x-ms-throttle-priority", ""),
            "client_request_id": request.headers.get("client-request-id", ""),
        }
        self.counters.remember(row)

    def _trace(self, request: web.BaseRequest) -> Trace:
        identifier = str(uuid.uuid4())
        return Trace(
            request_id=identifier,
            client_request_id=request.headers.get("client-request-id", identifier),
            date=self.clock.now().strftime("%Y-%m-%dT%H:%M:%S"),
        )

    async def _send(
        self, request: web.BaseRequest, answer: Answer, echo: dict[str, str]
    ) -> web.StreamResponse:
        headers = {"Date": self.clock.http_date(), **echo, **answer.headers}
        if answer.body:
            headers["Content-Type"] = answer.content_type
        if answer.transport in (Transport.RESET, Transport.OMITTED):
            return _abort(request)
        if answer.transport is Transport.CUT:
            return await _cut(request, answer, headers)
        body = answer.body
        if answer.transport is Transport.TRUNCATED:
            body = body[: len(body) // 2]
        return web.Response(status=answer.status, body=body, headers=headers)


def _abort(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _cut(
    request: web.BaseRequest, answer: Answer, headers: dict[str, str]
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
