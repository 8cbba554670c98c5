"""The search for secrets finds each however it is packed and wherever a server keeps it."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import pytest
import zstandard
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    ScheduleState,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from contracts.search_attributes import TENANT_ID
from tests.end_to_end.planting import Kind, Origin, headers_of, plant, texts_of
from tests.end_to_end.secret_search import (
    SecretSearch,
    keep_every_row,
    search_postgresql,
    search_temporal,
    secrets_in,
)
from tests.eventually import eventually

CORES = {"core": "xkcdvelvetplum4711q"}
SECRET = f"it is {CORES['core'].title()}!"
Packing = Callable[[bytes], bytes]


def json_text(raw: bytes) -> bytes:
    return json.dumps({"message": json.dumps({"inner": raw.decode(errors="replace")})}).encode()


def without_padding(raw: bytes) -> bytes:
    return b"xx" + base64.urlsafe_b64encode(raw).rstrip(b"=")


PACKINGS: dict[str, Packing] = {
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "base64": base64.b64encode,
    "base64 without padding behind other letters": without_padding,
    "hex": lambda raw: raw.hex().encode(),
    "bytea text": lambda raw: b"\\x" + raw.hex().encode(),
    "nested JSON": json_text,
    "percent": lambda raw: quote(raw).encode(),
    "UTF-16": lambda raw: raw.decode("latin-1").encode("utf-16-le"),
}


@pytest.mark.parametrize("outer", PACKINGS.values(), ids=PACKINGS)
@pytest.mark.parametrize("inner", PACKINGS.values(), ids=PACKINGS)
def test_secret_is_found_however_it_is_packed(inner: Packing, outer: Packing) -> None:
    packed = b"\x00\x01 before " + outer(b"between " + base64.b64encode(inner(SECRET.encode())))
    assert secrets_in(packed + b" after", CORES) == {"core"}


def test_nothing_is_found_where_nothing_is_planted() -> None:
    assert secrets_in(Path(__file__).read_bytes().replace(b"xkcd", b""), CORES) == set()


def test_planted_secrets_are_told_apart() -> None:
    first, second = plant(Origin.BODY), plant(Origin.BODY)
    cores = [secret.core for group in (first, second) for secret in group.values()]
    assert len(set(cores)) == len(cores) == 2 * len(Kind)
    for secret in first.values():
        assert secrets_in(secret.value.encode(), {"core": secret.core}) == {"core"}
        assert secrets_in(secret.text.encode(), {"core": secret.core}) == {"core"}


def test_headers_and_texts_quote_a_secret_of_every_kind() -> None:
    group = plant(Origin.HEADER)
    cores = {kind.value: secret.core for kind, secret in group.items()}
    assert secrets_in(json.dumps(headers_of(group)).encode(), cores) == set(cores)
    assert secrets_in(" | ".join(texts_of(group)).encode(), cores) == set(cores)


PARTS = ("argument", "memo", "attribute", "summary", "details", "signal", "reason")
SCHEDULED = ("action argument", "action memo", "note", "schedule memo")


@pytest.mark.long
async def test_search_looks_into_every_part_of_executions_and_schedules(
    temporal_address: str,
) -> None:
    client = await Client.connect(temporal_address)
    cores = {part: f"planted{uuid4().hex}" for part in (*PARTS, *SCHEDULED)}
    await execute_once(client, cores)
    schedule = f"planted-{uuid4()}"
    await client.create_schedule(schedule, planted_schedule(cores), memo=memo(cores, SCHEDULED[3]))

    async def finds_all() -> bool:
        # Lists follow a moment later.
        search = SecretSearch(cores)
        await search_temporal(search, client)
        assert set(search.found) == set(cores)
        return True

    await eventually(finds_all)
    await client.get_schedule_handle(schedule).delete()


async def execute_once(client: Client, cores: dict[str, str]) -> None:
    handle = await client.start_workflow(
        "Missing",
        cores["argument"],
        id=f"planted-{uuid4()}",
        task_queue="nobody-listens",
        memo=memo(cores, "memo"),
        search_attributes=TypedSearchAttributes(
            [SearchAttributePair(TENANT_ID, cores["attribute"])]
        ),
        static_summary=cores["summary"],
        static_details=cores["details"],
    )
    await handle.signal("planted", cores["signal"])
    await handle.terminate(reason=cores["reason"])


def planted_schedule(cores: dict[str, str]) -> Schedule:
    action = ScheduleActionStartWorkflow(
        "Missing",
        cores["action argument"],
        id="planted",
        task_queue="nobody-listens",
        memo=memo(cores, "action memo"),
    )
    state = ScheduleState(note=cores["note"], paused=True)
    return Schedule(action=action, spec=ScheduleSpec(), state=state)


def memo(cores: dict[str, str], part: str) -> dict[str, str]:
    return {"planted": cores[part]}


async def test_search_looks_into_every_column_and_into_rows_that_are_gone(
    database_url: str,
) -> None:
    columns = {"as_bytes": "bytea", "as_json": "jsonb", "as_list": "text[]", "as_text": "text"}
    cores = {name: f"planted{uuid4().hex}" for name in (*columns, "gone")}
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    await connection.execute(f"CREATE TABLE odd ({declared})")
    await keep_every_row(database_url)
    packed = zstandard.ZstdCompressor().compress(cores["as_bytes"].encode())
    quoted = json.dumps({"deep": [json.dumps({"x": cores["as_json"]})]})
    values = (packed, quoted, [cores["as_list"]], cores["as_text"])
    await connection.execute("INSERT INTO odd VALUES ($1, $2, $3, $4)", *values)
    await connection.execute("INSERT INTO odd (as_text) VALUES ($1)", cores["gone"])
    await connection.execute("DELETE FROM odd WHERE as_text = $1", cores["gone"])
    await connection.close()

    search = SecretSearch(cores)
    await search_postgresql(search, database_url)
    for name in columns:
        assert search.found[name] == {
            f"postgresql public.odd.{name}",
            "postgresql witness.rows.row",
        }
    assert search.found["gone"] == {"postgresql witness.rows.row"}
