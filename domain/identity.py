"""The identity of a run: which two requests mean the same work (D3, behaviour rows 8 to 10, 16).

Only inputs that change the effect take part. The initiator, times of request, display names and
filters of a page never do. No I/O: a nonce is given by the caller.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, assert_never, cast
from uuid import UUID

import rfc8785

from domain.operation_types import OperationType

IDENTITY_VERSION = 1


class IdentityInputError(ValueError):
    """An input that the identity of this type needs is missing or has the wrong form."""

    def __init__(self, operation_type: OperationType, key: str) -> None:
        super().__init__(f"{operation_type} needs the input {key}")
        self.operation_type = operation_type
        self.key = key


def run_identity_hash(
    workspace_id: UUID,
    tenant_id: UUID | None,
    operation_type: OperationType,
    inputs: Mapping[str, object],
) -> str:
    """SHA-256, 64 hex digits, over the canonical JSON of who, where, what; key order is nothing.

    `inputs` are those of `identity_inputs`: JSON values only.
    """
    return _hash(
        {
            "v": IDENTITY_VERSION,
            "workspace_id": str(workspace_id),
            "tenant_id": None if tenant_id is None else str(tenant_id),
            "type": operation_type.value,
            "inputs": dict(inputs),
        }
    )


def workflow_id(operation_type: OperationType, identity_hash: str) -> str:
    """Temporal's workflow id of the run, `{type}:{run_identity_hash}` (architecture section 4)."""
    return f"{operation_type}:{identity_hash}"


def identity_inputs(
    operation_type: OperationType, inputs: Mapping[str, object], nonce: str | None = None
) -> dict[str, object]:
    """Pick from a request's inputs those that make its identity; raises IdentityInputError.

    `nonce` separates the runs of types that are never reused; admission derives it from the
    idempotency key, so a repeated request keeps its identity (D2).
    """
    match operation_type:
        case OperationType.BACKUP_SCHEDULED:
            return {
                "backup_schedule_id": _id(operation_type, inputs, "backup_schedule_id"),
                "scheduled_for": _minute(operation_type, inputs, "scheduled_for"),
            }
        case OperationType.BACKUP_RUN_NOW | OperationType.BACKUP_RETRY:
            if not nonce:
                raise IdentityInputError(operation_type, "nonce")
            return {"nonce": nonce}
        case (
            OperationType.DIRECTORY_ROLE_DEFINITIONS_SYNC
            | OperationType.DIRECTORY_GROUPS_SYNC
            | OperationType.OPERATION_RUNS_RECONCILE
        ):
            return {}
        case OperationType.INVENTORY_SYNC | OperationType.POLICY_SYNC:
            return {"selection": query_hash(_selection(operation_type, inputs))}
        case OperationType.DRIFT_GENERATE:
            return {"selection": query_hash(_selection(operation_type, inputs))}
        case OperationType.PROVIDER_CONNECTION_CHECK:
            key = "provider_connection_id"
        case OperationType.RESTORE_EXECUTE:
            key = "restore_plan_id"
        case OperationType.RESTORE_UNDO:
            key = "restore_run_id"
        case OperationType.BACKUP_RETENTION | OperationType.BACKUP_PURGE:
            key = "backup_schedule_id"
        case _:
            assert_never(operation_type)
    return {key: _id(operation_type, inputs, key)}


def utc_minute(moment: datetime) -> str:
    """Write a slot's time as `2026-11-23T02:00Z`; seconds are cut off (behaviour row 37)."""
    if moment.tzinfo is None:
        raise ValueError("a slot's time needs a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def parse_utc_minute(written: str) -> datetime:
    """Read a slot's time from any ISO 8601 form with an offset; aware UTC, to the minute."""
    moment = datetime.fromisoformat(written)
    if moment.tzinfo is None:
        raise ValueError("a slot's time needs a time zone")
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def ids_hash(ids: Iterable[str]) -> str:
    """Identity of an explicit selection; order and repetition are nothing (behaviour row 16)."""
    return _hash(sorted(set(ids)))


def query_hash(query: Mapping[str, object]) -> str:
    """Identity of a selection by filter; the order of keys and of lists is nothing (row 16)."""
    return _hash(_ordered(query))


def _hash(value: object) -> str:
    return hashlib.sha256(_canonical(value)).hexdigest()


def _canonical(value: object) -> bytes:
    # The library types its argument with a private recursive alias; it checks the value itself.
    return rfc8785.dumps(cast("Any", value))


def _ordered(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _ordered(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return sorted((_ordered(item) for item in value), key=_canonical)
    return value


def _id(operation_type: OperationType, inputs: Mapping[str, object], key: str) -> str:
    try:
        return str(UUID(str(inputs[key])))
    except (KeyError, ValueError):
        raise IdentityInputError(operation_type, key) from None


def _minute(operation_type: OperationType, inputs: Mapping[str, object], key: str) -> str:
    value = inputs.get(key)
    try:
        if isinstance(value, str):
            return utc_minute(parse_utc_minute(value))
        if isinstance(value, datetime):
            return utc_minute(value)
    except ValueError:
        pass
    raise IdentityInputError(operation_type, key)


def _selection(operation_type: OperationType, inputs: Mapping[str, object]) -> Mapping[str, object]:
    selection = inputs.get("selection", {})
    if not isinstance(selection, Mapping):
        raise IdentityInputError(operation_type, "selection")
    return selection
