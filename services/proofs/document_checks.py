"""Opening stored documents and hashing them again, a bounded number of bytes at a time.

A document proves itself twice: its seal binds it to tenant and version (AES-GCM), and its canonical
form gives the version's hash. The second needs the rules that the hash was made under; under older
ones only the first is left, and that is counted apart.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import zstandard
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.canonical import UnrepresentableDocumentError, canonical_form, version_hash
from domain.canonical_rules import CanonicalRules, rules_of
from domain.manifests import ManifestEntry
from domain.resource_types.registry import RESOURCE_TYPES
from services.contents.contents import LARGEST_DOCUMENT, content_context
from services.contents.tenant_keys import SealedDataError, TenantCipher
from services.proofs.problems import Fault, ProblemKind
from storage import proof_scans as rows
from storage.proof_scans import SealedContent

# Encrypted bytes held at once, unless one document alone is larger; and rows asked for at once.
BATCH_BYTES = 8 * 1024 * 1024
BATCH_ROWS = 500

MISSING = "the document is not stored"
ALTERED = "the document does not open: it was altered, or belongs elsewhere"
DIFFERS = "the document opens and is not the one that its hash names"

# None for a type that this version does not know.
RulesFor = Callable[[str], CanonicalRules | None]


def registry_rules(resource_type: str) -> CanonicalRules | None:
    """Return the rules of a type of the registry."""
    entry = RESOURCE_TYPES.get(resource_type)
    return None if entry is None else rules_of(entry)


@dataclass(slots=True)
class DocumentCounts:
    """How documents were proven.

    `hashed`: opened, and their hash recomputed. `opened`: by their seal alone; of these
    `older_rules` were hashed under rules that this version does not have any more. `sealed`: under
    a key that is not at hand, so not proven at all.
    """

    hashed: int = 0
    opened: int = 0
    older_rules: int = 0
    sealed: int = 0


@dataclass(frozen=True, slots=True)
class DocumentGround:
    """What checks of one tenant's documents need; `owner` is (workspace, tenant).

    `cipher` is None when no key is at hand: then documents are only looked for.
    """

    connection: AsyncConnection
    owner: tuple[UUID, UUID]
    cipher: TenantCipher | None
    rules_for: RulesFor
    on_checked: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Versions of one type to be proven; `objects` by version hash, empty when none is known."""

    resource_type: str | None
    objects: Mapping[str, str] = field(default_factory=dict)
    rules: CanonicalRules | None = None


class DocumentChecks:
    """Checks the documents of one tenant, each version once; holds hashes, never a document."""

    def __init__(self, ground: DocumentGround) -> None:
        self.counts = DocumentCounts()
        self._ground = ground
        # By version hash: for which object it was checked.
        self._seen: dict[bytes, int] = {}
        self._faults: dict[tuple[str, ManifestEntry], Fault] = {}

    async def check(self, resource_type: str, entries: Sequence[ManifestEntry]) -> list[Fault]:
        """Return what is wrong with the documents of these objects, known faults included."""
        pending = [entry for entry in entries if self._is_new(resource_type, entry)]
        while pending:
            # One object for each version; another that claims the same one takes its own turn.
            objects: dict[str, str] = {}
            for entry in pending[:BATCH_ROWS]:
                objects.setdefault(entry.version_hash, entry.object_id)
            await self._check_batch(resource_type, objects)
            pending = [
                entry
                for number, entry in enumerate(pending)
                if number >= BATCH_ROWS or objects[entry.version_hash] != entry.object_id
            ]
        if not self._faults:
            return []
        found = (self._faults.get((resource_type, entry)) for entry in entries)
        return [fault for fault in found if fault is not None]

    async def check_others(self) -> list[Fault]:
        """Open every document that no manifest led to; return what is wrong."""
        ground, broken, last = self._ground, dict[str, Fault](), ""
        while sizes := await rows.content_sizes_after(
            ground.connection, ground.owner, last, BATCH_ROWS
        ):
            last = max(sizes)
            others = {name: size for name, size in sizes.items() if _key(name) not in self._seen}
            broken |= await self._prove(others, _Batch(None))
        return await self._named(broken)

    def _is_new(self, resource_type: str, entry: ManifestEntry) -> bool:
        """Note the version, and tell whether it was not yet checked for this very object."""
        place, version = hash((resource_type, entry.object_id)), _key(entry.version_hash)
        if self._seen.get(version) == place:
            return False
        self._seen[version] = place
        return True

    async def _check_batch(self, resource_type: str, objects: Mapping[str, str]) -> None:
        ground = self._ground
        sizes = await rows.content_sizes(ground.connection, ground.owner, list(objects))
        broken = {
            name: Fault(ProblemKind.CONTENT_MISSING, MISSING, resource_type, object_id)
            for name, object_id in objects.items()
            if name not in sizes
        }
        batch = _Batch(resource_type, objects, ground.rules_for(resource_type))
        broken |= await self._prove(sizes, batch)
        for name, fault in broken.items():
            self._faults[resource_type, ManifestEntry(objects[name], name)] = fault

    async def _prove(self, sizes: Mapping[str, int], batch: _Batch) -> dict[str, Fault]:
        ground, broken = self._ground, dict[str, Fault]()
        if ground.cipher is None:
            self.counts.sealed += len(sizes)
            return broken
        async for contents in self._read(sizes):
            broken |= await asyncio.to_thread(self._prove_all, contents, batch, ground.cipher)
            ground.on_checked(len(contents))
        return broken

    async def _read(self, sizes: Mapping[str, int]) -> AsyncIterator[list[SealedContent]]:
        for names in _by_size(sizes):
            yield await rows.sealed_contents(self._ground.connection, self._ground.owner, names)

    def _prove_all(
        self, contents: Sequence[SealedContent], batch: _Batch, cipher: TenantCipher
    ) -> dict[str, Fault]:
        """Prove documents in a thread: what takes time here is decryption and hashing."""
        proven = {
            content.version_hash: self._proven(content, batch, cipher) for content in contents
        }
        return {name: fault for name, fault in proven.items() if fault is not None}

    def _proven(self, content: SealedContent, batch: _Batch, cipher: TenantCipher) -> Fault | None:
        place = (batch.resource_type, batch.objects.get(content.version_hash))
        if not cipher.can_open(content.key_id):
            # One problem for each key: its loss concerns all that it sealed.
            self.counts.sealed += 1
            detail = f"documents are sealed with key {content.key_id}, which was destroyed"
            return Fault(ProblemKind.KEY_UNAVAILABLE, detail)
        document = _opened(content, cipher, self._ground.owner[1])
        if document is None:
            return Fault(ProblemKind.CONTENT_ALTERED, ALTERED, *place)
        if batch.rules is None:
            self.counts.opened += 1
            return None
        object_id = batch.objects[content.version_hash]
        if _hash_of(document, object_id, batch.rules, cipher) == content.version_hash:
            self.counts.hashed += 1
            return None
        if content.canonical_rules != batch.rules.version:
            self.counts.opened += 1
            self.counts.older_rules += 1
            return None
        return Fault(ProblemKind.CONTENT_DIFFERS, DIFFERS, *place)

    async def _named(self, broken: Mapping[str, Fault]) -> list[Fault]:
        """Name the objects of broken versions that are in no set, as far as the history does."""
        lost = [fault for fault in broken.values() if fault.kind is ProblemKind.KEY_UNAVAILABLE]
        broken = {name: fault for name, fault in broken.items() if fault not in lost}
        if not broken:
            return lost
        tenant_id = self._ground.owner[1]
        known = await rows.objects_of_versions(self._ground.connection, tenant_id, [*broken])
        by_hash = {row["version_hash"]: row for row in known}
        named = lost
        for name, fault in broken.items():
            row = by_hash.get(name)
            place = (row["resource_type"], row["external_id"]) if row else (None, f"version {name}")
            named.append(Fault(fault.kind, fault.detail, *place))
        return named


def _opened(content: SealedContent, cipher: TenantCipher, tenant_id: UUID) -> Any:
    """Return the document; None when anything about it is not as it was written."""
    context = content_context(tenant_id, content.version_hash)
    try:
        packed = cipher.open(content.body, context, content.key_id)
        text = zstandard.ZstdDecompressor().decompress(packed, max_output_size=LARGEST_DOCUMENT)
        document = json.loads(text)
    except (SealedDataError, zstandard.ZstdError, ValueError, RecursionError):
        return None
    return document if len(text) == content.document_bytes else None


def _hash_of(
    document: Any, object_id: str, rules: CanonicalRules, cipher: TenantCipher
) -> str | None:
    # Not services.contents.hash_document: that remembers hashes, which proves nothing.
    try:
        return version_hash(canonical_form(document, rules, cipher.fingerprint), object_id)
    except UnrepresentableDocumentError:
        return None


def _by_size(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Yield hashes in groups that are not larger than BATCH_BYTES together."""
    group: list[str] = []
    held = 0
    for name, size in sizes.items():
        if group and held + size > BATCH_BYTES:
            yield group
            group, held = [], 0
        group.append(name)
        held += size
    if group:
        yield group


def _key(name: str) -> bytes:
    """Return a short name of a version hash, whatever it consists of."""
    return hashlib.blake2b(name.encode(errors="replace"), digest_size=16).digest()
