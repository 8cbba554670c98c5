"""Whether the history of objects follows from itself and from the sets, and whether its seals open.

Versions are in no hash of their own: a row that was altered is found by its neighbours. What
nothing else repeats is not proven: which run saw a version, and what Graph withheld of it.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.manifests import ManifestEntry
from services.backups.capture_pages import name_context
from services.contents.tenant_keys import SealedDataError, TenantCipher
from services.history.change_events import actor_context
from services.proofs.problems import Fault, ProblemKind
from storage import proof_scans as rows
from storage.statements import Row
from storage.tenant_keys import destroyed_keys

_ROWS_AT_ONCE = 500
_FIRST = UUID(int=0)


class HistoryChecks:
    """Checks the history of one tenant; `owner` is (workspace, tenant).

    Without a cipher seals are not opened.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        owner: tuple[UUID, UUID],
        cipher: TenantCipher | None,
    ) -> None:
        self._connection = connection
        self._owner = owner
        self._cipher = cipher
        self._destroyed: set[UUID] = set()

    async def of_entries(self, resource_type: str, entries: Sequence[ManifestEntry]) -> list[Fault]:
        """Return the objects of a backup's set whose version no history knows."""
        place = (self._owner[1], resource_type)
        found = await rows.not_in_history(self._connection, place, entries)
        detail = "the history of the object lacks the version that the set holds"
        return [
            Fault(ProblemKind.HISTORY_ALTERED, detail, resource_type, row["object_id"])
            for row in found
        ]

    async def of_objects(self) -> list[Fault]:
        """Return what is wrong with the objects, their versions and names."""
        faults, last = list[Fault](), _FIRST
        self._destroyed = await destroyed_keys(self._connection, *self._owner)
        while page := await rows.histories_after(
            self._connection, self._owner[1], last, _ROWS_AT_ONCE
        ):
            last = page[-1]["id"]
            faults += await asyncio.to_thread(
                lambda part: [fault for row in part for fault in self._object_faults(row)], page
            )
        return faults

    async def of_events(self) -> list[Fault]:
        """Return the audit events whose actor does not open."""
        faults, last = list[Fault](), ("", "", "")
        self._destroyed = await destroyed_keys(self._connection, *self._owner)
        while page := await rows.events_after(
            self._connection, self._owner[1], last, _ROWS_AT_ONCE
        ):
            last = (page[-1]["source"], page[-1]["event_id"], page[-1]["external_id"])
            faults += [fault for row in page for fault in self._event_faults(row)]
        return faults

    def _object_faults(self, row: Row) -> Iterator[Fault]:
        place = (row["resource_type"], row["external_id"])
        said = (
            "it names another workspace"
            if row["workspace_id"] != self._owner[0]
            else contradiction_in(row)
        )
        if said is not None:
            detail = f"the history of the object is not whole: {said}"
            yield Fault(ProblemKind.HISTORY_ALTERED, detail, *place)
        if row["name"] is not None:
            sealed = (row["name"], name_context(self._owner[1], *place), row["name_key_id"])
            if self._is_lost(row["name_key_id"]):
                yield _lost("names", row["name_key_id"])
            elif not self._opens(*sealed):
                detail = "the display name of the object does not open"
                yield Fault(ProblemKind.NAME_ALTERED, detail, *place)

    def _event_faults(self, row: Row) -> Iterator[Fault]:
        context = actor_context(self._owner[1], row["source"], row["event_id"], row["external_id"])
        is_owned = row["workspace_id"] == self._owner[0]
        if is_owned and self._is_lost(row["key_id"]):
            yield _lost("actors of audit events", row["key_id"])
        elif not (is_owned and self._opens(row["actor"], context, row["key_id"])):
            detail = f"audit event {row['event_id']} was altered, or its actor does not open"
            yield Fault(ProblemKind.EVENT_ALTERED, detail, row["resource_type"], row["external_id"])

    def _is_lost(self, key_id: UUID | None) -> bool:
        return self._cipher is not None and key_id in self._destroyed

    def _opens(self, sealed: bytes, context: bytes, key_id: UUID | None) -> bool:
        if self._cipher is None:
            return True
        try:
            self._cipher.open(sealed, context, key_id)
        except SealedDataError:
            return False
        # A value that names no key was never sealed.
        return key_id is not None


def _lost(what: str, key_id: UUID) -> Fault:
    # One problem for each key: its loss concerns all that it sealed.
    return Fault(
        ProblemKind.KEY_UNAVAILABLE, f"{what} are sealed with key {key_id}, which was destroyed"
    )


def contradiction_in(row: Mapping[str, Any]) -> str | None:
    """Return what the versions of an object and its row say differently, if they do.

    `row` has the object's columns and its versions as lists, oldest first: numbers, hashes,
    changes, moments.
    """
    if not row["numbers"] or row["numbers"] != [*range(1, row["version_count"] + 1)]:
        return "its versions are not numbered one by one"
    hashes, changes, moments = row["hashes"], row["changes"], row["moments"]
    is_deleted = changes[-1] == "deleted"
    newest = next((version for version in reversed(hashes) if version is not None), None)
    made_at = (row["first_seen_at"], row["last_changed_at"], row["deleted_at"])
    said = {
        "a version names another tenant": row["is_owned"],
        "its versions do not follow in time": moments == sorted(moments),
        "its latest version is another one": newest == row["current_version_hash"],
        "its times are not those of its versions": made_at
        == (moments[0], moments[-1], moments[-1] if is_deleted else None),
        "a change does not follow from the one before": all(
            _follows(changes[place - 1] if place else "deleted", changes[place], version)
            for place, version in enumerate(hashes)
        ),
    }
    return next((problem for problem, is_right in said.items() if not is_right), None)


def _follows(before: str, change: str, version: str | None) -> bool:
    """Whether a change is possible after the one before; at first there is nothing."""
    if (change == "deleted") != (version is None):
        return False
    return (change == "created") == (before == "deleted")
