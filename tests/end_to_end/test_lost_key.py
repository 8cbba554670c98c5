"""A root key that is lost or wrong: nothing is overwritten, and the right one makes all work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from devstack.graph_service import GraphConfig, Profile
from services.assembly import open_services
from services.contents.root_keys import EncryptionKeyUnavailableError, generate_root_key
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import results_of, select
from tests.eventually import eventually
from worker import run_worker

FILTERS = "filter"
CONFIG = GraphConfig(
    profile=Profile.NONE, tenants=2, budget_scale=0, counts={"assignmentFilters": 4}
)
STORED = "SELECT tenant_id, version_hash, key_id, md5(body) FROM contents ORDER BY 1, 2"


@asynccontextmanager
async def new_process(product: Product, **settings: object) -> AsyncIterator[Product]:
    """Run a worker that has opened nothing yet."""
    changed = {"task_queue": f"tests-{uuid4()}", **settings}
    fresh = product.services.settings.model_copy(update=changed)
    async with open_services(fresh, application_name="tests") as services:
        stop = asyncio.Event()
        serving = asyncio.create_task(run_worker(services, stop))
        try:
            yield Product(services, product.graph, product.workspace_id, product.tenants)
        finally:
            stop.set()
            await serving


async def name_root_key(product: Product, root_key_id: str) -> None:
    """Let the first tenant's key be one that this root key wrapped."""
    query = text("UPDATE tenant_keys SET root_key_id = :root WHERE tenant_id = :tenant")
    values = {"root": root_key_id, "tenant": product.tenant.id}
    async with product.services.engine.begin() as connection:
        await connection.execute(query, values)


@pytest.mark.long
async def test_lost_key_of_one_tenant_ends_its_backups_alone(run_product: Run) -> None:
    async with run_product(CONFIG) as product:
        for tenant in product.tenants:
            assert (await product.backup(FILTERS, tenant=tenant)).outcome == "succeeded"
        before = await select(product, STORED)
        await name_root_key(product, "0123456789abcdef")
        async with new_process(product) as fresh:
            locked = await fresh.backup(FILTERS)
            other = await fresh.backup(FILTERS, tenant=product.tenants[1])
        codes = {result["reason_code"] for result in (await results_of(product, locked)).values()}
        assert (locked.outcome, codes) == ("blocked", {"encryption_key_unavailable"})
        assert other.outcome == "succeeded"
        assert await select(product, STORED) == before
        assert len(await select(product, "SELECT id FROM tenant_keys")) == 2

        await name_root_key(product, await product.services.root_keys.current_id())
        async with new_process(product) as fresh:
            again = await fresh.backup(FILTERS)
        unchanged = (await results_of(product, again))[FILTERS]["unchanged"]
        assert (again.outcome, unchanged) == ("succeeded", 4)


@pytest.mark.long
async def test_run_ends_when_the_key_that_signs_is_back(
    run_product: Run, caplog: pytest.LogCaptureFixture
) -> None:
    lose = "UPDATE signing_keys SET root_key_id = :root"
    async with run_product(CONFIG) as product:
        engine, right = product.services.engine, await product.services.root_keys.current_id()
        await product.backup(FILTERS)
        async with engine.begin() as connection:
            await connection.execute(text(lose), {"root": "0123456789abcdef"})
        async with new_process(product) as fresh:
            started = await fresh.start("backup_schedule.run_now", {"policy_types": [FILTERS]})

            await eventually(lambda: "activity failed" in caplog.text, seconds=30)
            query = "SELECT status FROM operation_runs WHERE id = :run"
            rows = await select(product, query, run=started.operation_run_id)
            assert [row["status"] for row in rows] == ["running"]
            async with engine.begin() as connection:
                await connection.execute(text(lose), {"root": right})
            assert (await fresh.finished(started)).outcome == "succeeded"


async def test_worker_with_a_wrong_root_key_does_not_start(
    run_product: Run, tmp_path: Path
) -> None:
    (tmp_path / "other").write_text(generate_root_key())
    async with run_product(CONFIG) as product:
        with pytest.raises(EncryptionKeyUnavailableError, match="TENANTOPS_ROOT_KEY"):
            async with new_process(product, root_key_file=tmp_path / "other"):
                pytest.fail("it started")


async def test_worker_with_few_connections_still_verifies_its_root_key(
    run_product: Run, tmp_path: Path, maintenance_connection: asyncpg.Connection
) -> None:
    (tmp_path / "other").write_text(generate_root_key())
    role, password = f"few_{uuid4().hex}", uuid4().hex
    login = f"LOGIN PASSWORD '{password}' CONNECTION LIMIT 2 IN ROLE pg_read_all_data"
    await maintenance_connection.execute(f"CREATE ROLE {role} {login}")
    async with run_product(CONFIG) as product:
        parts = urlsplit(product.services.settings.database_url.get_secret_value())
        server = parts.netloc.rpartition("@")[2]
        address = urlunsplit(parts._replace(netloc=f"{role}:{password}@{server}"))
        few = {"database_url": SecretStr(address), "root_key_file": tmp_path / "other"}
        with pytest.raises(EncryptionKeyUnavailableError, match="TENANTOPS_ROOT_KEY"):
            async with new_process(product, **few):
                pytest.fail("it started")
    await maintenance_connection.execute(f"DROP ROLE {role}")
