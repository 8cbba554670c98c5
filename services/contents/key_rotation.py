"""Rotating a tenant's data key: what the old one sealed is sealed again, without reading Graph.

The fingerprint key stays, so no version's hash changes. While a rotation goes on, readers and
writers open with the key that each row names; it may be killed anywhere, run again, or run twice
at once. The old key is destroyed when nothing needs it any more (decisions 0005 and 0007).
"""

import asyncio
import base64
import binascii
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.accounts.audit import Actor, AuditEntry, AuditTrail
from services.backups.capture_pages import name_context
from services.backups.listing_cursors import (
    UNREADABLE,
    cursor_context,
    open_cursor,
    seal_cursor,
)
from services.connections.credential_documents import credential_context
from services.contents.contents import content_context
from services.contents.tenant_keys import SealedDataError, TenantCipher, TenantKeys
from services.history.change_events import actor_context
from storage import key_rotation as rows
from storage.key_rotation import SEALED, SealedValue
from storage.statements import Row

# What one transaction takes at most: the rows stay locked while they are sealed again.
MOST_BYTES: Final = 8 * 1024 * 1024
MOST_ROWS: Final = 200
# Seconds for which an open transaction is waited for; whoever reads for longer may have to read
# something again.
LONGEST_READING: Final = 10.0
_POLL: Final = 0.02

Place = tuple[str, ...]
Progress = Callable[[str, int], None]

_CONTEXTS: Final[Mapping[str, Callable[..., bytes]]] = {
    "contents": content_context,
    "names": name_context,
    "credentials": lambda tenant_id, name: credential_context(tenant_id, UUID(name)),
    "actors": actor_context,
}


@dataclass(slots=True)
class TenantRotation:
    """What a rotation did.

    resealed: values sealed again, by kind. damaged: values that do not open, by kind; while there
    are any, the old key stays. is_complete: nothing is under another key than the one in use.
    """

    resealed: Counter[str] = field(default_factory=Counter)
    damaged: Counter[str] = field(default_factory=Counter)
    destroyed_keys: int = 0
    is_complete: bool = False


class TenantKeyRotation:
    """Rotates the data keys of tenants."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        keys: TenantKeys,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._clock = clock
        self._audit = AuditTrail(clock=clock, new_id=new_id)

    async def rotate(
        self,
        actor: Actor,
        workspace_id: UUID,
        tenant_id: UUID,
        progress: Progress = lambda _kind, _count: None,
    ) -> TenantRotation:
        """Give the tenant a new key and end with nothing under an older one.

        Goes on with a rotation that was begun. Raises EncryptionKeyUnavailableError.
        """
        owner, report = (workspace_id, tenant_id), TenantRotation()
        await self._begin(actor, owner)
        # Those who know the old key alone must not meet the new one.
        await self._outlast_readers()
        while True:
            report.damaged.clear()
            cipher = await self._keys.cipher(*owner)
            for kind in SEALED:
                await self._sweep(kind, tenant_id, cipher, report, progress)
            async with self._engine.begin() as connection:
                progress("cursors", await _reseal_cursors(connection, tenant_id, cipher, report))
            # Nor may those who have read something under the old key find it destroyed.
            await self._outlast_readers()
            left = await self._end(actor, owner, report)
            # What is left beyond the damaged was written meanwhile; the next round has it.
            if left <= report.damaged.total():
                report.is_complete = left == 0
                return report

    async def erase(self, actor: Actor, workspace_id: UUID, tenant_id: UUID) -> int:
        """Destroy the tenant's keys: nothing of its content, names and credentials opens again.

        Returns how many keys that were.
        """
        owner = (workspace_id, tenant_id)
        async with self._engine.begin() as connection:
            destroyed = await self._keys.destroy_within(connection, *owner)
            for key_id in destroyed:
                await self._note(connection, actor, owner, "destroy", key_id)
        return len(destroyed)

    async def _begin(self, actor: Actor, owner: tuple[UUID, UUID]) -> None:
        async with self._engine.begin() as connection:
            made = await self._keys.replace_within(connection, *owner)
            if made is not None:
                await self._note(connection, actor, owner, "rotate", made)

    async def _outlast_readers(self) -> None:
        """Wait until the transactions that are open now have ended, with bounded patience."""
        since = await rows.database_now(self._engine)
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_READING):
                # The end of another process's transaction sets no event, hence the ignored rule.
                while await rows.older_transactions(self._engine, since):  # noqa: ASYNC110
                    await asyncio.sleep(_POLL)

    async def _sweep(
        self,
        kind: str,
        tenant_id: UUID,
        cipher: TenantCipher,
        report: TenantRotation,
        progress: Progress,
    ) -> None:
        """Go once over one kind of what the tenant's older keys sealed."""
        column, under = SEALED[kind], (tenant_id, cipher.key_ids[1:])
        after: Place | None = None
        while True:
            async with self._engine.connect() as connection:
                picked = await rows.pick_sealed(connection, column, under, after)
            if not picked:
                return
            after = picked[-1][0]
            for places in _batches(picked):
                async with self._engine.begin() as connection:
                    found = await rows.lock_sealed(connection, column, under, places)
                    fresh = await asyncio.to_thread(_sealed_anew, kind, tenant_id, cipher, found)
                    await rows.reseal(connection, column, (tenant_id, cipher.key_id), fresh)
                report.resealed[kind] += len(fresh)
                report.damaged[kind] += len(found) - len(fresh)
                progress(kind, len(fresh))

    async def _end(self, actor: Actor, owner: tuple[UUID, UUID], report: TenantRotation) -> int:
        """Destroy the retired keys if nothing needs them; returns how much does."""
        async with self._engine.begin() as connection:
            retired = await rows.lock_retired_keys(connection, *owner)
            left = sum((await rows.count_sealed(connection, owner[1], retired)).values())
            if left:
                return left
            # Whoever held a key has ended, so the cursors that it wrote are seen now.
            cipher = await self._keys.cipher_within(connection, *owner)
            await _reseal_cursors(connection, owner[1], cipher, report)
            await rows.destroy_retired_keys(connection, retired, self._clock())
            for key_id in retired:
                await self._note(connection, actor, owner, "destroy", key_id)
            report.destroyed_keys += len(retired)
            return 0

    async def _note(
        self,
        connection: AsyncConnection,
        actor: Actor,
        owner: tuple[UUID, UUID],
        verb: str,
        key_id: UUID,
    ) -> None:
        entry = AuditEntry(
            action=f"tenant_key.{verb}",
            resource_type="tenant_key",
            resource_id=key_id,
            workspace_id=owner[0],
            tenant_id=owner[1],
        )
        await self._audit.append(connection, actor, entry)


async def _reseal_cursors(
    connection: AsyncConnection, tenant_id: UUID, cipher: TenantCipher, report: TenantRotation
) -> int:
    """Seal cursors again; one that does not open is left: its listing begins again anyway."""
    count = 0
    for row in await rows.open_cursors_of(connection, tenant_id):
        fresh = _fresh_cursor(cipher, row)
        if fresh is not None:
            count += await rows.reseal_cursor(connection, row, fresh)
    report.resealed["cursors"] += count
    return count


def _fresh_cursor(cipher: TenantCipher, row: Row) -> str | None:
    """Return a cursor under the key in use; None when it is already or does not open."""
    context, stored = cursor_context(row), row["cursor"]
    with suppress(SealedDataError, binascii.Error):
        cipher.open(base64.b64decode(stored, validate=True), context)
        return None
    plain = open_cursor(cipher, row)
    return None if plain in (None, UNREADABLE) else seal_cursor(cipher, row, plain)


def _batches(picked: Sequence[tuple[Place, int]]) -> Iterator[list[Place]]:
    """Cut places into batches that one transaction can take."""
    batch: list[Place] = []
    size = 0
    for place, weight in picked:
        if batch and (size + weight > MOST_BYTES or len(batch) == MOST_ROWS):
            yield batch
            batch, size = [], 0
        batch.append(place)
        size += weight
    if batch:
        yield batch


def _sealed_anew(
    kind: str, tenant_id: UUID, cipher: TenantCipher, found: Sequence[SealedValue]
) -> dict[Place, bytes]:
    """Return the values under the key in use; those that do not open are left out."""
    fresh = {}
    for value in found:
        context = _CONTEXTS[kind](tenant_id, *value.place)
        with suppress(SealedDataError):
            plain = cipher.open(value.sealed, context, value.key_id)
            fresh[value.place] = cipher.seal(plain, context)
    return fresh
