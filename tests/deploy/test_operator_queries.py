"""The statements that docs/operations.md gives to operators, run on a migrated database."""

import re
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import orjson

from domain.failures import Failure

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def statements() -> list[str]:
    blocks = re.findall(r"```sql\n(.*?)```", OPERATIONS.read_text(), re.DOTALL)
    return [one.strip() for block in blocks for one in block.split(";") if one.strip()]


def closing() -> str:
    (statement,) = (one for one in statements() if ":'run_id'" in one)
    return statement.replace(":'run_id'", "$1")


async def connect(database_url: str) -> asyncpg.Connection:
    return await asyncpg.connect(database_url.replace("+asyncpg", ""))


async def add_run(connection: asyncpg.Connection, status: str, outcome: str) -> UUID:
    workspace, tenant, run = uuid4(), uuid4(), uuid4()
    await connection.execute(
        "INSERT INTO workspaces (id, name) VALUES ($1, $2)", workspace, f"W {workspace}"
    )
    await connection.execute(
        "INSERT INTO tenants (id, workspace_id, entra_tenant_id, name, lifecycle) "
        "VALUES ($1, $2, $3, 'T', 'active')",
        *(tenant, workspace, str(tenant)),
    )
    await connection.execute(
        "INSERT INTO operation_runs (id, workspace_id, tenant_id, initiator_name, type, status, "
        "outcome, run_identity_hash, workflow_id, admission_key, completed_at, progress_at) "
        "VALUES ($1, $2, $3, 'S', 'backup_schedule.run_now', $4, $5, $6, $6, $6, "
        "CASE WHEN $4 = 'completed' THEN now() END, now() - interval '1 hour')",
        *(run, workspace, tenant, status, outcome, run.hex),
    )
    await connection.execute(
        "INSERT INTO run_leases (workspace_id, tenant_id, scope, operation_run_id) "
        "VALUES ($1, $2, 'backup', $3)",
        *(workspace, tenant, run),
    )
    return run


async def test_questions_about_stuck_runs_and_good_backups_are_answered(database_url: str) -> None:
    connection = await connect(database_url)
    run = await add_run(connection, "running", "pending")
    await add_run(connection, "completed", "succeeded")
    questions = [one for one in statements() if ":'run_id'" not in one and "UPDATE" not in one]
    stuck, last_good = questions

    assert [row["id"] for row in await connection.fetch(stuck)] == [run]
    assert await connection.fetch(last_good) == []
    await connection.close()


async def test_signing_key_that_was_stolen_is_retired(database_url: str) -> None:
    connection = await connect(database_url)
    await connection.execute(
        "INSERT INTO signing_keys (id, public_key, root_key_id) VALUES ($1, '', 'r')", uuid4()
    )
    (retiring,) = (one for one in statements() if one.startswith("UPDATE signing_keys"))
    assert await connection.execute(retiring) == "UPDATE 1"
    assert await connection.execute(retiring) == "UPDATE 0"
    await connection.close()


async def test_lost_run_is_closed_with_its_reason_and_releases_its_turn(database_url: str) -> None:
    connection = await connect(database_url)
    run = await add_run(connection, "running", "pending")
    await connection.execute(closing(), run)

    row = await connection.fetchrow("SELECT * FROM operation_runs WHERE id = $1", run)
    assert row is not None
    assert (row["status"], row["outcome"]) == ("completed", "failed")
    failure = Failure("run.failed", "execution_lost")
    assert orjson.loads(row["failure_summary"]) == [failure.to_json()]
    assert await connection.fetchval("SELECT count(*) FROM run_leases") == 0
    await connection.close()


async def test_completed_run_is_left_alone(database_url: str) -> None:
    connection = await connect(database_url)
    run = await add_run(connection, "completed", "succeeded")
    await connection.execute(closing(), run)

    outcome = await connection.fetchval("SELECT outcome FROM operation_runs WHERE id = $1", run)
    assert outcome == "succeeded"
    await connection.close()
