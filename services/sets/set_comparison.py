"""What changed: in one run, between two sets, between two versions of an object.

A missing object is called removed only if its deletion was proven (D5); a type that was not read
whole is not comparable, and nothing of it is called added or removed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.canonical_rules import CanonicalRules, rules_of
from domain.diff import Change, diff
from domain.resource_types.registry import RESOURCE_TYPES
from services.contents.contents import ContentMissingError, ContentReader
from services.contents.tenant_keys import TenantKeys
from services.sets.backup_sets import (
    BackupSet,
    BackupSetNotFoundError,
    BackupSets,
    SetType,
    open_name,
    read_manifest,
)
from storage import sets as rows
from storage.statements import Row


@dataclass(frozen=True)
class ObjectChange:
    """What one run made of one object.

    `change`: created, updated, deleted or schema_change. The hashes name the versions; None where
    the object did not exist.
    """

    resource_type: str
    object_id: str
    name: str | None
    change: str
    version_before: str | None
    version_hash: str | None


@dataclass(frozen=True)
class ChangedObject:
    """An object with another version in the newer set."""

    object_id: str
    version_before: str
    version_hash: str


@dataclass(frozen=True, kw_only=True)
class TypeComparison:
    """One resource type of two sets, objects by id.

    `schema_changed` have another version that nobody made (D9). `uncertain` are in one set only,
    and nothing proves why. All but the changed ones stay empty unless the type `is_comparable`:
    read whole in both sets.
    """

    resource_type: str
    is_comparable: bool
    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    changed: Sequence[ChangedObject] = ()
    schema_changed: Sequence[ChangedObject] = ()
    uncertain: Sequence[str] = ()


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object, from 1; `version_hash` None is a deletion."""

    version_number: int
    version_hash: str | None
    change: str
    operation_run_id: UUID
    not_captured: Sequence[str]
    captured_at: datetime


class SetComparison:
    """Compares what was stored."""

    def __init__(self, *, engine: AsyncEngine, keys: TenantKeys, sets: BackupSets) -> None:
        self._engine = engine
        self._keys = keys
        self._sets = sets
        self._reader = ContentReader(engine=engine, keys=keys)

    async def changes_of_run(
        self, workspace_id: UUID, tenant_id: UUID, run_id: UUID
    ) -> list[ObjectChange]:
        """Return exactly the objects that the run found changed, by type and id.

        An object that came and went, or changed and changed back, within the run is not among
        them.
        """
        async with self._engine.begin() as connection:
            found = await rows.changes_of_run(connection, workspace_id, run_id)
            cipher = await self._keys.cipher_within(connection, workspace_id, tenant_id)
        changes = []
        for (resource_type, object_id), group in groupby(found, key=_object):
            versions = list(group)
            change = _net_change(versions)
            if change is not None:
                name = open_name(cipher, tenant_id, resource_type, versions[-1])
                before, after = versions[0]["version_before"], versions[-1]["version_hash"]
                changes.append(ObjectChange(resource_type, object_id, name, change, before, after))
        return changes

    async def versions(
        self, workspace_id: UUID, tenant_id: UUID, resource_type: str, object_id: str
    ) -> list[ObjectVersion]:
        """Return the versions of an object, oldest first; none if it was never seen."""
        async with self._engine.connect() as connection:
            place = (workspace_id, tenant_id, resource_type, object_id)
            found = await rows.versions_of(connection, *place)
        return [ObjectVersion(**row) for row in found]

    async def diff_versions(
        self, workspace_id: UUID, tenant_id: UUID, resource_type: str, hashes: tuple[str, str]
    ) -> list[Change]:
        """Return what differs between two versions, older first; never a secret's value.

        Raises ContentMissingError.
        """
        opened = await self._reader.documents(workspace_id, tenant_id, hashes)
        if not opened.keys() >= set(hashes):
            raise ContentMissingError
        before, after = (opened[name].document for name in hashes)
        return diff(before, after, rules_for(resource_type))

    async def compare(
        self, workspace_id: UUID, set_id: UUID, other_set_id: UUID
    ) -> list[TypeComparison]:
        """Compare two sets of one tenant, the older one first whatever their order here.

        Raises BackupSetNotFoundError, also for sets of two tenants.
        """
        async with self._engine.begin() as connection:
            pair = [
                await self._sets.show_within(connection, workspace_id, name)
                for name in (set_id, other_set_id)
            ]
            pair.sort(key=lambda shown: (shown[0].tenant_id, shown[0].sequence))
            (older, older_types), (newer, newer_types) = pair
            if older.tenant_id != newer.tenant_id:
                raise BackupSetNotFoundError("the sets are of two tenants")
            before = {of_set.resource_type: of_set for of_set in older_types}
            after = {of_set.resource_type: of_set for of_set in newer_types}
            return [
                await _compare_type(connection, (older, newer), before.get(key), after.get(key))
                for key in sorted(before.keys() | after.keys())
            ]


def rules_for(resource_type: str) -> CanonicalRules:
    """Return the rules of a type; those of every document for one that is no longer registered."""
    entry = RESOURCE_TYPES.get(resource_type)
    return CanonicalRules() if entry is None else rules_of(entry)


def _object(row: Row) -> tuple[str, str]:
    return row["resource_type"], row["external_id"]


def _net_change(versions: Sequence[Row]) -> str | None:
    """Return what a run's versions of one object amount to."""
    before, after = versions[0]["version_before"], versions[-1]["version_hash"]
    if before == after:
        return None
    if before is None:
        return "created"
    if after is None:
        return "deleted"
    is_schema_change = all(version["change"] == "schema_change" for version in versions)
    return "schema_change" if is_schema_change else "updated"


async def _compare_type(
    connection: AsyncConnection,
    pair: tuple[BackupSet, BackupSet],
    before: SetType | None,
    after: SetType | None,
) -> TypeComparison:
    of_set = after or before
    assert of_set is not None  # noqa: S101 - the key came from one of them
    key = of_set.resource_type
    if before is None or after is None:
        return TypeComparison(resource_type=key, is_comparable=False)
    tenant_id = pair[0].tenant_id
    old = dict(await read_manifest(connection, tenant_id, before))
    new = dict(await read_manifest(connection, tenant_id, after))
    differing = [
        ChangedObject(name, old[name], version)
        for name, version in new.items()
        if name in old and old[name] != version
    ]
    place, window = (tenant_id, key), (pair[0].captured_at, pair[1].captured_at)
    ids = [entry.object_id for entry in differing]
    unmade = await rows.unmade_between(connection, place, ids, window)
    changed = [entry for entry in differing if entry.object_id not in unmade]
    schema_changed = [entry for entry in differing if entry.object_id in unmade]
    if not (before.listing_complete and after.listing_complete):
        return TypeComparison(
            resource_type=key,
            is_comparable=False,
            changed=changed,
            schema_changed=schema_changed,
        )
    single = sorted(old.keys() ^ new.keys())
    proven = await rows.proven_between(connection, place, single, window)
    added, removed = _proven(proven, old, new)
    return TypeComparison(
        resource_type=key,
        is_comparable=True,
        added=added,
        removed=removed,
        changed=changed,
        schema_changed=schema_changed,
        uncertain=[name for name in single if name not in {*added, *removed}],
    )


def _proven(
    proven: Sequence[Row], old: Mapping[str, str], new: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    deleted = {row["external_id"] for row in proven if row["was_deleted"]}
    created = {row["external_id"] for row in proven if row["was_created"]}
    added = sorted(name for name in new.keys() - old.keys() if name in created)
    return added, sorted(name for name in old.keys() - new.keys() if name in deleted)
