"""Rotating the root key: everything that another one wrapped is wrapped with the current one.

Contents are not touched, nor is Graph read. Each row is a guarded statement of its own, so a
rotation may be killed anywhere, run again, or run twice at once (decision 0007).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.accounts.audit import Actor, AuditEntry, AuditTrail
from services.contents.root_keys import (
    EncryptionKeyUnavailableError,
    RootKeyOutageError,
    RootKeys,
    WrappedKey,
)
from services.contents.tenant_keys import open_tenant_key, wrap_tenant_key
from services.proofs.signing_keys import signing_key_context
from storage import key_rotation as rows
from storage.statements import Row
from storage.tenant_keys import TenantKeyRow, hold_wrapping

Progress = Callable[[int], None]
Secret = TypeVar("Secret")

# A key vault answers in some ten milliseconds; a local key needs no patience at all.
_AT_ONCE: Final = 8
_FIRST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeyUse:
    """What one root key wraps.

    setting: the variable that holds it in this process; None when it is not at hand. credentials:
    stored credentials that are sealed with one of its tenant keys.
    """

    root_key_id: str
    setting: str | None
    is_current: bool
    tenants: int = 0
    tenant_keys: int = 0
    retired_keys: int = 0
    destroyed_keys: int = 0
    credentials: int = 0
    signing_keys: int = 0

    @property
    def in_use(self) -> int:
        """How many keys it wraps that are not destroyed."""
        return self.tenant_keys + self.retired_keys + self.signing_keys


@dataclass(slots=True)
class RootRotation:
    """What a rotation did; `left` are other root keys that still wrap something, `problems` why."""

    root_key_id: str
    tenant_keys: int = 0
    signing_keys: int = 0
    left: Sequence[RootKeyUse] = field(default_factory=tuple)
    problems: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every other root key may be thrown away."""
        return not self.left


class RootKeyAtHandError(Exception):
    """Somebody gives up a root key that this process holds."""


class RootKeyRotation:
    """Rotates the root key, and says what is under which."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        root_keys: RootKeys,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._engine = engine
        self._root_keys = root_keys
        self._clock = clock
        self._audit = AuditTrail(clock=clock, new_id=new_id)

    async def uses(self) -> list[RootKeyUse]:
        """Return what each root key wraps, the current one first, then those at hand."""
        async with self._engine.connect() as connection:
            found = await rows.root_key_uses(connection)
        current = await self._root_keys.current_id()
        uses = [self._use(row, current) for row in found]
        known = {use.root_key_id for use in uses}
        for key in (self._root_keys.current, *self._root_keys.previous):
            key_id = await key.current_id()
            if key_id not in known:
                uses.append(_unused(key_id, key.setting, is_current=key_id == current))
        return sorted(uses, key=lambda use: (not use.is_current, use.setting is None))

    async def rotate(self, actor: Actor, progress: Progress = lambda _count: None) -> RootRotation:
        """Wrap with the current root key what another one at hand wrapped.

        Raises EncryptionKeyUnavailableError when the current one cannot be used.
        """
        report, idle = RootRotation(await self._root_keys.current_id()), 0
        # New keys may be made meanwhile, and a key vault may get a new version. What does not open
        # is left for ever, so two rounds that wrapped nothing are the end as well.
        while True:
            report.root_key_id = await self._root_keys.current_id()
            idle = 0 if await self._pass(report, progress) else idle + 1
            report.left = await self._left(report.root_key_id)
            is_newest = report.root_key_id == await self._root_keys.current_id()
            if is_newest and (report.is_complete or idle == 2):
                await self._note(actor, report)
                return report

    async def give_up(self, actor: Actor, root_key_id: str) -> RootKeyUse:
        """Destroy everything that a lost root key wrapped, so that tenants can begin anew.

        Returns how much it was. Raises RootKeyAtHandError for a key that is not lost.
        """
        if self._root_keys.opens(root_key_id):
            raise RootKeyAtHandError("this root key is at hand, so what it wrapped is not lost")
        async with self._engine.begin() as connection:
            await hold_wrapping(connection, alone=True)
            row = await rows.give_up_root_key(connection, root_key_id, self._clock())
            await self._audit.append(connection, actor, _entry("give_up", root_key_id, row))
        return RootKeyUse(root_key_id=root_key_id, setting=None, is_current=False, **row)

    async def _note(self, actor: Actor, report: RootRotation) -> None:
        counts = {"tenant_keys": report.tenant_keys, "signing_keys": report.signing_keys}
        async with self._engine.begin() as connection:
            entry = _entry("rotate", report.root_key_id, counts)
            await self._audit.append(connection, actor, entry)

    async def _pass(self, report: RootRotation, progress: Progress) -> int:
        """Go once over everything that is under other root keys; returns how much it wrapped."""
        before, after = report.tenant_keys + report.signing_keys, _FIRST
        report.problems.clear()
        while True:
            found = await rows.tenant_keys_under_others(self._engine, report.root_key_id, after)
            if not found:
                break
            after = found[-1][1].id
            done = await _some_at_once([self._rewrapping(report, *entry) for entry in found])
            report.tenant_keys += done
            progress(done)
        signing = await rows.signing_keys_under_others(self._engine, report.root_key_id)
        done = await _some_at_once([self._rewrapping_signing_key(report, row) for row in signing])
        report.signing_keys += done
        progress(done)
        return report.tenant_keys + report.signing_keys - before

    def _rewrapping(
        self, report: RootRotation, tenant_id: UUID, key: TenantKeyRow
    ) -> Callable[[], Awaitable[bool]]:
        async def rewrap() -> bool:
            secrets = await _if_at_hand(report, open_tenant_key(self._root_keys, tenant_id, key))
            if secrets is None:
                return False
            new = await wrap_tenant_key(self._root_keys.current, tenant_id, key.id, secrets)
            return await rows.rewrap_tenant_key(self._engine, key, new)

        return rewrap

    def _rewrapping_signing_key(
        self, report: RootRotation, row: Row
    ) -> Callable[[], Awaitable[bool]]:
        async def rewrap() -> bool:
            context = signing_key_context(row["id"], row["public_key"])
            old = WrappedKey(row["root_key_id"], row["wrapped_private_key"])
            secret = await _if_at_hand(report, self._root_keys.unwrap(old, context))
            if secret is None:
                return False
            new = await self._root_keys.current.wrap(secret, context)
            fresh = (new.wrapped, new.root_key_id)
            return await rows.rewrap_signing_key(self._engine, (row["id"], *old), fresh)

        return rewrap

    async def _left(self, root_key_id: str) -> list[RootKeyUse]:
        async with self._engine.begin() as connection:
            # Whoever is making a key has ended then, and the next one sees what we see.
            await hold_wrapping(connection, alone=True)
            found = await rows.root_key_uses(connection)
        uses = [self._use(row, root_key_id) for row in found]
        return [use for use in uses if use.in_use and not use.is_current]

    def _use(self, row: Row, current: str) -> RootKeyUse:
        keys = (self._root_keys.current, *self._root_keys.previous)
        setting = next((key.setting for key in keys if key.opens(row["root_key_id"])), None)
        counts = {name: int(row[name]) for name in row if name != "root_key_id"}
        return RootKeyUse(
            root_key_id=row["root_key_id"],
            setting=setting,
            is_current=row["root_key_id"] == current,
            **counts,
        )


async def _some_at_once(tasks: Sequence[Callable[[], Awaitable[bool]]]) -> int:
    """Run some at a time to their end and count the successes; raises the first error."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(task: Callable[[], Awaitable[bool]]) -> bool:
        async with slots:
            return await task()

    results = await asyncio.gather(*map(one, tasks), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return sum(result is True for result in results)


async def _if_at_hand(report: RootRotation, opening: Awaitable[Secret]) -> Secret | None:
    """Return a key; None if it does not open with what is at hand, and note why."""
    try:
        return await opening
    except RootKeyOutageError:
        raise
    except EncryptionKeyUnavailableError as error:
        if str(error) not in report.problems:
            report.problems.append(str(error))
        return None


def _entry(verb: str, root_key_id: str, counts: Mapping[str, int]) -> AuditEntry:
    # A root key has no row, hence no id of ours.
    return AuditEntry(
        action=f"root_key.{verb}",
        resource_type="root_key",
        resource_id=_FIRST,
        details={"root_key_id": root_key_id, **counts},
    )


def _unused(root_key_id: str, setting: str, *, is_current: bool) -> RootKeyUse:
    return RootKeyUse(root_key_id=root_key_id, setting=setting, is_current=is_current)
