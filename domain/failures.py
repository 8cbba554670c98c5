"""Failures of a run as they are stored: an allow-list in the form of a class (D7, row 13).

Nothing that a provider or an exception said can enter: every field is a code of ours, a number, a
resource type or a request id, and the message is our sentence for the reason code.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from domain.reasons import is_registered, normalize_reason_code, reason

FAILURE_LIMIT: Final = 100

# Codes have no digits: a token or secret does not fit into them.
_CODE = re.compile(r"[a-z]+(?:_[a-z]+)*(?:\.[a-z]+(?:_[a-z]+)*){1,3}")
_RESOURCE_TYPE = re.compile(r"[a-z][A-Za-z0-9_]{0,63}")
_REQUEST_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

TRUNCATED_CODE: Final = "run.failures_truncated"


class InvalidFailureError(ValueError):
    """A field of a failure holds something that may not be stored; the message names the field."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} of a failure is not of the stored form")


@dataclass(frozen=True, slots=True)
class Failure:
    """One entry of `failure_summary`.

    `code` says which step of which operation, dotted (`queue.dispatch_failed`). `reason_code` is
    the cause, registered in `domain.reasons`. `count` is how many objects met it, None for one
    event. `request_id` is the provider's GUID of the last such answer.
    """

    code: str
    reason_code: str
    resource_type: str | None = None
    count: int | None = None
    request_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse whatever is not of the stored form; raises InvalidFailureError."""
        if len(self.code) > 80 or _CODE.fullmatch(self.code) is None:
            raise InvalidFailureError("code")
        if not is_registered(self.reason_code):
            raise InvalidFailureError("reason_code")
        if self.resource_type is not None and not _RESOURCE_TYPE.fullmatch(self.resource_type):
            raise InvalidFailureError("resource_type")
        if self.count is not None and (isinstance(self.count, bool) or self.count < 1):
            raise InvalidFailureError("count")
        if self.request_id is not None and not _REQUEST_ID.fullmatch(self.request_id):
            raise InvalidFailureError("request_id")

    @property
    def message(self) -> str:
        """Our sentence for the cause."""
        return reason(self.reason_code).explanation

    def to_json(self) -> dict[str, object]:
        """Return the stored form; optional keys are left out when they are None."""
        stored: dict[str, object] = {
            "code": self.code,
            "reason_code": self.reason_code,
            "message": self.message,
        }
        optional = {
            "resource_type": self.resource_type,
            "count": self.count,
            "request_id": self.request_id,
        }
        return stored | {key: value for key, value in optional.items() if value is not None}


def parse_failure(stored: Mapping[str, object]) -> Failure | None:
    """Read a stored entry, older spellings of reason codes included; None when it is not one."""
    code, count = stored.get("code"), stored.get("count")
    try:
        return Failure(
            code=code if isinstance(code, str) else "",
            reason_code=normalize_reason_code(_text(stored.get("reason_code"))),
            resource_type=_text(stored.get("resource_type")),
            count=count if isinstance(count, int) else None,
            request_id=_text(stored.get("request_id")),
        )
    except InvalidFailureError:
        return None


def parse_failures(stored: Iterable[object]) -> list[Failure]:
    """Read a stored list; entries of another form are left out."""
    parsed = (parse_failure(entry) for entry in stored if isinstance(entry, Mapping))
    return [failure for failure in parsed if failure is not None]


def merge_failures(
    existing: Sequence[Failure], new: Iterable[Failure], limit: int = FAILURE_LIMIT
) -> list[Failure]:
    """Add failures to a bounded list; equal causes of one type become one entry with a count.

    What exceeds `limit` is counted in a last entry `run.failures_truncated`, never lost silently.
    """
    merged: dict[tuple[str, str, str | None], Failure] = {}
    for failure in (*existing, *new):
        key = (failure.code, failure.reason_code, failure.resource_type)
        merged[key] = _joined(merged[key], failure) if key in merged else failure
    rest = merged.pop((TRUNCATED_CODE, "failures_truncated", None), None)
    kept = list(merged.values())
    cut = kept[limit - 1 :] if rest is not None or len(kept) > limit else []
    if cut or rest is not None:
        count = sum(failure.count or 1 for failure in cut) + ((rest and rest.count) or 0)
        kept = [
            *kept[: limit - 1],
            Failure(TRUNCATED_CODE, "failures_truncated", count=max(count, 1)),
        ]
    return kept


def _joined(first: Failure, second: Failure) -> Failure:
    return replace(
        first,
        count=(first.count or 1) + (second.count or 1),
        request_id=second.request_id or first.request_id,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
