"""Exit codes and complaints: what did not succeed, what was given wrongly, what was interrupted."""

import asyncio
import json
import signal
from collections.abc import Callable

import pytest

from tests.commands.terminal import Terminal
from tests.end_to_end.product import Product
from tests.eventually import eventually

RUN = ("backup", "run", "Tenant 0", "--types", "filter")


@pytest.mark.usefixtures("denied")
@pytest.mark.parametrize(
    ("types", "outcomes"),
    [("filter", {"failed", "blocked"}), ("filter,scopeTag", {"partially_succeeded"})],
)
async def test_waited_run_that_did_not_succeed_is_exit_code_1(
    office: Terminal, types: str, outcomes: set[str]
) -> None:
    command = ("backup", "run", "Tenant 0", "--types", types, "--wait")
    run = (await office.json(*command, code=1))["run"]
    assert run["outcome"] in outcomes
    assert run["failures"][0]["resource_type"] == "filter"
    watched = await office("runs", "watch", run["id"], code=1)
    assert run["failures"][0]["label"] in watched.stdout
    await office("runs", "show", run["id"])


@pytest.mark.parametrize(
    ("start", "path", "permission"),
    [
        (
            ("backup", "run", "Tenant 0", "--types", "namedLocation"),
            "/identity/conditionalAccess/namedLocations",
            "Policy.Read.All",
        ),
        (
            ("roles", "sync", "Tenant 0"),
            "/roleManagement/directory/roleDefinitions",
            "RoleManagement.Read.Directory",
        ),
    ],
)
async def test_refused_permission_is_named_although_graph_does_not(
    office: Terminal, product: Product, start: tuple[str, ...], path: str, permission: str
) -> None:
    denial = "Authorization_RequestDenied"
    product.graph.control.add_fault(kind="status", path=path, status=403, code=denial)
    try:
        run = (await office.json(*start, "--wait", code=1))["run"]
    finally:
        product.graph.control.clear_faults()
    assert run["failures"][0]["permissions"] == [permission]
    assert f"grant {permission}" in (await office("runs", "show", run["id"])).stdout


async def test_blocked_start_is_exit_code_1_with_a_next_step(office: Terminal) -> None:
    await office("connection", "disable", "read", "--tenant", "Tenant 0")
    blocked = await office.json(*RUN, "--wait", code=1)
    assert blocked["decision"] == "blocked"
    assert blocked["next_steps"] != []
    shown = (await office("runs", "show", blocked["operation_run_id"])).stdout
    assert "blocked" in shown
    assert "tenantops connection add TENANT" in (await office(*RUN, code=1)).stdout
    (listed,) = (await office.json("runs", "list", "--outcome", "blocked", "-n", "1"))["runs"]
    assert listed["reason_code"] == blocked["reason_code"]
    await office("connection", "enable", "read")
    await office("connection", "default", "read")


@pytest.mark.usefixtures("held")
async def test_waited_run_that_somebody_cancels_is_exit_code_1(office: Terminal) -> None:
    with office.process(*RUN, "--wait", "--json") as process:
        runs = ("runs", "list", "--status", "running", "--status", "queued")
        active = await eventually(lambda: _active(office, *runs), seconds=30)
        await office("runs", "cancel", str(active))
        output, _ = await asyncio.to_thread(process.communicate)
    assert process.returncode == 1
    assert json.loads(output)["run"]["outcome"] == "cancelled"


async def _active(office: Terminal, *command: str) -> str | None:
    runs = (await office.json(*command))["runs"]
    return str(runs[0]["id"]) if runs else None


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("runs", "list", "--since", "yesterday"), "--since"),
        (("runs", "list", "--since", "999999999999d"), "--since"),
        (("runs", "list", "--cursor", "\x00"), "--cursor"),
        (("runs", "list", "--tenant", "Nobody"), "--tenant"),
        (("runs", "show", "%"), "RUN"),
        (("runs", "watch", ""), "RUN"),
        (("runs", "cancel", "'; drop table"), "RUN"),
        (("runs", "retry", "0" * 32), "RUN"),
        (("backup", "show", "zzz"), "SET"),
        (("backup", "changes", "zzz"), "SET"),
        (("backup", "run", "--schedule", "zzz"), "--schedule"),
        (("backup", "run", "--key", " "), "--key"),
        (("backup", "export", "zzz", "folder"), "SET"),
        (("roles", "changes", "zzz"), "RUN"),
        (("connection", "test", "zzz"), "CONNECTION"),
        (("schedule", "show", "zzz"), "SCHEDULE"),
        (("tenant", "show", "\x1b[31m"), "TENANT"),
    ],
)
async def test_garbage_names_the_field_and_the_mend(
    office: Terminal, arguments: tuple[str, ...], field: str
) -> None:
    refused = (await office.json(*arguments, code=2))["error"]
    assert refused["field"] == field
    assert refused["message"].startswith(f"{field}: ")
    assert "unforeseen" not in refused["message"]


async def test_number_too_large_for_the_database_is_wrong_input(office: Terminal) -> None:
    refused = await office.json("runs", "list", "-n", "9" * 20, code=2)
    assert "give a smaller one" in refused["error"]["message"]


@pytest.mark.long
async def test_interrupted_watch_leaves_the_run_alone(
    office: Terminal, held: Callable[[], None]
) -> None:
    started = await office.json(*RUN)
    with office.process("runs", "watch", started["operation_run_id"]) as process:
        assert process.stderr is not None
        await asyncio.to_thread(process.stderr.readline)
        process.send_signal(signal.SIGINT)
        _, said = await asyncio.to_thread(process.communicate)
    assert process.returncode == 130
    assert "Stopped watching; the run goes on." in said
    held()
    ended = await office.json("runs", "watch", started["operation_run_id"])
    assert ended["run"]["outcome"] == "succeeded"
