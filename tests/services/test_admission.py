"""Admission: one request, one decision, one run (D2; behaviour rows 17, 20, 26, 28, 30, 33, 36)."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.admission import AdmissionCall, Admitted
from contracts.operations import Decision
from domain.runs import RunOutcome
from storage.connections import lock_connections
from storage.run_lookup import find_run
from storage.runs import Owner
from storage.tables import backup_schedules, principals, provider_connections, tenants
from tests.eventually import eventually
from tests.services.admitting import PRINCIPAL, Desk, Ground, add_ground

ROLE_SYNC = "directory_role_definitions.sync"
RUN_NOW = "backup_schedule.run_now"


@pytest.fixture
async def ground(engine: AsyncEngine) -> Ground:
    return await add_ground(engine)


async def _admit(desk: Desk, request: Any, key: str | None = None, **origin: Any) -> Admitted:
    call = AdmissionCall(request=request, default_key=key or str(uuid4()), **origin)
    return await desk.admission.admit_call(call)


async def _owned(desk: Desk, admitted: Admitted) -> None:
    """Let an execution take and end the run."""
    assert admitted.start is not None
    run = await find_run(desk.engine, admitted.start.operation_run_id)
    assert run is not None
    owner = Owner(run.workflow_id, "first")
    await desk.runs.begin(run.id, owner)
    await desk.runs.complete(run.id, owner, RunOutcome.SUCCEEDED)


async def test_accepted_request_has_a_queued_run_and_a_start(desk: Desk, ground: Ground) -> None:
    admitted = await _admit(desk, ground.slot())
    assert admitted.decision.decision is Decision.ACCEPTED
    assert admitted.start is not None
    run = await find_run(desk.engine, admitted.start.operation_run_id)
    assert run is not None
    assert (run.status, run.outcome, run.initiator_name) == ("queued", "pending", PRINCIPAL)
    assert run.context["scheduled_for"] == "2026-11-23T02:00Z"
    assert run.context["provider_connection_id"] == str(ground.connection_id)
    assert run.workflow_id == f"backup_schedule.scheduled:{run.run_identity_hash}"


async def test_hundred_equal_slots_at_once_make_one_run(desk: Desk, ground: Ground) -> None:
    answers = await asyncio.gather(*(_admit(desk, ground.slot()) for _ in range(100)))
    decisions = [answer.decision.decision for answer in answers]
    assert decisions.count(Decision.ACCEPTED) == 1
    assert decisions.count(Decision.ALREADY_ACTIVE) == 99
    assert await desk.run_count() == 1


async def test_hundred_equal_syncs_at_once_make_one_run(desk: Desk, ground: Ground) -> None:
    answers = await asyncio.gather(*(_admit(desk, ground.request(ROLE_SYNC)) for _ in range(100)))
    assert len({answer.decision.operation_run_id for answer in answers}) == 1
    assert await desk.run_count() == 1


async def test_slot_in_other_seconds_and_offset_is_the_same_slot(
    desk: Desk, ground: Ground
) -> None:
    first = await _admit(desk, ground.slot("2026-11-23T02:00Z"))
    second = await _admit(desk, ground.slot("2026-11-23T03:00:41+01:00"))
    assert second.decision.operation_run_id == first.decision.operation_run_id


async def test_slot_after_completion_already_ran(desk: Desk, ground: Ground) -> None:
    first = await _admit(desk, ground.slot())
    await _owned(desk, first)
    again = await _admit(desk, ground.slot())
    assert again.decision.decision is Decision.ALREADY_RAN
    assert again.decision.outcome == "succeeded"
    assert again.start is None


async def test_sync_after_completion_is_a_new_run(desk: Desk, ground: Ground) -> None:
    first = await _admit(desk, ground.request(ROLE_SYNC))
    await _owned(desk, first)
    again = await _admit(desk, ground.request(ROLE_SYNC))
    assert again.decision.decision is Decision.ACCEPTED
    assert again.decision.operation_run_id != first.decision.operation_run_id


async def test_run_now_pressed_five_times_makes_five_runs(desk: Desk, ground: Ground) -> None:
    await asyncio.gather(*(_admit(desk, ground.request(RUN_NOW)) for _ in range(5)))
    assert await desk.run_count() == 5


async def test_same_key_gets_the_same_decision_also_after_completion(
    desk: Desk, ground: Ground
) -> None:
    first = await _admit(desk, ground.request(RUN_NOW), "key")
    second = await _admit(desk, ground.request(RUN_NOW), "key")
    await _owned(desk, first)
    third = await _admit(desk, ground.request(RUN_NOW), "key")
    assert second == first
    assert third.decision.decision is Decision.ACCEPTED
    assert third.decision.operation_run_id == first.decision.operation_run_id
    assert third.start is None
    assert await desk.run_count() == 1


async def test_same_key_at_once_makes_one_run(desk: Desk, ground: Ground) -> None:
    answers = await asyncio.gather(
        *(_admit(desk, ground.request(RUN_NOW), "key") for _ in range(50))
    )
    assert {answer.decision for answer in answers} == {answers[0].decision}
    assert await desk.run_count() == 1


async def test_key_of_another_request_is_refused(desk: Desk, ground: Ground) -> None:
    await _admit(desk, ground.request(RUN_NOW), "key")
    other = await _admit(desk, ground.slot(), "key")
    assert other.decision.reason_code == "idempotency_key_reused"
    assert other.decision.fields == ("idempotency_key",)


async def test_refusal_is_repeated_under_its_key(desk: Desk, ground: Ground) -> None:
    request = ground.request(RUN_NOW, principal="stranger")
    first = await _admit(desk, request, "key")
    assert first.decision.decision is Decision.BLOCKED
    assert (await _admit(desk, request, "key")).decision.reason_code == first.decision.reason_code


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown type": ({"type": "policy.shred"}, "input_invalid", "type"),
    "registered type that cannot start yet": ({"type": "restore.execute"}, "input_invalid", "type"),
    "no tenant": ({"tenant_id": None}, "input_invalid", "tenant_id"),
    "forged user": ({"user_id": "x"}, "input_invalid", "user_id"),
    "unknown workspace": ({"workspace_id": str(uuid4())}, "not_found", "workspace_id"),
    "tenant of somebody else": ({"tenant_id": str(uuid4())}, "not_found", "tenant_id"),
    "unknown principal": ({"principal": "stranger"}, "not_found", "principal"),
    "no principal": ({"principal": None}, "initiator_missing", "principal"),
    "unknown input": ({"inputs": {"color": "red"}}, "input_invalid", "inputs.color"),
    "unknown resource type": (
        {"inputs": {"policy_types": ["nonsense"]}},
        "input_invalid",
        "inputs.policy_types",
    ),
    "schedule of somebody else": (
        {"inputs": {"backup_schedule_id": str(uuid4())}},
        "not_found",
        "inputs.backup_schedule_id",
    ),
}


@pytest.mark.parametrize(("change", "code", "field"), REFUSED.values(), ids=REFUSED.keys())
async def test_refused_request_names_the_field_and_leaves_no_run(
    desk: Desk, ground: Ground, change: dict[str, Any], code: str, field: str
) -> None:
    admitted = await _admit(desk, ground.request(RUN_NOW) | change)
    assert admitted.decision.decision is Decision.BLOCKED
    assert (admitted.decision.reason_code, admitted.start) == (code, None)
    assert field in admitted.decision.fields
    assert await desk.run_count() == 0


@pytest.mark.parametrize("request_", [None, [], "run", 7, {"type": 1}], ids=repr)
async def test_request_that_is_no_request_is_answered(desk: Desk, request_: Any) -> None:
    admitted = await _admit(desk, request_)
    assert admitted.decision.reason_code == "input_invalid"


async def test_principal_without_the_capability_is_denied(desk: Desk, ground: Ground) -> None:
    async with desk.engine.begin() as connection:
        await connection.execute(update(principals).values(capabilities=["tenant.core.view"]))
    admitted = await _admit(desk, ground.request(RUN_NOW))
    assert admitted.decision.reason_code == "missing_capability"


BLOCKED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no connection": (
        provider_connections,
        {"is_default": False},
        "provider_connection_missing",
    ),
    "disabled connection": (
        provider_connections,
        {"disabled_at": datetime(2026, 1, 1, tzinfo=UTC)},
        "provider_connection_invalid",
    ),
    "connection to another tenant": (
        provider_connections,
        {"entra_tenant_id": "other"},
        "provider_connection_invalid",
    ),
    "no credential": (
        provider_connections,
        {"credential_kind": "client_secret"},
        "provider_credential_missing",
    ),
    "refused credential": (
        provider_connections,
        {
            "circuit_open_until": datetime(2100, 1, 1, tzinfo=UTC),
            "last_reason_code": "provider_credential_expired",
        },
        "provider_credential_expired",
    ),
    "archived tenant": (tenants, {"lifecycle": "archived"}, "tenant_not_operable"),
}


@pytest.mark.parametrize(("table", "values", "code"), BLOCKED.values(), ids=BLOCKED.keys())
async def test_unmet_prerequisite_leaves_a_blocked_run_with_next_steps(
    desk: Desk, ground: Ground, table: Any, values: dict[str, Any], code: str
) -> None:
    async with desk.engine.begin() as connection:
        await connection.execute(update(table).values(**values))
    admitted = await _admit(desk, ground.slot())
    assert (admitted.decision.decision, admitted.decision.reason_code) == (Decision.BLOCKED, code)
    assert admitted.decision.operation_run_id is not None
    run = await find_run(desk.engine, admitted.decision.operation_run_id)
    assert run is not None
    assert (run.status, run.outcome) == ("completed", "blocked")
    assert run.context["next_steps"]


async def test_slot_during_a_backup_of_its_schedule_is_skipped_with_a_run(
    desk: Desk, ground: Ground
) -> None:
    await _admit(desk, ground.slot("2026-11-22T02:00Z"))
    second = await _admit(desk, ground.slot("2026-11-23T02:00Z"))
    assert second.decision.decision is Decision.OVERLAP_SKIPPED
    assert second.decision.outcome == "blocked"
    again = await _admit(desk, ground.slot("2026-11-23T02:00Z"))
    assert again.decision.decision is Decision.ALREADY_RAN


async def test_slot_during_a_run_now_of_its_schedule_is_skipped(desk: Desk, ground: Ground) -> None:
    inputs = {"backup_schedule_id": str(ground.schedule_id)}
    await _admit(desk, ground.request(RUN_NOW, inputs))
    slot = await _admit(desk, ground.slot())
    assert slot.decision.decision is Decision.OVERLAP_SKIPPED


async def test_schedule_acts_for_its_own_slot_without_a_principal(
    desk: Desk, ground: Ground
) -> None:
    admitted = await _admit(desk, ground.slot(principal=None))
    assert admitted.start is not None
    run = await find_run(desk.engine, admitted.start.operation_run_id)
    assert run is not None
    assert run.initiator_name == "Schedule Nightly"
    assert run.user_id is None


async def test_fired_schedule_takes_its_slot_from_temporal(desk: Desk, ground: Ground) -> None:
    request = ground.request(
        "backup_schedule.scheduled",
        {"backup_schedule_id": str(ground.schedule_id)},
        principal=None,
    )
    admitted = await _admit(
        desk,
        request,
        schedule_id=f"backup_schedule:{ground.schedule_id}",
        scheduled_at=datetime(2026, 11, 23, 2, 0, 17, tzinfo=UTC),
    )
    by_hand = await _admit(desk, ground.slot("2026-11-23T02:00Z"))
    assert by_hand.decision.operation_run_id == admitted.decision.operation_run_id


@pytest.mark.parametrize(
    "values",
    [{"is_enabled": False}, {"deleted_at": datetime(2026, 1, 1, tzinfo=UTC)}],
    ids=["paused", "archived"],
)
async def test_schedule_that_is_not_active_has_no_authority(
    desk: Desk, ground: Ground, values: dict[str, Any]
) -> None:
    async with desk.engine.begin() as connection:
        await connection.execute(update(backup_schedules).values(**values))
    admitted = await _admit(desk, ground.slot(principal=None))
    assert admitted.decision.reason_code == "execution_prerequisite_invalid"


async def test_retry_is_a_new_run_that_names_the_old_one(desk: Desk, ground: Ground) -> None:
    first = await _admit(desk, ground.slot())
    await _owned(desk, first)
    inputs = {"operation_run_id": str(first.decision.operation_run_id)}
    retry = await _admit(desk, ground.request("backup_schedule.retry", inputs))
    assert retry.start is not None
    run = await find_run(desk.engine, retry.start.operation_run_id)
    assert run is not None
    assert run.retried_from == first.decision.operation_run_id
    assert run.context["backup_schedule_id"] == str(ground.schedule_id)


async def test_dispatch_that_failed_ends_the_run_once(desk: Desk, ground: Ground) -> None:
    admitted = await _admit(desk, ground.slot())
    assert admitted.start is not None
    run_id = admitted.start.operation_run_id
    first = await desk.admission.fail_dispatch(run_id)
    second = await desk.admission.fail_dispatch(run_id)
    assert first == second
    assert (first.decision, first.outcome) == (Decision.DISPATCH_FAILED, "failed")


async def test_start_locks_connections_in_the_order_of_editors(desk: Desk, ground: Ground) -> None:
    spare, default = UUID(int=1), UUID(int=2)
    same = {"entra_tenant_id": ground.tenancy.entra_tenant_id, "app_id": str(uuid4())}
    ids = (ground.tenancy.workspace_id, ground.tenancy.tenant_id)
    place = {"workspace_id": ids[0], "tenant_id": ids[1]}
    values = {"id": spare, "name": "spare", "credential_kind": "workload_identity"}
    async with desk.engine.begin() as connection:
        await connection.execute(update(provider_connections).values(id=default))
        await connection.execute(insert(provider_connections).values(**values, **same, **place))
    async with desk.engine.begin() as connection:
        found = select(provider_connections.c.id).with_for_update()
        await connection.execute(found.where(provider_connections.c.id == spare))
        start = asyncio.create_task(_admit(desk, ground.request(RUN_NOW)))
        await eventually(lambda: _is_somebody_waiting(desk.engine))
        assert len(await lock_connections(connection, *ids)) == 2
    assert (await start).decision.decision is Decision.ACCEPTED


async def _is_somebody_waiting(engine: AsyncEngine) -> bool:
    query = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with engine.connect() as connection:
        return bool(await connection.scalar(query))
