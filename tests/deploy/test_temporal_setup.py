"""The setup scripts of deploy/temporal on a real Temporal server, and their waiting loops."""

import os
import subprocess
import uuid
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client

from contracts.search_attributes import SEARCH_ATTRIBUTES
from devstack.ports import any_free_port
from devstack.temporal_server import temporal_program

DEPLOY = Path(__file__).parents[2] / "deploy"
NAMES = {attribute.name for attribute in SEARCH_ATTRIBUTES}


def run(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(temporal_program()).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": "/nonexistent", "WAIT_SECONDS": "0.2"} | variables
    return subprocess.run(
        ["sh", DEPLOY / "temporal" / script],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def temporal(address: str, *arguments: str) -> None:
    subprocess.run(
        [temporal_program(), "operator", *arguments, "--address", address],
        env={"HOME": "/nonexistent"},
        capture_output=True,
        check=True,
        timeout=60,
    )


@pytest.fixture
def namespace() -> str:
    return f"setup-{uuid.uuid4().hex[:8]}"


async def attribute_types(address: str, namespace: str) -> dict[str, int]:
    client = await Client.connect(address, namespace=namespace)
    request = ListSearchAttributesRequest(namespace=namespace)
    answer = await client.operator_service.list_search_attributes(request)
    return {name: int(kind) for name, kind in answer.custom_attributes.items()}


async def test_namespace_gets_the_search_attributes_of_the_contracts(
    temporal_address: str, namespace: str
) -> None:
    first = run(
        "setup-namespace.sh", TEMPORAL_ADDRESS=temporal_address, TEMPORAL_NAMESPACE=namespace
    )
    again = run(
        "setup-namespace.sh", TEMPORAL_ADDRESS=temporal_address, TEMPORAL_NAMESPACE=namespace
    )

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    found = await attribute_types(temporal_address, namespace)
    assert {
        name for name, kind in found.items() if kind == IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    } >= NAMES


def test_attribute_of_another_type_stops_the_setup(temporal_address: str, namespace: str) -> None:
    temporal(temporal_address, "namespace", "create", "--namespace", namespace)
    wrong = ("--namespace", namespace, "--name", "TenantId", "--type", "Int")
    for attempt in range(50):
        try:
            temporal(temporal_address, "search-attribute", "create", *wrong)
            break
        except subprocess.CalledProcessError:
            assert attempt < 49

    result = run(
        "setup-namespace.sh", TEMPORAL_ADDRESS=temporal_address, TEMPORAL_NAMESPACE=namespace
    )

    assert result.returncode == 1
    assert "TenantId has type Int, not Keyword" in result.stderr


def test_setup_gives_up_on_a_server_that_never_comes() -> None:
    address = f"127.0.0.1:{any_free_port()}"
    result = run("setup-namespace.sh", TEMPORAL_ADDRESS=address, WAIT_ATTEMPTS="3")

    assert result.returncode == 1
    assert "gave up after 3 attempts" in result.stderr


@pytest.fixture
def schema_tool(tmp_path: Path) -> Path:
    """Stands in for temporal-sql-tool, which no wheel brings: fails twice, then notes its calls."""
    tool = tmp_path / "temporal-sql-tool"
    tool.write_text(
        "#!/bin/sh\n"
        'echo "$SQL_HOST $SQL_USER $SQL_PASSWORD $*" >> "$0.calls"\n'
        '[ "$(wc -l < "$0.calls")" -gt 2 ]\n'
    )
    tool.chmod(0o755)
    (tmp_path / "temporal_db_password").write_text("abc123")
    return tool


def test_schema_setup_waits_for_postgres_and_updates_both_databases(schema_tool: Path) -> None:
    variables = {
        "PATH": f"{schema_tool.parent}:{os.environ['PATH']}",
        "SECRETS_DIR": str(schema_tool.parent),
    }
    result = run("setup-schema.sh", **variables)
    calls = Path(f"{schema_tool}.calls").read_text().splitlines()

    assert result.returncode == 0, result.stderr
    assert calls[0] == "postgres temporal abc123 --db temporal setup-schema --version 0.0"
    schema = "/etc/temporal/schema/postgresql/v12"
    assert [call.partition("abc123 ")[2] for call in calls[-2:]] == [
        f"--db temporal update-schema --schema-dir {schema}/temporal/versioned",
        f"--db temporal_visibility update-schema --schema-dir {schema}/visibility/versioned",
    ]
    assert "abc123" not in result.stdout + result.stderr


def test_schema_setup_fails_when_the_update_fails(schema_tool: Path) -> None:
    schema_tool.write_text('#!/bin/sh\ncase "$*" in *update-schema*) exit 1 ;; esac\n')
    result = run(
        "setup-schema.sh",
        PATH=f"{schema_tool.parent}:{os.environ['PATH']}",
        SECRETS_DIR=str(schema_tool.parent),
    )

    assert result.returncode == 1


def test_server_starts_with_the_password_of_the_secret_file(tmp_path: Path) -> None:
    (tmp_path / "temporal_db_password").write_text("abc123")
    entrypoint = tmp_path / "entrypoint.sh"
    entrypoint.write_text('#!/bin/sh\necho "password=$POSTGRES_PWD"\n')
    entrypoint.chmod(0o755)
    found = run("start-server.sh", SECRETS_DIR=str(tmp_path), TEMPORAL_ENTRYPOINT=str(entrypoint))
    missing = run("start-server.sh", SECRETS_DIR="/nonexistent")

    assert found.stdout == "password=abc123\n"
    assert missing.returncode != 0
