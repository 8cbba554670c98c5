"""The page of faults names tests that exist, and leaves out no report."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "graph-faults.md").read_text()
REPORTS = 25


def test_fault_page_names_existing_tests_only() -> None:
    named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", PAGE)
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).exists() or f"def {name}(" not in (ROOT / file).read_text()
    ]
    assert missing == []


def test_fault_page_has_a_row_for_every_report() -> None:
    assert re.findall(r"^\| f(\d+) ", PAGE, re.MULTILINE) == [
        str(number) for number in range(1, REPORTS + 1)
    ]
