"""The HTTP connection to Graph: sessions, timeouts, trust, proxy, limits on what is read.

Owns aiohttp, and is the one place where its and TLS's exceptions become ours. It knows neither
tokens nor Graph's meaning of an answer. One transport serves all clients of an endpoint.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from domain.provider_errors import Disposition, ProviderFault, ProviderReason
from graph.clouds import GraphEndpoint
from graph.errors import (
    FaultFacts,
    GraphError,
    GraphUnavailableError,
    protocol_error,
    unavailable_error,
)

_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSettings:
    """Limits of the connection. Times in seconds, sizes in bytes.

    proxy: address with its credentials, never shown. largest_body protects memory from an answer
    without end; it counts what decompression gives.
    """

    connections: int = 32
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    total_timeout: float = 150.0
    largest_body: int = 64 * 1024 * 1024
    proxy: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An answer as it came: header names in lower case, body decompressed."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_json(self) -> bool:
        """Whether the body claims to be JSON."""
        return "json" in self.headers.get("content-type", "").lower()


class Transport:
    """Sends requests to one endpoint. An async context manager; sessions open on first use."""

    def __init__(self, endpoint: GraphEndpoint, settings: TransportSettings | None = None) -> None:
        self.endpoint = endpoint
        self.settings = settings or TransportSettings()
        self._context: ssl.SSLContext | None = None
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections for good. Safe to call twice."""
        self._is_closed = True
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()

    async def send(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        fresh_connection: bool = False,
        facts: FaultFacts | None = None,
    ) -> RawResponse:
        """Send one request and read the whole answer; redirects are not followed.

        `address` is absolute and quoted. fresh_connection: do not reuse a connection, as Graph
        asks after a 5xx (api.md d.2). Raises GraphUnavailableError for network failures and
        timeouts, GraphProtocolError for a body that is too large, GraphError `provider_tls`.
        """
        known = facts or FaultFacts(method=method)
        if self._is_closed:
            raise unavailable_error("transport_closed", known)
        failure: GraphError
        try:
            return await self._exchange(method, address, headers, body, fresh_connection)
        except _TooLargeError:
            failure = protocol_error("body_too_large", known)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            failure = _translate(error, known)
        # Raised outside the handlers: the foreign error quotes addresses and headers.
        raise failure

    async def _exchange(
        self,
        method: str,
        address: str,
        headers: Mapping[str, str],
        body: bytes | None,
        fresh: bool,  # noqa: FBT001 - private, named by its only caller
    ) -> RawResponse:
        async with self._session(fresh=fresh).request(
            method,
            URL(address, encoded=True),
            headers=headers,
            data=body,
            allow_redirects=False,
            proxy=self.settings.proxy,
        ) as response:
            content = await self._read(response)
            if response.status >= 500:
                response.close()
            names = {name.lower(): value for name, value in response.headers.items()}
            return RawResponse(response.status, names, content)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            size += len(chunk)
            if size > self.settings.largest_body:
                response.close()
                raise _TooLargeError
            chunks.append(chunk)
        return b"".join(chunks)

    def _session(self, *, fresh: bool) -> aiohttp.ClientSession:
        if fresh not in self._sessions:
            self._sessions[fresh] = self._open_session(fresh=fresh)
        return self._sessions[fresh]

    def _open_session(self, *, fresh: bool) -> aiohttp.ClientSession:
        if self._context is None:
            self._context = self.endpoint.ssl_context()
        limits = self.settings
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=limits.connections, ssl=self._context, force_close=fresh
            ),
            timeout=aiohttp.ClientTimeout(
                total=limits.total_timeout,
                sock_connect=limits.connect_timeout,
                sock_read=limits.read_timeout,
            ),
            # Cookies of a login or gateway host are nothing to keep (api.md e).
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        # aiohttp repeats PUT, DELETE and GET by itself when a connection breaks: past every
        # budget, and a write may have happened. No public switch turns it off.
        session._retry_connection = False  # noqa: SLF001
        return session


class _TooLargeError(Exception):
    """The body passed the limit."""


def _translate(error: Exception, facts: FaultFacts) -> GraphError:
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        fault = ProviderFault(ProviderReason.TLS, Disposition.FAILED)
        return GraphError(fault, _with_detail(facts, "no_trusted_connection"))
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return unavailable_error("timeout", facts)
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return unavailable_error("proxy_failed", facts)
    if isinstance(error, aiohttp.ContentTypeError | aiohttp.InvalidURL):
        return protocol_error("request_not_sent", facts)
    return _network_error(error, facts)


def _network_error(error: Exception, facts: FaultFacts) -> GraphUnavailableError:
    if isinstance(error, aiohttp.ClientPayloadError):
        return unavailable_error("answer_cut_off", facts)
    return unavailable_error("connection_failed", facts)


def _with_detail(facts: FaultFacts, detail: str) -> FaultFacts:
    return FaultFacts(
        method=facts.method,
        path_template=facts.path_template,
        client_request_id=facts.client_request_id,
        detail=detail,
    )
