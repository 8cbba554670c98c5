"""No secret leaves its encrypted place, whatever breaks and whoever quotes it (D7, D9)."""

import logging
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

import pytest

from services.contents.tenant_keys import TenantCipher
from tests.end_to_end.planting import Origin
from tests.end_to_end.sabotage import turn_redactor_off
from tests.end_to_end.secret_search import SecretSearch, search_files
from tests.end_to_end.stage import open_stage

logger = logging.getLogger(__name__)

CIPHER = TenantCipher(uuid4(), b"key")

# Where secrets would be, had nothing kept them away; each begins the names of places.
PLACES = (
    "postgresql public.contents",
    "postgresql public.policies",
    "postgresql witness.rows",
    "postgresql file pg_wal",
    "temporal heartbeats",
    "temporal last failures",
    "temporal BackupWorkflow activity_task_started",
    "temporal database history_node",
    "temporal file",
    "log output-of-worker",
)


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.timeout(400)
async def test_planted_secrets_are_nowhere_outside_encrypted_content(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_redactor=True) as stage:
        played = await stage.play()
        search = await stage.look_everywhere()

    show(search)
    assert not search.found, search.report()
    assert unseen(search.places) == set()
    assert [played.good.outcome, played.synced.outcome] == ["succeeded", "succeeded"]
    # Whoever has the key finds everything of the tenant, and nothing else.
    exported = SecretSearch(search.cores)
    search_files(exported, "export", played.exported)
    assert set(exported.found) == {name for name in search.cores if name.startswith(Origin.BODY)}


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.timeout(400)
async def test_search_without_the_redactor_finds_every_secret(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_redactor=False) as stage:
        await stage.play()
        search = await stage.look_everywhere()

    show(search)
    # Of the tokens that were issued, those in use when a request was quoted.
    assert kinds(search.cores) - kinds(search.found) == set(), search.report()
    # Each place can show what it holds.
    assert unseen(place for places in search.found.values() for place in places) == set()


def test_redactor_turned_off_is_called_as_the_redactor_is(monkeypatch: pytest.MonkeyPatch) -> None:
    # It holds every stand-in against what the product has today; the search above is long.
    turn_redactor_off(monkeypatch)

    assert CIPHER.open(b"secret", b"context", uuid4()) == b"secret"


def unseen(places: Iterable[str]) -> set[str]:
    """Return those of the places that matter which are not among these."""
    seen = set(places)
    return {wanted for wanted in PLACES if not any(place.startswith(wanted) for place in seen)}


def kinds(names: Iterable[str]) -> set[str]:
    """Return the names without the numbers of tokens."""
    return {name.rstrip(".0123456789") for name in names}


def show(search: SecretSearch) -> None:
    counts = (len(search.cores), len(search.places), search.byte_count, len(search.found))
    logger.info("searched %d secrets in %d places, %d bytes, found %d", *counts)
