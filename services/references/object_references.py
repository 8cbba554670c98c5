"""One object of a set with all that it refers to by name, and who refers to an object.

Owns what `backup show` and a restore need to know of an object beside its document.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.assignments import Assignment, TargetKind, assignments_of
from domain.references import SCOPE_TAG, Reference, reference_to, references_of
from domain.resource_types.registry import RESOURCE_TYPES
from services.contents.contents import ContentMissingError, ContentReader
from services.contents.tenant_keys import TenantKeys
from services.references.name_books import NameBook, NameBooks, NamedReference
from services.sets.backup_sets import (
    IMPORTED,
    BackupSet,
    BackupSetNotFoundError,
    BackupSets,
    SetType,
    open_name,
    read_manifest,
)
from storage.references import select_not_captured, select_referrers


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAssignment:
    """An assignment with the names that its set knows; fields as in `domain.assignments`."""

    target: TargetKind
    is_exclusion: bool
    reference: NamedReference | None
    word: str | None
    filter: NamedReference | None
    filter_mode: str | None
    intent: str | None
    source: str | None
    source_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownObject:
    """One object of a set.

    `references` are what it refers to beside its assignments and scope tags; `not_captured` JSON
    Pointers of values that Graph kept to itself.
    """

    resource_type: str
    object_id: str
    name: str | None
    version_hash: str
    assignments: Sequence[NamedAssignment]
    scope_tags: Sequence[NamedReference]
    references: Sequence[NamedReference]
    not_captured: Sequence[str]


@dataclass(frozen=True, slots=True)
class Referrer:
    """An object whose latest version refers to something."""

    resource_type: str
    object_id: str
    name: str | None


class ObjectReferences:
    """Reads what objects refer to."""

    def __init__(
        self, *, engine: AsyncEngine, keys: TenantKeys, sets: BackupSets, names: NameBooks
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._sets = sets
        self._names = names
        self._reader = ContentReader(engine=engine, keys=keys)

    async def shown_object(
        self, workspace_id: UUID, set_id: UUID, resource_type: str, object_id: str
    ) -> ShownObject:
        """Return an object of a set; raises BackupSetNotFoundError or ContentMissingError."""
        async with self._engine.begin() as connection:
            shown, types = await self._sets.show_within(connection, workspace_id, set_id)
            of_set = _type_of(types, resource_type)
            entries = await read_manifest(connection, shown.tenant_id, of_set)
            version = dict(entries).get(object_id)
            if version is None:
                raise BackupSetNotFoundError("the set has no such object")
            opened = await self._reader.documents_within(
                connection, workspace_id, shown.tenant_id, [version]
            )
            if version not in opened:
                raise ContentMissingError
            document = opened[version].document
            assignments = assignments_of(document)
            wanted = {*references_of(resource_type, document), *_references(assignments)}
            book = await self._names.book_within(connection, shown, types, wanted)
            withheld = await _withheld(connection, shown, resource_type, [object_id])
        return _shown(
            (resource_type, object_id, version),
            document,
            assignments,
            book,
            withheld.get(object_id, ()),
        )

    async def not_captured(
        self, workspace_id: UUID, set_id: UUID, resource_type: str
    ) -> dict[str, Sequence[str]]:
        """Return the places of withheld values by object of a type; raises as `shown_object`."""
        async with self._engine.begin() as connection:
            shown, types = await self._sets.show_within(connection, workspace_id, set_id)
            of_set = _type_of(types, resource_type)
            entries = await read_manifest(connection, shown.tenant_id, of_set)
            ids = [entry.object_id for entry in entries]
            return await _withheld(connection, shown, resource_type, ids)

    async def referrers(
        self, workspace_id: UUID, tenant_id: UUID, kind: str, external_id: str
    ) -> list[Referrer]:
        """Return the objects that refer to something now, as last known, by type and id."""
        reference = reference_to(kind, external_id)
        if reference is None:
            return []
        async with self._engine.begin() as connection:
            cipher = await self._keys.cipher_within(connection, workspace_id, tenant_id)
            owner = (workspace_id, tenant_id)
            rows = await select_referrers(connection, owner, kind, reference.external_id)
        return [
            Referrer(
                row["resource_type"],
                row["external_id"],
                open_name(cipher, tenant_id, row["resource_type"], row),
            )
            for row in rows
        ]


async def _withheld(
    connection: AsyncConnection, shown: BackupSet, resource_type: str, object_ids: Sequence[str]
) -> dict[str, Sequence[str]]:
    # Nobody knows what the makers of an imported export could not read.
    if shown.origin == IMPORTED:
        return {}
    place = (shown.tenant_id, resource_type)
    return await select_not_captured(connection, place, shown.captured_at, object_ids)


def _type_of(types: Sequence[SetType], resource_type: str) -> SetType:
    for of_set in types:
        if of_set.resource_type == resource_type:
            return of_set
    raise BackupSetNotFoundError("the set has no such resource type")


def _references(assignments: Sequence[Assignment]) -> list[Reference]:
    both = [(entry.reference, entry.filter) for entry in assignments]
    return [reference for pair in both for reference in pair if reference is not None]


def _shown(
    place: tuple[str, str, str],
    document: dict[str, Any],
    assignments: Sequence[Assignment],
    book: NameBook,
    not_captured: Sequence[str],
) -> ShownObject:
    resource_type, object_id, version = place
    entry = RESOURCE_TYPES.get(resource_type)
    name = document.get(entry.name_property if entry else "displayName")
    named = [book.look_up(one) for one in sorted(references_of(resource_type, document))]
    assigned = set(_references(assignments))
    return ShownObject(
        resource_type=resource_type,
        object_id=object_id,
        name=name if isinstance(name, str) else None,
        version_hash=version,
        assignments=[_named(entry, book) for entry in assignments],
        scope_tags=[one for one in named if one.kind == SCOPE_TAG],
        references=[
            one
            for one in named
            if one.kind != SCOPE_TAG and Reference(one.kind, one.object_id) not in assigned
        ],
        not_captured=not_captured,
    )


def _named(assignment: Assignment, book: NameBook) -> NamedAssignment:
    reference, chosen = assignment.reference, assignment.filter
    return NamedAssignment(
        target=assignment.target,
        is_exclusion=assignment.is_exclusion,
        reference=None if reference is None else book.look_up(reference),
        word=assignment.word,
        filter=None if chosen is None else book.look_up(chosen),
        filter_mode=assignment.filter_mode,
        intent=assignment.intent,
        source=assignment.source,
        source_id=assignment.source_id,
    )
