"""The data converter of every client and worker, and the failure converter that redacts (D7).

By default Temporal keeps the message, type, cause chain, details and source lines of whatever is
raised: each of them leaked a planted secret when measured. Here a failure keeps its text only when
it is one of ours: a reason code of the catalog with the catalog's own sentence. Everything else
becomes `redacted (TypeName)`, without cause and details, its stack reduced to file, line and
function.
"""

import dataclasses
import re

from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverter, PayloadConverter

from domain.reasons import reason
from domain.redaction import static_type_name

_FRAME = re.compile(r'File "(?:[^"]*[/\\])?([^"/\\]+)", line (\d+), in (\S+)')
_REDUCED_FRAME = re.compile(r"[\w<>.-]+:\d+ in [\w<>.]+")
_REDACTED = re.compile(r"redacted \(([A-Za-z_][A-Za-z0-9_]{0,63})\)")
# Messages that Temporal itself writes for failures that carry no text of ours.
_FIXED_MESSAGES = frozenset(
    {
        "",
        "Activity task failed",
        "Activity task timed out",
        "activity error",
        "activity Heartbeat timeout",
        "activity ScheduleToClose timeout",
        "activity ScheduleToStart timeout",
        "activity StartToClose timeout",
        "Cancelled",
        "Child Workflow execution failed",
        "Workflow cancelled",
        "Workflow execution already started",
    }
)


class RedactingFailureConverter(DefaultFailureConverter):
    """Keeps reason codes with their sentences; blanks every other text of a failure."""

    def to_failure(
        self,
        exception: BaseException,
        payload_converter: PayloadConverter,
        failure: Failure,
    ) -> None:
        """Convert `exception` without any text that is not ours."""
        super().to_failure(exception, payload_converter, failure)
        # One that came over the wire was redacted where it was raised.
        is_foreign = getattr(exception, "failure", None) is None
        _redact(failure, type(exception) if is_foreign else None)


def data_converter() -> DataConverter:
    """Return the one data converter: pydantic payloads, redacted failures."""
    return dataclasses.replace(
        pydantic_data_converter, failure_converter_class=RedactingFailureConverter
    )


def _redact(failure: Failure, raised: type[BaseException] | None) -> None:
    failure.source = ""
    failure.ClearField("encoded_attributes")
    failure.stack_trace = _reduced_stack(failure.stack_trace)
    if failure.HasField("application_failure_info"):
        _redact_application(failure, raised)
        failure.ClearField("cause")
        return
    if failure.message not in _FIXED_MESSAGES:
        failure.message = f"redacted ({failure.WhichOneof('failure_info') or 'failure'})"
    if failure.HasField("timeout_failure_info"):
        failure.timeout_failure_info.ClearField("last_heartbeat_details")
    if failure.HasField("canceled_failure_info"):
        failure.canceled_failure_info.ClearField("details")
    if failure.HasField("reset_workflow_failure_info"):
        failure.reset_workflow_failure_info.ClearField("last_heartbeat_details")
    if failure.HasField("cause"):
        _redact(failure.cause, None)


def _redact_application(failure: Failure, raised: type[BaseException] | None) -> None:
    info = failure.application_failure_info
    info.ClearField("details")
    known = reason(info.type)
    if known.code == info.type and failure.message == known.explanation:
        return
    # The converter of another process gives the type and the message one name.
    redacted = _REDACTED.fullmatch(failure.message)
    if raised is None and redacted and redacted.group(1) == info.type:
        return
    name = "Error" if raised is None else static_type_name(raised)
    failure.message = f"redacted ({name})"
    info.type = name


def _reduced_stack(stack: str) -> str:
    frames = [f"{file}:{line} in {name}" for file, line, name in _FRAME.findall(stack)]
    return "\n".join(frames or _REDUCED_FRAME.findall(stack))
