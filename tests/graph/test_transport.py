"""The connection: trust, proxy, timeouts, and answers made to hurt."""

import gzip
import traceback

import pytest

from domain.provider_errors import ProviderReason
from graph.clouds import GraphEndpoint, custom_endpoint
from graph.credentials import ClientSecret, open_credential
from graph.errors import GraphError, GraphProtocolError, GraphUnavailableError
from graph.tokens import TokenSource
from graph.transport import Transport, TransportSettings
from tests.graph.clocks import FakeClock
from tests.graph.conftest import IDENTITY, SECRET
from tests.graph.scripted_graph import Reply, ScriptedGraph
from tests.graph.tunnel import tunnelling

PROXY_PASSWORD = "proxy-password"
HEADERS = {"Authorization": "Bearer planted-token"}


async def send(transport: Transport, path: str = "/beta/x") -> int:
    address = transport.endpoint.graph_root + path
    return (await transport.send("GET", address, headers=HEADERS)).status


async def test_untrusted_certificate_is_a_tls_failure(graph: ScriptedGraph) -> None:
    untrusting = custom_endpoint(authority=graph.root, graph_root=graph.root)
    async with Transport(untrusting) as transport:
        with pytest.raises(GraphError) as caught:
            await send(transport)
    assert caught.value.reason_code is ProviderReason.TLS
    assert graph.seen == []


async def test_requests_and_tokens_go_through_the_proxy(
    graph: ScriptedGraph, endpoint: GraphEndpoint, clock: FakeClock
) -> None:
    graph.on("/beta/x", Reply({}))
    async with tunnelling() as tunnel:
        proxy = f"http://user:{PROXY_PASSWORD}@127.0.0.1:{tunnel.port}"
        async with Transport(endpoint, TransportSettings(proxy=proxy)) as transport:
            assert await send(transport) == 200
        tokens = TokenSource(
            lambda: open_credential(endpoint, IDENTITY, ClientSecret(SECRET), proxy=proxy),
            endpoint.scope,
            pacing=clock.pacing(),
        )
        assert (await tokens.get()).value
        await tokens.close()
    assert len(tunnel.requests) == 2
    assert all("Proxy-Authorization: Basic" in head for head in tunnel.requests)


async def test_proxy_that_refuses_is_named_without_its_password(
    graph: ScriptedGraph, endpoint: GraphEndpoint
) -> None:
    async with tunnelling() as tunnel:
        tunnel.refuses = True
        proxy = f"http://user:{PROXY_PASSWORD}@127.0.0.1:{tunnel.port}"
        settings = TransportSettings(proxy=proxy)
        async with Transport(endpoint, settings) as transport:
            with pytest.raises(GraphUnavailableError) as caught:
                await send(transport)
    assert caught.value.facts.detail == "proxy_failed"
    shown = "".join(traceback.format_exception(caught.value)) + repr(settings)
    assert PROXY_PASSWORD not in shown
    assert "planted-token" not in shown


async def test_silence_ends_in_a_timeout(graph: ScriptedGraph, endpoint: GraphEndpoint) -> None:
    graph.delay = 0.5
    async with Transport(endpoint, TransportSettings(read_timeout=0.05)) as transport:
        with pytest.raises(GraphUnavailableError) as caught:
            await send(transport)
    assert caught.value.facts.detail == "timeout"
    assert caught.value.__context__ is None


async def test_compressed_bomb_is_not_inflated(
    graph: ScriptedGraph, endpoint: GraphEndpoint
) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    graph.on("/beta/x", Reply(bomb, headers={"Content-Encoding": "gzip"}))
    async with Transport(endpoint, TransportSettings(largest_body=1_000_000)) as transport:
        with pytest.raises(GraphProtocolError) as caught:
            await send(transport)
    assert caught.value.facts.detail == "body_too_large"


async def test_compressed_answer_is_read(graph: ScriptedGraph, endpoint: GraphEndpoint) -> None:
    body = gzip.compress(b'{"value":[]}')
    graph.on("/beta/x", Reply(body, headers={"Content-Encoding": "gzip"}))
    async with Transport(endpoint) as transport:
        response = await transport.send("GET", graph.link("/beta/x"), headers=HEADERS)
    assert response.body == b'{"value":[]}'


async def test_closed_transport_sends_nothing(
    graph: ScriptedGraph, endpoint: GraphEndpoint
) -> None:
    transport = Transport(endpoint)
    await transport.close()
    with pytest.raises(GraphUnavailableError):
        await send(transport)
    assert graph.seen == []


async def test_cookies_are_not_kept(graph: ScriptedGraph, endpoint: GraphEndpoint) -> None:
    graph.on("/beta/x", Reply({}, headers={"Set-Cookie": "fpc=planted; Path=/"}))
    async with Transport(endpoint) as transport:
        await send(transport)
        await send(transport)
    assert "Cookie" not in graph.seen[1].headers
