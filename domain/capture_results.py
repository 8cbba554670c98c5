"""What came of one resource type in one run, from the entries of its listing (D4, D5).

Pure. Counts follow from the final listing and from what the object was before the run, never from
adding up steps: a step of a listing that was started again leaves no trace in them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

# A loss as large as this is held until the next run sees it too (decision 0003).
HELD_WHEN_EMPTIED_FROM = 10
HELD_WHEN_GONE = 20


class StepEntry(NamedTuple):
    """One listed object: captured with a version, or not captured for a reason."""

    object_id: str
    version_hash: str | None = None
    # Values of the document that Graph did not return.
    not_captured_count: int = 0
    # Set when there is no version.
    reason_code: str | None = None
    is_skip: bool = False


class ObjectHistory(NamedTuple):
    """What one run changed of an object, against what was known before the run."""

    object_id: str
    # Latest version before the run; None when it was unknown or deleted.
    version_before: str | None
    # Whether all it got were versions of the same content under other rules.
    is_schema_change: bool
    is_deleted: bool


@dataclass(frozen=True)
class CaptureCounts:
    """Objects of one type; `captured` = created + updated + those of a schema change."""

    captured: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    not_captured: int = 0
    reason_counts: Mapping[str, int] = field(default_factory=dict)


def encode_entries(entries: Iterable[StepEntry]) -> bytes:
    """Return the entries of a step as they are stored, before compression."""
    return orjson.dumps([list(entry) for entry in entries])


def decode_entries(stored: bytes) -> list[StepEntry]:
    """Return the entries of a stored step."""
    return [StepEntry(*entry) for entry in orjson.loads(stored)]


def merge_entries(steps: Iterable[Sequence[StepEntry]]) -> dict[str, StepEntry]:
    """Return one entry for each object of a listing; what was listed last wins."""
    return {entry.object_id: entry for step in steps for entry in step}


def count_captures(
    entries: Mapping[str, StepEntry], histories: Iterable[ObjectHistory]
) -> CaptureCounts:
    """Count what the final listing and the run's versions say together."""
    changed = {history.object_id: history for history in histories}
    kinds = Counter(_kind(entry, changed.get(entry.object_id)) for entry in entries.values())
    deleted = sum(
        history.is_deleted and history.version_before is not None and object_id not in entries
        for object_id, history in changed.items()
    )
    return CaptureCounts(
        captured=kinds["created"] + kinds["updated"] + kinds["schema_change"],
        unchanged=kinds["unchanged"],
        skipped=kinds["skipped"],
        failed=kinds["failed"],
        created=kinds["created"],
        updated=kinds["updated"],
        deleted=deleted,
        not_captured=sum(entry.not_captured_count for entry in entries.values()),
        reason_counts=dict(
            Counter(entry.reason_code for entry in entries.values() if entry.reason_code)
        ),
    )


def is_suspicious_loss(gone: int, listed: int, known_before: int) -> bool:
    """Whether so much is gone at once that one run's word is not enough (D5).

    `known_before` are the objects that existed before the run, `gone` those of them that are
    missing and answered 404, `listed` those that the listing still has.
    """
    if listed == 0 and known_before >= HELD_WHEN_EMPTIED_FROM:
        return gone > 0
    return gone >= HELD_WHEN_GONE and 2 * gone > known_before


def _kind(entry: StepEntry, history: ObjectHistory | None) -> str:
    if entry.version_hash is None:
        return "skipped" if entry.is_skip else "failed"
    if history is None or history.version_before == entry.version_hash:
        return "unchanged"
    if history.version_before is None:
        return "created"
    return "schema_change" if history.is_schema_change else "updated"
