"""Exit codes and texts of a process that ends without teardown are the interpreter's own."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ENDINGS = {
    "returns": ("print('done')", 0, "done\n", ""),
    "leaves well": ("raise SystemExit", 0, "", ""),
    "leaves with a code": ("raise SystemExit(7)", 7, "", ""),
    "leaves with a text": ("raise SystemExit('why')", 1, "", "why\n"),
}


def run(body: str, *, ends_at_once: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run a function of this body in a process of its own."""
    call = "run_and_exit(program)" if ends_at_once else "program()"
    lines = (
        "from services.process.process_exit import run_and_exit",
        "def program():",
        f"    {body}",
        call,
    )
    return subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("body", "code", "output", "errors"), ENDINGS.values(), ids=ENDINGS)
def test_ending_has_the_code_and_text_of_the_interpreter(
    body: str, code: int, output: str, errors: str
) -> None:
    ended = run(body)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, output, errors)
    usual = run(body, ends_at_once=False)
    assert (ended.returncode, ended.stdout) == (usual.returncode, usual.stdout)


def test_error_nobody_caught_is_told_and_fails() -> None:
    ended = run("raise LookupError('gone')")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Traceback")
    assert ended.stderr.endswith("LookupError: gone\n")


def test_interrupt_ends_as_shells_expect() -> None:
    assert run("raise KeyboardInterrupt").returncode == 130


def test_native_thread_that_outlives_the_program_does_not_matter() -> None:
    # The teardown would wait for it; a process that ends at once does not.
    body = "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()"
    assert run(body).returncode == 0
