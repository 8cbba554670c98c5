"""Whether a set, its place in the chain and its chunks are what their hashes name.

Rows in, faults out; nothing is read here.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

import zstandard

from domain.certificates import Certificate
from domain.manifests import ManifestEntry, TypeManifest, chunk_hash, parse_chunk, set_hash
from services.proofs.problems import Fault, ProblemKind
from storage.manifests import LARGEST_PAYLOAD
from storage.statements import Row


def missing_numbers(link: Row, previous: Row | None) -> range:
    """Return the numbers of the chain that have no set just before this one."""
    return range((previous["sequence"] if previous else 0) + 1, link["sequence"])


def link_faults(link: Row, previous: Row | None) -> Iterator[Fault]:
    """Yield a fault unless the set follows the one before it."""
    missing = missing_numbers(link, previous)
    if missing:
        numbers = str(missing[0]) if len(missing) == 1 else f"{missing[0]} to {missing[-1]}"
        yield Fault(ProblemKind.SET_MISSING, f"the sets before it are missing: {numbers}")
    elif link["previous_set_id"] != (previous["id"] if previous else None):
        yield Fault(ProblemKind.SET_MISPLACED, "the set does not follow the one before it")


def hash_faults(
    link: Row,
    previous: Row | None,
    manifests: Sequence[Row],
    certificate: Certificate | None,
) -> Iterator[Fault]:
    """Yield what of a set's row does not follow from its manifests."""
    before = previous["set_hash"] if previous else None
    if missing_numbers(link, previous):
        # The set that it carries the hash of is gone; the certificate remembers that hash.
        if certificate is None:
            return
        before = certificate.previous_set_hash
    types = [
        TypeManifest(row["resource_type"], row["manifest_hash"], row["listing_complete"])
        for row in manifests
    ]
    if set_hash(before, link["tenant_id"], link["captured_at"], types) != link["set_hash"]:
        yield Fault(ProblemKind.SET_ALTERED, "the hash of the set does not follow from its parts")
    if sum(row["entry_count"] for row in manifests) != link["object_count"]:
        yield Fault(ProblemKind.SET_ALTERED, "the set holds another number of objects than it says")


def owner_faults(manifests: Sequence[Row], owner: tuple[UUID, UUID]) -> Iterator[Fault]:
    """Yield manifests whose rows name another owner, (workspace, tenant), than their set."""
    for row in manifests:
        if (row["workspace_id"], row["tenant_id"]) != owner:
            detail = "the row of the manifest names another tenant"
            yield Fault(ProblemKind.MANIFEST_ALTERED, detail, row["resource_type"])


def entries_of(
    resource_type: str, name: str, row: Row | None, workspace_id: UUID
) -> list[ManifestEntry] | Fault:
    """Return the entries of a chunk, or what is wrong with it."""
    short = name[:16]
    if row is None:
        detail = f"chunk {short} of the manifest is not stored"
        return Fault(ProblemKind.CHUNK_MISSING, detail, resource_type)
    payload = _unpacked(bytes(row["entries"]))
    if payload is None or chunk_hash(payload) != name:
        detail = f"chunk {short} of the manifest is not what its hash names"
        return Fault(ProblemKind.CHUNK_ALTERED, detail, resource_type)
    entries = list(parse_chunk(payload))
    if len(entries) != row["entry_count"]:
        detail = f"chunk {short} of the manifest lists another number of objects than it says"
        return Fault(ProblemKind.CHUNK_ALTERED, detail, resource_type)
    if row["workspace_id"] != workspace_id:
        detail = f"the row of chunk {short} names another workspace"
        return Fault(ProblemKind.CHUNK_ALTERED, detail, resource_type)
    return entries


def _unpacked(packed: bytes) -> bytes | None:
    try:
        # An altered header may claim any size, and memory is taken for it at once.
        if zstandard.frame_content_size(packed) > LARGEST_PAYLOAD:
            return None
        return zstandard.decompress(packed, max_output_size=LARGEST_PAYLOAD)
    except (zstandard.ZstdError, MemoryError):
        return None
