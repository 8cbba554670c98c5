"""The ways to start an operation that the README shows, run as they are written there."""

import asyncio
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.commands.terminal import Terminal
from tests.end_to_end.product import Product

README = (Path(__file__).parents[2] / "README.md").read_text()
SECTION = README.partition("## Starting an operation")[2].partition("\n## ")[0]
TEMPORAL = Path(sys.executable).with_name("temporal")


def _block(heading: str, language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", SECTION.partition(heading)[2], re.DOTALL)
    assert found is not None, heading
    return found[1]


def _commands(heading: str) -> list[list[str]]:
    text = _block(heading, "sh").replace("\\\n", " ").replace("Contoso", "'Tenant 0'")
    return [shlex.split(line, comments=True) for line in text.splitlines()]


@pytest.fixture
async def registered(office: Terminal) -> Terminal:
    """A terminal after the README's first step."""
    ((_, *words),) = _commands("Register it first")
    known = (await office.json("principal", "list"))["principals"]
    if words[2] not in {entry["name"] for entry in known}:
        await office(*words)
    return office


async def test_readme_start_from_python(
    registered: Terminal,
    product: Product,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in registered.variables.items():
        monkeypatch.setenv(name, value)
    code = textwrap.indent(_block("### From Python", "python"), "    ")
    names: dict[str, Any] = {
        "workspace_id": product.workspace_id,
        "tenant_id": product.tenant.id,
    }
    exec(compile(f"async def start():\n{code}", "README.md", "exec"), names)
    await names["start"]()
    decision, run_id, reason_code = capsys.readouterr().out.split()
    assert (decision, reason_code) == ("accepted", "None")
    await registered("runs", "watch", run_id)


async def test_readme_start_from_the_command_line(registered: Terminal) -> None:
    (_, variable), *commands = _commands("### From the command line")
    name, _, value = variable.partition("=")
    registered.variables[name] = value
    for _, *words in commands:
        newest = (await registered.json("runs", "list", "-n", "1"))["runs"][0]["id"]
        text = " ".join(words).replace("<run id>", newest)
        await registered(*text.split() if "<run id>" in " ".join(words) else words)
        newest = (await registered.json("runs", "list", "-n", "1"))["runs"][0]["id"]
        await registered("runs", "watch", newest)


async def test_readme_start_from_temporal(registered: Terminal, product: Product) -> None:
    ids = iter((product.workspace_id, product.tenant.id))
    for _, *words in _commands("### From the `temporal` command line"):
        queue = product.services.settings.task_queue
        filled = [word.replace("tenant-operations", queue) for word in words]
        filled = [re.sub(r"\.\.\.", lambda _: str(next(ids)), word) for word in filled]
        address = registered.variables["TEMPORAL_ADDRESS"]
        command = [str(TEMPORAL), *filled, "--address", address]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        said, _ = await process.communicate()
    assert b'"accepted"' in said
