"""The seed document in the database: fields, constraints and indexes as named there."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.runs import RunOutcome, RunStatus
from storage.tables import operation_runs, users
from tests.storage.rows import add_run, add_tenant, add_workspace, run_values

FIELDS = (
    "id workspace_id tenant_id user_id initiator_name type status outcome run_identity_hash"
    " summary_counts failure_summary context started_at completed_at created_at updated_at"
)
ACTIVE = "(status = ANY (ARRAY['queued'::text, 'running'::text]))"


async def columns(connection: AsyncConnection, table: str) -> dict[str, str]:
    query = "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = :t"
    return {row[0]: row[1] for row in await connection.execute(text(query), {"t": table})}


async def indexes(connection: AsyncConnection, table: str) -> list[str]:
    query = text("SELECT indexdef FROM pg_indexes WHERE tablename = :t")
    return list((await connection.scalars(query, {"t": table})).all())


async def test_operation_runs_has_the_fields_of_the_seed(connection: AsyncConnection) -> None:
    found = await columns(connection, "operation_runs")
    assert set(FIELDS.split()) <= set(found)
    optional = {name for name in FIELDS.split() if found[name] == "YES"}
    assert optional == {"tenant_id", "user_id", "started_at", "completed_at"}


@pytest.mark.parametrize(
    ("table", "fields"),
    [
        ("inventory_sync_runs", "tenant_id selection_hash selection_payload status"),
        ("entra_group_sync_runs", "tenant_id selection_key slot_key status error_code error_count"),
        ("backup_schedule_runs", "tenant_id backup_schedule_id scheduled_for status"),
    ],
)
async def test_legacy_table_has_its_fields_and_an_optional_link(
    connection: AsyncConnection, table: str, fields: str
) -> None:
    found = await columns(connection, table)
    assert set(fields.split()) <= set(found)
    assert found["operation_run_id"] == "YES"


async def test_restore_runs_stay_the_domain_record(connection: AsyncConnection) -> None:
    found = await columns(connection, "restore_runs")
    assert {"requested_items", "is_dry_run", "preview", "results"} <= set(found)


@pytest.mark.parametrize(
    "on",
    [
        "(workspace_id, type, created_at)",
        "(workspace_id, created_at)",
        "(tenant_id, type, created_at)",
        "(tenant_id, created_at)",
    ],
)
async def test_list_index_exists(connection: AsyncConnection, on: str) -> None:
    found = await indexes(connection, "operation_runs")
    assert [index for index in found if index.endswith(f"USING btree {on}")]


@pytest.mark.parametrize(
    ("on", "predicate"),
    [
        ("(tenant_id, run_identity_hash)", f"((tenant_id IS NOT NULL) AND {ACTIVE})"),
        ("(workspace_id, run_identity_hash)", f"((tenant_id IS NULL) AND {ACTIVE})"),
    ],
)
async def test_active_identity_index_is_unique_with_the_predicate_of_the_seed(
    connection: AsyncConnection, on: str, predicate: str
) -> None:
    found = await indexes(connection, "operation_runs")
    ending = f"USING btree {on} WHERE {predicate}"
    (index,) = [index for index in found if index.endswith(ending)]
    assert index.startswith("CREATE UNIQUE INDEX")


async def test_run_without_workspace_is_refused(connection: AsyncConnection) -> None:
    with pytest.raises(IntegrityError, match="workspace_id"):
        await add_run(connection, None, None)


async def test_run_without_tenant_is_a_workspace_run(connection: AsyncConnection) -> None:
    await add_run(connection, await add_workspace(connection), None)


async def test_run_of_a_tenant_of_another_workspace_is_refused(
    connection: AsyncConnection,
) -> None:
    foreign = await add_tenant(connection, await add_workspace(connection))
    with pytest.raises(IntegrityError, match="fk_operation_runs_tenant_id_workspace_id_tenants"):
        await add_run(connection, await add_workspace(connection), foreign)


@pytest.mark.parametrize("name", [None, ""])
async def test_run_without_initiator_name_is_refused(
    connection: AsyncConnection, name: str | None
) -> None:
    with pytest.raises(IntegrityError, match="initiator"):
        await add_run(connection, await add_workspace(connection), None, initiator_name=name)


async def test_deleting_a_user_keeps_the_name_also_of_completed_runs(
    connection: AsyncConnection,
) -> None:
    user_id = uuid4()
    await connection.execute(
        insert(users).values(
            id=user_id, entra_tenant_id="t", entra_object_id="o", display_name="Ada"
        )
    )
    run_id = await add_run(
        connection,
        await add_workspace(connection),
        None,
        user_id=user_id,
        initiator_name="Ada",
        **completed("succeeded"),
    )
    await connection.execute(delete(users).where(users.c.id == user_id))
    found = select(operation_runs.c.user_id, operation_runs.c.initiator_name).where(
        operation_runs.c.id == run_id
    )
    assert (await connection.execute(found)).one() == (None, "Ada")


def completed(outcome: str) -> dict[str, Any]:
    return {"status": "completed", "outcome": outcome, "completed_at": text("now()")}


@pytest.mark.parametrize("status", ["pending", "done", "", "QUEUED", None])
async def test_status_outside_the_set_is_refused(
    connection: AsyncConnection, status: str | None
) -> None:
    with pytest.raises(IntegrityError):
        await add_run(connection, await add_workspace(connection), None, status=status)


@pytest.mark.parametrize("outcome", ["ok", "canceled", "", None])
async def test_outcome_outside_the_set_is_refused(
    connection: AsyncConnection, outcome: str | None
) -> None:
    values = {**completed("failed"), "outcome": outcome}
    with pytest.raises(IntegrityError):
        await add_run(connection, await add_workspace(connection), None, **values)


@pytest.mark.parametrize("outcome", [item.value for item in RunOutcome])
@pytest.mark.parametrize("status", [item.value for item in RunStatus])
async def test_outcome_is_pending_exactly_while_not_completed(
    connection: AsyncConnection, status: str, outcome: str
) -> None:
    is_completed = status == "completed"
    values: dict[str, Any] = {"status": status, "outcome": outcome}
    values |= {"completed_at": text("now()")} if is_completed else {}
    workspace_id = await add_workspace(connection)
    if is_completed is (outcome != "pending"):
        await add_run(connection, workspace_id, None, **values)
    else:
        with pytest.raises(IntegrityError, match="outcome_when_completed"):
            await add_run(connection, workspace_id, None, **values)


async def test_completed_without_its_time_is_refused(connection: AsyncConnection) -> None:
    values = {**completed("failed"), "completed_at": None}
    with pytest.raises(IntegrityError, match="completed_at_when_completed"):
        await add_run(connection, await add_workspace(connection), None, **values)


@pytest.mark.parametrize(
    "values", [{"summary_counts": []}, {"failure_summary": {}}, {"context": [1]}]
)
async def test_json_of_another_shape_is_refused(
    connection: AsyncConnection, values: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError):
        await add_run(connection, await add_workspace(connection), None, **values)


@pytest.mark.parametrize("has_tenant", [True, False], ids=["tenant", "workspace"])
async def test_identity_is_held_while_active_and_free_after_completion(
    connection: AsyncConnection, has_tenant: bool
) -> None:
    workspace_id = await add_workspace(connection)
    tenant_id = await add_tenant(connection, workspace_id) if has_tenant else None
    first = await add_run(connection, workspace_id, tenant_id, run_identity_hash="same")
    with pytest.raises(IntegrityError, match="uq_operation_runs_active"):
        async with connection.begin_nested():
            await add_run(connection, workspace_id, tenant_id, run_identity_hash="same")
    await connection.execute(
        update(operation_runs).where(operation_runs.c.id == first).values(completed("failed"))
    )
    await add_run(connection, workspace_id, tenant_id, run_identity_hash="same")


async def test_identity_of_two_tenants_and_their_workspace_do_not_meet(
    connection: AsyncConnection,
) -> None:
    workspace_id = await add_workspace(connection)
    for tenant_id in (
        await add_tenant(connection, workspace_id),
        await add_tenant(connection, workspace_id),
        None,
    ):
        await add_run(connection, workspace_id, tenant_id, run_identity_hash="same")


@pytest.mark.parametrize("has_tenant", [True, False], ids=["tenant", "workspace"])
async def test_hundred_parallel_inserts_of_one_identity_leave_one(
    engine: AsyncEngine, has_tenant: bool
) -> None:
    async with engine.begin() as connection:
        workspace_id = await add_workspace(connection)
        tenant_id = await add_tenant(connection, workspace_id) if has_tenant else None

    async def try_insert() -> bool:
        try:
            async with engine.begin() as connection:
                values = run_values(workspace_id, tenant_id, run_identity_hash="same")
                await connection.execute(insert(operation_runs).values(values))
        except IntegrityError:
            return False
        return True

    assert sum(await asyncio.gather(*(try_insert() for _ in range(100)))) == 1


async def test_admission_key_is_unique_in_its_workspace_only(connection: AsyncConnection) -> None:
    first, second = await add_workspace(connection), await add_workspace(connection)
    await add_run(connection, first, None, admission_key="key")
    await add_run(connection, second, None, admission_key="key")
    with pytest.raises(IntegrityError, match="admission_key"):
        await add_run(connection, first, None, admission_key="key")


async def test_entra_tenant_belongs_to_one_workspace(connection: AsyncConnection) -> None:
    query = text(
        "INSERT INTO tenants (id, workspace_id, entra_tenant_id, name)"
        " VALUES (gen_random_uuid(), :workspace_id, 'same', gen_random_uuid()::text)"
    )
    await connection.execute(query, {"workspace_id": await add_workspace(connection)})
    with pytest.raises(IntegrityError, match="uq_tenants_entra_tenant_id"):
        await connection.execute(query, {"workspace_id": await add_workspace(connection)})


async def test_default_connection_is_one_for_each_purpose(connection: AsyncConnection) -> None:
    workspace_id = await add_workspace(connection)
    tenant_id = await add_tenant(connection, workspace_id)

    async def add(purpose: str, app_id: str) -> None:
        await connection.execute(
            text(
                "INSERT INTO provider_connections (id, workspace_id, tenant_id, name, purpose,"
                " entra_tenant_id, app_id, credential_kind, is_default) VALUES"
                " (gen_random_uuid(), :w, :t, 'c', :p, 'e', :a, 'client_secret', true)"
            ),
            {"w": workspace_id, "t": tenant_id, "p": purpose, "a": app_id},
        )

    await add("read", "one")
    await add("write", "one")
    with pytest.raises(IntegrityError, match="uq_provider_connections_default"):
        await add("read", "two")


async def test_context_keys_survive_a_round_trip(connection: AsyncConnection) -> None:
    context = {
        "provider_connection_id": str(uuid4()),
        "backup_schedule_id": str(uuid4()),
        "backup_schedule_run_id": 7,
        "backup_set_id": str(uuid4()),
        "policy_id": str(uuid4()),
        "restore_run_id": str(uuid4()),
        "target_scope": {"entra_tenant_id": str(uuid4()), "entra_tenant_name": "Contoso é"},
        "selection": {"ids_hash": "ab", "count": 3},
        "idempotency": {"nonce": "n"},
    }
    run_id = await add_run(connection, await add_workspace(connection), None, context=context)
    query = select(operation_runs.c.context).where(operation_runs.c.id == run_id)
    assert await connection.scalar(query) == context
