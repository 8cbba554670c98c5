"""`tenantops stack` from start to stop, as somebody does who has nothing else."""

import asyncio
import os
import signal
import stat
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from commands.options import TenantSize
from devstack.graph_service import Profile
from tests.commands.terminal import PROGRAM, Terminal
from tests.eventually import eventually

PORTS = ("--postgres-port", "--temporal-port", "--temporal-ui-port", "--graph-port")
START = ("stack", "start", "--profile", "S", "--tenants", "1")


@pytest_asyncio.fixture(loop_scope="session")
async def bare(tmp_path: Path) -> AsyncIterator[Terminal]:
    """A terminal on a machine without any server; what it starts is stopped."""
    terminal = Terminal({"TENANTOPS_DEVSTACK_DIR": str(tmp_path / "stack")})
    yield terminal
    await terminal("stack", "stop")


@pytest.mark.long
@pytest.mark.alone
async def test_stack_start_status_tenants_env_and_stop(bare: Terminal) -> None:
    options = [word for port in PORTS for word in (port, "0")]
    started = await bare.json(*START, *options)
    assert started["is_whole"] is True
    assert {part["status"] for part in started["parts"].values()} == {"ready"}
    assert started["migration"]["revision"] == started["migration"]["head"]
    again = await bare(*START)
    assert "It was running already" in again.stderr
    other = await bare("stack", "start", "--profile", "M", "--tenants", "3", code=1)
    assert "runs with tenants of profile S, not M; tenants: 1, not 3" in other.stderr
    assert started["parts"]["postgres"]["address"] in again.stdout
    assert (await bare.json("stack", "status"))["parts"] == started["parts"]
    os.kill(started["parts"]["graph"]["pid"], signal.SIGKILL)
    down = await eventually(lambda: bare("stack", "status", code=1))
    assert "a part is down; bring it back with `tenantops stack start`" in down.stderr
    await bare(*START)
    (read, _, _) = (await bare.json("stack", "tenants"))["apps"]
    secret = Path(read["secret_file"])
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    variables = await bare.json("stack", "env")
    password = variables["DATABASE_URL"].split(":")[2].partition("@")[0]
    shown = "".join(bare.shown[:-1])
    assert password not in shown
    assert secret.read_text().strip() not in shown
    # Without a single variable, the stack is used.
    found = await bare("workspace", "list")
    assert "using the development stack" in found.stderr
    assert (await bare.json("stack", "stop"))["did_run"] is True
    status = await bare("stack", "status", code=1)
    assert "start it with `tenantops stack start`" in status.stderr
    assert (await bare.json("stack", "stop"))["did_run"] is False


@pytest.mark.parametrize("command", ["env", "tenants"])
async def test_stack_that_does_not_run_says_how_to_start_it(bare: Terminal, command: str) -> None:
    result = await bare("stack", command, code=1)
    assert "start it with `tenantops stack start`" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--profile", "XXL"),
        ("--scale-budget", "-1"),
        ("--tenants", "0"),
        ("--postgres-port", "99999"),
    ],
    ids=" ".join,
)
async def test_stack_start_wrong_option_is_wrong_usage(
    bare: Terminal, options: tuple[str, str]
) -> None:
    assert options[0] in (await bare("stack", "start", *options, code=2)).stderr
    assert not Path(bare.variables["TENANTOPS_DEVSTACK_DIR"]).exists()


def test_sizes_are_those_of_the_local_graph() -> None:
    assert {size.value for size in TenantSize} == set(Profile) - {Profile.NONE}


async def test_stop_of_a_spoiled_state_folder_names_the_file(
    bare: Terminal, tmp_path: Path
) -> None:
    (tmp_path / "stack").mkdir()
    spoiled = tmp_path / "stack" / "postgres"
    spoiled.write_text("no folder")
    assert f"{spoiled}/lock cannot be used" in (await bare("stack", "stop", code=1)).stderr
    spoiled.unlink()


@pytest.mark.parametrize("command", [("stack", "start"), ("stack", "stop"), ("dev",), ("demo",)])
async def test_state_folder_that_cannot_be_is_named(
    bare: Terminal, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("no folder")
    folder = tmp_path / "file" / "stack"
    bare.variables["TENANTOPS_DEVSTACK_DIR"] = str(folder)
    refused = await asyncio.to_thread(_finished, bare, *command)
    assert refused.returncode == 2
    assert f"{folder} cannot hold a stack: Not a directory" in refused.stderr
    bare.variables["TENANTOPS_DEVSTACK_DIR"] = str(tmp_path / "stack")


@pytest.mark.parametrize("command", [("stack", "start"), ("dev",), ("demo",)])
async def test_spoiled_state_folder_shows_what_the_part_said(
    bare: Terminal, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / "graph").write_text("no folder")
    refused = await asyncio.to_thread(_finished, bare, *command)
    assert refused.returncode == 1
    assert "Error: graph: " in refused.stderr
    assert "unforeseen" not in refused.stderr


def _finished(terminal: Terminal, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, *arguments],
        env={**os.environ, **terminal.variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
