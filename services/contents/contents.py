"""Documents in and out of the content store: hash, compress, encrypt; and back, losslessly (D9).

Hashing and sealing run in threads, so that a large batch does not hold up the event loop. What is
stored where is the business of the callers.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
import zstandard
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.canonical import canonical_form, version_hash
from domain.canonical_rules import CanonicalRules
from services.contents.recent_hashes import RecentHashes
from services.contents.tenant_keys import SealedDataError, TenantCipher, TenantKeys
from storage.contents import ContentRow, StoredContent, select_contents

Document = Mapping[str, Any]

_RECENT: Final = RecentHashes()

COMPRESSION_LEVEL: Final = 3
# Far above any body of Graph; what decompresses to more was not written by us.
LARGEST_DOCUMENT: Final = 512 * 1024 * 1024


class ContentMissingError(LookupError):
    """A version is known, but its document is not in the store, or does not open."""

    def __init__(self, what: str = "the document of this version") -> None:
        super().__init__(
            f"{what} is not stored, or was altered: `tenantops backup verify` tells which"
        )


@dataclass(frozen=True, slots=True)
class OpenedContent:
    """A document as Graph returned it, and the version of the rules that gave its hash."""

    version_hash: str
    document: dict[str, Any]
    canonical_rules: int


async def hash_documents(
    documents: Sequence[Document],
    rules: CanonicalRules,
    cipher: TenantCipher,
    object_ids: Sequence[str] | None = None,
    bodies: Sequence[bytes | None] | None = None,
) -> list[str | None]:
    """Return the version hash of each document; None for one that JSON cannot hold.

    With `object_ids`, in the same order, objects of equal content keep their own bodies. `bodies`,
    in the same order, are the documents as JSON where they have been written already.
    """
    ids = object_ids or [""] * len(documents)
    written = bodies or [None] * len(documents)
    rows = zip(ids, documents, written, strict=True)
    return await asyncio.to_thread(
        lambda: [
            hash_document(name, document, rules, cipher, body) for name, document, body in rows
        ]
    )


async def seal_documents(
    documents: Mapping[str, Document | bytes], tenant_id: UUID, cipher: TenantCipher
) -> list[ContentRow]:
    """Return the rows of documents, parsed or as JSON, given by version hash."""
    if not documents:
        return []
    return await asyncio.to_thread(_seal, dict(documents), tenant_id, cipher)


class ContentReader:
    """Reads documents back."""

    def __init__(self, *, engine: AsyncEngine, keys: TenantKeys) -> None:
        self._engine = engine
        self._keys = keys

    async def documents(
        self, workspace_id: UUID, tenant_id: UUID, hashes: Iterable[str]
    ) -> dict[str, OpenedContent]:
        """Return the documents of these versions, by hash; what is not stored is missing.

        So is what was altered: one lost document must not take the others with it, and a
        verification names it. Raises EncryptionKeyUnavailableError.
        """
        async with self._engine.begin() as connection:
            return await self.documents_within(connection, workspace_id, tenant_id, hashes)

    async def documents_within(
        self,
        connection: AsyncConnection,
        workspace_id: UUID,
        tenant_id: UUID,
        hashes: Iterable[str],
    ) -> dict[str, OpenedContent]:
        """Return the documents of these versions, read on `connection`."""
        wanted, found = set(hashes), list[OpenedContent]()
        # A second look at what did not open: a rotation may just have put it under another key.
        for _ in range(2):
            stored = await select_contents(connection, workspace_id, tenant_id, list(wanted))
            cipher = await self._keys.cipher_within(connection, workspace_id, tenant_id)
            readable = [row for row in stored if cipher.can_open(row.key_id)]
            found += await asyncio.to_thread(_open, readable, tenant_id, cipher)
            wanted = {row.version_hash for row in stored if not cipher.can_open(row.key_id)}
            if not wanted:
                break
        return {content.version_hash: content for content in found}

    async def document(
        self, workspace_id: UUID, tenant_id: UUID, content_hash: str
    ) -> dict[str, Any]:
        """Return one document; raises ContentMissingError."""
        found = await self.documents(workspace_id, tenant_id, [content_hash])
        if content_hash not in found:
            raise ContentMissingError
        return found[content_hash].document


def encode_document(document: Document) -> bytes:
    """Return a document as JSON without loss; integers of any size keep their digits."""
    try:
        return orjson.dumps(document)
    except TypeError:
        return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def decode_document(text: bytes) -> dict[str, Any]:
    """Return a stored document; orjson would round integers beyond 64 bits."""
    document: dict[str, Any] = json.loads(text)
    return document


def hash_document(
    object_id: str,
    document: Document,
    rules: CanonicalRules,
    cipher: TenantCipher,
    body: bytes | None = None,
) -> str | None:
    """Return the version hash of a document; None when JSON cannot hold it.

    `body`: the document as JSON, if it has been written already.
    """

    def compute() -> str:
        return version_hash(canonical_form(document, rules, cipher.fingerprint), object_id)

    try:
        text = encode_document(document) if body is None else body
        return _RECENT.of(text, (object_id, rules, cipher.key_id), compute)
    except (TypeError, ValueError, RecursionError):
        # Not JSON, or no canonical form (UnrepresentableDocumentError).
        return None


def _seal(
    documents: Mapping[str, Document | bytes], tenant_id: UUID, cipher: TenantCipher
) -> list[ContentRow]:
    compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
    rows = []
    for content_hash, document in documents.items():
        text = document if isinstance(document, bytes) else encode_document(document)
        body = cipher.seal(compressor.compress(text), content_context(tenant_id, content_hash))
        rows.append(ContentRow(content_hash, body, len(text)))
    return rows


def _open(
    rows: Sequence[StoredContent], tenant_id: UUID, cipher: TenantCipher
) -> list[OpenedContent]:
    decompressor = zstandard.ZstdDecompressor()
    opened = []
    for row in rows:
        # Whatever does not open is left out: its seal is bound to its tenant and version.
        with suppress(SealedDataError, zstandard.ZstdError):
            packed = cipher.open(row.body, content_context(tenant_id, row.version_hash), row.key_id)
            text = decompressor.decompress(packed, max_output_size=LARGEST_DOCUMENT)
            document = decode_document(text)
            opened.append(OpenedContent(row.version_hash, document, row.canonical_rules))
    return opened


def content_context(tenant_id: UUID, content_hash: str) -> bytes:
    """Return what binds an encrypted document to its tenant and version."""
    return b"content" + tenant_id.bytes + content_hash.encode()
