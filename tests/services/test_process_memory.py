"""Freed memory goes back to the system, where the C library can be told so."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
# A block of 20 MB raises glibc's own threshold to it; blocks of 1 MB would then be kept.
PROGRAM = """
from services.process.process_memory import return_freed_memory
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
assert return_freed_memory()
before = resident()
del [bytes(20_000_000)][:]
blocks = [b"x" * 1_000_000 for _ in range(40)]
kept = blocks.pop()
del blocks
assert resident() - before < 10_000_000, resident() - before
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_blocks_leave_the_process() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
