"""One writer of operation runs (behaviour row 38): nobody else may insert or update one."""

import ast
import re

import pytest

from storage import runs
from tests.architecture.source import name_of, parsed, product_files, texts

# The statements stand in one file, and two run them: the service, and its part that creates.
STATEMENTS = "storage/runs.py"
WRITERS = {"services/runs/operation_runs.py", "services/runs/run_creation.py"}
GUARDS = "storage/migrations/versions/0001_initial.py"
WRITE = re.compile(
    r"\b(insert\s+into|update|merge\s+into|copy)\s+(only\s+)?(\w+\.)?operation_runs\b",
    re.IGNORECASE,
)
WRITING_NAMES = {
    name
    for name, value in vars(runs).items()
    if isinstance(value, str) and re.search(r"\b(INSERT|UPDATE|DELETE)\b", value) and name[0] != "_"
} - {"LOCK_RUN"}


def written_in_sql(tree: ast.AST) -> list[str]:
    return [text for text in texts(tree) if WRITE.search(text)]


def written_by_core(tree: ast.AST) -> list[str]:
    """Calls of insert() or update() whose table is operation_runs, however it was imported."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        ast.unparse(call)
        for call in calls
        if ast.unparse(call.func).rpartition(".")[2] in ("insert", "update")
        and any(
            "operation_runs" in re.findall(r"\w+", ast.unparse(part))
            for part in (*call.args[:1], call.func)
        )
    ]


def statements_used(tree: ast.AST) -> set[str]:
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return names & WRITING_NAMES


def test_nobody_else_writes_operation_runs() -> None:
    found = {
        name_of(path): written_in_sql(tree) + written_by_core(tree)
        for path in product_files()
        for tree in [parsed(path)]
    }
    writers = {name for name, places in found.items() if places}
    assert writers <= {STATEMENTS, GUARDS}
    assert STATEMENTS in writers


def test_nobody_else_runs_the_writing_statements() -> None:
    users = {name_of(path) for path in product_files() if statements_used(parsed(path))}
    assert users == {STATEMENTS, *WRITERS}


def test_every_writing_statement_is_known_to_the_guard() -> None:
    assert {"INSERT_RUN", "CLAIM_RUN", "BEGIN_RUN", "UPDATE_RUN", "COMPLETE_RUN"} <= WRITING_NAMES


def test_creation_is_a_part_of_the_service_only() -> None:
    users = {
        name_of(path)
        for path in product_files()
        if "run_creation" in path.read_text() and path.name != "run_creation.py"
    }
    assert users == {"services/runs/operation_runs.py"}


@pytest.mark.parametrize(
    "planted",
    [
        'QUERY = "UPDATE operation_runs SET outcome = $1"',
        'QUERY = "update public.operation_runs set status = 1"',
        'QUERY = f"UPDATE operation_runs SET {column} = 1"',
        'QUERY = """\n  INSERT  INTO operation_runs (id) VALUES ($1)"""',
    ],
)
def test_guard_notices_planted_sql(planted: str) -> None:
    assert written_in_sql(ast.parse(planted))


@pytest.mark.parametrize(
    "planted",
    [
        "q = update(operation_runs).values(outcome='failed')",
        "q = sa.update(tables.operation_runs)",
        "q = operation_runs.update().values(status='completed')",
        "q = insert(operation_runs)",
    ],
)
def test_guard_notices_planted_core_statements(planted: str) -> None:
    assert written_by_core(ast.parse(planted))


@pytest.mark.parametrize(
    "planted", ["from storage.runs import COMPLETE_RUN", "runs.BEGIN_RUN", "sql.INSERT_RUN"]
)
def test_guard_notices_planted_uses_of_the_statements(planted: str) -> None:
    assert statements_used(ast.parse(planted))


@pytest.mark.parametrize(
    "harmless",
    [
        'QUERY = "SELECT id FROM operation_runs FOR UPDATE"',
        'QUERY = "UPDATE operation_run_results SET page = 1"',
        "q = insert(operation_run_results)",
        "q = update(backup_schedules).where(operation_runs.c.id == 1)",
    ],
)
def test_guard_lets_reading_pass(harmless: str) -> None:
    tree = ast.parse(harmless)
    assert not written_in_sql(tree) + written_by_core(tree)
