"""The tree of commands: help, examples, completion, and what a help page may import."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.reference import PAGE, leaves, page
from commands.tree import PURPOSES, Command, root
from domain.resource_types.registry import RESOURCE_TYPES

HEAVY = {"sqlalchemy", "asyncpg", "temporalio", "pydantic", "azure", "aiohttp", "cryptography"}
WITHOUT_JSON = {"tenantops worker", "tenantops dev"}
LEAVES = dict(leaves())
IMPORTED = """
import sys, json
from typer.testing import CliRunner
from commands.tree import root
assert CliRunner().invoke(root(), sys.argv[1:]).exit_code == 0
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("path", LEAVES)
def test_help_of_every_command_renders_with_an_example(path: str) -> None:
    arguments = path.split()[1:]
    result = CliRunner().invoke(root(), [*arguments, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output


@pytest.mark.parametrize("name", PURPOSES)
def test_help_of_every_group_is_what_the_root_says(name: str) -> None:
    result = CliRunner().invoke(root(), [name, "--help"], terminal_width=200)
    assert result.exit_code == 0
    listed = CliRunner().invoke(root(), ["--help"], terminal_width=200).output
    assert PURPOSES[name] in " ".join(listed.replace("│", " ").split())


def test_types_in_examples_are_types_of_the_registry() -> None:
    named = {
        key for keys in re.findall(r"--types (\S+)", PAGE.read_text()) for key in keys.split(",")
    }
    assert named - {"KEYS`", "all"} <= RESOURCE_TYPES.keys()


def test_reference_page_equals_the_tree() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m commands.reference"


def test_every_command_takes_json() -> None:
    lacking = {
        path
        for path, command in LEAVES.items()
        if not any("--json" in parameter.opts for parameter in command.params)
    }
    assert lacking == WITHOUT_JSON


@pytest.mark.parametrize("path", LEAVES)
def test_every_parameter_says_what_it_is(path: str) -> None:
    command: Command = LEAVES[path]
    silent = [each.name for each in command.params if not getattr(each, "help", None)]
    assert silent == []


@pytest.mark.parametrize(
    "arguments", [("--help",), ("runs", "list", "--help"), ("try", "--help"), ("--version",)]
)
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    # Typer itself imports pydantic to read the parameters of a command.
    unwanted = HEAVY - ({"pydantic"} if len(arguments) > 1 else set())
    finished = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments], capture_output=True, text=True, check=True
    )
    assert set(json.loads(finished.stdout)) & unwanted == set()


def test_completion_names_the_commands() -> None:
    script = Path(sys.executable).parent / "tenantops"
    finished = subprocess.run(
        [str(script)],
        env={
            **os.environ,
            "_TENANTOPS_COMPLETE": "complete_bash",
            "COMP_WORDS": "tenantops runs ",
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stdout.split() == ["list", "show", "watch", "cancel", "retry"]


def test_unknown_command_is_wrong_usage_with_a_suggestion() -> None:
    result = CliRunner().invoke(root(), ["run", "list"])
    assert result.exit_code == 2
    assert "runs" in result.output


def test_no_arguments_show_the_help() -> None:
    result = CliRunner().invoke(root(), [])
    assert result.exit_code == 2
    assert "Usage: tenantops" in result.output
