"""Attempts that die, live on or run side by side, against one that is left alone."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from services.backups.captures import CaptureStep
from tests.services.capture_runs import (
    FILTER,
    RULES,
    Backup,
    Item,
    Tenant,
    add_tenant,
    item,
    items,
)

PAGES = 6
PAGE_SIZE = 40
WRITTEN = (
    "operation_run_steps", "contents", "policies", "policy_versions", "operation_run_results",
)  # fmt: skip


@pytest_asyncio.fixture
async def tenant(engine: AsyncEngine) -> Tenant:
    return await add_tenant(engine)


def second_night() -> list[list[Item]]:
    """Pages of a tenant in which every seventh object changed and ten are gone."""
    kept = items(PAGES * PAGE_SIZE - 10)
    changed = [
        item(kept[n].object_id, "changed") if n % 7 == 0 else kept[n] for n in range(len(kept))
    ]
    return [changed[start : start + PAGE_SIZE] for start in range(0, len(changed), PAGE_SIZE)]


async def attempt(run: Backup, pages: list[list[Item]]) -> None:
    """Read on from the durable cursor to the end, as an activity does."""
    while True:
        progress = (await run.service.progress(run.id))[FILTER]
        if progress.is_done:
            return
        if progress.is_listed:
            await run.finish(gone=await run.missing())
            return
        page = progress.page
        step = CaptureStep(
            resource_type=FILTER, rules=RULES, epoch=progress.epoch, page=page,
            objects=pages[page], cursor=progress.cursor, next_page=page + 1,
            next_cursor=f"cursor of {page + 1}" if page + 1 < len(pages) else None,
        )  # fmt: skip
        await run.service.record_step(run.id, run.owner, step)


async def facts(tenant: Tenant, run: Backup) -> dict[str, Any]:
    """Return everything that must not depend on how the run got there."""
    [result] = await run.service.results(run.id)
    return {
        "result": result,
        "manifest": await tenant.scalar(
            f"SELECT manifest_hash FROM operation_run_results WHERE operation_run_id = '{run.id}'"
        ),
        "versions": await tenant.scalar(
            "SELECT string_agg(external_id || version_number || change, ' ' ORDER BY external_id, "
            "version_number) FROM policy_versions JOIN policies ON policies.id = policy_id"
        ),
        "steps": await tenant.scalar("SELECT count(*) FROM operation_run_steps"),
    }


async def undisturbed(engine: AsyncEngine) -> dict[str, Any]:
    tenant = await add_tenant(engine)
    await tenant.back_up(items(PAGES * PAGE_SIZE))
    run = await tenant.backup().begin()
    await attempt(run, second_night())
    found = await facts(tenant, run)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("TRUNCATE policy_versions, policies, contents CASCADE")
    return found


async def test_attempts_side_by_side_do_what_one_does(engine: AsyncEngine) -> None:
    expected = await undisturbed(engine)
    tenant = await add_tenant(engine)
    await tenant.back_up(items(PAGES * PAGE_SIZE))
    run = await tenant.backup().begin()
    await asyncio.gather(*(attempt(run, second_night()) for _ in range(4)))
    assert await facts(tenant, run) == expected


async def test_attempts_cut_off_anywhere_do_what_one_does(engine: AsyncEngine) -> None:
    expected = await undisturbed(engine)
    tenant = await add_tenant(engine)
    await tenant.back_up(items(PAGES * PAGE_SIZE))
    run = await tenant.backup().begin()
    chance = random.Random(7)
    for _ in range(25):
        with suppress(TimeoutError):
            await asyncio.wait_for(attempt(run, second_night()), chance.uniform(0.002, 0.06))
    await attempt(run, second_night())
    assert await facts(tenant, run) == expected


@pytest.mark.parametrize("table", WRITTEN)
async def test_step_that_breaks_between_two_writes_leaves_nothing(
    tenant: Tenant, table: str
) -> None:
    await tenant.back_up(items(10))
    run = await tenant.backup().begin()
    before = await snapshot(tenant)
    await break_writes(tenant, table)
    with pytest.raises(asyncpg.PostgresError):
        await run.step([item("object-00001", "two"), item("new")])
    assert await snapshot(tenant) == before
    await mend_writes(tenant, table)
    assert await run.step([item("object-00001", "two"), item("new")])


@pytest.mark.parametrize("table", ["manifest_chunks", "policy_versions", "operation_run_results"])
async def test_ending_that_breaks_between_two_writes_leaves_nothing(
    tenant: Tenant, table: str
) -> None:
    await tenant.back_up(items(10))
    run = await tenant.backup().begin()
    await run.step(items(9))
    before = await snapshot(tenant)
    await break_writes(tenant, table)
    with pytest.raises(asyncpg.PostgresError):
        await run.finish(gone=["object-00009"])
    assert await snapshot(tenant) == before
    await mend_writes(tenant, table)
    assert (await run.finish(gone=["object-00009"])).deleted == 1


async def test_lanes_of_one_run_write_side_by_side(tenant: Tenant) -> None:
    types = [f"type{number}" for number in range(6)]
    run = await tenant.backup().begin(*types)

    async def lane(resource_type: str) -> None:
        for page in range(4):
            objects = items(30, start=30 * page)
            await run.step(objects, page=page, last=page == 3, resource_type=resource_type)
        await run.finish(resource_type)

    await asyncio.gather(*(lane(resource_type) for resource_type in types))
    assert [result.created for result in await run.service.results(run.id)] == [120] * 6


async def test_ending_a_run_waits_for_the_step_that_is_being_written(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    await run.step(items(50), last=False)
    step, set_id = await asyncio.gather(
        run.step(items(50, start=50), page=1), run.complete(), return_exceptions=True
    )
    captured = await tenant.scalar("SELECT entry_count FROM set_manifests")
    assert captured == (100 if step is True else 50)
    assert set_id == await tenant.scalar("SELECT id FROM backup_sets")


async def snapshot(tenant: Tenant) -> list[str]:
    """Return every row that a step or an ending may touch."""
    tables = (*WRITTEN, "manifest_chunks")
    query = "SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM {} t"
    return [await tenant.scalar(query.format(table)) for table in tables]


async def break_writes(tenant: Tenant, table: str) -> None:
    """Let every write to a table fail after it was made."""
    async with tenant.engine.begin() as connection:
        await connection.exec_driver_sql(
            "CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'planted'; END $$"
        )
        await connection.exec_driver_sql(
            f"CREATE TRIGGER broken AFTER INSERT OR UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION broken()"
        )


async def mend_writes(tenant: Tenant, table: str) -> None:
    async with tenant.engine.begin() as connection:
        await connection.exec_driver_sql(f"DROP TRIGGER broken ON {table}")
