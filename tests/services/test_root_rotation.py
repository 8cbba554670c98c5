"""Rotation of the root key: resumable, harmless twice, and never done while a key is left."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.contents.root_keys import (
    EncryptionKeyUnavailableError,
    LocalRootKey,
    RootKey,
    RootKeys,
)
from services.contents.root_rotation import (
    RootKeyAtHandError,
    RootKeyRotation,
    RootRotation,
)
from services.contents.tenant_keys import TenantKeys, lost_root_keys
from services.proofs.signing_keys import SigningKeys
from tests.services.content_rows import count_rows, new_id, tenant_keys, ticking_clock
from tests.services.tenancy import EDITOR, add_tenancy, audited

OLD = LocalRootKey(b"o" * 32, "TENANTOPS_ROOT_KEY_PREVIOUS")
NEW = LocalRootKey(b"n" * 32)
BOTH = RootKeys(NEW, [OLD])
TENANTS = 12


@dataclass
class Wrapped:
    """Tenants whose keys the old root key wrapped, and something that each of them sealed."""

    engine: AsyncEngine
    sealed: dict[tuple[UUID, UUID], bytes]

    async def rotate(self, root_keys: RootKeys = BOTH) -> RootRotation:
        return await rotation(self.engine, root_keys).rotate(EDITOR)

    async def check(self, root_key: RootKey) -> None:
        """Everything opens in a process that has just started with this root key."""
        keys = tenant_keys(self.engine, root_key)
        for owner, sealed in self.sealed.items():
            assert (await keys.cipher(*owner)).open(sealed, b"here") == b"x"

    async def use(self, keys: TenantKeys) -> None:
        """Add a tenant and seal something with its new key."""
        made = await add_tenancy(self.engine)
        owner = (made.workspace_id, made.tenant_id)
        self.sealed[owner] = (await keys.cipher(*owner)).seal(b"x", b"here")


def rotation(engine: AsyncEngine, root_keys: RootKeys) -> RootKeyRotation:
    return RootKeyRotation(engine=engine, root_keys=root_keys, clock=ticking_clock(), new_id=new_id)


@pytest_asyncio.fixture
async def wrapped(engine: AsyncEngine) -> Wrapped:
    made = Wrapped(engine, {})
    for _ in range(TENANTS):
        await made.use(tenant_keys(engine, OLD))
    signing = SigningKeys(root_keys=RootKeys(OLD), clock=ticking_clock(), new_id=new_id)
    async with engine.begin() as connection:
        await signing.signer_within(connection)
    return made


async def test_rotation_wraps_everything_with_the_new_key(wrapped: Wrapped) -> None:
    report = await wrapped.rotate()
    assert (report.tenant_keys, report.signing_keys) == (TENANTS, 1)
    assert report.is_complete
    await wrapped.check(NEW)
    signing = SigningKeys(root_keys=RootKeys(NEW), clock=ticking_clock(), new_id=new_id)
    async with wrapped.engine.begin() as connection:
        signer = await signing.signer_within(connection)
    assert signer.sign("text")
    assert await count_rows(wrapped.engine, "signing_keys") == 1
    assert (await wrapped.rotate()).tenant_keys == 0
    assert "root_key.rotate" in await audited(wrapped.engine)


async def test_rotation_keeps_a_fingerprint_key_that_stands_apart(wrapped: Wrapped) -> None:
    owner = next(iter(wrapped.sealed))
    keys = tenant_keys(wrapped.engine, OLD)
    print_of = (await keys.cipher(*owner)).fingerprint(b"secret")
    async with wrapped.engine.begin() as connection:
        await keys.replace_within(connection, *owner)
    assert (await wrapped.rotate()).tenant_keys == TENANTS + 1
    cipher = await tenant_keys(wrapped.engine, NEW).cipher(*owner)
    assert len(cipher.key_ids) == 2
    assert cipher.fingerprint(b"secret") == print_of


async def test_rotation_ended_anywhere_goes_on_where_it_was(
    wrapped: Wrapped, monkeypatch: pytest.MonkeyPatch
) -> None:
    class DyingKey(LocalRootKey):
        left = 5

        async def wrap(self, secret: bytes, context: bytes):  # type: ignore[no-untyped-def]
            self.left -= 1
            if self.left < 0:
                raise asyncio.CancelledError
            return await super().wrap(secret, context)

    monkeypatch.setattr("services.contents.root_rotation._AT_ONCE", 1)
    for _ in range(2):
        with pytest.raises(asyncio.CancelledError):
            await wrapped.rotate(RootKeys(DyingKey(b"n" * 32), [OLD]))
        await wrapped.check(BOTH)
    report = await wrapped.rotate()
    assert report.is_complete
    assert 0 < report.tenant_keys < TENANTS
    await wrapped.check(NEW)


async def test_rotations_at_once_are_harmless(wrapped: Wrapped) -> None:
    reports = await asyncio.gather(*(wrapped.rotate() for _ in range(4)))
    assert all(report.is_complete for report in reports)
    assert sum(report.tenant_keys for report in reports) == TENANTS
    await wrapped.check(NEW)


async def test_workers_of_before_and_after_work_side_by_side(wrapped: Wrapped) -> None:
    before = tenant_keys(wrapped.engine, OLD)
    after = tenant_keys(wrapped.engine, BOTH)
    await wrapped.use(before)
    # What a new worker makes before the rotation opens in an old one.
    await wrapped.use(after)
    await wrapped.check(OLD)
    await wrapped.check(BOTH)
    rotating = asyncio.create_task(wrapped.rotate())
    for _ in range(5):
        await wrapped.use(after)
    assert (await rotating).is_complete
    await wrapped.use(after)
    await wrapped.check(NEW)


async def test_rotation_is_not_done_while_a_key_is_left(wrapped: Wrapped) -> None:
    async with wrapped.engine.begin() as connection:
        lose = "UPDATE tenant_keys SET root_key_id = 'lost' WHERE id = (%s)"
        await connection.execute(text(lose % "SELECT id FROM tenant_keys LIMIT 1"))
    report = await wrapped.rotate()
    assert not report.is_complete
    assert report.tenant_keys == TENANTS - 1
    assert [(use.root_key_id, use.setting, use.in_use) for use in report.left] == [
        ("lost", None, 1)
    ]
    assert await lost_root_keys(wrapped.engine, BOTH) == ["lost"]


async def test_wrong_root_key_overwrites_nothing(wrapped: Wrapped) -> None:
    wrong = RootKeys(LocalRootKey(b"w" * 32))
    report = await wrapped.rotate(wrong)
    assert (report.tenant_keys, report.signing_keys, report.is_complete) == (0, 0, False)
    with pytest.raises(EncryptionKeyUnavailableError, match=OLD.key_id):
        await lost_root_keys(wrapped.engine, wrong)
    with pytest.raises(EncryptionKeyUnavailableError):
        await wrapped.check(wrong)
    await wrapped.check(OLD)
    assert await count_rows(wrapped.engine, "tenant_keys") == TENANTS


async def test_only_a_lost_root_key_is_given_up(wrapped: Wrapped) -> None:
    with pytest.raises(RootKeyAtHandError):
        await rotation(wrapped.engine, BOTH).give_up(EDITOR, OLD.key_id)
    await wrapped.check(OLD)
    gone = await rotation(wrapped.engine, RootKeys(NEW)).give_up(EDITOR, OLD.key_id)
    assert (gone.tenant_keys, gone.signing_keys) == (TENANTS, 1)
    fresh = Wrapped(wrapped.engine, {})
    await fresh.use(tenant_keys(wrapped.engine, NEW))
    await fresh.check(NEW)
