"""The whole product on real servers, in one process, for tests that look at it from outside.

PostgreSQL and Temporal are the session's, Graph is a local one of the test, and the worker runs in
the test's event loop on a task queue of its own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from temporalio.client import Client

from contracts.operations import OperationDecision, OperationRequest
from devstack.graph_service import GraphConfig, GraphService, running_graph
from domain.capabilities import Role, capabilities_of
from graph.clouds import Cloud
from graph.credentials import ClientSecret
from services.accounts.audit import Actor, ActorKind
from services.assembly import Services, open_services
from services.connections.connections import NewConnection
from services.contents.root_keys import generate_root_key
from settings import Settings
from storage.runs import RunRecord
from worker import run_worker

PRINCIPAL = "tests"
ACTOR = Actor(ActorKind.SERVICE, PRINCIPAL)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant of the product and its twin in the local Graph."""

    id: UUID
    entra_tenant_id: str
    connection_id: UUID


@dataclass(slots=True)
class Product:
    """Everything that runs, and the shortest way to ask it for something."""

    services: Services
    graph: GraphService
    workspace_id: UUID
    tenants: tuple[Tenant, ...]

    @property
    def tenant(self) -> Tenant:
        return self.tenants[0]

    def request(
        self, type_: str, inputs: dict[str, Any] | None = None, tenant: Tenant | None = None
    ) -> OperationRequest:
        return OperationRequest(
            type=type_,
            workspace_id=self.workspace_id,
            tenant_id=(tenant or self.tenant).id,
            inputs=inputs or {},
            principal=PRINCIPAL,
        )

    async def start(
        self, type_: str, inputs: dict[str, Any] | None = None, tenant: Tenant | None = None
    ) -> OperationDecision:
        return await self.services.starts.start(
            self.request(type_, inputs, tenant), f"test-{uuid4()}"
        )

    async def finished(self, decision: OperationDecision, seconds: float = 60.0) -> RunRecord:
        """Return the run of a decision once it is completed."""
        assert decision.operation_run_id is not None, decision
        async with asyncio.timeout(seconds):
            await self.services.waiting.until_completed(decision.operation_run_id)
        run = await self.services.runs.find(decision.operation_run_id)
        assert run is not None
        return run

    async def backup(self, *types: str, tenant: Tenant | None = None) -> RunRecord:
        """Back up a tenant now and return the completed run."""
        inputs = {"policy_types": list(types)} if types else {}
        return await self.finished(await self.start("backup_schedule.run_now", inputs, tenant))

    async def sync_roles(self) -> RunRecord:
        return await self.finished(await self.start("directory_role_definitions.sync"))


def product_settings(
    database_url: str, graph: GraphService, root_key_file: Path, **changes: str
) -> Settings:
    values = {
        "DATABASE_URL": database_url,
        "TENANTOPS_ROOT_KEY_FILE": str(root_key_file),
        "TENANTOPS_GRAPH_ROOT": graph.root_url,
        "TENANTOPS_AUTHORITY_HOST": graph.authority_url,
        "TENANTOPS_CA_BUNDLE": str(graph.ca_file),
        "TENANTOPS_GRAPH_BUDGET_SCALE": "50",
        "TENANTOPS_HEARTBEAT_TIMEOUT": "3s",
        "TENANTOPS_TASK_QUEUE": f"tests-{uuid4()}",
    }
    return Settings.model_validate(values | changes)


async def add_accounts(services: Services, graph: GraphService) -> tuple[UUID, tuple[Tenant, ...]]:
    """Make a workspace with every tenant of the local Graph, each with a read connection."""
    workspace = await services.accounts.create_workspace(ACTOR, f"Tests {uuid4()}")
    await services.accounts.add_principal(
        ACTOR, workspace.id, PRINCIPAL, capabilities_of(Role.OWNER)
    )
    tenants = []
    for number, twin in enumerate(graph.tenants):
        tenant = await services.accounts.add_tenant(
            ACTOR, workspace.id, twin.tenant_id, f"Tenant {number}"
        )
        connection = await services.connections.add(
            ACTOR,
            workspace.id,
            tenant.id,
            NewConnection(
                name="read",
                app_id=twin.read_app.client_id,
                credential=ClientSecret(twin.read_app.secret),
                cloud=Cloud.CUSTOM,
            ),
        )
        tenants.append(Tenant(tenant.id, twin.tenant_id, connection.id))
    return workspace.id, tuple(tenants)


@asynccontextmanager
async def running_product(
    database_url: str, config: GraphConfig, root_key_file: Path, **changes: str
) -> AsyncIterator[Product]:
    """Run Graph, services and worker; `TEMPORAL_ADDRESS` names the Temporal server."""
    root_key_file.write_text(generate_root_key())
    async with running_graph(config) as graph:
        settings = product_settings(database_url, graph, root_key_file, **changes)
        async with open_services(settings, application_name="tests") as services:
            workspace_id, tenants = await add_accounts(services, graph)
            stop = asyncio.Event()
            serving = asyncio.create_task(run_worker(services, stop))
            try:
                yield Product(services, graph, workspace_id, tenants)
            finally:
                stop.set()
                await serving


async def history_of(client: Client, workflow_id: str) -> list[Any]:
    """Return the history events of the newest execution of a workflow."""
    handle = client.get_workflow_handle(workflow_id)
    return [event async for event in handle.fetch_history_events()]
