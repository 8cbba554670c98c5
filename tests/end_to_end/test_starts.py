"""Starting through every door at once: one run, one effect, one decision (D2, D3)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import cycle, islice
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowExecution, WorkflowFailureError
from temporalio.common import RawValue

from contracts.operations import OperationRequest
from contracts.search_attributes import OPERATION_RUN_ID, TENANT_ID
from devstack.ports import any_free_port
from domain.runs import RunOutcome, RunStatus
from services.admission.admission import DISPATCH_FAILED, Origin
from services.assembly import open_services
from tests.end_to_end.doors import (
    Decision,
    Door,
    assert_owners_alone_had_effects,
    completed,
    gather_starts,
    knock,
    knocking,
    only_run_id,
    runs_of,
    through_command,
    through_front_door,
    through_service,
    through_terminal,
)
from tests.end_to_end.product import ACTOR, Product
from tests.end_to_end.slots import add_schedule, slot_request
from tests.eventually import eventually

SYNC = "directory_role_definitions.sync"
SLOT = "backup_schedule.scheduled"
NOW = "backup_schedule.run_now"
DOORS: tuple[Door, ...] = (through_service, through_front_door)
ALL_DOORS = (*DOORS, through_command)


@pytest.mark.long
async def test_hundred_equal_slots_through_all_doors_leave_one_run_and_one_effect(
    product: Product,
) -> None:
    request = slot_request(product, await add_schedule(product))
    starts = [
        door(product, request, f"start-{number}")
        for number, door in enumerate(islice(cycle(ALL_DOORS), 100))
    ]
    decisions = await gather_starts(starts)

    run_id = only_run_id(decisions)
    assert Counter(decision["decision"] for decision in decisions)["accepted"] == 1
    run = await completed(product, run_id)
    assert [found.id for found in await runs_of(product, SLOT)] == [run_id]
    assert run.outcome is RunOutcome.SUCCEEDED
    await assert_owners_alone_had_effects(product, [run])


@pytest.mark.long
@pytest.mark.alone
async def test_hundred_equal_syncs_through_all_doors_leave_one_effect_for_each_run(
    product: Product,
) -> None:
    request = product.request(SYNC)
    starts = [
        door(product, request, f"start-{number}")
        for number, door in enumerate(islice(cycle(ALL_DOORS), 97))
    ]
    starts += [through_terminal(product, request, f"terminal-{number}") for number in range(3)]
    decisions = await gather_starts(starts)

    await assert_each_run_has_one_effect(product, decisions)


async def assert_each_run_has_one_effect(product: Product, decisions: list[Decision]) -> None:
    """A sync may be admitted again once it is completed; each run still has its one execution."""
    named = {UUID(decision["operation_run_id"]) for decision in decisions}
    accepted = [decision for decision in decisions if decision["decision"] == "accepted"]
    assert len(accepted) == len({decision["operation_run_id"] for decision in accepted})
    for run_id in named:
        assert (await completed(product, run_id)).outcome is RunOutcome.SUCCEEDED
    assert await deadlocks_of(product) == 0
    runs = await runs_of(product, SYNC)
    assert {run.id for run in runs} == named == {UUID(d["operation_run_id"]) for d in accepted}
    await assert_owners_alone_had_effects(product, runs)


@pytest.mark.long
async def test_syncs_started_while_the_previous_workflow_closes_are_owned_and_never_lost(
    product: Product,
) -> None:
    decisions: list[Decision] = []
    for wave in range(4):
        first = await through_service(product, product.request(SYNC), f"first-{wave}")
        # The row is completed a moment before Temporal closes the execution.
        run_id = UUID(first["operation_run_id"])
        await eventually(partial(is_completed, product, run_id), interval=0.001)
        burst = await gather_starts(
            [through_service(product, product.request(SYNC), f"{wave}-{n}") for n in range(50)]
        )
        decisions += [first, *burst]

    await assert_each_run_has_one_effect(product, decisions)


async def is_completed(product: Product, run_id: UUID) -> bool:
    run = await product.services.runs.find(run_id)
    return run is not None and run.status is RunStatus.COMPLETED


async def deadlocks_of(product: Product) -> int:
    statement = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    async with product.services.engine.connect() as connection:
        return int(await connection.scalar(statement) or 0)


@pytest.mark.parametrize(
    "type_", [SYNC, *(pytest.param(type_, marks=pytest.mark.long) for type_ in (NOW, SLOT))]
)
async def test_same_key_gets_the_same_decision_through_every_door_and_after_completion(
    product: Product, type_: str
) -> None:
    request = await request_of(product, type_)
    first = await through_service(product, request, "same-key")
    at_once = await gather_starts([door(product, request, "same-key") for door in ALL_DOORS * 2])
    run = await completed(product, only_run_id([first, *at_once]))
    later = [await door(product, request, "same-key") for door in ALL_DOORS]

    assert run.outcome is RunOutcome.SUCCEEDED
    assert {decision["decision"] for decision in [first, *at_once, *later]} == {"accepted"}
    assert only_run_id([first, *later]) == run.id
    assert {decision["outcome"] for decision in later} == {"succeeded"}
    await assert_owners_alone_had_effects(product, [run])


@pytest.mark.long
async def test_terminal_gets_the_decision_that_its_key_had_before(product: Product) -> None:
    request = product.request(NOW, {"policy_types": ["filter"]})
    first = await through_terminal(product, request, "key-of-a-script")
    run = await completed(product, only_run_id([first]))
    again = await through_terminal(product, request, "key-of-a-script")
    other = await through_service(product, product.request(NOW), "key-of-a-script")

    assert (first["decision"], again["decision"]) == ("accepted", "accepted")
    assert (only_run_id([first, again]), again["outcome"]) == (run.id, "succeeded")
    assert other["reason_code"] == "idempotency_key_reused"


async def request_of(product: Product, type_: str) -> OperationRequest:
    if type_ == SLOT:
        return slot_request(product, await add_schedule(product))
    return product.request(type_, {"policy_types": ["filter"]} if type_ == NOW else {})


@pytest.mark.parametrize(
    "changes",
    [
        {"principal": "nobody"},
        {"type": "restore.execute"},
        {"inputs": {"nonsense": 1}},
        {"tenant_id": str(UUID(int=7))},
    ],
    ids=["unknown principal", "not startable", "unknown input", "foreign tenant"],
)
async def test_refusal_is_the_same_through_every_door_and_again(
    product: Product, changes: dict[str, Any]
) -> None:
    body = product.request(SYNC).model_dump(mode="json") | changes
    request = OperationRequest.model_validate(body)
    decisions = [await door(product, request, "refused") for door in DOORS * 2]

    assert decisions[0]["decision"] == "blocked"
    assert decisions[0]["fields"]
    assert all(decision == decisions[0] for decision in decisions)


async def test_start_repeated_while_no_worker_is_up_is_accepted_each_time(
    product: Product,
) -> None:
    settings = product.services.settings.model_copy(update={"task_queue": f"nobody-{uuid4()}"})
    async with open_services(settings) as idle:
        request = product.request(SYNC)
        decisions = [await idle.starts.start(request, "patient") for _ in range(2)]
        joined = await idle.starts.start(request, "another")

        run_id = decisions[0].operation_run_id
        assert run_id is not None
        run = await idle.runs.find(run_id)
    assert [decision.decision for decision in decisions] == ["accepted", "accepted"]
    assert joined.decision == "already_active"
    assert run is not None
    assert run.status is RunStatus.QUEUED


async def test_start_without_temporal_fails_the_run_and_leaves_the_next_start_free(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{any_free_port()}")
        async with open_services(product.services.settings) as cut_off:
            refused = await cut_off.starts.start(product.request(SYNC), "cut-off")
    again = await through_service(product, product.request(SYNC), "cut-off")
    run = await completed(product, only_run_id([refused.model_dump(mode="json"), again]))

    assert (refused.decision, refused.reason_code) == ("dispatch_failed", DISPATCH_FAILED)
    assert again == refused.model_dump(mode="json")
    assert (run.outcome, run.failure_summary[0]["code"]) == (RunOutcome.FAILED, DISPATCH_FAILED)
    assert (await product.sync_roles()).outcome is RunOutcome.SUCCEEDED


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """Serve an address that takes connections and never answers."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        yield "{}:{}".format(*server.sockets[0].getsockname())


@pytest.mark.parametrize("is_repeatable", [True, False], ids=["own key", "nobody's key"])
async def test_start_that_is_given_up_leaves_its_run_only_to_who_can_repeat_it(
    product: Product, monkeypatch: pytest.MonkeyPatch, *, is_repeatable: bool
) -> None:
    request = product.request(NOW, {"policy_types": ["filter"]})

    async def recorded() -> bool:
        return len(await runs_of(product, NOW)) == 1

    with monkeypatch.context() as patch:
        async with silent_server() as address, open_services(product.services.settings) as mute:
            patch.setenv("TEMPORAL_ADDRESS", address)
            start = asyncio.create_task(
                mute.starts.start(request, "given-up", is_repeatable=is_repeatable)
            )
            await eventually(recorded)
            start.cancel()
            with pytest.raises(asyncio.CancelledError):
                await start
    (run,) = await runs_of(product, NOW)
    assert run.status is (RunStatus.QUEUED if is_repeatable else RunStatus.COMPLETED)
    again = await through_service(product, request, "given-up")
    assert again["decision"] == ("accepted" if is_repeatable else "dispatch_failed")
    ended = await completed(product, run.id)
    assert ended.outcome is (RunOutcome.SUCCEEDED if is_repeatable else RunOutcome.FAILED)
    assert (await product.backup("filter")).outcome is RunOutcome.SUCCEEDED


async def test_run_whose_start_was_lost_is_started_by_the_next_in_line(product: Product) -> None:
    request = product.request(NOW, {"policy_types": ["filter"]})
    # Its caller dies between the commit and the start, and nobody knows the key.
    lost = await product.services.admission.admit(request, "of the dead", Origin())
    assert lost.decision.operation_run_id is not None

    assert (await product.backup("filter")).outcome is RunOutcome.SUCCEEDED
    run = await completed(product, lost.decision.operation_run_id)
    assert run.outcome is RunOutcome.SUCCEEDED
    await assert_owners_alone_had_effects(product, [run])


def deep_json(levels: int) -> RawValue:
    """Return JSON that our own converter would not write."""
    text = b'{"a":' * levels + b"0" + b"}" * levels
    return RawValue(Payload(metadata={"encoding": b"json/plain"}, data=text))


GARBAGE: dict[str, Any] = {
    "no argument": (),
    "null": (None,),
    "text": ("start please",),
    "bytes": (b"\x00\xff",),
    "list": ([1, [2]],),
    "number": (1e300,),
    "deep": (deep_json(150),),
    "deeper": (deep_json(198),),
    "deepest": (deep_json(5000),),
    "other encoding": (RawValue(Payload(metadata={"encoding": b"binary/encrypted"}, data=b"x")),),
    "broken json": (RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"{")),),
    "unknown type": ({"type": "everything.delete"},),
}


@pytest.mark.parametrize("arguments", GARBAGE.values(), ids=GARBAGE)
async def test_front_door_answers_garbage_with_a_decision(
    product: Product, arguments: tuple[Any, ...]
) -> None:
    answer = await knock(product, *arguments)
    assert (answer["decision"], answer["reason_code"]) == ("blocked", "input_invalid")
    assert answer["operation_run_id"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": str(UUID(int=7))},
        {"initiator_name": "The boss"},
        {"workspace_id": "not an id"},
        {"idempotency_key": "k" * 201},
        {"idempotency_key": "nul \x00 byte"},
        {"principal": "nul \x00 byte"},
        {"type": "nul \x00 byte"},
        {"inputs": {"number": 2**70}},
        {"inputs": {"nul": "\x00"}},
        {"inputs": []},
        {"wait": "maybe"},
    ],
    ids=str,
)
async def test_front_door_refuses_forged_and_broken_requests(
    product: Product, changes: dict[str, Any]
) -> None:
    answer = await knock(product, product.request(SYNC).model_dump(mode="json") | changes)
    assert (answer["decision"], answer["reason_code"]) == ("blocked", "input_invalid")
    assert await runs_of(product, SYNC) == []


@pytest.mark.parametrize("is_understood", [True, False], ids=["run", "no run"])
async def test_front_door_that_starts_nothing_is_found_by_its_outcome(
    product: Product, *, is_understood: bool
) -> None:
    connection_id = product.tenant.connection_id
    await product.services.connections.disable(ACTOR, product.workspace_id, connection_id)
    body = product.request(SYNC).model_dump(mode="json")
    handle = await knocking(product, body if is_understood else body | {"type": "nonsense"})
    decision = await handle.result()
    client = await product.services.temporal()
    query = f'WorkflowId = "{handle.id}" AND OperationOutcome IN ("failed", "blocked")'

    async def listed() -> WorkflowExecution | None:
        # Temporal lists a change a moment after it was made.
        found = [execution async for execution in client.list_workflows(query)]
        return found[0] if found else None

    found = await eventually(listed)
    assert found is not None
    attributes = found.typed_search_attributes
    assert decision["decision"] == "blocked"
    assert attributes.get(OPERATION_RUN_ID) == decision["operation_run_id"]
    assert attributes.get(TENANT_ID) == (str(product.tenant.id) if is_understood else None)


async def test_front_door_with_two_arguments_fails_at_once(product: Product) -> None:
    body = product.request(SYNC).model_dump(mode="json")
    with pytest.raises(WorkflowFailureError):
        await knock(product, body, body)


async def test_front_door_that_waits_returns_the_outcome(product: Product) -> None:
    request = product.request(NOW, {"policy_types": ["filter", "scopeTag"]})
    answer = await knock(product, request.model_dump(mode="json") | {"wait": True})
    assert (answer["decision"], answer["outcome"]) == ("accepted", "succeeded")


async def test_front_door_that_joins_an_active_run_waits_for_it_too(product: Product) -> None:
    body = product.request(SYNC).model_dump(mode="json") | {"wait": True}
    answers = await asyncio.gather(*(knock(product, body) for _ in range(4)))

    assert Counter(answer["decision"] for answer in answers) == {"accepted": 1, "already_active": 3}
    assert {answer["outcome"] for answer in answers} == {"succeeded"}
