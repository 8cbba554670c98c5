"""The outcome of a run, computed from one result per resource type (D5).

Pure: the same results give the same outcome, counts and failures, whoever asks and how often.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from domain.counts import CountKey
from domain.failures import Failure, merge_failures
from domain.reasons import ReasonClass, normalize_reason_code, reason
from domain.resource_types.registry import is_by_reference
from domain.runs import RunOutcome


class PermissionState(StrEnum):
    """What is known about the permission to read a type."""

    # Not asked yet.
    UNKNOWN = "unknown"
    # It was read.
    GRANTED = "granted"
    # It was refused.
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeResult:
    """What became of one resource type in one run; counts are objects, not_captured are values.

    `reason_code` says why the type as a whole is not complete; `reason_counts` why single objects
    were skipped or failed.
    """

    resource_type: str
    expected: int = 0
    captured: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    not_captured: int = 0
    reason_code: str | None = None
    listing_complete: bool = False
    permission_state: PermissionState = PermissionState.UNKNOWN
    reason_counts: Mapping[str, int] = field(default_factory=dict)
    request_id: str | None = None

    @property
    def cause(self) -> str | None:
        """Why the type is not complete, or why it was left out; None when it is complete.

        A code that means nothing wrong excuses no incomplete listing.
        """
        code = None if self.reason_code is None else normalize_reason_code(self.reason_code)
        if code is not None and reason(code).reason_class is not ReasonClass.NEUTRAL:
            return code
        if self.permission_state is PermissionState.DENIED:
            return "provider_permission_denied"
        return None if self.listing_complete else "listing_incomplete"

    @property
    def problems(self) -> dict[str, int]:
        """Causes of objects that failed, with how many; `object_failed` where none is named."""
        if self.failed == 0:
            return {}
        named: dict[str, int] = {}
        for raw, count in self.reason_counts.items():
            code = normalize_reason_code(raw)
            if count > 0 and reason(code).reason_class not in _HARMLESS:
                named[code] = named.get(code, 0) + count
        unnamed = self.failed - sum(named.values())
        return named | ({"object_failed": unnamed} if unnamed > 0 else {})

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong: complete or left out for a named cause, no object failed."""
        cause = self.cause
        is_harmless = cause is None or reason(cause).reason_class in _HARMLESS
        return is_harmless and not self.problems

    @property
    def has_effect(self) -> bool:
        """Whether something of the type is in order now, be it the proof that it is empty.

        That nothing is known to refer to objects of a type proves nothing of the tenant.
        """
        done = self.captured + self.unchanged + self.deleted
        proves_empty = not is_by_reference(self.resource_type)
        return done > 0 or (proves_empty and self.is_clean and self.listing_complete)


_HARMLESS = frozenset({ReasonClass.SKIPPED, ReasonClass.NEUTRAL})
_FAILURE_CODES = {
    ReasonClass.BLOCKED: "type.blocked",
    ReasonClass.RETRYABLE: "type.incomplete",
    ReasonClass.FAILED: "type.failed",
}


def compute_outcome(results: Sequence[TypeResult]) -> RunOutcome:
    """Return what became of the run; an empty selection succeeded."""
    unclean = [result for result in results if not result.is_clean]
    if not unclean:
        return RunOutcome.SUCCEEDED
    if any(result.has_effect for result in results):
        return RunOutcome.PARTIALLY_SUCCEEDED
    codes = [code for result in unclean for code in _causes(result)]
    is_blocked = all(reason(code).reason_class is ReasonClass.BLOCKED for code in codes)
    return RunOutcome.BLOCKED if is_blocked else RunOutcome.FAILED


def summary_counts(results: Sequence[TypeResult]) -> dict[str, int]:
    """Sum the results into registered keys; `succeeded` = captured + unchanged (D5).

    A type that ended with more objects than it first expected counts those it had.
    """
    counts = dict.fromkeys(
        (
            CountKey.TOTAL,
            CountKey.PROCESSED,
            CountKey.SUCCEEDED,
            CountKey.FAILED,
            CountKey.SKIPPED,
            CountKey.CREATED,
            CountKey.UPDATED,
            CountKey.DELETED,
            CountKey.UNCHANGED,
            CountKey.CAPTURED,
            CountKey.NOT_CAPTURED,
        ),
        0,
    )
    for result in results:
        succeeded = result.captured + result.unchanged
        processed = succeeded + result.failed + result.skipped
        counts[CountKey.TOTAL] += max(result.expected, processed)
        counts[CountKey.PROCESSED] += processed
        counts[CountKey.SUCCEEDED] += succeeded
        counts[CountKey.FAILED] += result.failed
        counts[CountKey.SKIPPED] += result.skipped
        counts[CountKey.CREATED] += result.created
        counts[CountKey.UPDATED] += result.updated
        counts[CountKey.DELETED] += result.deleted
        counts[CountKey.UNCHANGED] += result.unchanged
        counts[CountKey.CAPTURED] += result.captured
        counts[CountKey.NOT_CAPTURED] += result.not_captured
    return {str(key): value for key, value in counts.items()}


def failures(results: Sequence[TypeResult]) -> list[Failure]:
    """List what is wrong, type by type in their order: first the type, then its objects."""
    return merge_failures((), (entry for result in results for entry in _failures(result)))


def outcome_of_counts(counts: Mapping[str, int]) -> RunOutcome:
    """Outcome of a bulk run by its counts; `pending` while items are not accounted (row 43)."""
    total = counts.get(CountKey.TOTAL, 0)
    succeeded, failed, skipped = (
        counts.get(key, 0) for key in (CountKey.SUCCEEDED, CountKey.FAILED, CountKey.SKIPPED)
    )
    if succeeded + failed + skipped < total:
        return RunOutcome.PENDING
    if failed == 0:
        return RunOutcome.SUCCEEDED
    return RunOutcome.FAILED if succeeded == 0 else RunOutcome.PARTIALLY_SUCCEEDED


def commonest(codes: Sequence[str]) -> str | None:
    """Return the code that stands there most often, the first of equals; None without any."""
    return max(codes, key=codes.count, default=None)


def _causes(result: TypeResult) -> list[str]:
    cause = result.cause
    is_harmless = cause is None or reason(cause).reason_class in _HARMLESS
    return [*([] if is_harmless or cause is None else [cause]), *result.problems]


def _failures(result: TypeResult) -> list[Failure]:
    found: list[Failure] = []
    cause = result.cause
    code = None if cause is None else _FAILURE_CODES.get(reason(cause).reason_class)
    if cause is not None and code is not None:
        found.append(Failure(code, cause, result.resource_type, request_id=result.request_id))
    for problem, count in sorted(result.problems.items()):
        found.append(Failure("type.objects_failed", problem, result.resource_type, count))
    return found
