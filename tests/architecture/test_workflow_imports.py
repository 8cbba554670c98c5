"""Workflow modules stay light: what they load is loaded again for every run's sandbox (D11)."""

import ast
import subprocess
import sys

import pytest

from domain.operation_types import definitions
from tests.architecture.source import PROJECT, parsed

HEAVY = (
    "aiohttp",
    "alembic",
    "asyncpg",
    "azure",
    "cryptography",
    "graph",
    "orjson",
    "services",
    "sqlalchemy",
    "storage",
    "zstandard",
)
MODULES = sorted(
    f"workflows.{path.stem}" for path in (PROJECT / "workflows").glob("*.py") if path.stem[0] != "_"
)


def loaded(*modules: str) -> set[str]:
    """Return the top packages that a fresh interpreter has after importing the modules."""
    script = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script, *modules],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    return set(finished.stdout.split())


def defined_workflows() -> set[str]:
    """Names of the classes that are workflows."""
    files = (PROJECT / "workflows").glob("*.py")
    classes = [
        node for path in files for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)
    ]
    return {
        entry.name
        for entry in classes
        if any("workflow.defn" in ast.unparse(decorator) for decorator in entry.decorator_list)
    }


def test_workflow_modules_load_nothing_heavy() -> None:
    assert MODULES
    assert not loaded(*MODULES) & set(HEAVY)


def test_heavy_import_would_be_noticed() -> None:
    assert {"storage", "sqlalchemy"} <= loaded("storage.runs", "storage.tables") & set(HEAVY)


def test_domain_loads_no_input_or_output_library() -> None:
    modules = ["domain.operation_types", "domain.reasons", "domain.outcome", "domain.identity"]
    assert not loaded(*modules) & {*HEAVY, "temporalio"}


@pytest.mark.parametrize(
    "workflow_type", sorted({entry.workflow_type for entry in definitions() if entry.startable})
)
def test_startable_type_has_its_workflow(workflow_type: str) -> None:
    assert workflow_type in defined_workflows()


def test_workflow_without_a_registered_type_is_the_front_door_only() -> None:
    registered = {entry.workflow_type for entry in definitions()}
    assert defined_workflows() - registered == {"RequestOperationWorkflow"}
