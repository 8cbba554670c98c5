"""Lists over a hundred thousand runs: served by the seed's indexes, without loading JSON."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from devstack.postgres import EmbeddedPostgres
from storage.engine import create_engine
from storage.run_queries import ListConditions, list_query, prefix_query

pytestmark = pytest.mark.long
COUNT = 100_000
START = datetime(2026, 11, 1, tzinfo=UTC)
WORKSPACE = UUID("00000000-0000-7000-8000-000000000001")
TENANT = UUID("00000000-0000-7000-8000-000000000003")
EVERYTHING = ListConditions(
    workspace_id=WORKSPACE,
    tenant_id=None,
    user_id=None,
    initiator_name=None,
    types=(),
    statuses=(),
    outcomes=(),
    created_from=START,
    created_to=None,
    before=None,
)
FILL = (
    # Foreign keys are checked row by row: two thirds of the time.
    "SET LOCAL session_replication_role = replica",
    """
    INSERT INTO workspaces (id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'one')
    """,
    """
    INSERT INTO tenants (id, workspace_id, entra_tenant_id, name)
    SELECT format('00000000-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid,
        '00000000-0000-7000-8000-000000000001', n::text, n::text
    FROM generate_series(0, 199) AS n
    """,
    f"""
    INSERT INTO operation_runs (
        id, workspace_id, tenant_id, initiator_name, type, status, outcome, run_identity_hash,
        workflow_id, admission_key, created_at, completed_at, summary_counts
    )
    SELECT gen_random_uuid(), '00000000-0000-7000-8000-000000000001',
        format('00000000-0000-7000-8000-%s', lpad((n % 200)::text, 12, '0'))::uuid, 'System',
        (ARRAY['inventory.sync', 'policy.sync', 'backup_schedule.scheduled'])[1 + n % 3],
        'completed', 'succeeded', n::text, n::text, n::text,
        timestamptz '2026-11-01 00:00Z' + n * interval '10 seconds', now(), '{{"total": 3}}'
    FROM generate_series(1, {COUNT}) AS n
    """,
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine(
    postgres_server: EmbeddedPostgres,
    migrated_template: str,
    maintenance_connection: asyncpg.Connection,
) -> AsyncIterator[AsyncEngine]:
    name = "hundred_thousand_runs"
    await maintenance_connection.execute(f'CREATE DATABASE {name} TEMPLATE "{migrated_template}"')
    engine = create_engine(postgres_server.dsn(name))
    async with engine.begin() as connection:
        for statement in FILL:
            await connection.execute(text(statement))
        await connection.execute(text("ANALYZE operation_runs"))
    yield engine
    await engine.dispose()
    await maintenance_connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def explained(engine: AsyncEngine, query: Any) -> list[dict[str, Any]]:
    """Run the query and return the nodes of its plan, the scan last."""
    compiled = query.compile(engine.sync_engine, compile_kwargs={"literal_binds": True})
    async with engine.connect() as connection:
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {compiled}"
        found = (await connection.exec_driver_sql(explain)).scalar_one()
    plan = found if isinstance(found, list) else json.loads(found)
    nodes, node = [], plan[0]["Plan"]
    while node is not None:
        nodes.append(node)
        node = node.get("Plans", [None])[0]
    return nodes


@pytest.mark.long
@pytest.mark.parametrize(
    ("changes", "index"),
    [
        ({}, "ix_operation_runs_workspace_id_created_at"),
        ({"types": ("policy.sync",)}, "ix_operation_runs_workspace_id_type_created_at"),
        ({"tenant_id": TENANT}, "ix_operation_runs_tenant_id_created_at"),
        (
            {"tenant_id": TENANT, "types": ("policy.sync",)},
            "ix_operation_runs_tenant_id_type_created_at",
        ),
    ],
    ids=["workspace", "workspace and type", "tenant", "tenant and type"],
)
@pytest.mark.parametrize("depth", [0, COUNT // 2], ids=["first page", "deep page"])
async def test_page_of_hundred_thousand_runs_reads_its_index_and_few_rows(
    engine: AsyncEngine, changes: dict[str, Any], index: str, depth: int
) -> None:
    last = START + timedelta(seconds=10 * (COUNT - depth))
    before = (last, UUID(int=2**128 - 1)) if depth else None
    nodes = await explained(engine, list_query(replace(EVERYTHING, before=before, **changes), 51))
    assert nodes[-1].get("Index Name") == index
    assert nodes[0]["Actual Rows"] == 51
    assert nodes[-1]["Actual Rows"] <= 60
    assert nodes[0]["Shared Hit Blocks"] + nodes[0]["Shared Read Blocks"] < 300


async def test_start_of_an_id_reads_the_primary_key(engine: AsyncEngine) -> None:
    first, last = UUID("ab000000-" + "0" * 4 + "-0000-0000-" + "0" * 12), UUID("ab" + "f" * 30)
    nodes = await explained(engine, prefix_query(WORKSPACE, first, last, 10))
    assert nodes[-1].get("Index Name") == "pk_operation_runs"
    assert nodes[0]["Actual Rows"] == 10


def test_list_selects_no_json_as_a_whole() -> None:
    written = str(list_query(EVERYTHING, 51))
    selected = written[: written.index("FROM")]
    codes_alone = "jsonb_path_query_array(operation_runs.failure_summary, "
    assert selected.count("failure_summary") == selected.count(codes_alone) == 1
    assert all(
        part.strip().startswith(("CAST(", "operation_runs.")) and "->>" in part
        for part in selected.split(",")
        if "summary_counts" in part or "context" in part
    )
