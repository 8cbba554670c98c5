"""The product on servers of its own, with secrets planted everywhere and a worker that breaks.

PostgreSQL and Temporal keep their files on disk, where the search can read them; the worker and the
commands are real processes, so that their outputs are what an operator's log collection gets.
"""

import asyncio
import base64
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from devstack.graph_service import GraphConfig, GraphService, Profile, running_graph
from devstack.graph_service.tokens import TokenAuthority
from devstack.postgres import EmbeddedPostgres
from devstack.temporal_server import TemporalOptions, TemporalServer
from graph.credentials import ClientCertificate
from services.assembly import Services, open_services
from services.contents.root_keys import generate_root_key, read_root_key
from services.contents.tenant_keys import open_tenant_key
from services.process.logs import configure_logging
from settings import Settings
from storage.migrate import upgrade
from storage.runs import RunRecord
from storage.tenant_keys import current_key
from tests.conftest import product_search_attributes
from tests.end_to_end.doors import through_front_door
from tests.end_to_end.hostile_graph import (
    Planted,
    add_hostile_answers,
    idle_faults,
    refuse_login,
)
from tests.end_to_end.planting import PLANTED, Kind, Origin, cores_of, plant, plant_bodies, texts_of
from tests.end_to_end.product import ACTOR, Product, add_accounts, product_settings
from tests.end_to_end.sabotage import PLACES, Plan, turn_redactor_off
from tests.end_to_end.secret_search import (
    SecretSearch,
    keep_every_row,
    search_files,
    search_pending,
    search_postgresql,
    search_sqlite,
    search_temporal,
)
from tests.end_to_end.slots import add_schedule
from tests.end_to_end.stored import set_of
from tests.end_to_end.truth import path_of

CONFIG = GraphConfig(profile=Profile.S, tenants=2, budget_scale=0)
DATABASE = "secrets"
INHERITED = ("PATH", "LANG", "PYTHONPATH")
NOW, SYNC = "backup_schedule.run_now", "directory_role_definitions.sync"
SECONDS = 120.0
SAMPLE_SECONDS = 0.1
# Arguments, and variables beside the usual ones.
Command = tuple[tuple[str, ...], dict[str, str]]
# Long enough to be of one secret alone, short enough to be there after a line was cut.
REAL_CORE = 24
PROXY = "http://operator:{}@127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it. exported: folder of the good backup's export."""

    good: RunRecord
    synced: RunRecord
    exported: Path


@dataclass(slots=True)
class Stage:
    """What runs and what was planted.

    outputs: files with what processes wrote, the worker's first.
    """

    directory: Path
    product: Product
    postgres: EmbeddedPostgres
    temporal: TemporalServer
    planted: Planted
    search: SecretSearch
    environment: dict[str, str]
    outputs: list[Path]

    @property
    def plan_file(self) -> Path:
        return self.directory / "plan.json"

    @property
    def journal(self) -> Path:
        return self.directory / "journal.txt"

    @property
    def proxy(self) -> str:
        return PROXY.format(self.planted[Origin.EXCEPTION][Kind.PROXY_CREDENTIALS].core)

    async def spawn(self, what: str) -> asyncio.subprocess.Process:
        """Start a sabotaged worker, or the commands of a file."""
        with self.outputs[0].open("ab") as file:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.end_to_end.sabotage", str(self.plan_file), what),
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
            )

    async def run_commands(self, *commands: Command) -> None:
        """Run commands to their end; what each writes goes to a file of its own."""
        planned = []
        for number, (arguments, more) in enumerate(commands):
            output = self.directory / f"output-{number:02}-{'-'.join(arguments[:2])}.log"
            self.outputs.append(output)
            environment = self.environment | more
            planned.append(
                {"arguments": arguments, "environment": environment, "output": str(output)}
            )
        file = self.directory / "commands.json"
        file.write_text(json.dumps(planned))
        await (await self.spawn(str(file))).wait()
        assert all(output.stat().st_size for output in self.outputs)

    async def play(self) -> Played:
        """Let everything go wrong, then right."""
        worker = await self.spawn("worker")
        watching = asyncio.create_task(self._watch())
        control = self.product.graph.control
        try:
            add_hostile_answers(control, self.planted)
            await self.product.finished(await self.product.start(NOW), SECONDS)
            await self._knock()
            synced = await self.product.finished(await self.product.start(SYNC), SECONDS)
            assert idle_faults(control) == []
            control.clear_faults()
            self._change_a_whole_type()
            await self._schedule()
            good = await self.product.finished(await self.product.start(NOW), SECONDS)
            await self._be_refused()
            exported = await self._command(good)
            assert PLACES ^ set(self.journal.read_text().split()) == set()
        finally:
            worker.terminate()
            await worker.wait()
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        return Played(good, synced, exported)

    async def _knock(self) -> None:
        """Start through the front door until its broken workflow code has recovered."""
        request = self.product.request(SYNC, tenant=self.product.tenants[1])
        for number in range(4):
            with suppress(WorkflowFailureError):
                await through_front_door(self.product, request, f"knock-{number}")

    def _change_a_whole_type(self) -> None:
        """Let a whole type gain a property, so that its stored documents are opened."""
        control, path = self.product.graph.control, path_of("caPolicy")
        for object_id in control.object_ids(0, path):
            control.update_object(0, path, object_id, {"plantedAt": "2026-08-01T10:00:00Z"})

    async def _schedule(self) -> None:
        """Let a schedule exist and fire."""
        schedule_id = await add_schedule(self.product, ("filter",))
        client = await self.product.services.temporal()
        await client.get_schedule_handle(f"backup_schedule:{schedule_id}").trigger()

    async def _be_refused(self) -> None:
        """Let the login refuse the certificate of the other tenant, with every secret."""
        tenant, control = self.product.tenants[1], self.product.graph.control
        refuse_login(control, self.planted, tenant.entra_tenant_id)
        control.revoke_tokens(1)
        await self.product.finished(await self.product.start(NOW, tenant=tenant), SECONDS)

    async def _command(self, good: RunRecord) -> Path:
        """Run commands that work and commands that break; only the export holds content."""
        connection = str(self.product.tenants[1].connection_id)
        core = self.search.cores["real.database_password"]
        app = ("--app-id", "no GUID", "--secret-env", "PLANTED_SECRET")
        secret = {"PLANTED_SECRET": self.search.cores["real.client_secret"]}
        exported, good_set = self.directory / "export", str(set_of(good))
        await self.run_commands(
            (("runs", "list", "--json"), {}),
            (("runs", "show", str(good.id)), {}),
            (("runs", "show", str(good.id), "--json"), {}),
            (("backup", "sets", "Tenant 0", "--json"), {}),
            (("backup", "show", good_set), {}),
            (("backup", "show", good_set, "--json"), {}),
            (("backup", "export", good_set, str(exported)), {}),
            (("connection", "list", "Tenant 0", "--json"), {}),
            (("connection", "test", connection), {}),
            (("connection", "test", connection), {"TENANTOPS_HTTP_PROXY": self.proxy}),
            (("connection", "add", "Tenant 0", *app), secret),
            (("doctor", "--json"), {}),
            (("runs", "list"), {"DATABASE_URL": f"postgresql://u:{core}/x@h/d"}),
            (("runs", "list"), {"DATABASE_URL": f"postgresql://u:{core}@127.0.0.1:9/d"}),
            (("worker",), {"TENANTOPS_ROOT_KEY_FILE": core}),
            (("worker",), {"TEMPORAL_ADDRESS": "127.0.0.1:9", "TEMPORAL_API_KEY": core}),
        )
        return exported

    async def _watch(self) -> None:
        """Look again and again at what Temporal keeps for moments only."""
        client = await self.product.services.temporal()
        while True:
            with suppress(RPCError):
                await search_pending(self.search, client)
            await asyncio.sleep(SAMPLE_SECONDS)

    async def look_everywhere(self) -> SecretSearch:
        """Search all that was left behind; stops the servers for their files."""
        services = self.product.services
        url = services.settings.database_url.get_secret_value()
        number = await search_postgresql(self.search, url)
        await search_temporal(self.search, await services.temporal())
        await services.close()
        await asyncio.to_thread(self.temporal.stop)
        await asyncio.to_thread(self.postgres.stop)
        await asyncio.to_thread(self._look_at_files, number)
        return self.search

    def _look_at_files(self, number: int) -> None:
        search_sqlite(self.search, self.temporal.database_file)
        search_files(self.search, "temporal file", self.temporal.database_file.parent)
        data = self.postgres.log.parent / "data"
        search_files(self.search, "postgresql file", data / "base" / str(number), data / "pg_wal")
        search_files(self.search, "log", self.postgres.log, *self.outputs)
        search_files(self.search, "left behind", Path(self.environment["HOME"]))


@asynccontextmanager
async def open_stage(directory: Path, *, has_redactor: bool) -> AsyncIterator[Stage]:
    """Set the stage; the servers are stopped in the end, whatever happened.

    The worker logs at DEBUG, this process at INFO.
    """
    planted = {origin: plant(origin) for origin in PLANTED}
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
                    environment=_environment(settings, temporal, graph, directory / "home"),
                    outputs=[directory / "output-of-worker.log", own],
                )
                texts = (*texts_of(planted[Origin.EXCEPTION]), *await _real(stage))
                Plan(texts, str(stage.journal), has_redactor).write(stage.plan_file)
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
    await keep_every_row(url)
    key = directory / "root.key"
    key.write_text(generate_root_key())
    changes = {"TENANTOPS_LOG_LEVEL": "DEBUG", "TENANTOPS_BACKUP_DEADLINE": "60s"}
    return product_settings(url, graph, key, **changes)


def _environment(
    settings: Settings, temporal: TemporalServer, graph: GraphService, home: Path
) -> dict[str, str]:
    """Return the variables of the worker and of commands; what they leave behind is at `home`."""
    home.mkdir()
    values = {
        "HOME": str(home),
        "TMPDIR": str(home),
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
    data_key, _ = await open_tenant_key(read_root_key(None, root), product.tenant.id, key)
    password = urlsplit(services.settings.database_url.get_secret_value()).password
    real = {
        "real.root_key": root.read_text(),
        "real.data_key": base64.b64encode(data_key).decode(),
        "real.database_password": str(password),
    }
    stage.search.cores |= {name: text[:REAL_CORE] for name, text in real.items()}
    known = [core for name, core in stage.search.cores.items() if name.startswith("real.c")]
    return [*real.values(), *known, stage.proxy]
