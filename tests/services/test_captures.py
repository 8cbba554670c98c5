from dataclasses import replace

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.canonical_rules import CanonicalRules
from domain.outcome import PermissionState, TypeResult
from services.backups.capture_endings import ListingOpenError
from services.backups.capture_records import ReferenceSources, StepsFrom
from services.backups.captures import CapturedObject, CaptureStep, FailedObject
from services.runs.run_errors import NotOwnerError, RunAlreadyClosedError
from storage.policies import _MISSING as MISSING
from tests.services.capture_runs import FILTER, Backup, Item, Tenant, add_tenant, item, items
from tests.services.content_rows import count_rows

SCRIPT, GROUP = "powershellScript", "group"
ONE, TWO, THREE = (f"5f0e8a9e-0000-4000-8000-{number:012}" for number in (1, 2, 3))
EFFECTS = ("contents", "policies", "policy_versions", "manifest_chunks", "operation_run_steps")


@pytest_asyncio.fixture
async def tenant(engine: AsyncEngine) -> Tenant:
    return await add_tenant(engine)


def counts(result: TypeResult) -> dict[str, int]:
    names = ("expected", "captured", "unchanged", "skipped", "failed", "created", "updated",
             "deleted")  # fmt: skip
    return {name: getattr(result, name) for name in names if getattr(result, name)}


async def test_first_backup_captures_everything_once(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    assert await run.step(items(300), last=False)
    assert await run.step(items(100, start=300), page=1)
    result = await run.finish()
    assert counts(result) == {"expected": 400, "captured": 400, "created": 400}
    assert result.listing_complete
    assert result.permission_state is PermissionState.GRANTED
    assert await count_rows(tenant.engine, "policy_versions") == 400
    assert await count_rows(tenant.engine, "contents") == 400
    assert await count_rows(tenant.engine, "operation_run_steps") == 0


async def test_unchanged_backup_writes_rows_in_the_number_of_types(tenant: Tenant) -> None:
    await tenant.back_up(items(1200))
    before = {table: await count_rows(tenant.engine, table) for table in EFFECTS}
    written = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"
    await tenant.scalar("SELECT pg_stat_force_next_flush()")
    rows_before = await tenant.scalar(written)
    result, _ = await tenant.back_up(items(1200))
    assert counts(result) == {"expected": 1200, "unchanged": 1200}
    assert {table: await count_rows(tenant.engine, table) for table in EFFECTS} == before
    await tenant.scalar("SELECT pg_stat_force_next_flush()")
    assert await tenant.scalar(written) - rows_before < 20


async def test_change_makes_one_version_of_that_object_only(tenant: Tenant) -> None:
    await tenant.back_up(items(50))
    result, _ = await tenant.back_up([*items(49), item("object-00049", "two")])
    assert counts(result) == {"expected": 50, "captured": 1, "unchanged": 49, "updated": 1}
    assert await count_rows(tenant.engine, "policy_versions") == 51


async def test_volatile_property_is_no_change(tenant: Tenant) -> None:
    await tenant.back_up([item("a", lastModifiedDateTime="2026-01-01")])
    result, _ = await tenant.back_up([item("a", lastModifiedDateTime="2026-01-02")])
    assert counts(result) == {"expected": 1, "unchanged": 1}


async def test_change_of_a_secret_alone_is_a_new_version(tenant: Tenant) -> None:
    await tenant.back_up([item("a", password="old")])
    result, _ = await tenant.back_up([item("a", password="new")])
    assert counts(result)["updated"] == 1


async def test_step_recorded_twice_counts_once(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    assert await run.step(items(10), last=False)
    assert not await run.step(items(10), last=False)
    assert await run.step(items(5, start=10), page=1)
    assert not await run.step(items(5, start=10), page=1)
    assert counts(await run.finish()) == {"expected": 15, "captured": 15, "created": 15}


async def test_step_of_another_position_is_not_recorded(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    assert await run.step(items(10), last=False)
    assert not await run.step(items(5, start=20), page=2)
    step = CaptureStep(
        resource_type=FILTER, rules=CanonicalRules(), epoch=0, page=1, objects=items(1),
        next_cursor=None, next_page=2, cursor="another place",
    )  # fmt: skip
    recorded = await run.service.record_step(run.id, run.owner, step)
    assert not recorded.recorded
    assert (await run.service.progress(run.id))[FILTER].page == 1


async def test_progress_is_the_durable_cursor(tenant: Tenant) -> None:
    run = await tenant.backup().begin(FILTER, "scopeTag")
    await run.step(items(10), last=False)
    progress = await run.service.progress(run.id)
    assert progress["scopeTag"].state == "pending"
    listing = progress[FILTER]
    assert (listing.state, listing.epoch, listing.page) == ("listing", 0, 1)
    assert listing.cursor == "cursor of 1"
    assert not listing.is_listed
    await run.step([], page=1)
    assert (await run.service.progress(run.id))[FILTER].is_listed


async def test_opening_types_again_keeps_what_was_read(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    await run.step(items(10), last=False)
    place = (tenant.tenancy.workspace_id, tenant.tenancy.tenant_id)
    await run.service.open_types(run.id, run.owner, *place, [FILTER, "scopeTag"])
    progress = await run.service.progress(run.id)
    assert (progress[FILTER].page, progress["scopeTag"].page) == (1, 0)


async def test_object_listed_twice_counts_once_and_the_last_one_wins(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    await run.step([item("a"), item("a", "two")], last=False)
    await run.step([item("a", "three"), item("b")], page=1)
    assert counts(await run.finish()) == {"expected": 2, "captured": 2, "created": 2}
    current = await tenant.scalar(
        "SELECT v.version_hash = p.current_version_hash FROM policies p JOIN policy_versions v "
        "ON v.policy_id = p.id WHERE external_id = 'a' ORDER BY version_number DESC LIMIT 1"
    )
    assert current


async def test_restarted_listing_counts_as_if_it_were_the_only_one(tenant: Tenant) -> None:
    await tenant.back_up([item("kept"), item("reverted"), item("failing")])
    run = await tenant.backup().begin()
    first = [item("kept"), item("reverted", "two"), item("new"), item("vanished"), item("failing")]
    await run.step(first, last=False)
    assert await run.service.restart_listing(run.id, run.owner, FILTER, 0) == 1
    assert await run.service.restart_listing(run.id, run.owner, FILTER, 0) == 1
    assert not await run.step(items(3), page=1)
    final: list[Item] = [
        item("kept"),
        item("reverted"),
        item("new"),
        FailedObject("failing", "object_failed"),
    ]
    assert await run.step(final, epoch=1)
    assert await run.missing() == ["vanished"]
    result = await run.finish(gone=["vanished"])
    expected = {"expected": 4, "captured": 1, "unchanged": 2, "failed": 1, "created": 1}
    assert counts(result) == expected


async def test_old_attempt_with_a_discarded_epoch_changes_nothing(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    await run.step(items(10), last=False)
    await run.service.restart_listing(run.id, run.owner, FILTER, 0)
    assert not await run.step(items(10, start=50), page=1, epoch=0)
    assert await run.step(items(12), epoch=1)
    assert counts(await run.finish())["expected"] == 12


@pytest.mark.parametrize("name", ["workflow_id", "first_execution_run_id"])
async def test_execution_that_is_not_the_owner_changes_nothing(tenant: Tenant, name: str) -> None:
    run = await tenant.backup().begin()
    thief = replace(run.owner, **{name: "somebody else"})
    stranger = replace(run, owner=thief)
    for write in (
        stranger.step(items(3)),
        stranger.finish(),
        run.service.restart_listing(run.id, thief, FILTER, 0),
        run.service.close_type(run.id, thief, FILTER, reason_code="provider_throttled"),
    ):
        with pytest.raises(NotOwnerError):
            await write
    assert all([not await count_rows(tenant.engine, table) for table in EFFECTS])


async def test_completed_run_takes_no_more_steps(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    await run.step(items(3), last=False)
    await run.complete()
    with pytest.raises(RunAlreadyClosedError):
        await run.step(items(3), page=1)


async def test_failed_and_skipped_objects_are_counted_by_reason(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    listed: list[Item] = [
        item("a"),
        FailedObject("b", "provider_server_error"),
        FailedObject("c", "provider_server_error"),
        FailedObject("d", "not_applicable", is_skip=True),
    ]
    await run.step(listed)
    result = await run.finish()
    assert counts(result) == {
        "expected": 4, "captured": 1, "skipped": 1, "failed": 2, "created": 1,
    }  # fmt: skip
    assert result.reason_counts == {"provider_server_error": 2, "not_applicable": 1}


async def test_object_that_cannot_be_stored_fails_alone(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    broken = CapturedObject("a", "A", {"id": "a", "n": float("nan")})
    hostile = CapturedObject("tab\there\0", None, {"id": "x"})
    await run.step([broken, hostile, item("c")])
    assert await run.missing() == []
    assert counts(await run.finish()) == {
        "expected": 3, "captured": 1, "failed": 2, "created": 1,
    }  # fmt: skip


async def test_values_that_graph_withheld_are_counted(tenant: Tenant) -> None:
    withheld = CapturedObject("a", "A", {"preSharedKey": None}, ("/preSharedKey",))
    first, _ = await tenant.back_up([withheld, item("b")])
    second, _ = await tenant.back_up([withheld, item("b")])
    assert (first.not_captured, second.not_captured) == (1, 1)
    assert await tenant.scalar(
        "SELECT not_captured = '[\"/preSharedKey\"]' FROM policy_versions "
        "ORDER BY jsonb_array_length(not_captured) DESC LIMIT 1"
    )


async def test_finishing_twice_gives_the_same_result(tenant: Tenant) -> None:
    run = await tenant.backup().begin()
    await run.step(items(10))
    assert await run.finish() == await run.finish()


async def test_open_listing_proves_nothing(tenant: Tenant) -> None:
    await tenant.back_up(items(10))
    run = await tenant.backup().begin()
    await run.step(items(3), last=False)
    with pytest.raises(ListingOpenError):
        await run.missing()
    with pytest.raises(ListingOpenError):
        await run.finish(gone=["object-00009"])


async def test_content_lost_from_the_store_is_stored_again(tenant: Tenant) -> None:
    await tenant.back_up(items(5))
    async with tenant.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM contents")
    result, _ = await tenant.back_up(items(5))
    assert counts(result) == {"expected": 5, "unchanged": 5}
    assert await count_rows(tenant.engine, "contents") == 5


async def test_names_and_bodies_are_stored_encrypted(tenant: Tenant) -> None:
    await tenant.back_up([item("a", "planted-in-body")])
    for table in EFFECTS:
        dump = await tenant.scalar(f"SELECT string_agg(t::text, ' ') FROM {table} t")
        assert "Name of a" not in (dump or "")
        assert b"planted-in-body".hex() not in (dump or "")


async def test_same_content_under_other_rules_is_a_schema_change_once(tenant: Tenant) -> None:
    await tenant.back_up([item("a", extra=1), item("b", extra=1)])
    run = await tenant.backup().begin()
    newer = CanonicalRules(version=2, volatile=("lastModifiedDateTime", "extra"))
    await run.step([item("a", extra=1), item("b", "two", extra=1)], rules=newer)
    result = await run.finish()
    assert counts(result) == {"expected": 2, "captured": 2, "updated": 1}
    kinds = "SELECT string_agg(change, ' ' ORDER BY change) FROM policy_versions"
    assert await tenant.scalar(kinds) == "created created schema_change updated"


async def test_property_added_to_a_whole_type_is_a_schema_change_once(tenant: Tenant) -> None:
    await tenant.back_up(items(12))
    newer: list[Item] = [item(f"object-{n:05}", newProperty=None) for n in range(11)]
    edited = item("object-00011", "two", newProperty=None)
    result, _ = await tenant.back_up([*newer, edited])
    assert counts(result) == {"expected": 12, "captured": 12, "updated": 1}
    again, _ = await tenant.back_up([*newer, edited])
    assert counts(again) == {"expected": 12, "unchanged": 12}


def assigned(object_id: str, *groups: str) -> CapturedObject:
    kind = "#microsoft.graph.groupAssignmentTarget"
    rows = [{"target": {"@odata.type": kind, "groupId": group}} for group in groups]
    return item(object_id, assignments=rows)


async def unread_groups(run: Backup, *steps: StepsFrom) -> list[str]:
    of = ReferenceSources(steps=steps)
    return await run.service.unread_references(run.id, run.tenancy.tenant_id, GROUP, of)


async def test_unread_references_of_steps_are_those_of_the_present_listing(tenant: Tenant) -> None:
    await tenant.back_up([assigned("a", ONE), assigned("b", TWO)], SCRIPT)
    run = await tenant.backup().begin(SCRIPT, GROUP)
    assert await unread_groups(run, StepsFrom(SCRIPT, 0, 0)) == []
    await run.step([assigned("a", THREE)], last=False, resource_type=SCRIPT)
    assert await unread_groups(run, StepsFrom(SCRIPT, 0, 0)) == [THREE]
    # What was known of an object that is read later may be read no more.
    await run.step([assigned("b", TWO)], page=1, last=False, resource_type=SCRIPT)
    assert await unread_groups(run, StepsFrom(SCRIPT, 0, 1)) == [TWO]
    assert await unread_groups(run, StepsFrom(SCRIPT, 0, 0)) == [TWO, THREE]
    assert await unread_groups(run, StepsFrom(SCRIPT, 1, 0)) == []


async def test_unread_references_of_steps_leave_out_what_the_run_has_read(tenant: Tenant) -> None:
    run = await tenant.backup().begin(SCRIPT, GROUP)
    await run.step([assigned("a", ONE, TWO)], last=False, resource_type=SCRIPT)
    await run.step([item(ONE)], last=False, resource_type=GROUP)
    assert await unread_groups(run, StepsFrom(SCRIPT, 0, 0)) == [TWO]


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_missing_objects_are_found_in_one_pass_whatever_is_known(
    tenant: Tenant, mode: str
) -> None:
    read = ",".join(f"object-{number}" for number in range(5_000))
    async with tenant.engine.begin() as connection:
        await connection.execute(text(f"SET LOCAL plan_cache_mode = {mode}"))
        # So small that no hash table of these ids is planned, as of 150,000 by default.
        await connection.execute(text("SET LOCAL work_mem = '64kB'"))
        await connection.execute(text(f"PREPARE missing (uuid, text, text[]) AS {MISSING}"))
        call = f"EXPLAIN EXECUTE missing ('{tenant.tenancy.tenant_id}', 'group', '{{{read}}}')"
        plan = [row[0] for row in await connection.execute(text(call))]
        await connection.execute(text("DEALLOCATE missing"))
    assert any("SetOp Except" in line for line in plan)
    assert not any("SubPlan" in line or "Nested Loop" in line for line in plan)
