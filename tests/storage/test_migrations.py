"""The migrations: up, down, up; equal to the models; harmless to run at once and from anywhere."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from storage import migrate
from storage.engine import create_engine
from storage.tables import metadata
from tests.storage.catalog import FUNCTIONS, TRIGGERS, lines, schema


async def tables(url: str) -> set[str]:
    engine = create_engine(url, pool_size=1)
    async with engine.connect() as connection:
        found = await connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        )
        names = set(found.all())
    await engine.dispose()
    return names


async def test_upgrade_makes_every_table_of_the_models(empty_database_url: str) -> None:
    await migrate.upgrade(empty_database_url)
    assert await tables(empty_database_url) == set(metadata.tables) | {"alembic_version"}
    assert await migrate.current(empty_database_url) == migrate.head()


async def test_downgrade_leaves_nothing_and_upgrade_comes_back(empty_database_url: str) -> None:
    await migrate.upgrade(empty_database_url)
    engine = create_engine(empty_database_url, pool_size=1)
    async with engine.connect() as connection:
        before = await schema(connection) + await lines(connection, TRIGGERS, FUNCTIONS)
    await migrate.downgrade(empty_database_url)
    assert await tables(empty_database_url) == {"alembic_version"}
    async with engine.connect() as connection:
        assert await lines(connection, TRIGGERS, FUNCTIONS) == []
    assert await migrate.current(empty_database_url) is None
    await migrate.upgrade(empty_database_url)
    async with engine.connect() as connection:
        assert await schema(connection) + await lines(connection, TRIGGERS, FUNCTIONS) == before
    await engine.dispose()


LISTS = """
    SELECT resource_type, ARRAY(SELECT encode(hash, 'hex') FROM unnest(chunk_hashes) AS hash)
    FROM set_manifests JOIN manifests USING (tenant_id, manifest_hash) ORDER BY resource_type
"""
OLD_LISTS = "SELECT resource_type, chunk_hashes FROM set_manifests ORDER BY resource_type"


async def test_lists_of_manifests_move_to_their_table_and_back(empty_database_url: str) -> None:
    await migrate.upgrade(empty_database_url, "0003")
    engine = create_engine(empty_database_url, pool_size=1)
    async with engine.begin() as connection:
        # The rows around them are of no matter here.
        await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await connection.exec_driver_sql("""
            INSERT INTO set_manifests (backup_set_id, resource_type, workspace_id, tenant_id,
                listing_complete, entry_count, manifest_hash, chunk_hashes)
            SELECT gen_random_uuid(), kind, md5('w')::uuid, md5('t')::uuid, true, 1, hash, chunks
            FROM (VALUES ('a', 'x', ARRAY['01', '02']), ('b', 'x', ARRAY['01', '02']),
                ('c', 'y', '{}'::text[])) AS old (kind, hash, chunks)
        """)
        before = (await connection.exec_driver_sql(OLD_LISTS)).all()
        # Whose rows they are is checked when they move.
        await connection.exec_driver_sql(
            "INSERT INTO workspaces (id, name) VALUES (md5('w')::uuid, 'w')"
        )
        await connection.exec_driver_sql(
            "INSERT INTO tenants (id, workspace_id, entra_tenant_id, name) "
            "VALUES (md5('t')::uuid, md5('w')::uuid, md5('e')::uuid, 't')"
        )
    await migrate.upgrade(empty_database_url)
    async with engine.connect() as connection:
        assert (await connection.exec_driver_sql(LISTS)).all() == before
    await migrate.downgrade(empty_database_url, "0003")
    async with engine.connect() as connection:
        assert (await connection.exec_driver_sql(OLD_LISTS)).all() == before
    await engine.dispose()


async def test_current_of_an_empty_database_is_none(empty_database_url: str) -> None:
    assert await migrate.current(empty_database_url) is None


async def test_upgrade_by_several_processes_at_once_is_harmless(empty_database_url: str) -> None:
    await asyncio.gather(*(migrate.upgrade(empty_database_url) for _ in range(4)))
    assert await migrate.current(empty_database_url) == migrate.head()


async def test_upgrade_of_a_current_database_changes_nothing(database_url: str) -> None:
    await migrate.upgrade(database_url)
    assert await migrate.current(database_url) == migrate.head()


async def test_upgrade_that_fails_leaves_nothing(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url, pool_size=1)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE policies (id int)"))
    await engine.dispose()
    with pytest.raises(Exception, match="policies"):
        await migrate.upgrade(empty_database_url)
    assert await tables(empty_database_url) == {"policies"}


def test_upgrade_from_another_directory_finds_its_scripts(
    empty_database_url: str, tmp_path: Path
) -> None:
    script = (
        "import asyncio, sys; from storage import migrate; url = sys.argv[1];"
        "asyncio.run(migrate.upgrade(url)); print(asyncio.run(migrate.current(url)))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script, empty_database_url],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.strip() == migrate.head()


async def test_models_equal_migrations_in_the_catalog(
    engine: AsyncEngine, empty_database_url: str
) -> None:
    modelled = create_engine(empty_database_url, pool_size=1)
    async with modelled.begin() as connection:
        await connection.run_sync(metadata.create_all)
        declared = await schema(connection)
    await modelled.dispose()
    async with engine.connect() as connection:
        assert await schema(connection) == declared


async def test_models_equal_migrations_for_alembic(engine: AsyncEngine) -> None:
    def differences(sync: Connection) -> list[object]:
        context = MigrationContext.configure(sync, opts={"compare_server_default": True})
        return list(compare_metadata(context, metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_drift_of_a_check_or_a_partial_index_is_noticed(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        before = await schema(connection)
        await connection.execute(
            text("ALTER TABLE operation_runs DROP CONSTRAINT ck_operation_runs_status")
        )
        without_check = await schema(connection)
        await connection.execute(text("DROP INDEX uq_operation_runs_active_tenant_identity"))
        await connection.execute(
            text(
                "CREATE UNIQUE INDEX uq_operation_runs_active_tenant_identity"
                " ON operation_runs (tenant_id, run_identity_hash) WHERE status = 'queued'"
            )
        )
        without_predicate = await schema(connection)
    assert before != without_check != without_predicate
