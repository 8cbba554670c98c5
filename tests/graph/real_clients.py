"""Clients with the real clock and budgets of the test's choice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graph.budgets import BudgetSource
from graph.client import GraphClient
from graph.clouds import GraphEndpoint
from graph.credentials import AppIdentity, ClientSecret, open_credential
from graph.tokens import TokenSource
from graph.transport import Transport
from tests.graph.conftest import IDENTITY, SECRET


@asynccontextmanager
async def real_client(
    endpoint: GraphEndpoint,
    budgets: BudgetSource,
    identity: AppIdentity = IDENTITY,
    secret: str = SECRET,
) -> AsyncIterator[GraphClient]:
    """Open a client with connections of its own."""
    async with Transport(endpoint) as transport:
        tokens = TokenSource(
            lambda: open_credential(endpoint, identity, ClientSecret(secret)), endpoint.scope
        )
        try:
            yield GraphClient(
                identity=identity, transport=transport, tokens=tokens, budgets=budgets
            )
        finally:
            await tokens.close()
