"""What is read of runs: pages, filters, one run in full, the start of an id."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert

from domain.freshness import Freshness
from domain.operation_types import OperationType
from domain.outcome import PermissionState
from domain.runs import RunOutcome, RunStatus
from services.runs.run_reads import (
    CursorError,
    IdPrefixError,
    RunFilters,
    RunReadService,
    RunSummary,
)
from storage.tables import operation_runs
from tests.services.run_ground import RunGround, owner_of
from tests.services.tenancy import add_tenancy

RUN_NOW = OperationType.BACKUP_RUN_NOW
ROLES = OperationType.DIRECTORY_ROLE_DEFINITIONS_SYNC


@pytest.fixture
def reads(ground: RunGround) -> RunReadService:
    return RunReadService(engine=ground.engine, clock=ground.clock)


async def add(ground: RunGround, **values: Any) -> UUID:
    """Insert a stored row as it might be, also of older versions."""
    run_id: UUID = values.get("id", uuid4())
    row = {
        "id": run_id,
        "workspace_id": ground.tenancy.workspace_id,
        "tenant_id": ground.tenancy.tenant_id,
        "initiator_name": "Ada",
        "type": "inventory.sync",
        "status": "completed",
        "outcome": "succeeded",
        "run_identity_hash": uuid4().hex,
        "workflow_id": "w",
        "admission_key": uuid4().hex,
        "created_at": ground.clock(),
        "completed_at": ground.clock(),
        **values,
    }
    async with ground.engine.begin() as connection:
        await connection.execute(insert(operation_runs).values(row))
    return run_id


async def listed(
    reads: RunReadService, ground: RunGround, **filters: Any
) -> tuple[RunSummary, ...]:
    page = await reads.list_runs(ground.tenancy.workspace_id, RunFilters(**filters))
    return page.runs


@pytest.mark.parametrize(
    ("context", "codes", "shown"),
    [
        ({}, [], None),
        ({}, ["queue.dispatch_failed"], "queue.dispatch_failed"),
        ({}, ["unknown", "provider_tls", "provider_tls"], "provider_tls"),
        ({"reason_code": "overlap_skipped"}, ["provider_tls"], "overlap_skipped"),
    ],
)
async def test_list_gives_the_main_reason_of_a_run(
    ground: RunGround,
    reads: RunReadService,
    context: dict[str, str],
    codes: list[str],
    shown: str | None,
) -> None:
    failures = [{"code": "run.failed", "reason_code": code} for code in codes]
    await add(ground, context=context, failure_summary=failures, outcome="failed")
    (run,) = await listed(reads, ground)
    assert run.reason_code == shown


async def test_list_shows_the_newest_first_with_labels_and_numbers(
    ground: RunGround, reads: RunReadService
) -> None:
    run, owner = await ground.running()
    deltas = {"total": 5, "processed": 2, "failed": 1}
    await ground.runs.increment_summary_counts(run.id, owner, "step", deltas)
    ground.clock.move(seconds=1)
    refused = await ground.created(ROLES)
    await ground.runs.block(refused.id, "provider_connection_missing")
    newest, oldest = await listed(reads, ground)
    assert (newest.id, newest.label) == (refused.id, "Directory role definitions sync")
    assert (newest.outcome, newest.reason_code) == (
        RunOutcome.BLOCKED,
        "provider_connection_missing",
    )
    assert (oldest.total, oldest.processed, oldest.failed) == (5, 2, 1)
    assert (oldest.freshness, oldest.path) == (Freshness.FRESH_ACTIVE, f"/operations/{run.id}")


async def test_list_of_an_empty_workspace_is_one_empty_page(
    ground: RunGround, reads: RunReadService
) -> None:
    page = await reads.list_runs(ground.tenancy.workspace_id)
    assert (page.runs, page.next_cursor) == ((), None)


async def test_list_pages_show_each_run_once_even_at_one_moment(
    ground: RunGround, reads: RunReadService
) -> None:
    added = {await add(ground) for _ in range(7)}
    seen: list[UUID] = []
    cursor: str | None = None
    for _ in range(4):
        page = await reads.list_runs(ground.tenancy.workspace_id, limit=2, cursor=cursor)
        seen += [run.id for run in page.runs]
        cursor = page.next_cursor
    assert cursor is None
    assert len(seen) == len(set(seen)) == 7
    assert set(seen) == added


async def test_list_pages_do_not_move_when_runs_are_added(
    ground: RunGround, reads: RunReadService
) -> None:
    older = [await add(ground), await add(ground)]
    first = await reads.list_runs(ground.tenancy.workspace_id, limit=1)
    ground.clock.move(seconds=1)
    await add(ground)
    second = await reads.list_runs(ground.tenancy.workspace_id, limit=1, cursor=first.next_cursor)
    assert {first.runs[0].id, second.runs[0].id} == set(older)


@pytest.mark.parametrize("cursor", ["", "nonsense", "MjAyNg==", "2026", "ä", "bm8gY3Vyc29y"])
async def test_cursor_of_something_else_is_refused(
    ground: RunGround, reads: RunReadService, cursor: str
) -> None:
    with pytest.raises(CursorError):
        await reads.list_runs(ground.tenancy.workspace_id, cursor=cursor)


async def test_list_shows_the_last_thirty_days_unless_asked_otherwise(
    ground: RunGround, reads: RunReadService
) -> None:
    now = ground.clock()
    old = await add(ground, created_at=now - timedelta(days=31))
    recent = await add(ground, created_at=now - timedelta(days=29))
    assert [run.id for run in await listed(reads, ground)] == [recent]
    asked = await listed(
        reads,
        ground,
        created_from=now - timedelta(days=40),
        created_to=now - timedelta(days=30),
    )
    assert [run.id for run in asked] == [old]


@pytest.mark.parametrize(
    ("values", "filters"),
    [
        ({"type": "policy.sync"}, {"types": {OperationType.POLICY_SYNC}}),
        ({"outcome": "failed"}, {"outcomes": {RunOutcome.FAILED}}),
        (
            {"status": "queued", "outcome": "pending", "completed_at": None},
            {"statuses": {RunStatus.QUEUED}},
        ),
        ({"initiator_name": "Grace"}, {"initiator_name": "Grace"}),
    ],
    ids=["type", "outcome", "status", "initiator"],
)
async def test_list_filters(
    ground: RunGround, reads: RunReadService, values: dict[str, Any], filters: dict[str, Any]
) -> None:
    await add(ground)
    wanted = await add(ground, **values)
    chosen = {key: frozenset(v) if isinstance(v, set) else v for key, v in filters.items()}
    assert [run.id for run in await listed(reads, ground, **chosen)] == [wanted]


async def test_list_of_several_types_and_outcomes_shows_all_of_them(
    ground: RunGround, reads: RunReadService
) -> None:
    for operation_type in ("policy.sync", "inventory.sync", "drift.generate"):
        await add(ground, type=operation_type)
    types = frozenset({OperationType.POLICY_SYNC, OperationType.DRIFT_GENERATE})
    found = await listed(reads, ground, types=types)
    assert {run.type for run in found} == {"policy.sync", "drift.generate"}


async def test_list_by_type_finds_its_old_spellings(
    ground: RunGround, reads: RunReadService
) -> None:
    old = await add(ground, type="inventory_sync")
    types = frozenset({OperationType.INVENTORY_SYNC})
    (found,) = await listed(reads, ground, types=types)
    assert (found.id, found.label) == (old, "Inventory sync")


async def test_list_by_tenant_leaves_out_the_others(
    ground: RunGround, reads: RunReadService
) -> None:
    await add(ground, tenant_id=None)
    mine = await add(ground)
    found = await listed(reads, ground, tenant_id=ground.tenancy.tenant_id)
    assert [run.id for run in found] == [mine]


async def test_list_never_shows_another_workspace(ground: RunGround, reads: RunReadService) -> None:
    foreign = await add_tenancy(ground.engine)
    await add(ground, workspace_id=foreign.workspace_id, tenant_id=foreign.tenant_id)
    assert await listed(reads, ground, tenant_id=foreign.tenant_id) == ()


async def test_list_of_an_unknown_type_does_not_fail(
    ground: RunGround, reads: RunReadService
) -> None:
    await add(ground, type="baseline.capture")
    (found,) = await listed(reads, ground)
    assert (found.label, found.freshness) == ("Unknown operation", Freshness.TERMINAL_NORMAL)


async def test_silent_run_is_likely_stale_until_it_is_heard_of(
    ground: RunGround, reads: RunReadService
) -> None:
    run, owner = await ground.running()
    ground.clock.move(hours=1)
    assert (await listed(reads, ground))[0].freshness is Freshness.LIKELY_STALE
    await ground.runs.record_progress(run.id, owner)
    assert (await listed(reads, ground))[0].freshness is Freshness.FRESH_ACTIVE


async def test_run_closed_by_the_sweep_says_so(ground: RunGround, reads: RunReadService) -> None:
    run = await ground.created()
    await ground.runs.fail_run(run.id, "execution_lost", is_reconciled=True)
    assert (await listed(reads, ground))[0].freshness is Freshness.RECONCILED_FAILED


async def test_detail_has_the_record_its_results_and_its_links(
    ground: RunGround, reads: RunReadService
) -> None:
    run, _ = await ground.running(context={"backup_schedule_id": "s-1", "unrelated": "x"})
    await ground.add_result(run.id, "namedLocation", expected=1, captured=1)
    await ground.add_result(
        run.id,
        "groups",
        reason_code="provider_permission_denied",
        permission_state="denied",
        missing_scopes=["Group.Read.All"],
        http_status=403,
    )
    detail = await reads.find_run(ground.tenancy.workspace_id, run.id)
    assert detail is not None
    assert (detail.run, detail.label) == (run, "Backup run now")
    assert [result.resource_type for result in detail.results] == ["groups", "namedLocation"]
    refused = detail.results[0]
    assert refused.permission_state is PermissionState.DENIED
    assert (refused.missing_scopes, refused.http_status) == (("Group.Read.All",), 403)
    assert [link.path for link in detail.related] == ["/schedules/s-1"]


async def test_detail_of_another_workspace_is_like_a_missing_one(
    ground: RunGround, reads: RunReadService
) -> None:
    run = await ground.created()
    foreign = await add_tenancy(ground.engine)
    assert await reads.find_run(foreign.workspace_id, run.id) is None
    assert await reads.find_run(ground.tenancy.workspace_id, uuid4()) is None
    assert await reads.find_run(None, run.id) is not None


async def test_detail_of_an_ambiguous_old_spelling_takes_its_label_from_the_context(
    ground: RunGround, reads: RunReadService
) -> None:
    run_id = await add(
        ground,
        type="backup_schedule_run",
        context={"backup_schedule_id": "s", "trigger": "retry"},
    )
    detail = await reads.find_run(ground.tenancy.workspace_id, run_id)
    assert detail is not None
    assert detail.label == "Backup retry"


@pytest.mark.parametrize("length", [1, 8, 9, 12, 35, 36])
async def test_run_is_found_by_the_start_of_its_id(
    ground: RunGround, reads: RunReadService, length: int
) -> None:
    run = await ground.created()
    found = await reads.find_by_prefix(ground.tenancy.workspace_id, str(run.id)[:length].upper())
    assert run.id in [summary.id for summary in found]


async def test_start_of_an_id_that_several_runs_share_gives_them_all(
    ground: RunGround, reads: RunReadService
) -> None:
    shared = "0192f1a0-0000-7000-8000-00000000000"
    added = [await add(ground, id=UUID(f"{shared}{digit}")) for digit in range(3)]
    found = await reads.find_by_prefix(ground.tenancy.workspace_id, "0192f1a0-0000")
    assert [run.id for run in found] == sorted(added, reverse=True)


async def test_start_of_an_id_of_another_workspace_finds_nothing(
    ground: RunGround, reads: RunReadService
) -> None:
    run = await ground.created()
    foreign = await add_tenancy(ground.engine)
    assert await reads.find_by_prefix(foreign.workspace_id, str(run.id)) == ()


@pytest.mark.parametrize("prefix", ["", "-", "xyz", "0" * 33, "%"])
async def test_start_of_an_id_with_other_characters_is_refused(
    reads: RunReadService, prefix: str
) -> None:
    with pytest.raises(IdPrefixError):
        await reads.find_by_prefix(None, prefix)


async def test_waiting_run_names_the_one_ahead(ground: RunGround, reads: RunReadService) -> None:
    run = await ground.created()
    await ground.runs.claim(run.id, owner_of(run))
    await ground.runs.add_context(run.id, {"waiting_for": "other"})
    assert (await listed(reads, ground))[0].waiting_for == "other"
