"""Reading the product's own source for the guards of this folder."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[2]
ROOMS = (
    "activities",
    "commands",
    "contracts",
    "domain",
    "graph",
    "services",
    "storage",
    "workflows",
)
MODULES = ("settings.py", "starter.py", "worker.py")


def product_files() -> Iterator[Path]:
    """Every Python file of the product, without tests and the development stack."""
    for room in (*ROOMS, "hub"):
        yield from sorted((PROJECT / room).rglob("*.py"))
    yield from (PROJECT / name for name in MODULES if (PROJECT / name).exists())


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def texts(tree: ast.AST) -> Iterator[str]:
    """Every string of a module, with the constant parts of f-strings joined."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (part.value for part in node.values if isinstance(part, ast.Constant))
            yield " ".join(str(part) for part in parts)


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """Every module that a module imports, by its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
