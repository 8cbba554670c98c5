"""deploy/postgres and deploy/create-secrets.sh, run as containers would, on a real PostgreSQL."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from devstack.postgres import EmbeddedPostgres
from devstack.postgres_cluster import SUPERUSER, postgres_program
from storage.migrate import upgrade

DEPLOY = Path(__file__).parents[2] / "deploy"
SECRETS = ("postgres_password", "temporal_db_password", "migrate_db_password", "worker_db_password")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("secrets")
    create_secrets(directory)
    return directory


@pytest.fixture(scope="module")
def server(server_directory: Path, secrets: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of its own: the script makes roles, which belong to the whole server."""
    with EmbeddedPostgres(server_directory / "deployed", durable=False) as server:
        result = create_databases(server, secrets)
        assert result.returncode == 0, result.stderr
        yield server


def create_secrets(directory: Path) -> str:
    result = subprocess.run(
        ["sh", DEPLOY / "create-secrets.sh", directory], capture_output=True, text=True, check=True
    )
    return result.stdout


def create_databases(server: EmbeddedPostgres, secrets: Path) -> subprocess.CompletedProcess[str]:
    psql = postgres_program("psql")
    password = server.dsn("postgres").partition("@")[0].rpartition(":")[2]
    environment = {
        "PATH": f"{psql.parent}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server.port),
        "PGPASSWORD": password,
        "POSTGRES_USER": SUPERUSER,
        "SECRETS_DIR": str(secrets),
    }
    return subprocess.run(
        ["sh", DEPLOY / "postgres" / "create-databases.sh"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def address(server: EmbeddedPostgres, role: str, secret: Path, database: str = "tenantops") -> str:
    return f"postgresql://{role}:{quote(secret.read_text())}@127.0.0.1:{server.port}/{database}"


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    directory = tmp_path / "secrets"
    first = create_secrets(directory)
    made = {path.name: path.read_text() for path in directory.iterdir()}
    second = create_secrets(directory)

    assert first.count("created") == second.count("kept") == len(made) == 5
    assert {path.name: path.read_text() for path in directory.iterdir()} == made
    assert len(set(made.values())) == 5
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


async def test_worker_role_writes_rows_and_cannot_change_the_schema(
    server: EmbeddedPostgres, secrets: Path
) -> None:
    await upgrade(address(server, "tenantops_migrate", secrets / "migrate_db_password"))
    worker = await asyncpg.connect(
        address(server, "tenantops_worker", secrets / "worker_db_password")
    )
    try:
        await worker.execute("INSERT INTO workspaces (id, name) VALUES (gen_random_uuid(), 'A')")
        assert await worker.fetchval("SELECT count(*) FROM workspaces") == 1
        for statement in (
            "DROP TABLE workspaces",
            "ALTER TABLE workspaces ADD COLUMN x int",
            "CREATE TABLE x (y int)",
            "TRUNCATE workspaces",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await worker.execute(statement)
    finally:
        await worker.close()


async def test_temporal_role_owns_its_databases_and_makes_trusted_extensions(
    server: EmbeddedPostgres, secrets: Path
) -> None:
    for database in ("temporal", "temporal_visibility"):
        connection = await asyncpg.connect(
            address(server, "temporal", secrets / "temporal_db_password", database)
        )
        await connection.execute("CREATE TABLE schema_version (n int)")
        await connection.close()


@pytest.mark.parametrize(
    ("role", "secret", "database"),
    [
        ("temporal", "temporal_db_password", "tenantops"),
        ("tenantops_worker", "worker_db_password", "temporal"),
        ("tenantops_migrate", "migrate_db_password", "temporal_visibility"),
    ],
)
async def test_roles_cannot_enter_the_databases_of_the_other_system(
    server: EmbeddedPostgres, secrets: Path, role: str, secret: str, database: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(address(server, role, secrets / secret, database))


def test_passwords_are_not_in_the_server_log(server: EmbeddedPostgres, secrets: Path) -> None:
    log = server.log.read_text()

    assert [name for name in SECRETS if (secrets / name).read_text() in log] == []


def test_missing_secret_stops_the_setup(server: EmbeddedPostgres, tmp_path: Path) -> None:
    result = create_databases(server, tmp_path)

    assert result.returncode == 1
    assert "temporal_db_password is missing" in result.stderr


def test_second_run_stops_instead_of_changing_roles(
    server: EmbeddedPostgres, secrets: Path
) -> None:
    result = create_databases(server, secrets)

    assert result.returncode != 0
    assert "already exists" in result.stderr
