"""A loss that was held, and what confirms it: that the next listing lacks the same objects (D5)."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.manifests import manifest_hash, parse_chunk
from storage.captures import previous_listing
from storage.manifests import select_payloads

HELD = "listing_held"


async def was_held_before(
    connection: AsyncConnection, place: tuple[UUID, UUID, str], gone: Sequence[str]
) -> bool:
    """Whether the run before held the type and lacked all of `gone` as well (decision 0003).

    `place` is (tenant, this run, resource type). A result that is held keeps what was listed in its
    chunks.
    """
    previous = await previous_listing(connection, *place)
    if previous is None or previous["reason_code"] != HELD:
        return False
    chunks = previous["chunk_hashes"]
    payloads = await select_payloads(connection, place[0], chunks)
    is_known = manifest_hash(place[2], chunks) == previous["manifest_hash"]
    if not is_known or len(payloads) < len(set(chunks)):
        # What that listing held is not known any more.
        return False
    listed = {entry.object_id for payload in payloads.values() for entry in parse_chunk(payload)}
    return listed.isdisjoint(gone)
