"""The history of one object over the sets: its versions, where they stand, and who made them.

Reads what was stored. A version is in a set exactly when the set's manifest names it; versions of
sets that are gone stay, without a set.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.diff import Change
from domain.manifests import parse_chunk
from services.contents.contents import ContentMissingError
from services.contents.tenant_keys import TenantCipher, TenantKeys
from services.history.change_attribution import Attribution, ChangeAttribution
from services.sets.backup_sets import open_name
from services.sets.set_comparison import ObjectVersion, SetComparison
from storage import changes as rows
from storage.manifests import select_payloads
from storage.statements import Row

_OBJECTS_AT_ONCE: Final = 1_000
_CHUNKS_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class KnownObject:
    """An object that was ever captured."""

    object_id: str
    name: str | None
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class SetPlace:
    """A set that holds a version."""

    id: UUID
    sequence: int
    name: str
    captured_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One version of an object, and what is known of how it came about.

    `kind`: created, recreated (after a deletion), updated, deleted or schema_change. `differences`
    to the version before; None where there is none, or its document is not stored. `first_set` and
    `last_set` are None for a deletion and for versions whose sets are gone.
    """

    version: ObjectVersion
    kind: str
    first_set: SetPlace | None
    last_set: SetPlace | None
    set_count: int
    differences: Sequence[Change] | None
    attribution: Attribution


class ObjectHistory:
    """Finds objects and tells their history."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        keys: TenantKeys,
        comparison: SetComparison,
        attribution: ChangeAttribution,
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._comparison = comparison
        self._attribution = attribution

    async def find(
        self, workspace_id: UUID, tenant_id: UUID, resource_type: str, wanted: str
    ) -> list[KnownObject]:
        """Return the objects that are meant: by id, else by name, else by the start of their id.

        Several of one name are all returned, those that exist first.
        """
        by_name, by_start, text = [], [], wanted.strip().lower()
        async for known in self._known(workspace_id, tenant_id, resource_type):
            if known.object_id.lower() == text:
                return [known]
            if (known.name or "").lower() == text:
                by_name.append(known)
            elif known.object_id.lower().startswith(text):
                by_start.append(known)
        return sorted(by_name or by_start, key=lambda known: known.is_deleted)

    async def history(
        self, workspace_id: UUID, tenant_id: UUID, resource_type: str, object_id: str
    ) -> list[HistoryEntry]:
        """Return the versions of an object, oldest first; none if it was never seen."""
        versions = await self._comparison.versions(
            workspace_id, tenant_id, resource_type, object_id
        )
        owner = (workspace_id, tenant_id)
        async with self._engine.connect() as connection:
            sets = await rows.sets_of_type(connection, owner, resource_type)
            held = await _held(connection, tenant_id, sets, object_id)
        windows = _windows(versions, sets)
        key = (resource_type, object_id)
        who = await self._attribution.of_object(workspace_id, tenant_id, key, windows)
        entries = []
        for place, version in enumerate(versions):
            before = versions[place - 1] if place else None
            homes = _homes(version, versions[place + 1 : place + 2], sets, held)
            entries.append(
                HistoryEntry(
                    version=version,
                    kind="recreated" if version.change == "created" and before else version.change,
                    first_set=homes[0] if homes else None,
                    last_set=homes[-1] if homes else None,
                    set_count=len(homes),
                    differences=await self._differences(owner, resource_type, before, version),
                    attribution=who[place],
                )
            )
        return entries

    async def _differences(
        self,
        owner: tuple[UUID, UUID],
        resource_type: str,
        before: ObjectVersion | None,
        version: ObjectVersion,
    ) -> list[Change] | None:
        if before is None or before.version_hash is None or version.version_hash is None:
            return None
        hashes = (before.version_hash, version.version_hash)
        try:
            return await self._comparison.diff_versions(*owner, resource_type, hashes)
        except ContentMissingError:
            return None

    async def _known(
        self, workspace_id: UUID, tenant_id: UUID, resource_type: str
    ) -> AsyncIterator[KnownObject]:
        owner, after = (workspace_id, tenant_id), ""
        async with self._engine.begin() as connection:
            cipher = await self._keys.cipher_within(connection, *owner)
            while page := await rows.objects_after(
                connection, owner, resource_type, after, _OBJECTS_AT_ONCE
            ):
                after = page[-1]["external_id"]
                names = await asyncio.to_thread(_names, cipher, tenant_id, resource_type, page)
                for row, name in zip(page, names, strict=True):
                    yield KnownObject(row["external_id"], name, row["deleted_at"] is not None)


def _names(
    cipher: TenantCipher, tenant_id: UUID, resource_type: str, page: Sequence[Row]
) -> list[str | None]:
    return [open_name(cipher, tenant_id, resource_type, row) for row in page]


async def _held(
    connection: AsyncConnection, tenant_id: UUID, sets: Sequence[Row], object_id: str
) -> dict[str, str]:
    """Return the version of the object in each manifest chunk that has it."""
    hashes = sorted({chunk for row in sets for chunk in row["chunk_hashes"]})
    mark, held = f"{object_id}\t".encode(), {}
    for start in range(0, len(hashes), _CHUNKS_AT_ONCE):
        part = hashes[start : start + _CHUNKS_AT_ONCE]
        for name, payload in (await select_payloads(connection, tenant_id, part)).items():
            if mark in payload:
                versions = dict(parse_chunk(payload))
                if object_id in versions:
                    held[name] = versions[object_id]
    return held


def _homes(
    version: ObjectVersion,
    following: Sequence[ObjectVersion],
    sets: Sequence[Row],
    held: Mapping[str, str],
) -> list[SetPlace]:
    """Return the sets that hold a version, in order.

    One content may come back as a later version, so a set counts only while this one was the
    newest.
    """
    until = following[0].captured_at if following else None
    return [
        SetPlace(row["id"], row["sequence"], row["name"], row["captured_at"])
        for row in sets
        if version.version_hash is not None
        and row["captured_at"] >= version.captured_at
        and (until is None or row["captured_at"] < until)
        and any(held.get(chunk) == version.version_hash for chunk in row["chunk_hashes"])
    ]


def _windows(
    versions: Sequence[ObjectVersion], sets: Sequence[Row]
) -> list[tuple[datetime | None, datetime]]:
    """Return when each version can have been made: since the reading before it."""
    windows: list[tuple[datetime | None, datetime]] = []
    for place, version in enumerate(versions):
        began = [
            row["began_at"]
            for row in sets
            if row["listing_complete"]
            and row["captured_at"] < version.captured_at
            and row["operation_run_id"] != version.operation_run_id
        ]
        after = max(began, default=None)
        if place and after is not None:
            after = max(after, versions[place - 1].captured_at)
        windows.append((after, version.captured_at))
    return windows
