"""Rights are asked for by capability; the name of a role decides nothing (behaviour row 63)."""

import ast

import pytest

from domain.capabilities import Role
from tests.architecture.source import name_of, parsed, product_files

ROLES = {role.value for role in Role}
MEMBERS = {role.name for role in Role}


def role_checks(tree: ast.AST) -> list[str]:
    """Comparisons and membership tests against the name of a role."""
    compares = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    return [ast.unparse(node) for node in compares if _names_role(node)]


def _names_role(compare: ast.Compare) -> bool:
    parts = [part for side in (compare.left, *compare.comparators) for part in ast.walk(side)]
    is_word = any(isinstance(part, ast.Constant) and part.value in ROLES for part in parts)
    is_member = any(
        isinstance(part, ast.Attribute)
        and part.attr in MEMBERS
        and ast.unparse(part.value) == "Role"
        for part in parts
    )
    return is_word or is_member


def test_no_code_compares_roles() -> None:
    found = {name_of(path): role_checks(parsed(path)) for path in product_files()}
    assert not {name: checks for name, checks in found.items() if checks}


@pytest.mark.parametrize(
    "planted",
    [
        "if role == 'owner': pass",
        "x = membership.role in ('manager', 'owner')",
        "x = Role.OPERATOR is role",
    ],
)
def test_planted_role_check_is_noticed(planted: str) -> None:
    assert role_checks(ast.parse(planted))


@pytest.mark.parametrize("harmless", ["x = Capability.CORE_VIEW in held", "y = kind == 'user'"])
def test_capability_check_passes(harmless: str) -> None:
    assert not role_checks(ast.parse(harmless))
