"""Where deploy/create-secrets.sh puts the secrets: where Compose mounts them from."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "create-secrets.sh"


@pytest.mark.parametrize(
    ("line", "environment", "folder"),
    [
        (None, {}, "deploy/secrets"),
        ("TENANTOPS_SECRETS_DIR=./deploy/secrets", {}, "deploy/secrets"),
        ("TENANTOPS_SECRETS_DIR=./elsewhere", {}, "elsewhere"),
        ('TENANTOPS_SECRETS_DIR="else where"', {}, "else where"),
        ("TENANTOPS_SECRETS_DIR=./one", {"TENANTOPS_SECRETS_DIR": "./other"}, "other"),
    ],
)
def test_secrets_are_made_where_compose_looks(
    tmp_path: Path, line: str | None, environment: dict[str, str], folder: str
) -> None:
    script = tmp_path / "deploy" / "create-secrets.sh"
    script.parent.mkdir()
    shutil.copy(SCRIPT, script)
    if line is not None:
        (tmp_path / ".env").write_text(f"# a comment\n{line}\nTENANTOPS_WORKERS=2\n")
    variables = {"PATH": os.environ["PATH"], **environment}
    for _ in range(2):
        subprocess.run(["sh", script], cwd="/", env=variables, check=True, capture_output=True)
    assert (tmp_path / folder / "root_key").stat().st_size > 0


def test_secrets_go_into_an_absolute_folder_too(tmp_path: Path) -> None:
    variables = {"PATH": os.environ["PATH"], "TENANTOPS_SECRETS_DIR": str(tmp_path / "absolute")}
    done = subprocess.run(["sh", SCRIPT], env=variables, check=True, capture_output=True, text=True)
    assert f"The files are in {tmp_path / 'absolute'}." in done.stdout
    assert (tmp_path / "absolute" / "worker_db_password").exists()
