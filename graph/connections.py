"""The Graph connections of a process: transports and token caches that all its clients share.

Made once by the composition root and closed at its end. It holds no credential longer than the
token source that uses it.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from graph.budgets import BudgetSource
from graph.client import ClientSettings, GraphClient
from graph.clouds import GraphEndpoint
from graph.credentials import AppIdentity, CredentialSecret, open_credential
from graph.tokens import TokenCache, TokenKey, TokenSource
from graph.transport import Transport, TransportSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionTarget:
    """What a client connects to, and as whom.

    revision: any text that changes when the credential does; a new one gets a new token.
    """

    endpoint: GraphEndpoint
    identity: AppIdentity
    secret: CredentialSecret
    revision: str


class GraphConnections:
    """Opens clients. An async context manager; a client is cheap and needs no closing."""

    def __init__(
        self,
        *,
        budgets: BudgetSource,
        settings: ClientSettings | None = None,
        transport_settings: TransportSettings | None = None,
    ) -> None:
        self._budgets = budgets
        self._settings = settings or ClientSettings()
        self._transport_settings = transport_settings or TransportSettings()
        self._transports: dict[GraphEndpoint, Transport] = {}
        self._tokens = TokenCache()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def client(self, target: ConnectionTarget) -> GraphClient:
        """Return a client; those of one target share their token."""
        endpoint, identity = target.endpoint, target.identity
        if endpoint not in self._transports:
            self._transports[endpoint] = Transport(endpoint, self._transport_settings)
        key = TokenKey(
            endpoint.authority_host, identity.entra_tenant_id, identity.app_id, target.revision
        )
        return GraphClient(
            identity=identity,
            transport=self._transports[endpoint],
            tokens=self._tokens.source(key, lambda: self._source(target)),
            budgets=self._budgets,
            settings=self._settings,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._tokens.close()
        transports, self._transports = list(self._transports.values()), {}
        for transport in transports:
            await transport.close()

    def _source(self, target: ConnectionTarget) -> TokenSource:
        proxy = self._transport_settings.proxy
        return TokenSource(
            lambda: open_credential(target.endpoint, target.identity, target.secret, proxy=proxy),
            target.endpoint.scope,
            pacing=self._settings.pacing,
        )
