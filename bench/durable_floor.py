"""The price of durable storage: the rows that a backup left, written again with nothing around it.

One process, one connection, one transaction: each document hashed, compressed and sealed with the
product's own functions, then every row by COPY into a fresh database with the product's tables,
indexes and constraints, and a commit that waits for the disk. No listing, no steps, no comparing.
"""

import hashlib
import io
import os
import time
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import zstandard

from bench.ground import Ground, Stand
from bench.machine import CpuClock
from services.contents.contents import COMPRESSION_LEVEL, content_context, encode_document
from services.contents.tenant_keys import TenantCipher
from storage.migrate import upgrade

# What the rows belong to; there before the clock runs.
OWNERS = ("workspaces", "tenants", "tenant_keys")
# In the order of their foreign keys. Rows of the run and the set, some two hundred, are left out.
COPIED = ("content_references", "policies", "policy_versions", "manifest_chunks")
CONTENTS = "contents"

Texts = dict[str, bytes]


async def measure_floor(ground: Ground, stand: Stand, tenant_id: UUID) -> dict[str, Any]:
    """Write what is stored of a tenant into a database of its own; return what it took.

    `seconds` and the CPU of this process and of PostgreSQL are of the documents' work and the
    transaction alone.
    """
    texts = await _texts(stand, tenant_id)
    source = await asyncpg.connect(ground.postgres.dsn(stand.database))
    name = f"bench_floor_{uuid4().hex[:12]}"
    ground.postgres.create_database(name)
    await upgrade(ground.postgres.dsn(name, scheme="postgresql+asyncpg"))
    target = await asyncpg.connect(ground.postgres.dsn(name))
    try:
        for table in OWNERS:
            await _copied(target, table, await _rows(source, table))
        contents = await source.fetch("SELECT * FROM contents WHERE tenant_id = $1", tenant_id)
        rows = {table: await _rows(source, table, tenant_id) for table in COPIED}
        clock, cpu = CpuClock(postgres=ground.postgres.pid), time.process_time()
        began = time.perf_counter()
        await _write(target, _sealed(contents, texts), rows)
        seconds = time.perf_counter() - began
        used = {"client": round(time.process_time() - cpu, 3), **clock.seconds()}
        written = await target.fetchval("SELECT count(*) FROM contents")
    finally:
        await source.close()
        await target.close()
        ground.postgres.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    assert written == len(texts), "the floor wrote other documents than the product"
    return {"seconds": round(seconds, 3), "documents": written, "cpu": used}


async def _texts(stand: Stand, tenant_id: UUID) -> Texts:
    """Return the documents in the clear, by version hash."""
    found = await stand.select("SELECT version_hash FROM contents WHERE tenant_id = $1", tenant_id)
    hashes = [row["version_hash"] for row in found]
    workspace_id = stand.product.workspace_id
    opened = await stand.services.contents.documents(workspace_id, tenant_id, hashes)
    return {version: encode_document(content.document) for version, content in opened.items()}


async def _rows(
    connection: asyncpg.Connection, table: str, tenant_id: UUID | None = None
) -> io.BytesIO:
    """Return rows as COPY reads them."""
    rows = io.BytesIO()
    owned = "" if tenant_id is None else f" WHERE tenant_id = '{tenant_id}'"
    statement = f"SELECT * FROM {table}{owned}"
    await connection.copy_from_query(statement, output=rows, format="binary")
    rows.seek(0)
    return rows


async def _copied(connection: asyncpg.Connection, table: str, rows: io.BytesIO) -> None:
    await connection.copy_to_table(table, source=rows, format="binary")


def _sealed(contents: list[asyncpg.Record], texts: Texts) -> list[dict[str, Any]]:
    """Hash, compress and seal each document anew, as rows of contents."""
    compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
    cipher = TenantCipher(uuid4(), os.urandom(32))
    rows = []
    for row in contents:
        version, text = row["version_hash"], texts[row["version_hash"]]
        hashlib.sha256(text).digest()
        body = cipher.seal(compressor.compress(text), content_context(row["tenant_id"], version))
        rows.append({**row, "body": body})
    return rows


async def _write(
    connection: asyncpg.Connection, contents: list[dict[str, Any]], rows: dict[str, io.BytesIO]
) -> None:
    async with connection.transaction():
        await connection.copy_records_to_table(
            CONTENTS,
            records=[tuple(row.values()) for row in contents],
            columns=list(contents[0]),
        )
        for table, copied in rows.items():
            await _copied(connection, table, copied)
