"""Differences of two sets, object by object, and of two single objects.

Types are compared one after the other and objects in parts, so that the documents of one part are
in memory at a time.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.contents.contents import ContentMissingError, ContentReader
from services.history.object_differences import (
    ObjectDifference,
    TypeDifference,
    compared,
    with_not_captured,
)
from services.sets.backup_sets import BackupSets
from services.sets.set_comparison import ChangedObject, SetComparison, TypeComparison

_OBJECTS_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class VersionPlace:
    """One version of an object of one tenant."""

    tenant_id: UUID
    object_id: str
    name: str | None
    version_hash: str


class SetDifferences:
    """Compares what was stored, down to single properties."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        reader: ContentReader,
        sets: BackupSets,
        comparison: SetComparison,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._sets = sets
        self._comparison = comparison

    async def of_sets(
        self,
        workspace_id: UUID,
        tenant_id: UUID,
        set_ids: tuple[UUID, UUID],
        resource_types: Collection[str] | None = None,
    ) -> AsyncIterator[TypeDifference]:
        """Yield each type of two sets, the older one first whatever their order here.

        Raises BackupSetNotFoundError, also for sets of two tenants.
        """
        for found in await self._comparison.compare(workspace_id, *set_ids):
            if resource_types is None or found.resource_type in resource_types:
                yield await self._of_type((workspace_id, tenant_id), found)

    async def of_versions(
        self, workspace_id: UUID, resource_type: str, before: VersionPlace, after: VersionPlace
    ) -> ObjectDifference:
        """Return what differs between two versions, also of two objects or two tenants.

        Raises ContentMissingError.
        """
        documents = []
        for place in (before, after):
            opened = await self._reader.documents(
                workspace_id, place.tenant_id, [place.version_hash]
            )
            if place.version_hash not in opened:
                raise ContentMissingError
            documents.append(opened[place.version_hash].document)
        subject = ObjectDifference(
            resource_type=resource_type,
            object_id=after.object_id,
            name=after.name,
            change="changed",
            version_before=before.version_hash,
            version_hash=after.version_hash,
        )
        [found] = await compared([(subject, documents[0], documents[1])])
        async with self._engine.connect() as connection:
            for place in (before, after):
                [found] = await with_not_captured(connection, place.tenant_id, [found])
        return found

    async def _of_type(self, owner: tuple[UUID, UUID], found: TypeComparison) -> TypeDifference:
        objects = [
            *_single(found, "added", found.added),
            *_single(found, "removed", found.removed),
            *_single(found, "uncertain", found.uncertain),
            *await self._changed(owner, found, "changed", found.changed),
            *await self._changed(owner, found, "schema_changed", found.schema_changed),
        ]
        async with self._engine.begin() as connection:
            place = (*owner, found.resource_type)
            ids = [entry.object_id for entry in objects]
            names = await self._sets.names_within(connection, place, ids)
            objects = await with_not_captured(connection, owner[1], objects)
        return TypeDifference(
            resource_type=found.resource_type,
            is_comparable=found.is_comparable,
            objects=[replace(entry, name=names.get(entry.object_id)) for entry in objects],
        )

    async def _changed(
        self,
        owner: tuple[UUID, UUID],
        found: TypeComparison,
        change: str,
        objects: Sequence[ChangedObject],
    ) -> list[ObjectDifference]:
        result: list[ObjectDifference] = []
        for start in range(0, len(objects), _OBJECTS_AT_ONCE):
            part = objects[start : start + _OBJECTS_AT_ONCE]
            hashes = {name for entry in part for name in (entry.version_before, entry.version_hash)}
            opened = await self._reader.documents(*owner, hashes)
            subjects = [_subject(found.resource_type, entry, change) for entry in part]
            known = [
                (
                    subject,
                    opened[entry.version_before].document,
                    opened[entry.version_hash].document,
                )
                for subject, entry in zip(subjects, part, strict=True)
                if entry.version_before in opened and entry.version_hash in opened
            ]
            done = {entry.object_id: entry for entry in await compared(known)}
            result += [
                done.get(subject.object_id, replace(subject, is_stored=False))
                for subject in subjects
            ]
        return result


def _subject(resource_type: str, entry: ChangedObject, change: str) -> ObjectDifference:
    return ObjectDifference(
        resource_type=resource_type,
        object_id=entry.object_id,
        name=None,
        change=change,
        version_before=entry.version_before,
        version_hash=entry.version_hash,
    )


def _single(
    found: TypeComparison, change: str, object_ids: Sequence[str]
) -> list[ObjectDifference]:
    return [
        ObjectDifference(
            resource_type=found.resource_type, object_id=object_id, name=None, change=change
        )
        for object_id in object_ids
    ]
