"""From a connection's id to a client for Graph: credential, addresses, shared budgets, circuit.

One per process. Clients are kept, so that runs of one connection share tokens, sockets and slots.
A credential that is refused opens a circuit, which keeps every process away (D10).
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.provider_errors import Disposition, ProviderFault, ProviderReason
from graph.client import ClientSettings, GraphClient
from graph.clouds import ENDPOINTS, Cloud, GraphEndpoint, custom_endpoint
from graph.credentials import AppIdentity, open_credential
from graph.errors import FaultFacts, GraphCredentialRefusedError
from graph.tokens import TokenSource
from graph.transport import Transport, TransportSettings
from services.connections.connection_use import (
    ConnectionUse,
    CredentialMissingError,
    unusable_reason,
)
from services.connections.graph_budgets import GraphBudgets
from settings import Settings
from storage.connections import StoredConnection

logger = logging.getLogger(__name__)

# After this, one more request finds out whether somebody repaired it at Microsoft's end; replacing
# the credential here closes the circuit at once.
CIRCUIT_PAUSE = timedelta(minutes=15)


class ConnectionUnusableError(GraphCredentialRefusedError):
    """The connection may not be used, or not any more; Microsoft was not asked."""


class CustomCloudMissingError(Exception):
    """A connection of the cloud `custom` is used where no addresses are configured."""

    reason_code = "missing_configuration"

    def __init__(self) -> None:
        super().__init__("set TENANTOPS_GRAPH_ROOT and TENANTOPS_AUTHORITY_HOST")


@dataclass(slots=True)
class _Kept:
    """A client of one state of a connection, and how many are using it."""

    version: datetime
    client: GraphClient
    tokens: TokenSource
    users: int = 0
    is_retired: bool = False


class GraphAccess:
    """Gives out clients; close it when the process ends."""

    def __init__(
        self,
        *,
        settings: Settings,
        engine: AsyncEngine,
        connections: ConnectionUse,
        patience: ClientSettings | None = None,
    ) -> None:
        self.patience = patience or ClientSettings()
        self._settings = settings
        self._connections = connections
        self._budgets = GraphBudgets(
            engine=engine,
            share=settings.graph_budget_share,
            scale=settings.graph_budget_scale,
        ).source()
        self._transports: dict[Cloud, Transport] = {}
        self._kept: dict[UUID, _Kept] = {}
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def client(self, connection_id: UUID) -> AsyncIterator[GraphClient]:
        """Lend the client of a connection.

        Raises ConnectionUnusableError while the circuit is open or the connection cannot be used.
        A GraphCredentialRefusedError of Microsoft that the body raises opens the circuit; a body
        that ends well closes one whose time is over.
        """
        stored = await self._usable(connection_id)
        kept = await self._take(stored)
        try:
            yield kept.client
        except ConnectionUnusableError:
            raise
        except GraphCredentialRefusedError as refused:
            await self._open_circuit(stored, refused)
            raise
        else:
            if stored.circuit_open_until is not None:
                await self._connections.close_circuit(connection_id)
        finally:
            await self._give_back(kept)

    async def check(self, connection_id: UUID) -> None:
        """Raise ConnectionUnusableError if the connection may not be used any more.

        Reads one row: long work asks at each of its cursors, because a client that was lent goes on
        with the token that it has.
        """
        await self._usable(connection_id)

    async def close(self) -> None:
        """Close every client and connection."""
        kept, self._kept = list(self._kept.values()), {}
        for entry in kept:
            await entry.tokens.close()
        transports, self._transports = list(self._transports.values()), {}
        for transport in transports:
            await transport.close()

    async def _usable(self, connection_id: UUID) -> StoredConnection:
        stored = await self._connections.find(connection_id)
        if stored is None:
            raise _refused("provider_connection_invalid", "connection_missing")
        reason_code = unusable_reason(stored, _now())
        if reason_code is not None:
            raise _refused(reason_code, "connection_not_usable")
        return stored

    async def _take(self, stored: StoredConnection) -> _Kept:
        async with self._opening:
            kept = self._kept.get(stored.id)
            if kept is None or kept.version != stored.updated_at:
                if kept is not None:
                    await self._retire(kept)
                kept = await self._make(stored)
                self._kept[stored.id] = kept
            kept.users += 1
            return kept

    async def _make(self, stored: StoredConnection) -> _Kept:
        transport = self.transport(Cloud(stored.cloud))
        endpoint, proxy = transport.endpoint, transport.settings.proxy
        identity = AppIdentity(stored.entra_tenant_id, stored.app_id)
        try:
            secret = await self._connections.open_credential(stored)
        except CredentialMissingError as missing:
            reason_code = missing.reason_code
        else:
            tokens = TokenSource(
                lambda: open_credential(endpoint, identity, secret, proxy=proxy), endpoint.scope
            )
            client = GraphClient(
                identity=identity,
                transport=transport,
                tokens=tokens,
                budgets=self._budgets,
                settings=self.patience,
            )
            return _Kept(stored.updated_at, client, tokens)
        raise _refused(reason_code, "credential_missing")

    async def _give_back(self, kept: _Kept) -> None:
        kept.users -= 1
        if kept.is_retired and kept.users == 0:
            await kept.tokens.close()

    async def _retire(self, kept: _Kept) -> None:
        kept.is_retired = True
        if kept.users == 0:
            await kept.tokens.close()

    async def _open_circuit(
        self, stored: StoredConnection, refused: GraphCredentialRefusedError
    ) -> None:
        reason_code = refused.reason_code.value
        logger.warning(
            "credential refused",
            extra={"provider_connection_id": str(stored.id), "reason_code": reason_code},
        )
        await self._connections.open_circuit(stored.id, reason_code, _now() + CIRCUIT_PAUSE)

    def transport(self, cloud: Cloud) -> Transport:
        """Return the process's connection to a cloud; raises CustomCloudMissingError."""
        if cloud not in self._transports:
            proxy = self._settings.http_proxy
            limits = TransportSettings(proxy=None if proxy is None else proxy.get_secret_value())
            self._transports[cloud] = Transport(endpoint_of(self._settings, cloud), limits)
        return self._transports[cloud]


def endpoint_of(settings: Settings, cloud: Cloud) -> GraphEndpoint:
    """Return the addresses of a cloud for these settings; raises CustomCloudMissingError."""
    if cloud is not Cloud.CUSTOM:
        return replace(ENDPOINTS[cloud], ca_file=settings.ca_bundle)
    if settings.graph_root is None or settings.authority_host is None:
        raise CustomCloudMissingError
    return custom_endpoint(
        authority=settings.authority_host,
        graph_root=settings.graph_root,
        ca_file=settings.ca_bundle,
    )


def _refused(reason_code: str, detail: str) -> ConnectionUnusableError:
    """Return the error for a connection that is not even tried."""
    known = {reason.value for reason in ProviderReason}
    # What opened the circuit is whatever an earlier version stored.
    is_known = reason_code in known
    reason = ProviderReason(reason_code) if is_known else ProviderReason.CREDENTIAL_UNAVAILABLE
    fault = ProviderFault(reason, Disposition.BLOCKED)
    return ConnectionUnusableError(fault, FaultFacts(detail=detail))


def _now() -> datetime:
    return datetime.now(UTC)
