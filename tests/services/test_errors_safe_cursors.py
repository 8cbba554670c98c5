"""A page token may hold the name of the last object: cursors are stored sealed (D7, D9)."""

import base64

import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.canonical_rules import CanonicalRules
from services.backups.captures import CaptureStep
from tests.end_to_end.secret_search import SecretSearch, search_postgresql
from tests.services.capture_runs import FILTER, Backup, Tenant, add_tenant, items

# As the directory packs it: base64 around the key of the last object.
NAME = "jane.planted.plumvelvet@fabrikam.example"
CURSOR = '{"link": "/users?$skiptoken=' + base64.b64encode(f"\0{NAME}".encode()).decode() + '"}'


@pytest_asyncio.fixture
async def tenant(engine: AsyncEngine) -> Tenant:
    return await add_tenant(engine)


MIX_UP = """
    UPDATE operation_run_results AS mine SET cursor = theirs.cursor
    FROM operation_run_results AS theirs
    WHERE mine.operation_run_id = :mine AND theirs.operation_run_id = :theirs
"""


async def listing(tenant: Tenant) -> Backup:
    run = await tenant.backup().begin()
    step = CaptureStep(
        resource_type=FILTER, rules=CanonicalRules(), epoch=0, page=0, objects=items(1),
        next_cursor=CURSOR, next_page=1, cursor=None,
    )  # fmt: skip
    stored = await run.service.record_step(run.id, run.owner, step)
    assert stored.recorded
    return run


async def test_cursor_with_a_name_is_in_no_table_and_opens_for_its_run(
    tenant: Tenant, database_url: str
) -> None:
    run = await listing(tenant)
    search = SecretSearch({"name": NAME})
    await search_postgresql(search, database_url)
    assert not search.found, search.report()
    assert search.places["postgresql public.operation_run_results.cursor"] > len(CURSOR)
    assert (await run.service.progress(run.id))[FILTER].cursor == CURSOR


async def test_cursor_that_does_not_open_begins_the_listing_again(tenant: Tenant) -> None:
    run, other = await listing(tenant), await listing(tenant)
    async with tenant.engine.begin() as connection:
        await connection.execute(text(MIX_UP), {"mine": run.id, "theirs": other.id})
    # The reader cannot read it, which is what an expired page token is.
    assert (await run.service.progress(run.id))[FILTER].cursor == ""
