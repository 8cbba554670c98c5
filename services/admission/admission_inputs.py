"""What each operation type takes as `inputs`, and what its run remembers of them.

Unknown inputs are refused by name: an input that changes nothing would make callers believe that
it does.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from domain.identity import utc_minute
from domain.operation_types import OperationType
from domain.resource_types.registry import RESOURCE_TYPES


class InputInvalidError(Exception):
    """Inputs do not fit the type; `fields` names them, never their values."""

    reason_code = "input_invalid"

    def __init__(self, fields: tuple[str, ...]) -> None:
        super().__init__(f"invalid: {', '.join(fields)}")
        self.fields = fields


def _known_types(keys: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := [key for key in keys if key not in RESOURCE_TYPES]:
        raise ValueError(f"unknown resource types: {len(unknown)}")
    return tuple(sorted(set(keys)))


PolicyTypes = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_known_types)]


class _Inputs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScheduledBackupInputs(_Inputs):
    """Inputs of `backup_schedule.scheduled`; the slot may come from Temporal instead."""

    backup_schedule_id: UUID
    scheduled_for: AwareDatetime | None = None


class RunNowInputs(_Inputs):
    """Inputs of `backup_schedule.run_now`: a schedule's selection, an own one, or everything."""

    backup_schedule_id: UUID | None = None
    policy_types: PolicyTypes | None = None


class RetryInputs(_Inputs):
    """Inputs of `backup_schedule.retry`: the completed run whose work is done anew."""

    operation_run_id: UUID


class NoInputs(_Inputs):
    """Inputs of operations that take none."""


AdmissionInputs = ScheduledBackupInputs | RunNowInputs | RetryInputs | NoInputs

_MODELS: dict[OperationType, type[AdmissionInputs]] = {
    OperationType.BACKUP_SCHEDULED: ScheduledBackupInputs,
    OperationType.BACKUP_RUN_NOW: RunNowInputs,
    OperationType.BACKUP_RETRY: RetryInputs,
    OperationType.DIRECTORY_ROLE_DEFINITIONS_SYNC: NoInputs,
}


def parse_inputs(operation_type: OperationType, inputs: object) -> AdmissionInputs:
    """Return the inputs of a type; raises InputInvalidError naming the wrong ones."""
    try:
        return _MODELS[operation_type].model_validate(inputs)
    except ValidationError as error:
        raise InputInvalidError(invalid_fields(error, "inputs")) from None


def invalid_fields(error: ValidationError, prefix: str = "") -> tuple[str, ...]:
    """Return the names of the wrong fields; an unknown name counts, its value never does."""
    names = []
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        path = [prefix, *(str(part) for part in detail["loc"][:2])] if prefix else detail["loc"][:2]
        names.append(".".join(str(part)[:40] for part in path))
    return tuple(dict.fromkeys(names)) or (prefix or "request",)


def slot_of(inputs: ScheduledBackupInputs, scheduled_at: datetime | None) -> datetime:
    """Return the slot in UTC, to the minute: an explicit input wins over Temporal's time (D3)."""
    moment = inputs.scheduled_for or scheduled_at
    if moment is None:
        raise InputInvalidError(("inputs.scheduled_for",))
    return datetime.fromisoformat(utc_minute(moment))
