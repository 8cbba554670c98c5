"""`python -m devstack`: what people and scripts read, and exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.__main__ import main
from devstack.configuration import (
    PROJECT,
    STATE_DIRECTORY_VARIABLE,
    GraphOptions,
    PartName,
    PortName,
    StackConfiguration,
    default_state_directory,
    without_secrets,
)
from devstack.stack import Stack, StackEnvironment
from devstack.state import StackPhase, StackState


@pytest.mark.long
@pytest.mark.alone
def test_command_line_life_of_a_stack_exit_codes(configuration: StackConfiguration) -> None:
    arguments = ["--configuration", configuration.to_json()]
    commands = ("status", "start", "status", "env", "stop", "stop", "env")
    codes = [run(command, *arguments).returncode for command in commands]
    assert codes == [1, 0, 0, 0, 0, 0, 1]


def run(command: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "devstack", command, *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_command_line_env_is_read_by_a_shell(
    configuration: StackConfiguration, stack: Stack, running: StackState
) -> None:
    exports = run("env", "--configuration", configuration.to_json()).stdout
    shown = subprocess.run(
        ["/bin/sh", "-c", f'{exports}\nprintf %s "$DATABASE_URL"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == stack.environment()["DATABASE_URL"]


def test_command_line_second_supervisor_says_so(
    configuration: StackConfiguration, running: StackState
) -> None:
    result = run("run", "--configuration", configuration.to_json())
    assert (result.returncode, "has a supervisor already" in result.stderr) == (3, True)


def test_command_line_status_as_json_names_the_phase(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--json", "--state-dir", str(tmp_path)]) == 1
    assert json.loads(capsys.readouterr().out)["phase"] == StackPhase.STOPPED


def test_command_line_wrong_search_attribute_is_wrong_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["start", "--search-attribute", "Colour"])
    assert "'Colour' is not NAME=TYPE" in capsys.readouterr().err


def test_configuration_survives_json() -> None:
    configuration = StackConfiguration(
        state_directory=Path("/somewhere"),
        ports={PortName.TEMPORAL_UI: 1},
        search_attributes={"Colour": "Keyword"},
        graph=GraphOptions(profile="S", arguments=("--verbose",)),
        external={PartName.GRAPH: "https://graph.example"},
    )
    assert StackConfiguration.from_json(configuration.to_json()) == configuration


def test_default_state_directory_follows_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_state_directory() == PROJECT / ".devstack"
    monkeypatch.setenv(STATE_DIRECTORY_VARIABLE, os.devnull)
    assert default_state_directory() == Path(os.devnull)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:p@ss@host:5/db?password=x", "postgresql://host:5/db"),
        ("temporal.example:7233", "temporal.example:7233"),
        ("https://graph.example/v1.0", "https://graph.example/v1.0"),
    ],
)
def test_address_shown_holds_no_secret(address: str, shown: str) -> None:
    assert without_secrets(address) == shown


def test_stack_environment_quotes_for_the_shell() -> None:
    exports = StackEnvironment({"NAME": "it's $HOME"}).as_shell()
    shown = subprocess.run(
        ["/bin/sh", "-c", f'{exports}printf %s "$NAME"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "it's $HOME"
