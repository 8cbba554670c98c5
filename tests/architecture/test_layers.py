"""Imports go one way: every contract is kept, and a planted violation of each is found."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.source import MODULES, PROJECT, ROOMS, imported_modules, parsed

CONFIGURATION = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
# Contract, module that breaks it, what it imports.
PLANTED = [
    ("layers go one way", "domain/planted_layer.py", "services"),
    ("layers go one way", "storage/planted_layer.py", "graph"),
    ("layers go one way", "services/planted_layer.py", "workflows"),
    ("layers go one way", "contracts/planted_layer.py", "storage"),
    ("domain is pure: no I/O libraries", "domain/planted_library.py", "sqlalchemy"),
    (
        "workflow modules stay light for the sandbox (D11)",
        "workflows/planted_library.py",
        "asyncpg",
    ),
    (
        "workflow modules stay light for the sandbox (D11)",
        "workflows/planted_room.py",
        "storage",
    ),
    (
        "the product does not know its development stack",
        "services/planted_stack.py",
        "devstack",
    ),
    (
        "the development stack does not know the product's rules",
        "devstack/planted_rule.py",
        "domain",
    ),
]
# The single modules at the top are no packages, so import-linter cannot hold them.
COMPOSERS = {"starter.py", "worker.py"}


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages of `directory` with the project's contracts."""
    (directory / "pyproject.toml").write_text((PROJECT / "pyproject.toml").read_text())
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=directory,
        env={"PYTHONPATH": str(directory), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def lay_packages(directory: Path) -> None:
    for package in CONFIGURATION["root_packages"]:
        (directory / package).mkdir(parents=True)
        (directory / package / "__init__.py").touch()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of a tree with every violation planted."""
    directory = tmp_path_factory.mktemp("planted")
    lay_packages(directory)
    for _, module, imported in PLANTED:
        (directory / module).write_text(f"import {imported}\n")
    finished = lint(directory)
    assert finished.returncode == 1, finished.stdout + finished.stderr
    return finished.stdout


def test_empty_packages_keep_every_contract(tmp_path: Path) -> None:
    lay_packages(tmp_path)
    finished = lint(tmp_path)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert f"{len(CONFIGURATION['contracts'])} kept, 0 broken" in finished.stdout


@pytest.mark.parametrize(("contract", "module", "imported"), PLANTED)
def test_planted_import_breaks_its_contract(
    report: str, contract: str, module: str, imported: str
) -> None:
    assert f"{contract} BROKEN" in report
    dotted = module.removesuffix(".py").replace("/", ".")
    assert f"{dotted} -> {imported} (l.1)" in report


def test_every_contract_has_a_planted_violation() -> None:
    assert {row[0] for row in PLANTED} == {entry["name"] for entry in CONFIGURATION["contracts"]}


def test_every_room_is_under_the_contracts() -> None:
    assert {*ROOMS, "devstack"} <= set(CONFIGURATION["root_packages"])


def imports_composer(source: Path) -> set[str]:
    roots = {name.partition(".")[0] for name in imported_modules(parsed(source))}
    return roots & {name.removesuffix(".py") for name in COMPOSERS}


@pytest.mark.parametrize("room", [*ROOMS, "devstack"])
def test_no_room_imports_the_composition_roots(room: str) -> None:
    found = {path.name for path in (PROJECT / room).rglob("*.py") if imports_composer(path)}
    # The command group that runs the worker is the one that composes it.
    assert not found or room == "commands"


@pytest.mark.parametrize("room", ["domain", "contracts", "workflows", "activities", "storage"])
def test_lower_rooms_do_not_read_settings(room: str) -> None:
    found = {
        path.name
        for path in (PROJECT / room).rglob("*.py")
        if "settings" in set(imported_modules(parsed(path)))
    }
    assert not found


def test_planted_import_of_a_composition_root_is_noticed(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("from worker import main\n")
    assert imports_composer(planted) == {"worker"}


def test_top_modules_are_the_known_ones() -> None:
    found = {path.name for path in PROJECT.glob("*.py")}
    assert found <= set(MODULES)
