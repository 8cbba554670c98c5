import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.capture_results import is_suspicious_loss
from domain.outcome import PermissionState
from services.backups.captures import FailedObject
from tests.services.capture_runs import FILTER, Item, Tenant, add_tenant, item, items
from tests.services.content_rows import count_rows

TOMBSTONES = "policies WHERE deleted_at IS NOT NULL"


@pytest_asyncio.fixture
async def tenant(engine: AsyncEngine) -> Tenant:
    return await add_tenant(engine)


async def test_missing_object_that_answers_404_gets_a_tombstone(tenant: Tenant) -> None:
    await tenant.back_up(items(30))
    run = await tenant.backup().begin()
    await run.step(items(29))
    assert await run.missing() == ["object-00029"]
    result = await run.finish(gone=["object-00029"])
    assert (result.expected, result.unchanged, result.deleted) == (29, 29, 1)
    assert result.listing_complete
    assert await count_rows(tenant.engine, TOMBSTONES) == 1
    assert await count_rows(tenant.engine, "policy_versions WHERE change = 'deleted'") == 1


async def test_deleted_object_is_reported_once(tenant: Tenant) -> None:
    await tenant.back_up(items(30))
    await tenant.back_up(items(29))
    result, _ = await tenant.back_up(items(29))
    assert result.deleted == 0
    assert await count_rows(tenant.engine, "policy_versions") == 31


async def test_object_that_comes_back_is_created_again(tenant: Tenant) -> None:
    await tenant.back_up(items(30))
    await tenant.back_up(items(29))
    result, _ = await tenant.back_up(items(30))
    assert (result.created, result.updated, result.unchanged) == (1, 0, 29)
    assert await count_rows(tenant.engine, TOMBSTONES) == 0
    versions = "SELECT max(version_number) FROM policy_versions"
    assert await tenant.scalar(versions) == 3


async def test_missing_object_that_answers_200_deletes_nothing_of_its_type(tenant: Tenant) -> None:
    await tenant.back_up(items(30))
    result, _ = await tenant.back_up(items(28), gone=["object-00028"], still_there=["object-00029"])
    assert result.reason_code == "listing_inconsistent"
    assert not result.listing_complete
    assert (result.expected, result.failed, result.deleted) == (29, 1, 0)
    assert result.reason_counts == {"listing_inconsistent": 1}
    assert await count_rows(tenant.engine, TOMBSTONES) == 0
    recovered, _ = await tenant.back_up(items(30))
    assert (recovered.unchanged, recovered.captured) == (30, 0)


async def test_object_without_an_answer_is_not_deleted(tenant: Tenant) -> None:
    await tenant.back_up(items(30))
    result, _ = await tenant.back_up(
        items(28),
        gone=["object-00028"],
        unknown=["object-00029"],
        unknown_reason="provider_throttled",
    )
    assert (result.deleted, result.failed, result.expected) == (1, 1, 29)
    assert result.reason_code == "provider_throttled"
    assert await count_rows(tenant.engine, TOMBSTONES) == 1


async def test_candidate_that_nobody_asked_for_is_not_deleted(tenant: Tenant) -> None:
    await tenant.back_up(items(30))
    result, _ = await tenant.back_up(items(28), gone=["object-00028"])
    assert (result.deleted, result.reason_code) == (1, "listing_incomplete")
    assert await count_rows(tenant.engine, TOMBSTONES) == 1


async def test_listed_object_is_never_deleted_whatever_was_answered(tenant: Tenant) -> None:
    await tenant.back_up(items(30))
    result, _ = await tenant.back_up(items(30), gone=["object-00003", "never seen"])
    assert (result.deleted, result.listing_complete) == (0, True)
    assert await count_rows(tenant.engine, TOMBSTONES) == 0


def not_found(*numbers: int) -> list[Item]:
    names = [f"object-{number:05}" for number in numbers]
    return [FailedObject(name, "provider_object_not_found", is_skip=True) for name in names]


async def test_listed_object_that_answers_404_fails_unless_a_fresh_listing_lacks_it(
    tenant: Tenant,
) -> None:
    await tenant.back_up(items(30))
    run = await tenant.backup().begin()
    await run.step([*items(28), *not_found(28, 29, 77)])
    contested = await run.contested()
    assert contested == ["object-00028", "object-00029", "object-00077"]
    vanished = ["object-00029", "object-00077"]
    result = await run.finish(gone=vanished, vanished=vanished)
    assert (result.expected, result.failed, result.skipped, result.deleted) == (29, 1, 0, 1)
    assert result.reason_counts == {"object_listed_not_found": 1}
    assert result.listing_complete
    assert not result.is_clean
    assert await tenant.scalar(f"SELECT max(external_id) FROM {TOMBSTONES}") == "object-00029"


async def test_large_loss_of_listed_objects_is_held_too(tenant: Tenant) -> None:
    await tenant.back_up(items(40))
    run = await tenant.backup().begin()
    await run.step([*items(15), *not_found(*range(15, 40))])
    vanished = await run.contested()
    held = await run.finish(gone=vanished, vanished=vanished)
    assert (held.reason_code, held.deleted, held.failed) == ("listing_held", 0, 25)
    assert await count_rows(tenant.engine, TOMBSTONES) == 0


@pytest.mark.parametrize(
    ("gone", "listed", "known_before", "is_held"),
    [
        pytest.param(10, 0, 10, True, id="emptied from ten"),
        pytest.param(9, 0, 9, False, id="emptied from nine"),
        pytest.param(21, 19, 40, True, id="more than half and twenty"),
        pytest.param(20, 20, 40, False, id="half"),
        pytest.param(19, 1, 20, False, id="fewer than twenty"),
        pytest.param(0, 0, 40, False, id="nothing gone"),
    ],
)
def test_large_losses_are_suspicious(
    gone: int, listed: int, known_before: int, *, is_held: bool
) -> None:
    assert is_suspicious_loss(gone, listed, known_before) is is_held


async def test_emptied_type_is_held_and_the_next_run_confirms_it(tenant: Tenant) -> None:
    await tenant.back_up(items(40))
    held, _ = await tenant.back_up([])
    assert (held.reason_code, held.deleted, held.failed) == ("listing_held", 0, 40)
    assert await count_rows(tenant.engine, TOMBSTONES) == 0
    confirmed, _ = await tenant.back_up([])
    assert (confirmed.reason_code, confirmed.deleted) == (None, 40)
    assert confirmed.listing_complete


async def test_held_loss_that_was_a_fault_leaves_no_trace(tenant: Tenant) -> None:
    await tenant.back_up(items(40))
    await tenant.back_up(items(5))
    result, _ = await tenant.back_up(items(40))
    assert (result.unchanged, result.captured, result.deleted) == (40, 0, 0)


async def test_held_loss_is_not_confirmed_by_another_loss(tenant: Tenant) -> None:
    await tenant.back_up(items(60))
    first, _ = await tenant.back_up(items(20, start=40))
    held, _ = await tenant.back_up(items(20))
    assert first.reason_code == "listing_held"
    assert held.reason_code == "listing_held"
    assert await count_rows(tenant.engine, TOMBSTONES) == 0


@pytest.mark.parametrize(
    "damage",
    ["DELETE FROM manifests", "UPDATE manifests SET chunk_hashes = '{}'"],
    ids=["lost", "altered"],
)
async def test_held_loss_whose_list_is_damaged_confirms_nothing(
    tenant: Tenant, damage: str
) -> None:
    await tenant.back_up(items(60))
    await tenant.back_up(items(20, start=40))
    async with tenant.engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text(damage))
    held, _ = await tenant.back_up(items(20))
    assert (held.reason_code, held.deleted) == ("listing_held", 0)


async def test_object_that_came_and_went_in_one_run_is_no_deletion(tenant: Tenant) -> None:
    await tenant.back_up(items(3))
    run = await tenant.backup().begin()
    await run.step([*items(3), item("brief")], last=False)
    await run.service.restart_listing(run.id, run.owner, FILTER, 0)
    await run.step(items(3), epoch=1)
    result = await run.finish(gone=await run.missing())
    assert (result.expected, result.deleted, result.created) == (3, 0, 0)


async def test_refused_type_ends_with_what_is_known_to_be_missing(tenant: Tenant) -> None:
    await tenant.back_up(items(30))
    run = await tenant.backup().begin()
    await run.step([*items(4), item("object-00004", "two")], last=False)
    result = await run.service.close_type(
        run.id,
        run.owner,
        FILTER,
        reason_code="provider_permission_denied",
        http_status=403,
        request_id="request",
        missing_scopes=("DeviceManagementConfiguration.Read.All",),
        permission_state=PermissionState.DENIED,
    )
    assert (result.expected, result.unchanged, result.captured, result.failed) == (30, 4, 1, 25)
    assert result.reason_counts == {"provider_permission_denied": 25}
    assert not result.listing_complete
    assert await count_rows(tenant.engine, TOMBSTONES) == 0
    again = await run.service.close_type(run.id, run.owner, FILTER, reason_code="other")
    assert again == result


async def test_type_that_the_cloud_lacks_is_skipped_not_failed(tenant: Tenant) -> None:
    await tenant.back_up(items(3))
    run = await tenant.backup().begin()
    result = await run.service.close_type(
        run.id, run.owner, FILTER, reason_code="provider_endpoint_unavailable"
    )
    assert (result.expected, result.skipped, result.failed) == (3, 3, 0)
    assert result.is_clean


async def test_set_is_made_with_the_end_of_the_run(tenant: Tenant) -> None:
    _, first = await tenant.back_up(items(3))
    _, second = await tenant.back_up(items(3))
    assert first is not None
    assert first != second
    chained = "SELECT count(*) FROM backup_sets a JOIN backup_sets b ON b.previous_set_id = a.id"
    assert await tenant.scalar(chained) == 1
    assert await tenant.scalar("SELECT string_agg(status, ' ') FROM backup_sets") == (
        "completed completed"
    )
    assert await tenant.scalar("SELECT max(name) FROM backup_sets") == (
        "Manual backup - 2026-03-01 02:00"
    )


async def test_set_of_a_broken_run_is_partial_and_says_why(tenant: Tenant) -> None:
    run = await tenant.backup().begin(FILTER, "scopeTag")
    await run.step(items(3), last=False)
    assert await run.complete() is not None
    results = {result.resource_type: result for result in await run.service.results(run.id)}
    assert results[FILTER].reason_code == "deadline_exceeded"
    assert results[FILTER].captured == 3
    assert await tenant.scalar("SELECT status FROM backup_sets") == "partial"
    assert await tenant.scalar("SELECT count(*) FROM set_manifests") == 2
    assert await tenant.scalar("SELECT bool_or(listing_complete) FROM set_manifests") is False


async def test_run_that_captured_nothing_makes_no_set(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    await run.service.close_type(run.id, run.owner, FILTER, reason_code="provider_unavailable")
    assert await run.complete() is None


async def test_empty_type_read_to_its_end_makes_a_set(tenant: Tenant) -> None:
    result, set_id = await tenant.back_up([])
    assert result.listing_complete
    assert set_id is not None


async def test_set_of_a_schedule_carries_its_name_and_slot(tenant: Tenant) -> None:
    schedule = "00000000-0000-7000-8000-000000000001"
    async with tenant.engine.begin() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO backup_schedules (id, workspace_id, tenant_id, name, timezone, frequency, "
            f"time_of_day) SELECT '{schedule}', workspace_id, id, 'Nightly', 'UTC', 'daily', "
            "'02:00' FROM tenants"
        )
    context = {"backup_schedule_id": schedule, "scheduled_for": "2026-02-28T02:00:00+00:00"}
    run = await tenant.backup().begin(context=context)
    await run.step(items(1))
    await run.finish()
    await run.complete()
    assert await tenant.scalar("SELECT name FROM backup_sets") == "Nightly - 2026-03-01 02:00"
    slot = await tenant.scalar("SELECT scheduled_for FROM backup_sets")
    assert slot.isoformat() == "2026-02-28T02:00:00+00:00"
