"""`make demo` on a machine of its own: it ends well, and it may be run again (issue 2, part 11)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.long, pytest.mark.alone, pytest.mark.timeout(400)]


def _demo(state_directory: Path) -> Any:
    program = "from starter import main; main()"
    finished = subprocess.run(
        [sys.executable, "-c", program, "demo", "--json"],
        env={**os.environ, "TENANTOPS_DEVSTACK_DIR": str(state_directory)},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def test_demo_names_exactly_the_changed_policies_and_may_run_again(tmp_path: Path) -> None:
    for _ in range(2):
        report = _demo(tmp_path / "stack")
        assert report["problems"] == []
        names = sorted(change["name"] for change in report["changes_found"])
        assert names == sorted(report["changed_in_graph"])
        assert len(names) == 4
        assert {run["outcome"] for run in report["runs"]} == {"succeeded"}
        assert "backup_schedule.scheduled" in {run["type"] for run in report["runs"]}
