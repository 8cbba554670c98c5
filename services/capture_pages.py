"""One page of a listing made ready for its transaction: hashed, compared, compressed, encrypted.

Nothing here writes, so it may run twice or for nothing. What it found is checked again under the
locks of the transaction that uses it.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.canonical_rules import CanonicalRules
from domain.capture_results import StepEntry
from domain.diff import diff
from domain.manifests import is_valid_object_id
from domain.schema_changes import ComparedObject, may_be_schema_change, schema_changes
from services.contents import ContentReader, Document, hash_document, hash_documents, seal_documents
from services.tenant_keys import TenantCipher
from storage.contents import ContentRow, readable_hashes
from storage.policies import KnownPolicy, known_policies

# Of an object whose id or body no JSON document can hold.
UNREPRESENTABLE = "object_failed"


@dataclass(frozen=True)
class CapturedObject:
    """An object that was read whole.

    `document` is its body with what was read separately under its navigation property;
    `not_captured` are JSON Pointers of values that Graph did not return.
    """

    object_id: str
    name: str | None
    document: Mapping[str, Any]
    not_captured: tuple[str, ...] = ()


@dataclass(frozen=True)
class FailedObject:
    """An object that was listed but not read; a skip has a cause that may prove harmless."""

    object_id: str
    reason_code: str
    is_skip: bool = False


ListedObject = CapturedObject | FailedObject


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
class PreparedPage:
    """A page ready to be written."""

    key_id: UUID
    entries: Sequence[StepEntry]
    changes: Sequence[PageChange]
    contents: Sequence[ContentRow]

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


@dataclass(frozen=True)
class PagePlace:
    """Whose page it is, and the rules of its type."""

    workspace_id: UUID
    tenant_id: UUID
    resource_type: str
    rules: CanonicalRules
    cipher: TenantCipher


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
    bodies = [item.document for item in read]
    hashes = await hash_documents(bodies, place.rules, place.cipher, ids)
    versions = {
        item.object_id: content_hash
        for item, content_hash in zip(read, hashes, strict=True)
        if content_hash is not None and is_valid_object_id(item.object_id)
    }
    key_id = place.cipher.key_id
    known = await known_policies(
        connection, place.tenant_id, place.resource_type, list(versions), key_id
    )
    documents = {item.object_id: item for item in read if item.object_id in versions}
    changed = [name for name, version in versions.items() if _differs(known.get(name), version)]
    unmade = await _schema_changes(connection, reader, place, known, documents, versions)
    return PreparedPage(
        key_id=key_id,
        entries=[_entry(item, versions) for item in listed.values()],
        changes=[
            PageChange(
                object_id=name,
                basis=_version_of(known.get(name)),
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


def _version_of(known: KnownPolicy | None) -> str | None:
    return None if known is None or known.is_deleted else known.current_version_hash


def _differs(known: KnownPolicy | None, version: str) -> bool:
    return _version_of(known) != version


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
) -> list[ContentRow]:
    """Seal what the store lacks, also of an unchanged object whose content cannot be read."""
    wanted = {}
    for object_id, version in versions.items():
        policy = known.get(object_id)
        is_stored = policy is not None and policy.canonical_rules is not None
        if not is_stored or policy is None or policy.current_version_hash != version:
            wanted[version] = documents[object_id].document
    if not wanted:
        return []
    stored = await readable_hashes(connection, place.tenant_id, place.cipher.key_id, list(wanted))
    missing = {version: wanted[version] for version in wanted if version not in stored}
    return await seal_documents(missing, place.tenant_id, place.cipher)


async def _schema_changes(
    connection: AsyncConnection,
    reader: ContentReader,
    place: PagePlace,
    known: Mapping[str, KnownPolicy],
    documents: Mapping[str, CapturedObject],
    versions: Mapping[str, str],
) -> set[str]:
    """Return the changed objects that nobody changed (D9).

    Either their stored document gives the new hash under the new rules, or their whole type gained
    or lost the same properties. Stored documents are read only when one of both can be.
    """
    older = {
        object_id: before
        for object_id, policy in known.items()
        if (before := _version_of(policy)) is not None and before != versions[object_id]
    }
    suspects = _suspects(place, known, documents, older)
    if not suspects:
        return set()
    opened = await reader.documents_within(
        connection, place.workspace_id, place.tenant_id, [older[name] for name in suspects]
    )
    pairs = {
        name: (opened[older[name]].document, documents[name].document)
        for name in suspects
        if older[name] in opened
    }
    return await asyncio.to_thread(_unmade, place, pairs, documents, versions, set(known))


def _suspects(
    place: PagePlace,
    known: Mapping[str, KnownPolicy],
    documents: Mapping[str, CapturedObject],
    older: Mapping[str, str],
) -> list[str]:
    groups = Counter(_odata_type(documents[name]) for name in known)
    changed = Counter(_odata_type(documents[name]) for name in older)
    return [
        name
        for name in older
        if known[name].canonical_rules is not None
        and (
            known[name].canonical_rules != place.rules.version
            or may_be_schema_change(
                changed[_odata_type(documents[name])], groups[_odata_type(documents[name])]
            )
        )
    ]


def _unmade(
    place: PagePlace,
    pairs: Mapping[str, tuple[Document, Document]],
    documents: Mapping[str, CapturedObject],
    versions: Mapping[str, str],
    known: Iterable[str],
) -> set[str]:
    same_content = {
        name
        for name, (before, _) in pairs.items()
        if hash_document(name, before, place.rules, place.cipher) == versions[name]
    }
    compared = [
        ComparedObject(
            name,
            _odata_type(documents[name]),
            diff(*pairs[name], place.rules) if name in pairs else (),
        )
        for name in known
    ]
    return same_content | schema_changes(compared)


def _odata_type(item: CapturedObject) -> str | None:
    value = item.document.get("@odata.type")
    return value if isinstance(value, str) else None
