"""The checks of `tenantops doctor`: each looks at one thing, says what it found and the mend.

A check never changes anything, and never takes longer than its time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from commands.errors import explain
from commands.graph_reachability import unreachable_reason
from commands.pollers import find_pollers
from commands.views.screen import counted, moment

if TYPE_CHECKING:
    from services.assembly import Services
    from settings import Settings

_OLDEST_POSTGRES = 15
# A key vault takes some ten milliseconds for each.
_TENANTS_OPENED = 50
_RPC_TIMEOUT = timedelta(seconds=10)


class State(StrEnum):
    """What a check gave."""

    # As it should be.
    OK = "ok"
    # Works, and a person should look at it.
    WARNING = "warning"
    # Could not be looked at, because of another finding, or there is nothing to look at.
    SKIPPED = "skipped"
    # Does not work.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `mend` is empty when there is nothing to do."""

    check: str
    state: State
    detail: str
    mend: str = ""


Check = Callable[["Services"], Awaitable[list[Finding]]]


async def examine(settings: "Settings", seconds: float) -> list[Finding]:
    """Run every check; those that stand on a failed one are skipped."""
    from services.assembly import open_services

    findings = [Finding("settings", State.OK, "complete")]
    async with open_services(settings, application_name="tenantops doctor") as services:
        database = await _run("PostgreSQL", check_postgres, services, seconds)
        findings += database
        is_there = _is_good(database)
        migrated = await _run("migrations", check_migrations, services, seconds, on=is_there)
        findings += migrated
        is_ready = is_there and _is_good(migrated)
        findings += await _run("root key", check_root_key, services, seconds, on=is_ready)
        temporal = await _run("Temporal", check_temporal, services, seconds)
        findings += temporal
        for name, check, needs_rows in _IN_TEMPORAL:
            is_on = _is_good(temporal) and (is_ready or not needs_rows)
            findings += await _run(name, check, services, seconds, on=is_on)
        findings += await _run("Graph", check_graph, services, seconds, on=is_ready)
    return findings


async def check_postgres(services: "Services") -> list[Finding]:
    """PostgreSQL answers and is new enough."""
    from sqlalchemy import text

    async with services.engine.connect() as connection:
        number = int(await connection.scalar(text("SHOW server_version_num")) or 0)
        shown = str(await connection.scalar(text("SHOW server_version")))
    if number // 10_000 < _OLDEST_POSTGRES:
        mend = f"upgrade to PostgreSQL {_OLDEST_POSTGRES} or newer"
        return [Finding("PostgreSQL", State.FAILED, f"version {shown}", mend)]
    return [Finding("PostgreSQL", State.OK, f"version {shown}")]


async def check_migrations(services: "Services") -> list[Finding]:
    """The schema is the one that this version knows."""
    from storage.migrate import current, head

    revision = await current(services.settings.database_url.get_secret_value())
    if revision == head():
        return [Finding("migrations", State.OK, f"at {revision}")]
    found = f"at {revision or 'nothing'}, newest is {head()}"
    return [Finding("migrations", State.FAILED, found, "run `tenantops migrate`")]


async def check_root_key(services: "Services") -> list[Finding]:
    """The root key works, opens what it wrapped, and none that is needed is missing."""
    from services.contents.tenant_keys import lost_root_keys

    # A key vault is asked: what this process opened before proves nothing about now.
    await services.root_keys.wrap(b"doctor", b"doctor")
    lost = await lost_root_keys(services.engine, services.root_keys)
    if lost:
        detail = f"stored keys need root key {', '.join(lost)}, which is not at hand"
        return [Finding("root key", State.FAILED, detail, _LOST)]
    opened, total = await _opened_tenants(services)
    shown = f"{opened} of {total}" if opened < total else str(opened)
    detail = f"opens {shown} tenant key{'' if total == 1 else 's'}"
    if not total:
        detail = "works; no tenant has a key"
    uses = await services.root_key_rotation.uses()
    older = sum(use.in_use for use in uses if not use.is_current)
    if older:
        found = f"{detail}; {counted(older, 'key')} of them under a previous root key"
        return [Finding("root key", State.WARNING, found, _ROTATE)]
    return [Finding("root key", State.OK, detail)]


async def _opened_tenants(services: "Services") -> tuple[int, int]:
    """Open the keys of some tenants; returns how many, and how many tenants have keys."""
    from storage.tenant_keys import current_key

    opened = total = 0
    for workspace in await services.accounts.list_workspaces():
        for tenant in await services.accounts.list_tenants(workspace.id):
            async with services.engine.connect() as connection:
                if await current_key(connection, workspace.id, tenant.id) is None:
                    continue
                total += 1
                if opened < _TENANTS_OPENED:
                    await services.keys.cipher_within(connection, workspace.id, tenant.id)
                    opened += 1
    return opened, total


async def check_temporal(services: "Services") -> list[Finding]:
    """Temporal answers and has the namespace."""
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSystemInfoRequest
    from temporalio.service import RPCError, RPCStatusCode

    client = await services.temporal()
    info = await client.workflow_service.get_system_info(
        GetSystemInfoRequest(), timeout=_RPC_TIMEOUT
    )
    try:
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=_RPC_TIMEOUT
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        problem = f"the server has no namespace {client.namespace}"
        return [Finding("Temporal", State.FAILED, problem, "make it, or change TEMPORAL_NAMESPACE")]
    found = f"server {info.server_version}, namespace {client.namespace}"
    return [Finding("Temporal", State.OK, found)]


async def check_search_attributes(services: "Services") -> list[Finding]:
    """The search attributes exist with their types."""
    from services.runs.search_attributes import verify

    problems = await verify(await services.temporal())
    if not problems:
        return [Finding("search attributes", State.OK, "registered with their types")]
    mend = "start a worker, which registers what is missing"
    return [Finding("search attributes", State.FAILED, each, mend) for each in problems]


async def check_worker(services: "Services") -> list[Finding]:
    """Somebody asks for work on the task queue, workflows and activities alike."""
    name = services.settings.task_queue
    pollers = await find_pollers(services)
    if pollers.are_enough:
        found = counted(len(pollers.workflows | pollers.activities), "worker")
        return [Finding("worker", State.OK, f"{found} on the task queue {name}")]
    found = f"no worker asks for work on the task queue {name}"
    if pollers.last_asked_at is not None:
        found += f"; the last one did at {moment(pollers.last_asked_at)}"
    return [Finding("worker", State.FAILED, found, "run `tenantops worker`")]


async def check_schedules(services: "Services") -> list[Finding]:
    """Temporal has every schedule, at the revision of its row."""
    from services.schedules.temporal_schedules import temporal_schedule_id
    from storage.schedules import list_schedules, unsynced_schedules

    client = await services.temporal()
    existing = {entry.id async for entry in await client.list_schedules()}
    wanted = set()
    async with services.engine.connect() as connection:
        for workspace in await services.accounts.list_workspaces():
            rows = await list_schedules(connection, workspace.id, None, include_archived=False)
            wanted |= {temporal_schedule_id(row.id) for row in rows}
        pending = len(await unsynced_schedules(connection))
    ours = {name for name in existing if name.startswith("backup_schedule:")}
    found = []
    if pending:
        found.append(f"{counted(pending, 'change')} not told yet")
    if lost := wanted - ours:
        found.append(f"{len(lost)} missing in Temporal")
    if stray := ours - wanted:
        found.append(f"{len(stray)} in Temporal without a row")
    if found:
        mend = "run `tenantops schedule sync`"
        return [Finding("schedules", State.WARNING, ", ".join(found), mend)]
    if not wanted:
        return [Finding("schedules", State.OK, "there are none")]
    return [Finding("schedules", State.OK, f"{counted(len(wanted), 'schedule')}, all in Temporal")]


async def check_graph(services: "Services") -> list[Finding]:
    """Sign-in and Graph can be reached over TLS, for each cloud that has a connection."""
    from storage.connections import list_connections

    clouds: dict[str, list[str]] = {}
    for workspace in await services.accounts.list_workspaces():
        for tenant in await services.accounts.list_tenants(workspace.id):
            async with services.engine.connect() as connection:
                found = await list_connections(connection, workspace.id, tenant.id)
            for entry in found:
                if entry.disabled_at is None:
                    clouds.setdefault(entry.cloud, []).append(f"{tenant.name}/{entry.name}")
    if not clouds:
        mend = "add one with `tenantops connection add`"
        return [Finding("Graph", State.SKIPPED, "there are no connections", mend)]
    return [await _reach_cloud(services, cloud, names) for cloud, names in clouds.items()]


async def _reach_cloud(services: "Services", cloud: str, names: list[str]) -> Finding:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    problem = await unreachable_reason(services.settings, cloud)
    if problem is None:
        return Finding(f"Graph ({cloud})", State.OK, f"reached over TLS, for {shown}")
    mend = "check the network, TENANTOPS_CA_BUNDLE and TENANTOPS_HTTP_PROXY"
    return Finding(f"Graph ({cloud})", State.FAILED, problem, mend)


_IN_TEMPORAL: tuple[tuple[str, Check, bool], ...] = (
    ("search attributes", check_search_attributes, False),
    ("worker", check_worker, False),
    ("schedules", check_schedules, True),
)


_READ = "see docs/operations.md"
_LOST = "set it as TENANTOPS_ROOT_KEY_PREVIOUS, or see `tenantops keys give-up --help`"
_ROTATE = "run `tenantops keys rotate-root` once every process has the new root key"
_MENDS = {
    "root key": "set TENANTOPS_ROOT_KEY_FILE to the key that it was encrypted with "
    "(docs/operations.md, The root key)"
}


async def _run(
    name: str, check: Check, services: "Services", seconds: float, *, on: bool = True
) -> list[Finding]:
    if not on:
        return [Finding(name, State.SKIPPED, "needs what failed above")]
    try:
        async with asyncio.timeout(seconds):
            return await check(services)
    except TimeoutError:
        return [Finding(name, State.FAILED, f"no answer within {seconds:g} s", "see its logs")]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        problem, _, mend = explain(error).message.partition("; ")
        return [Finding(name, State.FAILED, problem, mend or _MENDS.get(name, _READ))]


def _is_good(findings: list[Finding]) -> bool:
    return all(finding.state is not State.FAILED for finding in findings)
