"""`tenantops doctor` and `tenantops migrate`: each part missing is named with its mend."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.service import RPCError

from devstack.postgres import EmbeddedPostgres
from services.contents.root_keys import generate_root_key
from tests.commands.terminal import Terminal
from tests.eventually import eventually

# Nobody listens on port 1.
NOWHERE = "127.0.0.1:1"
PASSWORD = "planted-database-password"
LOST_DATABASE = f"postgresql://somebody:{PASSWORD}@{NOWHERE}/tenantops"


@pytest_asyncio.fixture(loop_scope="session")
async def empty(
    terminal: Terminal,
    postgres_server: EmbeddedPostgres,
    maintenance_connection: asyncpg.Connection,
) -> AsyncIterator[Terminal]:
    """A terminal on a database without a table."""
    name = f"test_{uuid4().hex}"
    await maintenance_connection.execute(f'CREATE DATABASE "{name}"')
    terminal.variables["DATABASE_URL"] = postgres_server.dsn(name, scheme="postgresql+asyncpg")
    yield terminal
    await maintenance_connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


async def _checks(terminal: Terminal, code: int = 1, **more: str) -> dict[str, Any]:
    """Return the findings by what was looked at."""
    document = await terminal.json("doctor", code=code, **more)
    assert document["is_good"] is (code == 0)
    return {check["check"]: check for check in document["checks"]}


def _states(checks: dict[str, Any], state: str) -> set[str]:
    return {name for name, check in checks.items() if check["state"] == state}


async def _no_schedule_is_left(client: Client) -> bool:
    """Delete what other tests left in the Temporal that they share, as far as it can be seen."""
    found = [entry.id async for entry in await client.list_schedules()]
    for schedule_id in found:
        with suppress(RPCError):
            await client.get_schedule_handle(schedule_id).delete()
    return not found


async def test_doctor_finds_a_running_product_good(office: Terminal, temporal_address: str) -> None:
    client = await Client.connect(temporal_address)
    await eventually(lambda: _no_schedule_is_left(client), interval=0.2)
    # The worker may only just have begun to poll.
    checks = await eventually(lambda: _checks(office, code=0), interval=0.5)
    assert _states(checks, "ok") == set(checks)
    assert "1 worker on the task queue" in checks["worker"]["detail"]
    shown = (await office("doctor")).stdout
    assert "Do this" not in shown


async def test_doctor_without_a_worker_says_how_to_run_one(settled: Terminal) -> None:
    checks = await _checks(settled)
    assert _states(checks, "failed") == {"worker"}
    assert checks["worker"]["mend"] == "run `tenantops worker`"
    assert checks["Graph"]["state"] == "skipped"


async def test_doctor_does_not_count_workers_that_ask_no_more(
    office: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await eventually(lambda: _checks(office, code=0), interval=0.5)
    # As if the worker had asked long ago: Temporal lists it for minutes after its end.
    monkeypatch.setattr("commands.pollers.LONGEST_SILENCE", timedelta(0))
    checks = await _checks(office)
    assert _states(checks, "failed") == {"worker"}
    assert "no worker asks for work" in checks["worker"]["detail"]
    assert "the last one did at 20" in checks["worker"]["detail"]


async def test_doctor_without_temporal_skips_what_stands_on_it(settled: Terminal) -> None:
    checks = await _checks(settled, TEMPORAL_ADDRESS=NOWHERE)
    assert _states(checks, "failed") == {"Temporal"}
    assert _states(checks, "skipped") >= {"search attributes", "worker", "schedules"}
    assert checks["Temporal"]["mend"].startswith("check TEMPORAL_ADDRESS")


async def test_doctor_names_a_namespace_that_is_not_there(settled: Terminal) -> None:
    temporal = (await _checks(settled, TEMPORAL_NAMESPACE="nope"))["Temporal"]
    assert (temporal["state"], temporal["detail"]) == (
        "failed",
        "the server has no namespace nope",
    )
    assert "TEMPORAL_NAMESPACE" in temporal["mend"]


async def test_doctor_on_a_stack_that_broke_leads_back_to_it(
    terminal: Terminal, tmp_path: Path
) -> None:
    folder = tmp_path / "stack"
    folder.mkdir()
    (folder / "environment.json").write_text(json.dumps({"DATABASE_URL": LOST_DATABASE}))
    terminal.variables |= {"DATABASE_URL": LOST_DATABASE, "TENANTOPS_DEVSTACK_DIR": str(folder)}
    checks = await _checks(terminal, TEMPORAL_ADDRESS=NOWHERE)
    assert checks["PostgreSQL"]["mend"] == "run `tenantops stack start`"
    assert checks["Temporal"]["mend"] == "run `tenantops stack start`"


async def test_doctor_without_postgresql_still_looks_at_temporal(terminal: Terminal) -> None:
    checks = await _checks(terminal, DATABASE_URL=LOST_DATABASE)
    assert _states(checks, "failed") == {"PostgreSQL", "worker"}
    assert _states(checks, "skipped") == {"migrations", "root key", "schedules", "Graph"}
    assert checks["PostgreSQL"]["mend"].startswith("check DATABASE_URL")
    assert PASSWORD not in "".join(terminal.shown)


async def test_doctor_with_an_unreachable_graph_names_the_cloud(office: Terminal) -> None:
    checks = await _checks(office, TENANTOPS_GRAPH_ROOT=f"https://{NOWHERE}")
    assert _states(checks, "failed") == {"Graph (custom)"}
    assert "TENANTOPS_CA_BUNDLE" in checks["Graph (custom)"]["mend"]


async def test_doctor_with_another_root_key_says_so(office: Terminal) -> None:
    other = generate_root_key()
    checks = await _checks(office, TENANTOPS_ROOT_KEY_FILE="", TENANTOPS_ROOT_KEY=other)
    assert _states(checks, "failed") == {"root key"}
    assert "TENANTOPS_ROOT_KEY_FILE" in checks["root key"]["mend"]
    assert other not in "".join(office.shown)


async def test_doctor_without_settings_names_the_variable(terminal: Terminal) -> None:
    checks = await _checks(terminal, DATABASE_URL="")
    assert checks["settings"]["detail"].startswith("DATABASE_URL is not set")


async def test_command_without_settings_names_variable_and_stack(terminal: Terminal) -> None:
    refused = await terminal.json("runs", "list", code=2, DATABASE_URL="")
    assert refused["error"]["field"] == "DATABASE_URL"
    assert "tenantops stack start" in refused["error"]["message"]


async def test_command_without_postgresql_says_what_to_check(terminal: Terminal) -> None:
    result = await terminal("runs", "list", code=1, DATABASE_URL=LOST_DATABASE)
    assert "PostgreSQL could not be reached" in result.stderr
    assert PASSWORD not in result.output


async def test_migrate_twice_is_harmless_and_doctor_agrees(empty: Terminal) -> None:
    assert (await _checks(empty))["migrations"]["mend"] == "run `tenantops migrate`"
    result = await empty("workspace", "list", code=1)
    assert "run `tenantops migrate`" in result.stderr
    await empty("migrate", "--check", code=1)
    first = await empty.json("migrate")
    second = await empty.json("migrate")
    assert (first["before"], first["revision"]) == (None, first["head"])
    assert second["before"] == second["revision"] == first["head"]
    await empty("migrate", "--check")
    assert (await _checks(empty))["migrations"]["state"] == "ok"
    assert "No workspaces yet" in (await empty("workspace", "list")).stdout


@pytest.mark.parametrize("seconds", ["0", "soon"])
async def test_doctor_wrong_timeout_is_wrong_usage(terminal: Terminal, seconds: str) -> None:
    result = await terminal("doctor", "--timeout", seconds, code=2)
    assert "--timeout" in result.output
