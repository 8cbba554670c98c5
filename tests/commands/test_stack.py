"""`tenantops stack` from start to stop, as somebody does who has nothing else."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.commands.terminal import Terminal

PORTS = ("--postgres-port", "--temporal-port", "--temporal-ui-port", "--graph-port")
START = ("stack", "start", "--profile", "S", "--tenants", "1")


@pytest_asyncio.fixture(loop_scope="session")
async def bare(tmp_path: Path) -> AsyncIterator[Terminal]:
    """A terminal on a machine without any server; what it starts is stopped."""
    terminal = Terminal({"TENANTOPS_DEVSTACK_DIR": str(tmp_path / "stack")})
    yield terminal
    await terminal("stack", "stop")


async def test_stack_start_status_tenants_env_and_stop(bare: Terminal) -> None:
    options = [word for port in PORTS for word in (port, "0")]
    started = await bare.json(*START, *options)
    assert started["is_whole"] is True
    assert {part["status"] for part in started["parts"].values()} == {"ready"}
    assert started["migration"]["revision"] == started["migration"]["head"]
    again = await bare(*START)
    assert "It was running already" in again.stderr
    assert started["parts"]["postgres"]["address"] in again.stdout
    assert (await bare.json("stack", "status"))["parts"] == started["parts"]
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


async def test_stack_start_unknown_profile_is_named(bare: Terminal) -> None:
    refused = await bare.json("stack", "start", "--profile", "XXL", code=2)
    assert refused["error"]["message"] == ("--profile: is not known; give one of S, M, L, stress")
    assert not Path(bare.variables["TENANTOPS_DEVSTACK_DIR"]).exists()
