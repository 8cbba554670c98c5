"""No secret leaves its encrypted place, whatever breaks and whoever quotes it (D7, D9)."""

import base64
import gzip
import json
import logging
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote

import pytest
import zstandard

from storage.runs import RunRecord
from tests.end_to_end.planting import Kind, Origin, plant
from tests.end_to_end.secret_search import SecretSearch, secrets_in
from tests.end_to_end.stage import Stage, open_stage
from tests.end_to_end.stored import documents_of

logger = logging.getLogger(__name__)

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


def test_planted_secrets_have_nothing_in_common() -> None:
    first, second = plant(Origin.BODY), plant(Origin.BODY)
    cores = [secret.core for group in (first, second) for secret in group.values()]
    assert len(set(cores)) == len(cores) == 2 * len(Kind)
    for secret in first.values():
        assert secrets_in(secret.value.encode(), {"core": secret.core}) == {"core"}
        assert secrets_in(secret.text.encode(), {"core": secret.core}) == {"core"}


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.skip(reason="open: role names and other findings are still being mended")
async def test_planted_secrets_are_nowhere_outside_encrypted_content(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_redactor=True) as stage:
        good = await stage.play()
        held = await held_bodies(stage, good)
        search = await stage.look_everywhere()

    show(search)
    assert not search.found, search.report()
    assert good.outcome == "succeeded"
    # Whoever has the key finds everything.
    assert held == {name for name in search.cores if name.startswith(Origin.BODY)}


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_search_without_the_redactor_finds_every_secret(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_redactor=False) as stage:
        await stage.play()
        search = await stage.look_everywhere()

    show(search)
    # Of the tokens that were issued, those in use when a request was quoted.
    assert kinds(search.cores) - kinds(search.found) == set(), search.report()


def kinds(names: Iterable[str]) -> set[str]:
    """Return the names without the numbers of tokens."""
    return {name.rstrip(".0123456789") for name in names}


def show(search: SecretSearch) -> None:
    counts = (len(search.cores), len(search.places), search.byte_count)
    logger.info("searched %d secrets in %d places, %d bytes", *counts)


async def held_bodies(stage: Stage, good: RunRecord) -> set[str]:
    """Return the secrets of bodies that the opened documents of a backup hold."""
    bodies = {secret.name: secret.core for secret in stage.planted[Origin.BODY].values()}
    found: set[str] = set()
    for key in ("deviceConfiguration", "mobileApp", "enrollmentConfig", "powershellScript"):
        documents = await documents_of(stage.product, good, key)
        found |= secrets_in(json.dumps(list(documents.values())).encode(), bodies)
    return found
