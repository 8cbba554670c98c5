import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.contents.root_keys import EncryptionKeyUnavailableError, LocalRootKey
from services.contents.tenant_keys import SealedDataError
from tests.services.content_rows import count_rows, tenant_keys
from tests.services.tenancy import add_tenancy


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
    other = tenant_keys(engine, LocalRootKey(b"o" * 32))
    with pytest.raises(EncryptionKeyUnavailableError, match="TENANTOPS_ROOT_KEY holds"):
        await other.cipher(tenancy.workspace_id, tenancy.tenant_id)


async def test_rotation_keeps_the_data_key_under_the_new_root_key(engine: AsyncEngine) -> None:
    tenancy = await add_tenancy(engine)
    place = (tenancy.workspace_id, tenancy.tenant_id)
    old, new = LocalRootKey(b"a" * 32), LocalRootKey(b"b" * 32)
    sealed = (await tenant_keys(engine, old).cipher(*place)).seal(b"x", b"")
    keys = tenant_keys(engine, new)
    assert await keys.rotate_root_key(*place, old)
    assert not await keys.rotate_root_key(*place, old)
    assert (await keys.cipher(*place)).open(sealed, b"") == b"x"


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
