"""The lint and type gates bite: each is shown a violation and must refuse it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import PROJECT

TOOLS = Path(sys.executable).parent
BANNED = {
    "datetime.datetime.now": "from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)\n",
    "datetime.datetime.utcnow": "from datetime import datetime\n\nNOW = datetime.utcnow()\n",
    "time.time": "import time\n\nNOW = time.time()\n",
    "uuid.uuid4": "from uuid import uuid4\n\nID = uuid4()\n",
    "random": "import random\n\nNUMBER = random.random()\n",
}
PURE_ROOMS = ("domain", "contracts", "workflows")
OTHER_ROOMS = ("activities", "services", "storage", "graph", "commands", "tests")
UNTYPED = {
    "no-untyped-def": "def f(x):\n    return x\n",
    "no-any-return": "import json\n\n\ndef f() -> int:\n    return json.loads('1')\n",
    "type-arg": "def f(x: dict) -> None: ...\n",
    "unreachable": "def f(x: int) -> None:\n    if isinstance(x, str):\n        print(x)\n",
    "unused-ignore": "x: int = 1  # type: ignore[assignment]\n",
    "return-value": "def f() -> int:\n    return 'x'\n",
    "no-untyped-call": "def g(x):  # type: ignore[no-untyped-def]\n    return x\n\n\ng(1)\n",
}


@pytest.fixture(scope="module")
def violations(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Pairs (file, code) that ruff finds in a tree with every banned call in every room."""
    directory = tmp_path_factory.mktemp("planted_lint")
    (directory / "pyproject.toml").write_text((PROJECT / "pyproject.toml").read_text())
    for room in (*PURE_ROOMS, *OTHER_ROOMS):
        (directory / room).mkdir()
        for name, source in BANNED.items():
            (directory / room / f"{name.replace('.', '_')}.py").write_text(source)
    (directory / "services" / "printing.py").write_text('print("x")\n')
    (directory / "services" / "swallowing.py").write_text(
        "try:\n    import x\nexcept Exception:\n    x = None\n"
    )
    finished = subprocess.run(
        [TOOLS / "ruff", "check", "--no-cache", "--output-format", "json", "."],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(finished.stdout)
    return {
        (Path(entry["filename"]).relative_to(directory).as_posix(), entry["code"])
        for entry in found
    }


@pytest.mark.parametrize("room", PURE_ROOMS)
@pytest.mark.parametrize("banned", list(BANNED))
def test_clock_ids_and_randomness_are_refused_where_rules_live(
    violations: set[tuple[str, str]], banned: str, room: str
) -> None:
    assert (f"{room}/{banned.replace('.', '_')}.py", "TID251") in violations


@pytest.mark.parametrize("room", OTHER_ROOMS)
def test_clock_ids_and_randomness_are_allowed_elsewhere(
    violations: set[tuple[str, str]], room: str
) -> None:
    assert not {found for found in violations if found[0].startswith(room) and found[1] == "TID251"}


@pytest.mark.parametrize(
    ("file", "code"), [("services/printing.py", "T201"), ("services/swallowing.py", "BLE001")]
)
def test_print_and_swallowed_errors_are_refused(
    violations: set[tuple[str, str]], file: str, code: str
) -> None:
    assert (file, code) in violations


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Pairs (file, code) that mypy finds in a tree with one mistake in each file."""
    directory = tmp_path_factory.mktemp("planted_types")
    (directory / "pyproject.toml").write_text((PROJECT / "pyproject.toml").read_text())
    for code, source in UNTYPED.items():
        (directory / f"{code.replace('-', '_')}.py").write_text(source)
    finished = subprocess.run(
        [TOOLS / "mypy", "--cache-dir", directory / "cache", "."],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1, finished.stdout + finished.stderr
    found = re.findall(r"^(\w+)\.py:\d+: error: .*\[([\w-]+)\]$", finished.stdout, re.MULTILINE)
    return {(file, code) for file, code in found}


@pytest.mark.parametrize("code", list(UNTYPED))
def test_type_mistake_is_refused(mistakes: set[tuple[str, str]], code: str) -> None:
    assert (code.replace("-", "_"), code) in mistakes
