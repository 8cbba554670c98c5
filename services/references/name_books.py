"""Names of what a set refers to, as they were when it was captured (decision 0005).

A name comes from the document that the same set holds. What the set does not hold has no name here:
it is dangling if Graph said so (a 404), and otherwise unknown, which is said and never guessed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.references import Reference
from domain.resource_types.registry import RESOURCE_TYPES, is_by_reference
from services.contents.contents import ContentReader
from services.contents.tenant_keys import TenantKeys
from services.sets.backup_sets import (
    IMPORTED,
    BackupSet,
    BackupSets,
    ManifestMissingError,
    SetType,
    is_read_whole,
    read_manifest,
)
from storage.references import deleted_until


class NameState(StrEnum):
    """What is known of something that is referred to."""

    NAMED = "named"  # the set holds it
    DANGLING = "dangling"  # Graph answered that it does not exist
    UNKNOWN = "unknown"  # the set does not hold it, and nothing says why


@dataclass(frozen=True, slots=True)
class NamedReference:
    """Something that is referred to; the name is null unless the set holds it, or if it has none.

    `kind` is a key of the registry, or another kind of directory object (`domain.references`).
    """

    kind: str
    object_id: str
    name: str | None
    state: NameState


class NameBook:
    """Names of one set."""

    def __init__(self, found: Mapping[Reference, NamedReference]) -> None:
        self._found = found

    def look_up(self, reference: Reference) -> NamedReference:
        """Return what the set knows of a reference; unknown if the book was not made for it."""
        unknown = NamedReference(*reference, None, NameState.UNKNOWN)
        return self._found.get(reference, unknown)


class NameBooks:
    """Makes the books of sets."""

    def __init__(self, *, engine: AsyncEngine, keys: TenantKeys, sets: BackupSets) -> None:
        self._engine = engine
        self._sets = sets
        self._reader = ContentReader(engine=engine, keys=keys)

    async def of_set(
        self, workspace_id: UUID, set_id: UUID, references: Iterable[Reference]
    ) -> NameBook:
        """Return the names of these references; raises BackupSetNotFoundError."""
        async with self._engine.begin() as connection:
            shown, types = await self._sets.show_within(connection, workspace_id, set_id)
            return await self.book_within(connection, shown, types, references)

    async def book_within(
        self,
        connection: AsyncConnection,
        shown: BackupSet,
        types: Iterable[SetType],
        references: Iterable[Reference],
    ) -> NameBook:
        """Return the names of these references in a set that was read on `connection`."""
        by_kind: dict[str, set[Reference]] = defaultdict(set)
        for reference in references:
            by_kind[reference.kind].add(reference)
        held = {of_set.resource_type: of_set for of_set in types}
        found: dict[Reference, NamedReference] = {}
        for kind, wanted in by_kind.items():
            if kind in held:
                found |= await self._of_kind(connection, shown, held[kind], wanted)
        return NameBook(found)

    async def _of_kind(
        self,
        connection: AsyncConnection,
        shown: BackupSet,
        of_set: SetType,
        wanted: set[Reference],
    ) -> dict[Reference, NamedReference]:
        try:
            entries = await read_manifest(connection, shown.tenant_id, of_set)
        except ManifestMissingError:
            # Names are a help; what is whole must come out of a damaged set.
            return {}
        # Graph ignores the case of ids; references hold GUIDs in lower case.
        versions = {entry.object_id.lower(): entry.version_hash for entry in entries}
        held = {one: versions[one.external_id.lower()] for one in wanted
                if one.external_id.lower() in versions}  # fmt: skip
        documents = await self._reader.documents_within(
            connection, shown.workspace_id, shown.tenant_id, held.values()
        )
        missing = [reference for reference in wanted if reference not in held]
        dangling = await self._dangling(connection, shown, of_set, missing)
        named = {
            reference: NamedReference(
                *reference,
                _name(of_set.resource_type, documents[version].document)
                if version in documents
                else None,
                NameState.NAMED,
            )
            for reference, version in held.items()
        }
        return named | {
            reference: NamedReference(
                *reference,
                None,
                NameState.DANGLING if reference in dangling else NameState.UNKNOWN,
            )
            for reference in missing
        }

    async def _dangling(
        self,
        connection: AsyncConnection,
        shown: BackupSet,
        of_set: SetType,
        missing: list[Reference],
    ) -> set[Reference]:
        """Return the references of which Graph said that nothing is there.

        Each object of a type that is read by reference was asked for by itself; of the others only
        a deletion that was proven says so.
        """
        if not missing or shown.origin == IMPORTED:
            return set()
        if is_by_reference(of_set.resource_type) and is_read_whole(shown, of_set):
            return set(missing)
        place = (shown.tenant_id, of_set.resource_type)
        ids = [reference.external_id for reference in missing]
        deleted = await deleted_until(connection, place, ids, shown.captured_at)
        return {reference for reference in missing if reference.external_id in deleted}


def _name(resource_type: str, document: Mapping[str, Any]) -> str | None:
    entry = RESOURCE_TYPES.get(resource_type)
    name = document.get(entry.name_property if entry else "displayName")
    return name if isinstance(name, str) else None
