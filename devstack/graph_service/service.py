"""Puts one local Graph together and runs it: tenants, journal, TLS, listener."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler
from cryptography.hazmat.primitives import serialization

from devstack.graph_service.audit_log import AuditLog
from devstack.graph_service.authority import LoginService
from devstack.graph_service.certificates import server_context, signing_key
from devstack.graph_service.clock import Latency, ServiceClock
from devstack.graph_service.config import GraphConfig
from devstack.graph_service.control import GraphControl
from devstack.graph_service.control_http import ControlEndpoint, control_token
from devstack.graph_service.counters import Counters
from devstack.graph_service.directory_reads import DELTA_LIFETIME_S, DirectoryReader
from devstack.graph_service.dispatch import Dispatcher
from devstack.graph_service.faults import Faults
from devstack.graph_service.generation import World
from devstack.graph_service.http_server import HttpServer
from devstack.graph_service.journal import Journal
from devstack.graph_service.objects import ByteCache
from devstack.graph_service.paging import PageTokens
from devstack.graph_service.reading import Reader
from devstack.graph_service.rendering import Renderer
from devstack.graph_service.tenant import TenantState
from devstack.graph_service.throttling import Throttle
from devstack.graph_service.tokens import TokenAuthority
from devstack.graph_service.writing import Writer

GLOBAL_AUDIENCE = "https://graph.microsoft.com"
MAXIMUM_BODY = 64 * 1024 * 1024
MAXIMUM_HEADER = 64 * 1024
SHUTDOWN_S = 1.0
ROLES = "directoryRoleDefinitions"


@dataclass(frozen=True, slots=True)
class AppHandle:
    """Credentials of one app of a tenant."""

    name: str
    client_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class TenantHandle:
    """What a client needs to connect to a tenant. `apps` has read, write and limited."""

    tenant_id: str
    number: int
    name: str
    domain: str
    apps: dict[str, AppHandle]

    @property
    def read_app(self) -> AppHandle:
        """The app with the permissions of a backup."""
        return self.apps["read"]

    @property
    def write_app(self) -> AppHandle:
        """The app that may also restore."""
        return self.apps["write"]


class GraphService:
    """A running local Graph. Use `running_graph`; the parts are made by `start`."""

    def __init__(self, config: GraphConfig) -> None:
        self.config = config
        self.clock = ServiceClock()
        self.root_url = ""
        self._temporary: Path | None = None
        self._runner: web.ServerRunner | None = None
        self._journal = Journal(None)
        self._by_name: dict[str, TenantState] = {}
        self._states: list[TenantState] = []
        self._listener: socket.socket | None = None

    async def start(self) -> None:
        """Read the state folder, load what the configuration names, and listen."""
        folder = self._folder()
        listener = socket.create_server((self.config.host, self.config.port), backlog=512)
        self._listener = listener
        self.root_url = f"https://{self.config.host}:{listener.getsockname()[1]}"
        self.ca_file = folder / "ca.pem"
        self.state_dir = folder
        server = self._assemble(folder)
        self._load()
        site = web.Server(
            server.handle,
            request_factory=_large_request,
            max_field_size=MAXIMUM_HEADER,
            max_line_size=MAXIMUM_HEADER,
        )
        self._runner = web.ServerRunner(site, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        context = server_context(folder, self.config.host)
        await web.SockSite(self._runner, listener, ssl_context=context).start()

    async def stop(self) -> None:
        """Close connections and the journal; a temporary state folder goes away."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._listener is not None:
            self._listener.close()
        self._journal.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    @property
    def authority_url(self) -> str:
        """What a client uses in place of https://login.microsoftonline.com."""
        return self.root_url

    @property
    def tenants(self) -> list[TenantHandle]:
        """All tenants, in the order of their numbers."""
        return [
            TenantHandle(
                tenant_id=state.tenant_id,
                number=state.number,
                name=state.world.label,
                domain=state.world.domain,
                apps={
                    app.name: AppHandle(app.name, app.client_id, app.secret)
                    for app in state.apps.values()
                },
            )
            for state in self._states
        ]

    def _folder(self) -> Path:
        folder = self.config.state_dir
        if folder is None:
            folder = self._temporary = Path(tempfile.mkdtemp(prefix="local-graph-"))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _make_tenants(self) -> None:
        for number in range(self.config.tenants):
            world = World(
                seed=self.config.seed,
                tenant=number,
                profile=self.config.profile_of(number),
                counts=self.config.counts,
            )
            state = TenantState(number=number, world=world, journal=self._journal)
            self._states.append(state)
            for name in (str(number), state.tenant_id, world.domain):
                self._by_name[name.lower()] = state

    def _assemble(self, folder: Path) -> HttpServer:
        self._journal = Journal(folder / "journal.jsonl")
        self._make_tenants()
        config, clock = self.config, self.clock
        latency = Latency(config.latency_ms, config.sub_latency_fraction)
        key = signing_key(folder)
        secret = key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        counters, faults = Counters(keep=config.keep_requests), Faults()
        tokens = TokenAuthority(
            key=key, clock=clock, audiences=(self.root_url, f"{self.root_url}/", GLOBAL_AUDIENCE)
        )
        pages = PageTokens(
            key=secret, clock=clock, ttl_s=config.page_token_ttl_s, uses=config.page_token_uses
        )
        deltas = PageTokens(key=secret, clock=clock, ttl_s=DELTA_LIFETIME_S, uses=0)
        reader = Reader(renderer=Renderer(ByteCache(config.cache_bytes)), tokens=pages, clock=clock)
        directory = DirectoryReader(tokens=pages, delta_tokens=deltas)
        throttle = Throttle(
            clock=clock, counters=counters, scale=config.budget_scale, style=config.retry_after
        )
        login = LoginService(
            tenants=self._tenant_of,
            home=lambda: self._states[0],
            tokens=tokens,
            clock=clock,
            counters=counters,
            root_url=self.root_url,
        )
        login.lifetime_s = config.token_lifetime_s
        self.control = GraphControl(
            tenants_by_name=self._by_name,
            faults=faults,
            throttle=throttle,
            counting=counters,
            audits=AuditLog(clock),
            clock=clock,
            login=login,
            page_tokens=pages,
            latency=latency,
        )
        dispatcher = Dispatcher(
            reader=reader,
            writer=Writer(reader=reader, clock=clock),
            directory=directory,
            throttle=throttle,
            faults=faults,
            counters=counters,
            tokens=pages,
            clock=clock,
        )
        return HttpServer(
            latency=latency,
            clock=clock,
            counters=counters,
            dispatcher=dispatcher,
            login=login,
            tokens=tokens,
            faults=faults,
            tenant_of=self._tenant_of,
            control=ControlEndpoint(control=self.control, token=control_token(folder)).answer,
            root_url=self.root_url,
        )

    def _tenant_of(self, name: str) -> TenantState | None:
        found = self._by_name.get(name.lower())
        # Numbers address tenants in tests only; the login service knows ids and domains.
        return None if name.isdigit() else found

    def _load(self) -> None:
        """Replay the journal, then load the files of the configuration that it does not have."""
        by_id = {state.tenant_id: state for state in self._states}
        for entry in self._journal.replay():
            state = by_id.get(str(entry.get("tenant")))
            if state is not None:
                state.apply(entry)
        for state in self._states:
            roles = [row for row in state.loaded if row.get("collection") == ROLES]
            if self.config.load_roles is not None and not roles:
                self.control.load_roles(state.number, str(self.config.load_roles))
        folder = self.config.load_exports
        if folder is None or not self._states:
            return
        if all(
            row.get("collection") == "directoryRoleDefinitions" for row in self._states[0].loaded
        ):
            self.control.load_exports(0, str(folder))


@asynccontextmanager
async def running_graph(config: GraphConfig | None = None) -> AsyncIterator[GraphService]:
    """A local Graph for the length of the block."""
    service = GraphService(config or GraphConfig())
    try:
        await service.start()
        yield service
    finally:
        await service.stop()


def _large_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """aiohttp's own requests refuse bodies above 1 MB; a batch may be larger."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(
        message, payload, protocol, writer, task, loop, client_max_size=MAXIMUM_BODY
    )
