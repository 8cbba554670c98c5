"""Which two requests are the same work."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import (
    IdentityInputError,
    identity_inputs,
    ids_hash,
    parse_utc_minute,
    query_hash,
    run_identity_hash,
    utc_minute,
    workflow_id,
)
from domain.operation_types import IdentityRule, OperationType, definition

WORKSPACE = UUID("0192f1a0-0000-7000-8000-00000000000a")
TENANT = UUID("0192f1a0-0000-7000-8000-00000000000b")
SCHEDULE = UUID("0192f1a0-0000-7000-8000-00000000000c")
SLOT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NAIVE = SLOT.replace(tzinfo=None)
EXAMPLES: dict[OperationType, dict[str, object]] = {
    OperationType.BACKUP_SCHEDULED: {"backup_schedule_id": SCHEDULE, "scheduled_for": SLOT},
    OperationType.INVENTORY_SYNC: {"selection": {"policy_types": ["b", "a"]}},
    OperationType.PROVIDER_CONNECTION_CHECK: {"provider_connection_id": SCHEDULE},
    OperationType.RESTORE_EXECUTE: {"restore_plan_id": SCHEDULE},
    OperationType.RESTORE_UNDO: {"restore_run_id": SCHEDULE},
    OperationType.BACKUP_RETENTION: {"backup_schedule_id": SCHEDULE},
    OperationType.BACKUP_PURGE: {"backup_schedule_id": SCHEDULE},
}
json_leaves = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text()
json_values = st.recursive(
    json_leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


def hash_of(
    operation_type: OperationType = OperationType.BACKUP_SCHEDULED, **inputs: object
) -> str:
    return run_identity_hash(WORKSPACE, TENANT, operation_type, inputs)


def reversed_keys(value: object) -> object:
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


def test_hash_is_the_documented_one() -> None:
    # SHA-256 of {"inputs":{"a":1},"tenant_id":null,"type":"inventory.sync","v":1,
    # "workspace_id":"0192f1a0-0000-7000-8000-00000000000a"}, computed apart from the product.
    assert run_identity_hash(WORKSPACE, None, OperationType.INVENTORY_SYNC, {"a": 1}) == (
        "d21156585200fc5782c7c048d8937f717f87659540b6c0a6e64100bdbb1aa1e8"
    )


@given(inputs=st.dictionaries(st.text(), json_values, max_size=6))
def test_hash_is_the_same_for_any_key_order(inputs: dict[str, object]) -> None:
    shuffled = reversed_keys(inputs)
    assert isinstance(shuffled, dict)
    assert hash_of(x=inputs) == hash_of(x=shuffled)


@given(first=st.text(), second=st.text())
def test_hash_is_equal_only_for_equal_inputs(first: str, second: str) -> None:
    assert (hash_of(nonce=first) == hash_of(nonce=second)) is (first == second)


def test_hash_differs_by_workspace_tenant_and_type() -> None:
    sync = OperationType.INVENTORY_SYNC
    hashes = {
        run_identity_hash(WORKSPACE, TENANT, sync, {}),
        run_identity_hash(WORKSPACE, None, sync, {}),
        run_identity_hash(TENANT, TENANT, sync, {}),
        run_identity_hash(WORKSPACE, SCHEDULE, sync, {}),
        run_identity_hash(WORKSPACE, TENANT, OperationType.POLICY_SYNC, {}),
    }
    assert len(hashes) == 5
    assert all(len(value) == 64 for value in hashes)


def test_workflow_id_is_type_and_hash() -> None:
    assert workflow_id(OperationType.INVENTORY_SYNC, "ab") == "inventory.sync:ab"


@pytest.mark.parametrize("operation_type", list(OperationType))
def test_identity_inputs_of_each_type_follow_its_rule(operation_type: OperationType) -> None:
    inputs = EXAMPLES.get(operation_type, {})
    first = identity_inputs(operation_type, inputs, "one")
    second = identity_inputs(operation_type, inputs, "two")
    is_unique = definition(operation_type).identity_rule is IdentityRule.UNIQUE
    assert (first != second) is is_unique
    run_identity_hash(WORKSPACE, TENANT, operation_type, first)


@pytest.mark.parametrize("operation_type", list(OperationType))
def test_identity_inputs_ignore_what_changes_no_effect(operation_type: OperationType) -> None:
    inputs = EXAMPLES.get(operation_type, {})
    noise = {"initiator_name": "Ada", "requested_at": "now", "display_name": "Nightly"}
    assert identity_inputs(operation_type, {**inputs, **noise}, "n") == identity_inputs(
        operation_type, inputs, "n"
    )


@pytest.mark.parametrize("operation_type", sorted(EXAMPLES.keys() - {OperationType.INVENTORY_SYNC}))
def test_identity_inputs_without_a_needed_one_name_it(operation_type: OperationType) -> None:
    with pytest.raises(IdentityInputError) as caught:
        identity_inputs(operation_type, {})
    assert caught.value.key in EXAMPLES[operation_type]


@pytest.mark.parametrize(
    "operation_type", [OperationType.BACKUP_RUN_NOW, OperationType.BACKUP_RETRY]
)
def test_identity_inputs_of_a_unique_type_need_a_nonce(operation_type: OperationType) -> None:
    with pytest.raises(IdentityInputError, match="nonce"):
        identity_inputs(operation_type, {}, None)


@pytest.mark.parametrize(
    "written",
    [
        SLOT,
        SLOT + timedelta(seconds=59, microseconds=3),
        SLOT.astimezone(timezone(timedelta(hours=5, minutes=30))),
        "2026-11-23T02:00Z",
        "2026-11-23T02:00:41.5+00:00",
        "2026-11-23T03:00:00+01:00",
    ],
)
def test_slot_in_any_form_is_its_utc_minute(written: object) -> None:
    inputs = {"backup_schedule_id": str(SCHEDULE).upper(), "scheduled_for": written}
    assert identity_inputs(OperationType.BACKUP_SCHEDULED, inputs) == {
        "backup_schedule_id": str(SCHEDULE),
        "scheduled_for": "2026-11-23T02:00Z",
    }


@pytest.mark.parametrize("written", ["2026-11-23T02:00", "tonight", None, 7, NAIVE])
def test_slot_without_a_zone_or_of_another_form_is_refused(written: object) -> None:
    inputs = {"backup_schedule_id": SCHEDULE, "scheduled_for": written}
    with pytest.raises(IdentityInputError, match="scheduled_for"):
        identity_inputs(OperationType.BACKUP_SCHEDULED, inputs)


@given(moment=st.datetimes(timezones=st.timezones(), min_value=NAIVE))
def test_utc_minute_reads_back_to_the_minute(moment: datetime) -> None:
    expected = moment.astimezone(UTC).replace(second=0, microsecond=0)
    assert parse_utc_minute(utc_minute(moment)) == expected


def test_utc_minute_of_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        utc_minute(NAIVE)


@given(ids=st.lists(st.text(min_size=1), max_size=8))
def test_ids_hash_ignores_order_and_repetition(ids: list[str]) -> None:
    assert ids_hash(ids) == ids_hash([*reversed(ids), *ids])


def test_ids_hash_differs_by_membership() -> None:
    assert ids_hash(["a", "b"]) != ids_hash(["ab"])


def test_query_hash_ignores_order_of_keys_and_lists() -> None:
    first = {"types": ["b", "a"], "filter": {"name": "x", "tags": [2, 1]}}
    second = {"filter": {"tags": [1, 2], "name": "x"}, "types": ("a", "b")}
    assert query_hash(first) == query_hash(second)


def test_query_hash_differs_by_value() -> None:
    assert query_hash({"types": ["a"]}) != query_hash({"types": ["a", "b"]})


def test_selection_of_a_sync_that_is_no_object_is_refused() -> None:
    with pytest.raises(IdentityInputError, match="selection"):
        identity_inputs(OperationType.POLICY_SYNC, {"selection": "all"})
