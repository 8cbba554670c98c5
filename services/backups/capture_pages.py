"""One page of a listing made ready for its transaction: hashed, compared, compressed, encrypted.

Nothing here writes, so it may run twice or for nothing. What it found is checked again under the
locks of the transaction that uses it.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.capture_results import StepEntry
from domain.manifests import is_valid_object_id
from domain.references import REFERENCES_VERSION, references_of
from services.backups.listed_objects import CapturedObject, FailedObject, ListedObject, PagePlace
from services.backups.unmade_changes import ComparedPage, unmade_changes, version_of
from services.contents.contents import ContentReader, hash_documents, seal_documents
from storage.contents import ContentRow, readable_hashes
from storage.policies import KnownPolicy, known_policies
from storage.references import ContentReference

# Of an object whose id or body no JSON document can hold.
UNREPRESENTABLE = "object_failed"


@dataclass(frozen=True)
class PageChange:
    """An object whose version differs from the latest known one.

    `basis` is that version; `is_schema_change` holds only against it.
    """

    object_id: str
    basis: str | None
    version_hash: str
    name: bytes | None
    not_captured: tuple[str, ...]
    is_schema_change: bool


@dataclass(frozen=True)
class PreparedContents:
    """What the store lacks of a page: contents, and what versions refer to.

    `outdated` are stored versions whose references an older extraction wrote, or none.
    """

    rows: Sequence[ContentRow] = ()
    references: Sequence[ContentReference] = ()
    outdated: Sequence[str] = ()


@dataclass(frozen=True)
class PreparedPage:
    """A page ready to be written."""

    key_id: UUID
    entries: Sequence[StepEntry]
    changes: Sequence[PageChange]
    contents: PreparedContents

    @property
    def seals_anything(self) -> bool:
        """Whether something of it is written under the tenant's key."""
        return bool(self.changes or self.contents.rows)

    @property
    def counts(self) -> tuple[int, int, int, int, int, int]:
        """Expected, captured, unchanged, skipped, failed, not captured: for live progress."""
        captured = sum(entry.version_hash is not None for entry in self.entries)
        skipped = sum(entry.is_skip for entry in self.entries)
        return (
            len(self.entries),
            len(self.changes),
            captured - len(self.changes),
            skipped,
            len(self.entries) - captured - skipped,
            sum(entry.not_captured_count for entry in self.entries),
        )


class PreparedStep(NamedTuple):
    """A page ready to be written, and whose it is."""

    place: PagePlace
    page: PreparedPage


async def prepare_page(
    connection: AsyncConnection,
    reader: ContentReader,
    place: PagePlace,
    objects: Iterable[ListedObject],
) -> PreparedPage:
    """Compare a page with what is known and seal what is new; an object listed twice counts once.

    Unchanged objects cost one hash and no encryption.
    """
    listed = {item.object_id: item for item in objects}
    read = [item for item in listed.values() if isinstance(item, CapturedObject)]
    ids = [item.object_id for item in read]
    hashes = await hash_documents(
        [item.document for item in read],
        place.rules,
        place.cipher,
        ids,
        [item.body for item in read],
    )
    versions = {
        item.object_id: content_hash
        for item, content_hash in zip(read, hashes, strict=True)
        if content_hash is not None and is_valid_object_id(item.object_id)
    }
    key_id = place.cipher.key_id
    known = await known_policies(
        connection, place.tenant_id, place.resource_type, list(versions), place.cipher.key_ids
    )
    documents = {item.object_id: item for item in read if item.object_id in versions}
    changed = [name for name, version in versions.items() if _differs(known.get(name), version)]
    page = ComparedPage(place, known, documents, versions)
    unmade = await unmade_changes(connection, reader, page)
    return PreparedPage(
        key_id=key_id,
        entries=[_entry(item, versions) for item in listed.values()],
        changes=[
            PageChange(
                object_id=name,
                basis=version_of(known.get(name)),
                version_hash=versions[name],
                name=seal_name(place, documents[name]),
                not_captured=documents[name].not_captured,
                is_schema_change=name in unmade,
            )
            for name in changed
        ],
        contents=await _new_contents(connection, place, known, documents, versions),
    )


def seal_name(place: PagePlace, item: CapturedObject) -> bytes | None:
    """Return the encrypted display name: tenant data."""
    if item.name is None:
        return None
    context = name_context(place.tenant_id, place.resource_type, item.object_id)
    return place.cipher.seal(item.name.encode(errors="replace"), context)


def name_context(tenant_id: UUID, resource_type: str, object_id: str) -> bytes:
    """Return what binds an encrypted name to its object."""
    return b"name" + tenant_id.bytes + f"{resource_type}\0{object_id}".encode()


def _differs(known: KnownPolicy | None, version: str) -> bool:
    return version_of(known) != version


def _entry(item: ListedObject, versions: Mapping[str, str]) -> StepEntry:
    # An id that is no line of text stays out of the manifest and must not break the row.
    is_valid = is_valid_object_id(item.object_id)
    object_id = item.object_id if is_valid else ascii(item.object_id)
    if isinstance(item, FailedObject):
        return StepEntry(object_id, None, 0, item.reason_code, item.is_skip)
    version = versions.get(item.object_id)
    if version is None:
        return StepEntry(object_id, None, 0, UNREPRESENTABLE)
    return StepEntry(object_id, version, len(item.not_captured))


async def _new_contents(
    connection: AsyncConnection,
    place: PagePlace,
    known: Mapping[str, KnownPolicy],
    documents: Mapping[str, CapturedObject],
    versions: Mapping[str, str],
) -> PreparedContents:
    """Seal what the store lacks, also of an unchanged object whose content cannot be read.

    An unchanged object whose references an older extraction wrote is only extracted again.
    """
    wanted = dict[str, CapturedObject]()
    outdated = dict[str, CapturedObject]()
    for object_id, version in versions.items():
        policy = known.get(object_id)
        is_stored = policy is not None and policy.canonical_rules is not None
        if not is_stored or policy is None or policy.current_version_hash != version:
            wanted[version] = documents[object_id]
        elif (policy.references_version or 0) < REFERENCES_VERSION:
            outdated[version] = documents[object_id]
    if not wanted and not outdated:
        return PreparedContents()
    stored = await readable_hashes(connection, place.tenant_id, place.cipher.key_ids, list(wanted))
    missing = {version: wanted[version] for version in wanted if version not in stored}
    outdated |= {
        version: wanted[version] for version in stored if stored[version] < REFERENCES_VERSION
    }
    texts = {version: item.body or item.document for version, item in missing.items()}
    sealed = await seal_documents(texts, place.tenant_id, place.cipher)
    return PreparedContents(
        rows=[row._replace(references_version=REFERENCES_VERSION) for row in sealed],
        references=await asyncio.to_thread(_references, place.resource_type, missing | outdated),
        outdated=sorted(outdated),
    )


def _references(
    resource_type: str, objects: Mapping[str, CapturedObject]
) -> list[ContentReference]:
    return [
        ContentReference(version, *reference)
        for version, item in objects.items()
        for reference in references_of(resource_type, item.document, item.body)
    ]
