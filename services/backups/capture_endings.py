"""How a resource type ends: confirmed deletions, the manifest, and counts that are exact (D5).

A failed fetch is never a deletion, and a loss that looks too large waits for the next run. Runs
inside the transaction of `services.backups.captures`, under its locks.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import zstandard
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.capture_results import (
    CaptureCounts,
    ObjectHistory,
    StepEntry,
    count_captures,
    decode_entries,
    encode_entries,
    is_suspicious_loss,
    merge_entries,
)
from domain.manifests import Manifest, build_manifest
from domain.outcome import PermissionState
from domain.reasons import ReasonClass, reason
from services.backups.capture_records import ListingQuestions
from services.backups.expected_objects import (
    DANGLING,
    dangling_count,
    expected_count,
    missing_objects,
)
from services.backups.held_losses import HELD, was_held_before
from storage import captures as rows
from storage import policies
from storage.manifests import insert_manifest
from storage.statements import Row

INCONSISTENT = "listing_inconsistent"
INCOMPLETE = "listing_incomplete"
# Of an object that answered 404 when it was read, and of one that is listed even so.
NOT_FOUND = "provider_object_not_found"
CONTRADICTED = "object_listed_not_found"
# A millisecond's work at most: a thread would take longer to get its turn.
_MOST_BYTES_INLINE = 32 * 1024
_MOST_ENTRIES_INLINE = 250


@dataclass(frozen=True)
class Confirmation:
    """What the missing candidates answered to their own GET.

    `gone`: 404. `still_there`: 200. `unknown`: anything else, for `unknown_reason`. `vanished` were
    listed and are not in a fresh listing.
    """

    gone: Sequence[str] = ()
    still_there: Sequence[str] = ()
    unknown: Sequence[str] = ()
    unknown_reason: str = "object_failed"
    vanished: Sequence[str] = ()

    @property
    def probed_count(self) -> int:
        """How many objects were asked for by their own GET because the listing lacked them."""
        return len({*self.gone, *self.still_there, *self.unknown})


@dataclass(frozen=True)
class Listing:
    """What a listing that came to its end says: its entries by object id, and who is missing."""

    entries: Mapping[str, StepEntry]
    missing: Sequence[str]

    @property
    def questions(self) -> ListingQuestions:
        """What it leaves to be asked."""
        return ListingQuestions(self.missing, _contested(self.entries))


@dataclass(frozen=True)
class TypeEnding:
    """Why a type cannot be read to its end."""

    reason_code: str
    http_status: int | None = None
    request_id: str | None = None
    missing_scopes: Sequence[str] | None = None
    permission_state: PermissionState = PermissionState.UNKNOWN


@dataclass(frozen=True)
class Verdict:
    """What a listing proves: these are deleted, so many others are missing for a reason."""

    deleted: Sequence[str] = ()
    missing_count: int = 0
    reason_code: str | None = None


class ListingOpenError(Exception):
    """The listing of the type has not come to its end, so nothing is proven."""

    reason_code = "listing_incomplete"


async def listing_of(connection: AsyncConnection, result: Row) -> Listing:
    """Return what a type's listing says; raises ListingOpenError before its end."""
    if result["state"] != "confirming":
        raise ListingOpenError("the listing has not come to its end")
    entries = await entries_of(connection, result)
    place = (result["tenant_id"], result["resource_type"])
    return Listing(entries, await missing_objects(connection, *place, list(entries)))


async def finish(
    connection: AsyncConnection,
    result: Row,
    listing: Listing,
    confirmation: Confirmation,
    now: datetime,
) -> Row:
    """End a type that was listed to its end and return its row."""
    entries = _settled(listing.entries, confirmation.vanished)
    place = (result["tenant_id"], result["resource_type"], result["operation_run_id"])
    missing = listing.missing
    if confirmation.vanished:
        missing = await missing_objects(connection, *place[:2], list(entries))
    histories = await _histories(connection, result)
    found = _Found(entries, frozenset(missing), histories)
    verdict = await _judge(connection, result, found, confirmation)
    dangling = await dangling_count(connection, place[:2], confirmation.vanished)
    if verdict.deleted:
        await policies.write_tombstones(connection, place, verdict.deleted, now)
        histories = await _written_histories(connection, result)
    counts = count_captures(entries, histories)
    ending = {
        "expected": len(entries) + verdict.missing_count + dangling,
        "reason_code": verdict.reason_code,
        "listing_complete": verdict.reason_code is None,
        "permission_state": PermissionState.GRANTED,
        "listed": len(listing.entries),
        "probed": confirmation.probed_count,
    }
    lacking = {verdict.reason_code: verdict.missing_count} if verdict.reason_code else {}
    lacking[DANGLING] = dangling
    return await _end(connection, result, entries, _with_missing(counts, lacking), ending, now)


async def close(connection: AsyncConnection, result: Row, ending: TypeEnding, now: datetime) -> Row:
    """End a type before its listing came to its end and return its row."""
    entries = await entries_of(connection, result)
    counts = count_captures(entries, await _histories(connection, result))
    known = await expected_count(connection, result["tenant_id"], result["resource_type"])
    expected = max(known, len(entries))
    missing = expected - counts.captured - counts.unchanged - counts.skipped - counts.failed
    values = {
        "expected": expected,
        "reason_code": ending.reason_code,
        "http_status": ending.http_status,
        "request_id": ending.request_id,
        "missing_scopes": list(ending.missing_scopes) if ending.missing_scopes else None,
        "listing_complete": False,
        "permission_state": ending.permission_state,
        "listed": len(entries),
        "probed": 0,
    }
    counts = _with_missing(counts, {ending.reason_code: max(missing, 0)})
    return await _end(connection, result, entries, counts, values, now)


async def entries_of(connection: AsyncConnection, result: Row) -> dict[str, StepEntry]:
    """Return what the result's present epoch listed, by object id: ids and hashes, no bodies."""
    steps = await rows.select_steps(connection, result)
    if sum(map(len, steps)) > _MOST_BYTES_INLINE:
        return await asyncio.to_thread(_unpacked, steps)
    return _unpacked(steps)


def _unpacked(steps: Sequence[bytes]) -> dict[str, StepEntry]:
    return merge_entries(decode_entries(zstandard.decompress(step)) for step in steps)


def _contested(entries: Mapping[str, StepEntry]) -> list[str]:
    """Return the objects that were listed and answered 404 to their own GET."""
    return sorted(name for name, entry in entries.items() if _is_contested(entry))


def pack_entries(entries: Sequence[StepEntry]) -> bytes:
    """Return the entries of a step as its row holds them."""
    return zstandard.compress(encode_entries(entries))


def _is_contested(entry: StepEntry) -> bool:
    return entry.version_hash is None and entry.reason_code == NOT_FOUND


def _settled(entries: Mapping[str, StepEntry], vanished: Sequence[str]) -> dict[str, StepEntry]:
    """Drop what a fresh listing lacks; what it has although it answers 404 has failed."""
    kept = {name: entry for name, entry in entries.items() if name not in set(vanished)}
    failed = {
        name: kept[name]._replace(reason_code=CONTRADICTED, is_skip=False)
        for name in _contested(kept)
    }
    return kept | failed


@dataclass(frozen=True)
class _Found:
    """What was listed, what is missing and what the run changed."""

    entries: Mapping[str, StepEntry]
    missing: frozenset[str]
    histories: Sequence[ObjectHistory]


async def _judge(
    connection: AsyncConnection, result: Row, found: _Found, confirmation: Confirmation
) -> Verdict:
    """Decide what the absence of objects means."""
    entries, missing = found.entries, found.missing
    gone = sorted(missing.intersection(confirmation.gone))
    present = missing.intersection(confirmation.still_there)
    unproven = len(missing) - len(gone)
    if present:
        return Verdict((), unproven, INCONSISTENT)
    new = {history.object_id for history in found.histories if history.version_before is None}
    known_before = len(missing - new) + len(entries.keys() - new)
    is_suspicious = is_suspicious_loss(len(set(gone) - new), len(entries), known_before)
    place = (result["tenant_id"], result["operation_run_id"], result["resource_type"])
    if is_suspicious and not await was_held_before(connection, place, gone):
        return Verdict((), len(missing), HELD)
    if unproven:
        cause = confirmation.unknown_reason if confirmation.unknown else INCOMPLETE
        return Verdict(gone, unproven, cause)
    return Verdict(gone)


async def _histories(connection: AsyncConnection, result: Row) -> list[ObjectHistory]:
    """Return what the run changed of the type's objects, deletions of this ending apart."""
    if result["epoch"] == 0 and result["captured"] == 0:
        # No step wrote a version: the usual case of an unchanged tenant.
        return []
    return await _written_histories(connection, result)


async def _written_histories(connection: AsyncConnection, result: Row) -> list[ObjectHistory]:
    place = (result["operation_run_id"], result["tenant_id"], result["resource_type"])
    return await policies.run_histories(connection, *place)


def _with_missing(counts: CaptureCounts, missing: Mapping[str, int]) -> CaptureCounts:
    """Add objects that were expected and not read, as skipped if their cause is harmless."""
    values = asdict(counts)
    for code, count in missing.items():
        if count:
            is_skip = reason(code).reason_class is ReasonClass.SKIPPED
            values["skipped" if is_skip else "failed"] += count
            reasons = values["reason_counts"]
            values["reason_counts"] = {**reasons, code: reasons.get(code, 0) + count}
    return CaptureCounts(**values)


async def _end(
    connection: AsyncConnection,
    result: Row,
    entries: Mapping[str, StepEntry],
    counts: CaptureCounts,
    ending: Mapping[str, Any],
    now: datetime,
) -> Row:
    place: tuple[UUID, str] = (result["operation_run_id"], result["resource_type"])
    if len(entries) > _MOST_ENTRIES_INLINE:
        manifest = await asyncio.to_thread(_manifest, result["resource_type"], entries)
    else:
        manifest = _manifest(result["resource_type"], entries)
    owner = (result["workspace_id"], result["tenant_id"])
    await insert_manifest(connection, owner, manifest)
    await rows.delete_steps(connection, *place)
    values = {
        "http_status": None,
        "request_id": None,
        "missing_scopes": None,
        **asdict(counts),
        **ending,
        "manifest_hash": manifest.hash,
    }
    return await rows.close_result(connection, place, now, values)


def _manifest(resource_type: str, entries: Mapping[str, StepEntry]) -> Manifest:
    return build_manifest(
        resource_type,
        [
            (entry.object_id, entry.version_hash)
            for entry in entries.values()
            if entry.version_hash is not None
        ],
    )
