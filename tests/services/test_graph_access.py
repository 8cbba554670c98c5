import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from domain.provider_errors import ProviderReason
from graph.clouds import Cloud
from graph.credentials import ClientSecret
from graph.errors import GraphCredentialRefusedError
from services.connections.connections import ConnectionService, NewConnection
from services.connections.graph_access import (
    ConnectionUnusableError,
    CustomCloudMissingError,
    GraphAccess,
)
from settings import Settings
from storage.connections import StoredConnection
from tests.graph.certificates import ServerTrust, make_trust
from tests.graph.scripted_graph import Reply, ScriptedGraph, page, serving
from tests.services.content_rows import tenant_keys
from tests.services.tenancy import EDITOR, Tenancy, add_tenancy, now

POLICIES = "/deviceManagement/configurationPolicies"
REFUSAL = Reply(
    {
        "error": "invalid_client",
        "error_description": "AADSTS7000215: Invalid client secret provided.",
        "error_codes": [7000215],
    },
    401,
)


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> ServerTrust:
    return make_trust(tmp_path_factory.mktemp("access-trust"))


@pytest_asyncio.fixture
async def graph(trust: ServerTrust) -> AsyncIterator[ScriptedGraph]:
    async with serving(trust) as running:
        running.on(f"/beta{POLICIES}", page({"id": "1"}))
        yield running


@pytest.fixture
async def tenancy(engine: AsyncEngine) -> Tenancy:
    return await add_tenancy(engine)


@pytest.fixture
def connections(engine: AsyncEngine) -> ConnectionService:
    return ConnectionService(engine=engine, keys=tenant_keys(engine), clock=now, new_id=uuid7)


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, database_url: str, graph: ScriptedGraph, trust: ServerTrust
) -> pytest.MonkeyPatch:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("TENANTOPS_GRAPH_ROOT", graph.root)
    monkeypatch.setenv("TENANTOPS_AUTHORITY_HOST", graph.root)
    monkeypatch.setenv("TENANTOPS_CA_BUNDLE", str(trust.ca_file))
    return monkeypatch


@pytest_asyncio.fixture
async def access(
    environment: pytest.MonkeyPatch, engine: AsyncEngine, connections: ConnectionService
) -> AsyncIterator[GraphAccess]:
    made = GraphAccess(settings=Settings(), engine=engine, connections=connections)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def other_process(
    environment: pytest.MonkeyPatch, engine: AsyncEngine, connections: ConnectionService
) -> AsyncIterator[GraphAccess]:
    made = GraphAccess(settings=Settings(), engine=engine, connections=connections)
    yield made
    await made.close()


@pytest.fixture
async def reader(connections: ConnectionService, tenancy: Tenancy) -> StoredConnection:
    new = NewConnection(
        name="Reader",
        app_id=str(uuid4()),
        credential=ClientSecret("the-secret"),
        cloud=Cloud.CUSTOM,
    )
    return await connections.add(EDITOR, tenancy.workspace_id, tenancy.tenant_id, new)


async def read(access: GraphAccess, stored: StoredConnection) -> list[object]:
    async with access.client(stored.id) as client:
        return [item for found in [await client.get("beta", POLICIES)] for item in found.values()]


async def test_client_reads_with_the_connections_app_and_secret(
    access: GraphAccess, graph: ScriptedGraph, reader: StoredConnection
) -> None:
    assert await read(access, reader) == [[{"id": "1"}]]
    (asked,) = graph.token_requests
    assert (asked["client_id"], asked["client_secret"]) == (reader.app_id, "the-secret")
    assert asked["scope"] == f"{graph.root}/.default"


async def test_client_of_one_connection_is_shared_with_its_token(
    access: GraphAccess, graph: ScriptedGraph, reader: StoredConnection
) -> None:
    await asyncio.gather(*(read(access, reader) for _ in range(5)))
    assert len(graph.token_requests) == 1


async def test_client_requests_are_taken_from_the_shared_budget(
    engine: AsyncEngine, access: GraphAccess, reader: StoredConnection
) -> None:
    await read(access, reader)
    async with engine.connect() as connection:
        row = (await connection.execute(text("SELECT * FROM graph_budgets"))).one()
    assert (row.app_id, row.entra_tenant_id) == (reader.app_id, reader.entra_tenant_id)
    assert (row.service_area, row.kind) == ("device_configuration", "request")


async def test_client_refused_credential_keeps_every_process_away(
    access: GraphAccess,
    other_process: GraphAccess,
    graph: ScriptedGraph,
    reader: StoredConnection,
    connections: ConnectionService,
) -> None:
    graph.token_script = [REFUSAL] * 20
    for process in (access, access, other_process, other_process):
        with pytest.raises(GraphCredentialRefusedError) as caught:
            await read(process, reader)
        assert caught.value.reason_code is ProviderReason.CREDENTIAL_INVALID
    assert len(graph.token_requests) <= 2
    stored = await connections.show(reader.workspace_id, reader.id)
    assert stored.last_reason_code == "provider_credential_invalid"
    assert stored.verification_status == "blocked"


async def test_client_replaced_credential_is_used_at_once(
    access: GraphAccess,
    graph: ScriptedGraph,
    reader: StoredConnection,
    connections: ConnectionService,
) -> None:
    graph.token_script = [REFUSAL] * 2
    with pytest.raises(GraphCredentialRefusedError):
        await read(access, reader)
    graph.token_script = []
    await connections.replace_credential(
        EDITOR, reader.workspace_id, reader.id, ClientSecret("the-new-one")
    )
    await read(access, reader)
    assert graph.token_requests[-1]["client_secret"] == "the-new-one"


async def test_client_circuit_whose_time_is_over_closes_when_it_works_again(
    engine: AsyncEngine,
    access: GraphAccess,
    reader: StoredConnection,
    connections: ConnectionService,
) -> None:
    over = "circuit_open_until = now() - interval '1 s', last_reason_code = 'provider_tls'"
    async with engine.begin() as connection:
        await connection.execute(text(f"UPDATE provider_connections SET {over}"))
    await read(access, reader)
    stored = await connections.show(reader.workspace_id, reader.id)
    assert (stored.circuit_open_until, stored.last_reason_code) == (None, None)


async def test_client_in_use_survives_that_its_connection_changes(
    access: GraphAccess, reader: StoredConnection, connections: ConnectionService
) -> None:
    async with access.client(reader.id) as before:
        await connections.replace_credential(
            EDITOR, reader.workspace_id, reader.id, ClientSecret("the-new-one")
        )
        async with access.client(reader.id) as after:
            assert after is not before
        assert await before.get("beta", POLICIES)


async def test_client_disabled_connection_is_not_tried(
    access: GraphAccess,
    graph: ScriptedGraph,
    reader: StoredConnection,
    connections: ConnectionService,
) -> None:
    await connections.disable(EDITOR, reader.workspace_id, reader.id)
    with pytest.raises(GraphCredentialRefusedError):
        await read(access, reader)
    assert graph.token_requests == []


async def test_check_of_a_connection_disabled_meanwhile_leaves_the_circuit_closed(
    access: GraphAccess, reader: StoredConnection, connections: ConnectionService
) -> None:
    async def work() -> None:
        async with access.client(reader.id):
            await access.check(reader.id)
            await connections.disable(EDITOR, reader.workspace_id, reader.id)
            await access.check(reader.id)

    with pytest.raises(ConnectionUnusableError) as caught:
        await work()
    assert caught.value.reason_code is ProviderReason.CONNECTION_INVALID
    stored = await connections.show(reader.workspace_id, reader.id)
    assert stored.circuit_open_until is None


async def test_client_unknown_connection_is_refused(access: GraphAccess) -> None:
    with pytest.raises(GraphCredentialRefusedError, match="connection_missing"):
        async with access.client(uuid4()):
            pass


async def test_client_other_errors_leave_the_circuit_closed(
    access: GraphAccess, reader: StoredConnection, connections: ConnectionService
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with access.client(reader.id):
            raise ZeroDivisionError
    stored = await connections.show(reader.workspace_id, reader.id)
    assert stored.circuit_open_until is None


async def test_client_custom_cloud_without_addresses_names_the_settings(
    environment: pytest.MonkeyPatch,
    engine: AsyncEngine,
    connections: ConnectionService,
    reader: StoredConnection,
) -> None:
    environment.delenv("TENANTOPS_GRAPH_ROOT")
    environment.delenv("TENANTOPS_AUTHORITY_HOST")
    access = GraphAccess(settings=Settings(), engine=engine, connections=connections)
    with pytest.raises(CustomCloudMissingError, match="TENANTOPS_GRAPH_ROOT"):
        await read(access, reader)
    await access.close()
