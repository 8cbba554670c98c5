"""The product on servers of its own, with secrets planted everywhere and a worker that breaks.

PostgreSQL and Temporal keep their files on disk, where the search can read them; the worker and the
commands are real processes, so that their outputs are what an operator's log collection gets.
"""

import asyncio
import base64
import logging
import os
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from devstack.graph_service import FaultKind, GraphConfig, GraphService, Profile, running_graph
from devstack.graph_service.tokens import TokenAuthority
from devstack.postgres import EmbeddedPostgres
from devstack.temporal_server import TemporalOptions, TemporalServer
from graph.credentials import ClientCertificate
from services.assembly import Services, open_services
from services.logs import configure_logging
from services.root_keys import generate_root_key, read_root_key
from settings import Settings
from storage.migrate import upgrade
from storage.runs import RunRecord
from storage.tenant_keys import current_key
from tests.conftest import product_search_attributes
from tests.end_to_end.doors import through_front_door
from tests.end_to_end.planting import Kind, Origin, Secret, cores_of, plant, plant_bodies, texts_of
from tests.end_to_end.product import ACTOR, Product, add_accounts, product_settings
from tests.end_to_end.sabotage import Plan, turn_redactor_off
from tests.end_to_end.secret_search import (
    SecretSearch,
    open_descriptions,
    search_files,
    search_postgresql,
    search_sqlite,
    search_temporal,
)
from tests.end_to_end.slots import add_schedule

CONFIG = GraphConfig(profile=Profile.S, tenants=2, budget_scale=0)
DATABASE = "secrets"
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")
NOW, SYNC = "backup_schedule.run_now", "directory_role_definitions.sync"
SECONDS = 120.0
SAMPLE_SECONDS = 0.2
# Long enough to be of one secret alone, short enough to be there after a line was cut.
REAL_CORE = 24
PROXY = "http://operator:{}@127.0.0.1:9"
SCOPES_FOLLOW = "Application must have one of the following scopes:"
# Path → status of errors whose every part quotes secrets.
HOSTILE_ANSWERS = {
    "/deviceManagement/assignmentFilters": 500,
    "/deviceManagement/roleScopeTags": 403,
    "/deviceManagement/configurationPolicies/{id}*": 400,
    "/deviceManagement/deviceHealthScripts/{id}": 404,
    "/deviceManagement/deviceCategories": 429,
    "/deviceManagement/termsAndConditions": 401,
    "/roleManagement/directory/roleDefinitions": 503,
    "/$batch": 502,
}
# Path → how the error wraps a message that quotes secrets.
WRAPPED_ANSWERS = {
    "/deviceAppManagement/mobileAppConfigurations": "intune_double",
    "/deviceManagement/notificationMessageTemplates": "intune",
    "/identity/conditionalAccess/namedLocations": "html",
    "/deviceManagement/windowsFeatureUpdateProfiles": "no_inner",
}


@dataclass(slots=True)
class Stage:
    """What runs and what was planted; `outputs` are the files with what processes wrote."""

    directory: Path
    product: Product
    postgres: EmbeddedPostgres
    temporal: TemporalServer
    planted: Mapping[Origin, Mapping[Kind, Secret]]
    search: SecretSearch
    environment: dict[str, str]
    outputs: list[Path]

    @property
    def plan_file(self) -> Path:
        return self.directory / "plan.json"

    @property
    def proxy(self) -> str:
        return PROXY.format(self.planted[Origin.EXCEPTION][Kind.PROXY_CREDENTIALS].core)

    async def spawn(self, *arguments: str, **more: str) -> asyncio.subprocess.Process:
        """Start a sabotaged process; what it writes goes to a file of its own."""
        output = self.directory / f"output-{len(self.outputs):02}-{arguments[0]}.log"
        self.outputs.append(output)
        with output.open("wb") as file:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.end_to_end.sabotage", str(self.plan_file)),
                *arguments,
                env=self.environment | more,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
            )

    async def command(self, *arguments: str, **more: str) -> str:
        """Run a command to its end and return everything it wrote."""
        process = await self.spawn(*arguments, **more)
        await process.wait()
        return self.outputs[-1].read_text()

    async def play(self) -> RunRecord:
        """Let everything go wrong, then right; return the run of the backup that went right."""
        worker = await self.spawn("worker")
        watching = asyncio.create_task(self._watch())
        try:
            self._plant_faults()
            await self.product.finished(await self.product.start(NOW), SECONDS)
            await self._knock()
            await self.product.finished(await self.product.start(SYNC), SECONDS)
            self.product.graph.control.clear_faults()
            await self._schedule()
            good = await self.product.finished(await self.product.start(NOW), SECONDS)
            await self._be_refused()
            await self._command(good)
        finally:
            worker.terminate()
            await worker.wait()
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        return good

    def _plant_faults(self) -> None:
        """Let Graph and the login answer with every secret, in each form of an error."""
        control, secrets = self.product.graph.control, self.planted[Origin.ANSWER]
        texts = texts_of(secrets)
        headers = {
            "Retry-After": secrets[Kind.DEVICE_SERIAL].value,
            "request-id": secrets[Kind.SAS_URL].value,
            "Location": secrets[Kind.INTERNAL_URL].value,
            "Set-Cookie": f"[{secrets[Kind.COOKIE].core}]={secrets[Kind.COOKIE].value}",
            "WWW-Authenticate": f'Bearer claims="{secrets[Kind.SCRIPT_BODY].value}"',
        }
        for path, status in HOSTILE_ANSWERS.items():
            fault = {"kind": FaultKind.HOSTILE, "path": path, "status": status}
            control.add_fault(**fault, times=2, secrets=texts, headers=headers)
        joined = f"{SCOPES_FOLLOW} {secrets[Kind.PERSONAL_NAME].value} {' '.join(texts)}"
        for path, style in WRAPPED_ANSWERS.items():
            fault = {"kind": FaultKind.STATUS, "path": path, "status": 403, "body_style": style}
            control.add_fault(**fault, times=2, message=joined)
        for status in (503, 400):
            fault = {"kind": FaultKind.HOSTILE, "path": "/token", "status": status}
            control.add_fault(**fault, times=1, secrets=texts)

    async def _knock(self) -> None:
        """Start through the front door until its broken workflow code has recovered."""
        request = self.product.request(SYNC, tenant=self.product.tenants[1])
        for number in range(4):
            with suppress(WorkflowFailureError):
                await through_front_door(self.product, request, f"knock-{number}")

    async def _schedule(self) -> None:
        """Let a schedule exist and fire."""
        schedule_id = await add_schedule(self.product, ("filter",))
        client = await self.product.services.temporal()
        await client.get_schedule_handle(f"backup_schedule:{schedule_id}").trigger()

    async def _be_refused(self) -> None:
        """Let the login refuse the certificate of the other tenant, with every secret."""
        tenant = self.product.tenants[1]
        texts = texts_of(self.planted[Origin.ANSWER])
        refused = {"kind": FaultKind.HOSTILE, "path": "/token", "status": 401, "code": "7000215"}
        graph = self.product.graph
        graph.control.add_fault(**refused, tenant=tenant.entra_tenant_id, secrets=texts)
        graph.control.revoke_tokens(1)
        await self.product.finished(await self.product.start(NOW, tenant=tenant), SECONDS)

    async def _command(self, good: RunRecord) -> None:
        """Run commands that work and commands that break; they show no content of policies."""
        connection = str(self.product.tenants[1].connection_id)
        core = self.search.cores["real.database_password"]
        app = ("--app-id", "no GUID", "--secret-env", "PLANTED_SECRET")
        secret = {"PLANTED_SECRET": self.search.cores["real.client_secret"]}
        await asyncio.gather(
            self.command("runs", "list", "--json"),
            self.command("runs", "show", str(good.id), "--json"),
            self.command("backup", "sets", "Tenant 0", "--json"),
            self.command("connection", "list", "Tenant 0", "--json"),
            self.command("connection", "test", connection),
            self.command("connection", "test", connection, TENANTOPS_HTTP_PROXY=self.proxy),
            self.command("connection", "add", "Tenant 0", *app, **secret),
            self.command("doctor", "--json"),
            self.command("runs", "list", DATABASE_URL=f"postgresql://u:{core}/x@h/d"),
            self.command("runs", "list", DATABASE_URL=f"postgresql://u:{core}@127.0.0.1:9/d"),
            self.command("worker", TENANTOPS_ROOT_KEY_FILE=core),
            self.command("worker", TEMPORAL_ADDRESS="127.0.0.1:9", TEMPORAL_API_KEY=core),
        )

    async def _watch(self) -> None:
        """Look at what stays for moments only: heartbeats, last failures, cursors."""
        client = await self.product.services.temporal()
        while True:
            with suppress(RPCError):
                async for description in open_descriptions(client):
                    self.search.look("temporal pending activities", description)
            async with self.product.services.engine.connect() as connection:
                for table in ("operation_run_results", "operation_run_steps"):
                    rows = await connection.execute(text(f"SELECT * FROM {table}"))
                    for row in rows.mappings():
                        for column, value in row.items():
                            self.search.look(f"postgresql {table}.{column}", value)
            await asyncio.sleep(SAMPLE_SECONDS)

    async def look_everywhere(self) -> SecretSearch:
        """Search all that was left behind; stops the servers for their files."""
        services = self.product.services
        url = services.settings.database_url.get_secret_value()
        await search_postgresql(self.search, url)
        await search_temporal(self.search, await services.temporal())
        await services.close()
        await asyncio.to_thread(self.temporal.stop)
        await asyncio.to_thread(self.postgres.stop)
        await asyncio.to_thread(self._look_at_files)
        return self.search

    def _look_at_files(self) -> None:
        search_sqlite(self.search, self.temporal.database_file)
        search_files(self.search, "temporal file", self.temporal.database_file.parent)
        data = self.postgres.log.parent / "data"
        search_files(self.search, "postgresql file", data / "base", data / "pg_wal")
        search_files(self.search, "log", self.postgres.log, *self.outputs)


@asynccontextmanager
async def open_stage(directory: Path, *, has_redactor: bool) -> AsyncIterator[Stage]:
    """Set the stage; the servers are stopped in the end, whatever happened.

    The worker logs at DEBUG, this process at INFO.
    """
    planted = {origin: plant(origin) for origin in (Origin.BODY, Origin.ANSWER, Origin.EXCEPTION)}
    search = SecretSearch(cores_of(*planted.values()))
    postgres = EmbeddedPostgres(directory / "postgres", durable=False)
    options = TemporalOptions(has_ui=False, search_attributes=product_search_attributes())
    temporal = TemporalServer(directory / "temporal", options)
    own = directory / "own.log"
    with (
        postgres,
        temporal,
        pytest.MonkeyPatch.context() as patch,
        _logging_to(own),
    ):
        _note_tokens(patch, search.cores)
        patch.setenv("TEMPORAL_ADDRESS", temporal.address)
        if not has_redactor:
            turn_redactor_off(patch)
        async with running_graph(CONFIG) as graph:
            settings = await _settings(directory, postgres, graph)
            async with open_services(settings, application_name="tests") as services:
                product = await _product(services, graph, search.cores)
                plant_bodies(graph.control, 0, planted[Origin.BODY])
                stage = Stage(
                    directory=directory,
                    product=product,
                    postgres=postgres,
                    temporal=temporal,
                    planted=planted,
                    search=search,
                    environment=_environment(settings, temporal, graph),
                    outputs=[own],
                )
                texts = (*texts_of(planted[Origin.EXCEPTION]), *await _real(stage))
                Plan(texts, has_redactor).write(stage.plan_file)
                yield stage


@contextmanager
def _logging_to(file: Path) -> Iterator[None]:
    """Log as a worker does, into a file; pytest's own ways are put back."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    hooks = (sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning)
    with file.open("w") as stream:
        configure_logging("INFO", stream)
        sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning = hooks
        yield
        root.handlers[:], root.level = before


def _note_tokens(patch: pytest.MonkeyPatch, cores: dict[str, str]) -> None:
    """Count every token that is really issued among the secrets."""
    issue = TokenAuthority.issue

    def noted(authority: TokenAuthority, claims: dict[str, Any], *, lifetime_s: int) -> str:
        token = issue(authority, claims, lifetime_s=lifetime_s)
        cores[f"{Origin.REAL}.bearer_token.{len(cores)}"] = token[-REAL_CORE:]
        return token

    patch.setattr(TokenAuthority, "issue", noted)


async def _settings(directory: Path, postgres: EmbeddedPostgres, graph: GraphService) -> Settings:
    postgres.create_database(DATABASE)
    url = postgres.dsn(DATABASE, scheme="postgresql+asyncpg")
    await upgrade(url)
    key = directory / "root.key"
    key.write_text(generate_root_key())
    changes = {"TENANTOPS_LOG_LEVEL": "DEBUG", "TENANTOPS_BACKUP_DEADLINE": "60s"}
    return product_settings(url, graph, key, **changes)


def _environment(
    settings: Settings, temporal: TemporalServer, graph: GraphService
) -> dict[str, str]:
    """Return the variables of the worker and of commands."""
    values = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "TENANTOPS_ROOT_KEY_FILE": str(settings.root_key_file),
        "TENANTOPS_GRAPH_ROOT": graph.root_url,
        "TENANTOPS_AUTHORITY_HOST": graph.authority_url,
        "TENANTOPS_CA_BUNDLE": str(graph.ca_file),
        "TENANTOPS_TASK_QUEUE": settings.task_queue,
        "TENANTOPS_LOG_LEVEL": settings.log_level,
        "TENANTOPS_HEARTBEAT_TIMEOUT": "3s",
        "TENANTOPS_GRAPH_BUDGET_SCALE": "50",
        "TENANTOPS_BACKUP_DEADLINE": "60s",
        "TEMPORAL_ADDRESS": temporal.address,
    }
    return {name: value for name, value in os.environ.items() if name in INHERITED} | values


async def _product(services: Services, graph: GraphService, cores: dict[str, str]) -> Product:
    """Connect both tenants: one with a client secret, one with a certificate."""
    workspace_id, tenants = await add_accounts(services, graph)
    pem = graph.control.make_client_certificate(1, "read")["pem"]
    await services.connections.replace_credential(
        ACTOR, workspace_id, tenants[1].connection_id, ClientCertificate(pem.encode())
    )
    # The right with which encrypted values are read in plain text.
    graph.control.grant_permission(0, "read", "DeviceManagementConfiguration.ReadWrite.All")
    cores["real.client_secret"] = graph.tenants[0].read_app.secret
    cores["real.certificate"] = max(pem.splitlines()[4:], key=len)[:REAL_CORE]
    return Product(services, graph, workspace_id, tenants)


async def _real(stage: Stage) -> list[str]:
    """Count the keys of the product among the secrets, and return every real one."""
    services, product = stage.product.services, stage.product
    root = services.settings.root_key_file
    assert root is not None
    async with services.engine.connect() as connection:
        key = await current_key(connection, product.workspace_id, product.tenant.id)
    assert key is not None
    data_key = await read_root_key(None, root).unwrap(
        key.wrapped_key, b"tenant key" + product.tenant.id.bytes + key.id.bytes
    )
    password = urlsplit(services.settings.database_url.get_secret_value()).password
    real = {
        "real.root_key": root.read_text(),
        "real.data_key": base64.b64encode(data_key).decode(),
        "real.database_password": str(password),
    }
    stage.search.cores |= {name: text[:REAL_CORE] for name, text in real.items()}
    known = [core for name, core in stage.search.cores.items() if name.startswith("real.c")]
    return [*real.values(), *known, stage.proxy]
