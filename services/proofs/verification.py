"""Recomputing everything that is stored of a tenant's sets: it names what is wrong, all of it (D9).

Chunks, manifests, sets and their chain, every document, every certificate and its signature, the
history of every object. Reads one snapshot, so that a backup that is writing meanwhile gives no
false alarm; holds hashes of what it has seen, and documents in small batches only. Repairs nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.certificates import Certificate
from domain.manifests import manifest_hash
from services.contents.root_keys import EncryptionKeyUnavailableError, StoredKeyAlteredError
from services.contents.tenant_keys import TenantCipher, TenantKeys
from services.proofs import certificate_checks
from services.proofs.document_checks import (
    MISSING,
    DocumentChecks,
    DocumentCounts,
    DocumentGround,
    RulesFor,
    registry_rules,
)
from services.proofs.history_checks import HistoryChecks
from services.proofs.problems import Fault, Problem, ProblemKind, ProblemList
from services.proofs.set_checks import (
    entries_of,
    hash_faults,
    link_faults,
    missing_numbers,
    owner_faults,
)
from services.proofs.signing_keys import SigningKeys
from storage import proof_scans as rows
from storage.proofs import SigningKeyRow
from storage.sets import chain_of
from storage.statements import Row
from storage.tenant_keys import current_key

# Chunks read at once; each holds at most a thousand entries.
_CHUNKS_AT_ONCE = 32

# Called with documents checked and documents there are.
Progress = Callable[[int, int], None]


class UnknownSetError(LookupError):
    """The tenant has no such set."""

    reason_code = "not_found"


@dataclass(frozen=True, kw_only=True)
class VerificationReport:
    """What was recomputed and what is wrong; no problems means that everything is as written.

    `uncertified` sets are older than certificates or were imported.
    """

    tenant_id: UUID
    set_count: int
    certificate_count: int
    uncertified_count: int
    chunk_count: int
    documents: DocumentCounts
    problems: Sequence[Problem]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What came of a chunk: how many entries it has, and what is wrong in it."""

    entry_count: int
    faults: tuple[Fault, ...] = ()


class Verification:
    """Verifies tenants and single sets."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        keys: TenantKeys,
        signing_keys: SigningKeys,
        rules_for: RulesFor = registry_rules,
    ) -> None:
        self._engine = engine
        self._keys = keys
        self.signing_keys = signing_keys
        self._rules_for = rules_for

    async def verify(
        self,
        workspace_id: UUID,
        tenant_id: UUID,
        *,
        set_id: UUID | None = None,
        on_progress: Progress = lambda _checked, _total: None,
    ) -> VerificationReport:
        """Verify all sets of a tenant with everything stored of it, or one set with its own.

        Never raises for what it finds, and goes on to the end. Raises UnknownSetError.
        """
        owner = (workspace_id, tenant_id)
        problems = ProblemList()
        async with rows.snapshot(self._engine) as connection:
            chain = await chain_of(connection, owner)
            if set_id is not None and set_id not in {link["id"] for link in chain}:
                raise UnknownSetError("the tenant has no such backup set")
            cipher = await self._cipher(connection, owner, problems)
            total, checked = await rows.count_contents(connection, owner), 0

            def count(more: int) -> None:
                nonlocal checked
                checked += more
                on_progress(checked, total)

            ground = DocumentGround(connection, owner, cipher, self._rules_for, count)
            work = _TenantVerification(ground, problems)
            await work.check_chain(chain, set_id, self.signing_keys)
            if set_id is None:
                await work.check_rest()
        return work.report()

    async def _cipher(
        self, connection: AsyncConnection, owner: tuple[UUID, UUID], problems: ProblemList
    ) -> TenantCipher | None:
        """Return the tenant's cipher; None without a key, which is made nowhere here."""
        try:
            if await current_key(connection, *owner) is not None:
                return await self._keys.cipher_within(connection, *owner)
        except EncryptionKeyUnavailableError as error:
            problems.add(Fault(ProblemKind.KEY_UNAVAILABLE, str(error)))
        else:
            if await rows.count_contents(connection, owner):
                destroyed = "the tenant's key was destroyed, and with it all its documents"
                problems.add(Fault(ProblemKind.KEY_UNAVAILABLE, destroyed))
        return None


class _TenantVerification:
    """One verification of one tenant, on one snapshot."""

    def __init__(self, ground: DocumentGround, problems: ProblemList) -> None:
        self._connection = ground.connection
        self._owner = ground.owner
        self._documents = DocumentChecks(ground)
        self._history = HistoryChecks(ground.connection, ground.owner, ground.cipher)
        self._problems = problems
        self._chunks: dict[_ChunkPlace, _Chunk] = {}
        self._certificates = self._sets = self._uncertified = 0
        # Hash of the last certificate in the chain.
        self._last_certificate: str | None = None
        self._proven_keys: dict[UUID, Fault | None] = {}

    async def check_chain(
        self, chain: Sequence[Row], only: UUID | None, signing_keys: SigningKeys
    ) -> None:
        """Check the sets of a tenant in order, or one of them."""
        previous: Row | None = None
        for link in chain:
            if only in (None, link["id"]):
                await self._check_set(link, previous, signing_keys)
            else:
                await self._pass(link)
            previous = link

    async def check_rest(self) -> None:
        """Check what is in no set: other documents, and versions of the history."""
        for fault in await self._documents.check_others():
            self._problems.add(fault)
        for row in await rows.versions_without_content(self._connection, self._owner):
            place = (row["resource_type"], row["external_id"])
            self._problems.add(Fault(ProblemKind.CONTENT_MISSING, MISSING, *place))
        for fault in (*await self._history.of_objects(), *await self._history.of_events()):
            self._problems.add(fault)

    def report(self) -> VerificationReport:
        """Return what was found."""
        return VerificationReport(
            tenant_id=self._owner[1],
            set_count=self._sets,
            certificate_count=self._certificates,
            uncertified_count=self._uncertified,
            chunk_count=len({place[:2] for place in self._chunks}),
            documents=self._documents.counts,
            problems=self._problems.problems(),
        )

    async def _check_set(self, link: Row, previous: Row | None, signing_keys: SigningKeys) -> None:
        self._sets += 1
        manifests = await rows.stored_manifests(self._connection, link["id"])
        certificate = await self._check_certificate(link, previous, manifests, signing_keys)
        for fault in link_faults(link, previous):
            self._problems.add(fault, link["sequence"])
        for fault in hash_faults(link, previous, manifests, certificate):
            self._problems.add(fault, link["sequence"])
        for fault in owner_faults(manifests, self._owner):
            self._problems.add(fault, link["sequence"])
        for manifest in manifests:
            await self._check_manifest(link, manifest)

    async def _check_manifest(self, link: Row, manifest: Row) -> None:
        resource_type, hashes = manifest["resource_type"], manifest["chunk_hashes"]
        sequence, has_history = link["sequence"], link["origin"] == "backup"
        if manifest_hash(resource_type, hashes) != manifest["manifest_hash"]:
            detail = "the manifest is not what its hash names"
            self._problems.add(Fault(ProblemKind.MANIFEST_ALTERED, detail, resource_type), sequence)
        places = [(resource_type, name, has_history) for name in hashes]
        new = [place for place in places if place not in self._chunks]
        for start in range(0, len(new), _CHUNKS_AT_ONCE):
            await self._read_chunks(new[start : start + _CHUNKS_AT_ONCE])
        chunks = [self._chunks[place] for place in places]
        faults = [fault for chunk in chunks for fault in chunk.faults]
        for fault in faults:
            self._problems.add(fault, sequence)
        is_countable = not any(fault.kind in _BROKEN_CHUNKS for fault in faults)
        if is_countable and sum(each.entry_count for each in chunks) != manifest["entry_count"]:
            detail = "the manifest lists another number of objects than it says"
            self._problems.add(Fault(ProblemKind.MANIFEST_ALTERED, detail, resource_type), sequence)

    async def _read_chunks(self, places: "Sequence[_ChunkPlace]") -> None:
        names = [name for _, name, _ in places]
        stored = await rows.stored_chunks(self._connection, self._owner[1], names)
        for place in places:
            resource_type, name, has_history = place
            chunk = entries_of(resource_type, name, stored.get(name), self._owner[0])
            if isinstance(chunk, Fault):
                self._chunks[place] = _Chunk(0, (chunk,))
                continue
            faults = await self._documents.check(resource_type, chunk)
            if has_history:
                faults += await self._history.of_entries(resource_type, chunk)
            self._chunks[place] = _Chunk(len(chunk), tuple(faults))

    async def _pass(self, link: Row) -> None:
        """Go by a set that is not to be checked; the next one names its certificate."""
        row = await rows.stored_certificate(self._connection, link["id"])
        if row is not None:
            self._last_certificate = row["certificate_hash"]

    async def _check_certificate(
        self,
        link: Row,
        previous: Row | None,
        manifests: Sequence[Row],
        signing_keys: SigningKeys,
    ) -> Certificate | None:
        """Check the certificate of a set; return it if it can be read."""
        sequence = link["sequence"]
        row = await rows.stored_certificate(self._connection, link["id"])
        if row is None:
            self._uncertified += 1
            if self._last_certificate is not None and link["origin"] == "backup":
                detail = "the set has no certificate"
                self._problems.add(Fault(ProblemKind.CERTIFICATE_MISSING, detail), sequence)
            return None
        self._certificates += 1
        before, self._last_certificate = self._last_certificate, row["certificate_hash"]
        certificate = certificate_checks.readable(row)
        faults = [
            *certificate_checks.text_faults(row),
            *certificate_checks.owner_faults(row, self._owner),
            await self._key_fault(row, signing_keys),
        ]
        if isinstance(certificate, Fault):
            faults.append(certificate)
        else:
            faults += certificate_checks.set_faults(
                certificate, link, manifests, link["object_count"]
            )
            # Behind a gap the one before is missing, which is said already.
            if not missing_numbers(link, previous):
                faults += certificate_checks.chain_faults(row, certificate, before)
        for fault in faults:
            if fault is not None:
                self._problems.add(fault, sequence)
        return None if isinstance(certificate, Fault) else certificate

    async def _key_fault(self, row: Row, signing_keys: SigningKeys) -> Fault | None:
        """Prove the public half of a certificate's key by what the root key has bound to it."""
        key_id = row["signing_key_id"]
        if key_id not in self._proven_keys:
            self._proven_keys[key_id] = await _proven_key(row, signing_keys)
        return self._proven_keys[key_id]


# Resource type, hash, and whether a history knows its objects: that of imported sets does not.
_ChunkPlace = tuple[str, str, bool]
_BROKEN_CHUNKS = (ProblemKind.CHUNK_MISSING, ProblemKind.CHUNK_ALTERED)


async def _proven_key(row: Row, signing_keys: SigningKeys) -> Fault | None:
    if row["public_key"] is None:
        detail = f"signing key {row['signing_key_id']} of the certificate is not stored"
        return Fault(ProblemKind.SIGNING_KEY_MISSING, detail)
    key = SigningKeyRow(
        row["signing_key_id"], row["public_key"], row["wrapped_private_key"], row["root_key_id"]
    )
    if not signing_keys.opens(key):
        detail = f"signing key {key.id} is under a root key that is not at hand, or was destroyed"
        return Fault(ProblemKind.KEY_UNAVAILABLE, detail)
    try:
        await signing_keys.unwrap(key)
    except StoredKeyAlteredError:
        return Fault(ProblemKind.SIGNING_KEY_ALTERED, f"signing key {key.id} was altered")
    except EncryptionKeyUnavailableError as error:
        return Fault(ProblemKind.KEY_UNAVAILABLE, f"signing key {key.id} is not proven: {error}")
    return None
