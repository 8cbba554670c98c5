"""Summary counts of a run: registered keys, their meaning and how they are shown (rows 12, 44).

`total` is what was expected, `succeeded` what is in order afterwards (captured or unchanged),
`processed` = succeeded + failed + skipped, so a bar reaches its end also when items fail. The
first system used processed = succeeded in one place; that reading is not kept.
"""

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum

# The largest integer that every JSON reader keeps exact.
_LARGEST = 2**53 - 1


class CountKey(StrEnum):
    """Every key that `summary_counts` may hold; append-only."""

    # Objects that were expected.
    TOTAL = "total"
    # Items of a bulk operation.
    ITEMS = "items"
    # Succeeded, failed and skipped together.
    PROCESSED = "processed"
    # In order afterwards: captured or unchanged, written or already so.
    SUCCEEDED = "succeeded"
    # Not in order, each with a reason code.
    FAILED = "failed"
    # Left out for a named cause.
    SKIPPED = "skipped"
    # New objects.
    CREATED = "created"
    # Objects with a new version.
    UPDATED = "updated"
    # Objects proven to be gone.
    DELETED = "deleted"
    # Objects equal to their latest version.
    UNCHANGED = "unchanged"
    # Objects whose content was stored by this run.
    CAPTURED = "captured"
    # Values that the provider does not return.
    NOT_CAPTURED = "not_captured"
    # Reports equal to the one before.
    REPORT_DEDUPED = "report_deduped"
    # Rows that a sweep closed.
    RECONCILED = "reconciled"


class CountSemanticsError(ValueError):
    """Counts that contradict one another."""


def normalize_counts(raw: Mapping[str, object]) -> dict[str, int]:
    """Keep registered keys with whole, non-negative numbers; drop everything else silently."""
    known = set(CountKey)
    numbers = ((key, _whole(value)) for key, value in raw.items() if key in known)
    return {str(key): number for key, number in numbers if number is not None}


def check_counts(counts: Mapping[str, int]) -> None:
    """Raise CountSemanticsError unless processed is the sum of its parts and within total."""
    processed = counts.get(CountKey.PROCESSED, 0)
    parts = sum(
        counts.get(key, 0) for key in (CountKey.SUCCEEDED, CountKey.FAILED, CountKey.SKIPPED)
    )
    if processed != parts:
        raise CountSemanticsError(f"processed is {processed}, its parts make {parts}")
    if CountKey.TOTAL in counts and processed > counts[CountKey.TOTAL]:
        raise CountSemanticsError(f"processed is {processed} of {counts[CountKey.TOTAL]}")


def visible_counts(counts: Mapping[str, object]) -> list[tuple[str, int]]:
    """List (human name, number) in registry order, zeros hidden: `("Report deduped", 1)`."""
    known = normalize_counts(counts)
    shown: Iterable[CountKey] = (key for key in CountKey if known.get(key))
    return [(humanize(key), known[key]) for key in shown]


def counts_text(counts: Mapping[str, object]) -> str:
    """Write counts on one line: `Total: 50 · Succeeded: 48 · Failed: 2`."""
    return " · ".join(f"{name}: {number}" for name, number in visible_counts(counts))


def humanize(key: str) -> str:
    """Write a snake_case key as words, the first with a capital."""
    return key.replace("_", " ").capitalize()


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value) or value != int(value) or not 0 <= value <= _LARGEST:
        return None
    return int(value)
