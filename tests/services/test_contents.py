import asyncio
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.canonical_rules import CanonicalRules
from services.contents.contents import (
    ContentMissingError,
    ContentReader,
    decode_document,
    encode_document,
    hash_documents,
    seal_documents,
)
from services.contents.recent_hashes import RecentHashes
from services.contents.tenant_keys import TenantCipher
from storage.contents import insert_contents
from tests.domain.documents import DOCUMENTS, Document
from tests.services.content_rows import START, count_rows, new_id, tenant_keys
from tests.services.tenancy import Tenancy, add_tenancy

RULES = CanonicalRules(volatile=("at",))
CIPHER = TenantCipher(new_id(), b"d" * 32)


@pytest_asyncio.fixture
async def tenancy(engine: AsyncEngine) -> Tenancy:
    return await add_tenancy(engine)


async def store(engine: AsyncEngine, tenancy: Tenancy, documents: dict[str, Document]) -> None:
    cipher = await tenant_keys(engine).cipher(tenancy.workspace_id, tenancy.tenant_id)
    sealed = await seal_documents(documents, tenancy.tenant_id, cipher)
    owner = (tenancy.workspace_id, tenancy.tenant_id)
    async with engine.begin() as connection:
        await insert_contents(connection, owner, cipher.key_id, sealed, (1, START))


def reader(engine: AsyncEngine) -> ContentReader:
    return ContentReader(engine=engine, keys=tenant_keys(engine))


@settings(max_examples=40)
@given(DOCUMENTS)
def test_encoding_loses_nothing(document: Document) -> None:
    decoded = decode_document(encode_document(document))
    assert decoded == document
    assert list(decoded) == list(document)


async def test_stored_documents_come_back_as_they_were(
    engine: AsyncEngine, tenancy: Tenancy
) -> None:
    documents: dict[str, Document] = {
        "a": {"big": 2**80, "text": "é\U0001f600", "at": None, "n": 0.1},
        "b": {"value": "x" * 300_000},
    }
    await store(engine, tenancy, documents)
    place = (tenancy.workspace_id, tenancy.tenant_id)
    opened = await reader(engine).documents(*place, ["a", "b", "missing"])
    assert {name: content.document for name, content in opened.items()} == documents
    assert await reader(engine).document(*place, "a") == documents["a"]
    with pytest.raises(ContentMissingError):
        await reader(engine).document(*place, "missing")


async def test_document_is_stored_once(engine: AsyncEngine, tenancy: Tenancy) -> None:
    await store(engine, tenancy, {"a": {"v": 1}})
    await store(engine, tenancy, {"a": {"v": "never stored"}, "b": {"v": 2}})
    place = (tenancy.workspace_id, tenancy.tenant_id)
    assert await reader(engine).document(*place, "a") == {"v": 1}
    assert await count_rows(engine, "contents") == 2


async def test_altered_document_is_missing_and_the_others_are_not(
    engine: AsyncEngine, tenancy: Tenancy
) -> None:
    await store(engine, tenancy, {"a": {"v": 1}, "b": {"v": 2}})
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            "UPDATE contents SET body = sha256(body) WHERE version_hash = 'b'"
        )
    opened = await reader(engine).documents(tenancy.workspace_id, tenancy.tenant_id, ["a", "b"])
    assert {name: content.document for name, content in opened.items()} == {"a": {"v": 1}}


async def test_document_moved_to_another_hash_does_not_open(
    engine: AsyncEngine, tenancy: Tenancy
) -> None:
    await store(engine, tenancy, {"a": {"v": 1}})
    async with engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE contents SET version_hash = 'b'")
    with pytest.raises(ContentMissingError):
        await reader(engine).document(tenancy.workspace_id, tenancy.tenant_id, "b")


async def test_erased_tenant_has_no_readable_documents(
    engine: AsyncEngine, tenancy: Tenancy
) -> None:
    await store(engine, tenancy, {"a": {"v": 1}})
    place = (tenancy.workspace_id, tenancy.tenant_id)
    await tenant_keys(engine).destroy(*place)
    assert await reader(engine).documents(*place, ["a"]) == {}
    await store(engine, tenancy, {"a": {"v": 1}})
    assert await reader(engine).document(*place, "a") == {"v": 1}


async def test_hashes_depend_on_object_content_rules_and_key() -> None:
    async def hashed(document: Any, rules: CanonicalRules = RULES, name: str = "a") -> str | None:
        return (await hash_documents([document], rules, CIPHER, [name]))[0]

    base = await hashed({"v": 1, "at": 1, "password": "x"})
    assert base == await hashed({"v": 1, "at": 2, "password": "x"})
    assert base != await hashed({"v": 2, "at": 1, "password": "x"})
    assert base != await hashed({"v": 1, "at": 1, "password": "y"})
    assert base != await hashed({"v": 1, "at": 1, "password": "x"}, name="b")
    assert base != await hashed({"v": 1, "at": 1, "password": "x"}, CanonicalRules())
    other = TenantCipher(new_id(), b"e" * 32)
    assert [base] != await hash_documents([{"v": 1, "at": 1, "password": "x"}], RULES, other, ["a"])


@pytest.mark.parametrize("document", [{"s": "\ud800"}, {"s": {1}}, {"s": float("inf")}])
async def test_document_that_json_cannot_hold_has_no_hash(document: Document) -> None:
    assert await hash_documents([document], RULES, CIPHER) == [None]


async def test_hashing_a_large_batch_leaves_the_event_loop_free() -> None:
    rows = [{"name": f"n{n}", "value": str(n)} for n in range(2_000)]
    batch: list[Document] = [{"number": number, "rows": rows} for number in range(40)]
    hashing = asyncio.create_task(hash_documents(batch, RULES, CIPHER))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(set(await hashing)) == 40
    assert turns > 20


def test_recent_hashes_are_remembered_and_bounded() -> None:
    computed: list[bytes] = []
    recent = RecentHashes(generation=10)

    def of(body: bytes) -> str:
        return recent.of(body, "same", lambda: computed.append(body) or body.hex())  # type: ignore[func-returns-value] # append returns None

    assert of(b"a") == of(b"a") == b"a".hex()
    assert computed == [b"a"]
    for number in range(100):
        of(str(number).encode())
        of(b"a")
    assert computed.count(b"a") == 1
    assert len(recent) <= 20
