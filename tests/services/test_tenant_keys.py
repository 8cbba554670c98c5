import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.contents.root_keys import EncryptionKeyUnavailableError, LocalRootKey
from services.contents.tenant_keys import SealedDataError, TenantKeys
from storage.tenant_keys import live_keys
from tests.eventually import eventually
from tests.services.content_rows import count_rows, tenant_keys
from tests.services.tenancy import Tenancy, add_tenancy

OTHER = LocalRootKey(b"o" * 32)


async def test_cipher_opens_what_it_sealed_in_its_place_only(engine: AsyncEngine) -> None:
    tenancy = await add_tenancy(engine)
    cipher = await tenant_keys(engine).cipher(tenancy.workspace_id, tenancy.tenant_id)
    sealed = cipher.seal(b"plain", b"here")
    assert b"plain" not in sealed
    assert cipher.open(sealed, b"here") == b"plain"
    for altered, context in ((sealed, b"there"), (sealed[:-1], b"here"), (b"", b"here")):
        with pytest.raises(SealedDataError):
            cipher.open(altered, context)


async def test_concurrent_first_uses_agree_on_one_key(engine: AsyncEngine) -> None:
    tenancy = await add_tenancy(engine)
    services = [tenant_keys(engine) for _ in range(8)]
    ciphers = await asyncio.gather(
        *(keys.cipher(tenancy.workspace_id, tenancy.tenant_id) for keys in services)
    )
    assert len({cipher.key_id for cipher in ciphers}) == 1
    assert len({cipher.fingerprint(b"secret") for cipher in ciphers}) == 1
    assert ciphers[7].open(ciphers[0].seal(b"x", b""), b"") == b"x"
    assert await count_rows(engine, "tenant_keys") == 1


async def test_tenants_share_neither_keys_nor_fingerprints(engine: AsyncEngine) -> None:
    keys = tenant_keys(engine)
    one, two = [await add_tenancy(engine) for _ in range(2)]
    first = await keys.cipher(one.workspace_id, one.tenant_id)
    second = await keys.cipher(two.workspace_id, two.tenant_id)
    assert first.fingerprint(b"secret") != second.fingerprint(b"secret")
    with pytest.raises(SealedDataError):
        second.open(first.seal(b"x", b""), b"")


async def test_wrong_root_key_is_refused_by_the_name_of_its_setting(engine: AsyncEngine) -> None:
    tenancy = await add_tenancy(engine)
    await tenant_keys(engine).cipher(tenancy.workspace_id, tenancy.tenant_id)
    other = tenant_keys(engine, OTHER)
    with pytest.raises(EncryptionKeyUnavailableError, match="TENANTOPS_ROOT_KEY holds"):
        await other.cipher(tenancy.workspace_id, tenancy.tenant_id)


async def test_wrong_root_key_makes_no_key_beside_others(engine: AsyncEngine) -> None:
    one, two = [await add_tenancy(engine) for _ in range(2)]
    await tenant_keys(engine).cipher(one.workspace_id, one.tenant_id)
    with pytest.raises(EncryptionKeyUnavailableError, match="TENANTOPS_ROOT_KEY holds"):
        await tenant_keys(engine, OTHER).cipher(two.workspace_id, two.tenant_id)
    assert await count_rows(engine, "tenant_keys") == 1


async def replace(engine: AsyncEngine, keys: TenantKeys, tenancy: Tenancy) -> UUID | None:
    async with engine.begin() as connection:
        place = (tenancy.workspace_id, tenancy.tenant_id)
        return await keys.replace_within(connection, *place)


async def test_replaced_key_opens_and_the_new_one_seals(engine: AsyncEngine) -> None:
    tenancy = await add_tenancy(engine)
    place, keys = (tenancy.workspace_id, tenancy.tenant_id), tenant_keys(engine)
    old = await keys.cipher(*place)
    assert await replace(engine, keys, tenancy) is not None
    # One rotation at a time.
    assert await replace(engine, keys, tenancy) is None
    for process in (keys, tenant_keys(engine)):
        new = await process.cipher(*place)
        assert new.key_ids == [new.key_id, old.key_id]
        assert new.open(old.seal(b"x", b"here"), b"here", old.key_id) == b"x"
        assert new.open(new.seal(b"x", b"here"), b"here") == b"x"
        assert new.fingerprint(b"secret") == old.fingerprint(b"secret")
    with pytest.raises(SealedDataError):
        new.open(old.seal(b"x", b"here"), b"here")


async def test_concurrent_replacements_make_one_key(engine: AsyncEngine) -> None:
    tenancy = await add_tenancy(engine)
    place = (tenancy.workspace_id, tenancy.tenant_id)
    await tenant_keys(engine).cipher(*place)
    made = await asyncio.gather(*(replace(engine, tenant_keys(engine), tenancy) for _ in range(6)))
    assert sum(key_id is not None for key_id in made) == 1
    assert len((await tenant_keys(engine).cipher(*place)).key_ids) == 2


async def test_destroyed_key_is_forgotten_by_other_processes(engine: AsyncEngine) -> None:
    tenancy = await add_tenancy(engine)
    place = (tenancy.workspace_id, tenancy.tenant_id)
    here, there = tenant_keys(engine), tenant_keys(engine)
    old = await there.cipher(*place)
    await here.destroy(*place)
    new = await there.cipher(*place)
    assert not new.can_open(old.key_id)
    # Nor is it in memory any more, once the key was asked for.
    assert all(cipher.key_ids == [new.key_id] for cipher in there._ciphers.values())


async def test_key_that_a_rotation_is_just_making_is_destroyed_as_well(engine: AsyncEngine) -> None:
    tenancy = await add_tenancy(engine)
    place, keys = (tenancy.workspace_id, tenancy.tenant_id), tenant_keys(engine)
    await keys.cipher(*place)
    async with engine.begin() as connection:
        await keys.replace_within(connection, *place)
        destroying = asyncio.create_task(tenant_keys(engine).destroy(*place))
        await eventually(lambda: is_waited_for(engine))
    assert await destroying
    async with engine.connect() as connection:
        assert not await live_keys(connection, *place)


async def is_waited_for(engine: AsyncEngine) -> bool:
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    async with engine.connect() as connection:
        return bool(await connection.scalar(text(query)))


async def test_destroyed_key_opens_nothing_any_more(engine: AsyncEngine) -> None:
    tenancy = await add_tenancy(engine)
    place = (tenancy.workspace_id, tenancy.tenant_id)
    keys = tenant_keys(engine)
    sealed = (await keys.cipher(*place)).seal(b"x", b"")
    assert await keys.destroy(*place)
    assert not await keys.destroy(*place)
    with pytest.raises(SealedDataError):
        (await keys.cipher(*place)).open(sealed, b"")
    async with engine.connect() as connection:
        query = text("SELECT count(*) FROM tenant_keys WHERE wrapped_key IS NULL")
        assert await connection.scalar(query) == 1


async def test_key_of_a_tenant_of_another_workspace_is_refused(engine: AsyncEngine) -> None:
    one, two = [await add_tenancy(engine) for _ in range(2)]
    keys = tenant_keys(engine)
    await keys.cipher(one.workspace_id, one.tenant_id)
    with pytest.raises(EncryptionKeyUnavailableError, match="not of this workspace"):
        await keys.cipher(two.workspace_id, one.tenant_id)
