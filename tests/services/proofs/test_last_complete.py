import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.resource_types.registry import backup_types
from services.backups.captures import FailedObject
from services.sets.last_complete import LastComplete, LastCompleteReads
from tests.services.capture_runs import FILTER, Tenant, add_tenant, items
from tests.services.tenancy import add_tenancy

TAG = "scopeTag"


@pytest_asyncio.fixture
async def tenant(shared_engine: AsyncEngine) -> Tenant:
    return await add_tenant(shared_engine)


async def last_complete(tenant: Tenant) -> LastComplete:
    place = (tenant.tenancy.workspace_id, tenant.tenancy.tenant_id)
    return await LastCompleteReads(engine=tenant.engine).of_tenant(*place)


async def test_last_complete_version_of_a_type_may_be_in_an_older_set(tenant: Tenant) -> None:
    run = await tenant.backup().begin(FILTER, TAG)
    for key in (FILTER, TAG):
        await run.step(items(2), resource_type=key)
        await run.finish(key)
    await run.complete()
    partial = await tenant.backup().begin(FILTER, TAG)
    await partial.step(items(3))
    await partial.finish()
    await partial.step(items(1), resource_type=TAG, last=False)
    await partial.complete()
    found = {entry.resource_type: entry for entry in (await last_complete(tenant)).complete}
    assert (found[FILTER].sequence, found[FILTER].object_count) == (2, 3)
    assert (found[TAG].sequence, found[TAG].object_count) == (1, 2)


async def test_type_that_never_was_complete_and_type_never_read_are_named(tenant: Tenant) -> None:
    run = await tenant.backup().begin(FILTER)
    await run.step(items(1), last=False)
    await run.complete()
    found = await last_complete(tenant)
    assert (found.complete, found.incomplete) == ([], [FILTER])
    assert set(found.unread) == {entry.key for entry in backup_types()} - {FILTER}


async def test_objects_that_failed_in_a_complete_listing_are_counted(tenant: Tenant) -> None:
    broken = FailedObject("object-00009", "object_failed")
    await tenant.back_up([*items(2), broken])
    [entry] = (await last_complete(tenant)).complete
    assert (entry.object_count, entry.failed) == (2, 1)


@pytest.mark.parametrize("change", ["origin = 'import', operation_run_id = NULL",
                                    "deleted_at = now()"])  # fmt: skip
async def test_imported_and_deleted_sets_do_not_count(tenant: Tenant, change: str) -> None:
    await tenant.back_up(items(1))
    async with tenant.engine.begin() as connection:
        own = f"tenant_id = '{tenant.tenancy.tenant_id}'"
        await connection.exec_driver_sql(f"UPDATE backup_sets SET {change} WHERE {own}")
    assert (await last_complete(tenant)).complete == []


async def test_other_tenants_are_not_seen(tenant: Tenant) -> None:
    await tenant.back_up(items(1))
    stranger = await add_tenancy(tenant.engine)
    reads = LastCompleteReads(engine=tenant.engine)
    assert (await reads.of_tenant(stranger.workspace_id, tenant.tenancy.tenant_id)).complete == []
