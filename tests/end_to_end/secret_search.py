"""Looking for planted secrets in bytes, however they are packed, and in all that servers keep.

What is compressed, base64, hex, percent-encoded, escaped or UTF-16 is unpacked again and again;
what is encrypted stays closed, as it does for somebody who holds a stolen disk.
"""

import binascii
import hashlib
import re
import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import asyncpg
import zstandard
from google.protobuf.message import Message
from temporalio.client import Client

DEEPEST = 8
# Bytes in which cores are alike when they are planted together.
BEGINNING = 4
LARGEST_UNPACKED = 64 * 1024 * 1024
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_TEXT = re.compile(rb"[ -~\t\r\n]{8,}")
# The first pair stands alone so that the engine can look for it quickly.
_WIDE = re.compile(rb"[ -~]\0(?:[ -~]\0){7,}")
_STANDARD = bytes.maketrans(b"-_", b"+/")
# In no alphabet of a packing.
_BORDER = b"\n"
# Both are zeros when they are decoded.
_FILLS = tuple(b"A" * missing + b"AAAA" for missing in range(4))
_HEX_BORDER = b"00"
_HEX = re.compile(rb"[0-9A-Fa-f]{16,}")
_ESCAPE = re.compile(rb'\\(?:u00([0-9A-Fa-f]{2})|x([0-9A-Fa-f]{2})|(["\\/nrt]))')
_WHITE = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_PACKED = {b"\x28\xb5\x2f\xfd": "zstd", b"\x1f\x8b\x08": "gzip", b"\x78\x9c": "zlib"}


@dataclass(slots=True)
class SecretSearch:
    """Finds the cores of secrets. `found` is secret → places; `places` counts bytes by place."""

    cores: dict[str, str]
    found: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    places: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _seen: set[bytes] = field(default_factory=set)

    def look(self, place: str, content: object) -> None:
        """Search bytes, or the text of anything else; the same content is unpacked once a place."""
        raw = _raw_of(content)
        self.places[place] += len(raw)
        digest = hashlib.sha256(place.encode() + raw).digest()
        if digest not in self._seen:
            self._seen.add(digest)
            for name in secrets_in(raw, self.cores):
                self.found[name].add(place)

    def look_at_all(self, place: str, contents: Iterable[object]) -> None:
        """Search many contents of one place together, which costs far less than one by one."""
        self.look(place, _BORDER.join({_raw_of(content) for content in contents}))

    @property
    def byte_count(self) -> int:
        return sum(self.places.values())

    def report(self) -> str:
        """Each secret that was found and where, for people."""
        lines = [
            f"{name}: {', '.join(sorted(where))}" for name, where in sorted(self.found.items())
        ]
        return "\n".join(lines) or "nothing found"


def _raw_of(content: object) -> bytes:
    return content if isinstance(content, bytes) else str(content).encode(errors="replace")


def secrets_in(raw: bytes, cores: Mapping[str, str]) -> set[str]:
    """Return the names of the secrets whose core is in `raw`, however it is packed there."""
    needles = _by_beginning(cores)
    found: set[str] = set()
    seen: set[bytes] = set()
    waiting = [(raw, 0)]
    while waiting:
        blob, depth = waiting.pop()
        digest = hashlib.sha256(blob).digest()
        if digest in seen:
            continue
        seen.add(digest)
        lowered = blob.lower()
        for beginning, group in needles.items():
            if beginning in lowered:
                found |= {name for name, needle in group if needle in lowered}
        if depth < DEEPEST:
            waiting.extend((inner, depth + 1) for inner in unpacked(blob))
    return found


def _by_beginning(cores: Mapping[str, str]) -> dict[bytes, list[tuple[str, bytes]]]:
    needles: dict[bytes, list[tuple[str, bytes]]] = defaultdict(list)
    for name, core in cores.items():
        needle = core.lower().encode()
        needles[needle[:BEGINNING]].append((name, needle))
    return needles


def unpacked(blob: bytes) -> Iterator[bytes]:
    """Yield everything that `blob` may be a packing of, or may hold packings of.

    What runs of one kind give comes together, with a border between: there are very many.
    """
    yield from _decompressed(blob)
    texts = _TEXT.findall(blob)
    text = _BORDER.join(texts)
    runs = [run.translate(_STANDARD) for run in _BASE64.findall(text)]
    # A run may begin in the middle of a group, where other such characters stand before it.
    for start in range(4 if runs else 0):
        yield binascii.a2b_base64(b"".join([run[start:] + _fill(run, start) for run in runs]))
    digits = _HEX.findall(text)
    for start in range(2 if digits else 0):
        even = [run[start : start + (len(run) - start) // 2 * 2] for run in digits]
        yield binascii.unhexlify(_HEX_BORDER.join(even))
    if escaped := _BORDER.join(part for part in texts if b"\\" in part):
        yield _ESCAPE.sub(_unescaped, escaped)
    if quoted := _BORDER.join(part for part in texts if b"%" in part):
        yield unquote_to_bytes(quoted)
    if wide := _BORDER.join(_WIDE.findall(blob)):
        yield wide.replace(b"\0", b"")


def _fill(run: bytes, start: int) -> bytes:
    """Return what completes the last group of a run that is read from `start`, and a border."""
    return _FILLS[(start - len(run)) % 4]


def _decompressed(blob: bytes) -> Iterator[bytes]:
    for magic, kind in _PACKED.items():
        at = blob.find(magic)
        while at >= 0:
            try:
                if kind == "zstd":
                    inflate = zstandard.ZstdDecompressor().decompressobj()
                    yield inflate.decompress(blob[at:])
                else:
                    window = 31 if kind == "gzip" else 15
                    yield zlib.decompressobj(window).decompress(blob[at:], LARGEST_UNPACKED)
            except (zlib.error, zstandard.ZstdError):
                pass
            at = blob.find(magic, at + 1)


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match.group(1) or match.group(2)
    if code:
        return bytes([int(code, 16)])
    return _WHITE.get(match.group(3), match.group(3))


async def keep_every_row(url: str) -> None:
    """Let a database keep each version of each row in `witness.rows`, however short its life."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        tables = await connection.fetch(_TABLES)
        await connection.execute(_WITNESS)
        for table in tables:
            name = f'"{table["schemaname"]}"."{table["tablename"]}"'
            await connection.execute(
                f"CREATE TRIGGER witness AFTER INSERT OR UPDATE ON {name}"
                " FOR EACH ROW EXECUTE FUNCTION witness.note()"
            )
    finally:
        await connection.close()


async def search_postgresql(search: SecretSearch, url: str) -> int:
    """Look into every column of every row of every table, system catalogs left out.

    Returns the number of the database, which names the folder of its files.
    """
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        for table in await connection.fetch(_TABLES):
            place = f"postgresql {table['schemaname']}.{table['tablename']}"
            name = f'"{table["schemaname"]}"."{table["tablename"]}"'
            search.look(place, b"")
            columns: dict[str, list[object]] = defaultdict(list)
            for row in await connection.fetch(f"SELECT * FROM {name}"):
                for column, value in row.items():
                    columns[column].append(value)
            for column, values in columns.items():
                search.look_at_all(f"{place}.{column}", values)
        await connection.execute("CHECKPOINT")
        return int(await connection.fetchval(_NUMBER))
    finally:
        await connection.close()


_NUMBER = "SELECT oid::bigint FROM pg_database WHERE datname = current_database()"
_TABLES = """
    SELECT schemaname, tablename FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2
"""
_WITNESS = """
    CREATE SCHEMA witness;
    CREATE TABLE witness.rows (of_table text, row jsonb);
    CREATE FUNCTION witness.note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO witness.rows VALUES (TG_TABLE_NAME, to_jsonb(NEW));
        RETURN NULL;
    END $$;
"""


def search_files(search: SecretSearch, place: str, *paths: Path) -> None:
    """Look into files, and into every file below folders; a folder is one place."""
    for path in paths:
        for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
            search.look(f"{place} {path.name}", file.read_bytes().rstrip(b"\0"))


def search_sqlite(search: SecretSearch, file: Path) -> None:
    """Look into every value of a database file; in its raw bytes a long value may be in pieces."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    if isinstance(value, bytes | str):
                        search.look(f"temporal database {table}", value)
    finally:
        connection.close()


async def search_temporal(search: SecretSearch, client: Client) -> None:
    """Look into every history, description, schedule and visibility record."""
    async for execution in client.list_workflows():
        search.look("temporal visibility", _raw(execution.raw_info))
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        description = await handle.describe()
        search.look("temporal description", _raw(description.raw_description))
        async for event in handle.fetch_history_events():
            kind = event.WhichOneof("attributes")
            search.look(f"temporal {execution.workflow_type} {kind}", _raw(event))
    async for schedule in await client.list_schedules():
        found = await client.get_schedule_handle(schedule.id).describe()
        search.look("temporal schedule", _raw(found.raw_description))


async def search_pending(search: SecretSearch, client: Client) -> None:
    """Look into what stays for moments: heartbeats and last failures of running activities."""
    async for execution in client.list_workflows('ExecutionStatus = "Running"'):
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        description = (await handle.describe()).raw_description
        for activity in description.pending_activities:
            if activity.HasField("heartbeat_details"):
                search.look("temporal heartbeats", _raw(activity.heartbeat_details))
            if activity.HasField("last_failure"):
                search.look("temporal last failures", _raw(activity.last_failure))


def _raw(message: Any) -> bytes:
    assert isinstance(message, Message)
    return message.SerializeToString()
