"""A dump of the database, or its raw files, gives away nothing of a tenant's content (D9)."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from devstack.graph_service import GraphConfig, Profile
from devstack.postgres_cluster import postgres_program
from services.contents.contents import ContentReader
from services.history.change_events import actor_context
from tests.end_to_end.conftest import Run
from tests.end_to_end.planting import Origin, cores_of, plant, plant_bodies
from tests.end_to_end.product import Product
from tests.end_to_end.secret_search import SecretSearch, search_files, search_postgresql
from tests.end_to_end.stored import select
from tests.end_to_end.truth import path_of

logger = logging.getLogger(__name__)

ACTOR = "zephyrine.quillfeather@contoso-planted.example"
GROUP = "Quokka Wardens of the Northern Shore"
# Names shorter than this are words that anything may hold.
SHORTEST = 10
NAMES = ("displayName", "name", "userPrincipalName", "mail")


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_dump_of_the_database_gives_nothing_of_the_content_away(
    run_product: Run, server_directory: Path, tmp_path: Path
) -> None:
    config = GraphConfig(profile=Profile.S, tenants=1, budget_scale=0)
    async with run_product(config) as product:
        planted = fill(product)
        run = await product.backup()
        assert run.outcome in ("succeeded", "partially_succeeded")
        documents = await opened(product)
        known = SecretSearch({**planted, **names_in(documents, await object_ids(product))})
        # What is searched for is there for whoever has the key.
        known.look("documents", orjson.dumps(documents))
        known.look("actors", await actors(product))
        known.look("credential", product.graph.tenants[0].read_app.secret)
        assert set(known.found) == set(known.cores)

        search = SecretSearch(known.cores)
        url = product.services.settings.database_url.get_secret_value()
        number = await search_postgresql(search, url)
        search_files(search, "files", server_directory / "postgres" / "data" / "base" / str(number))
        search_files(search, "dump", await dumped(url, tmp_path / "dump.sql"))
    sizes = (len(search.cores), len(documents), search.byte_count)
    logger.info("searched for %d words of %d documents in %d bytes", *sizes)
    assert not search.found, search.report()
    assert len(documents) > 150
    assert len(search.cores) > 100
    assert sum(count for place, count in search.places.items() if "dump" in place) > 500_000


def fill(product: Product) -> dict[str, str]:
    """Plant secrets, mail addresses, scripts, a group and an actor; returns what to look for."""
    control = product.graph.control
    # The right with which encrypted values are read in plain text.
    control.grant_permission(0, "read", "DeviceManagementConfiguration.ReadWrite.All")
    planted = plant(Origin.BODY)
    plant_bodies(control, 0, planted)
    group = control.object_ids(0, "/groups")[0]
    control.update_object(0, "/groups", group, {"displayName": GROUP})
    script = control.object_ids(0, path_of("powershellScript"))[0]
    target = {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group}
    rows = [{"id": f"{script}:{group}", "target": target}]
    changes = {"assignments": rows, "description": "asked for by quillfeather-planted"}
    control.update_object(0, path_of("powershellScript"), script, changes, actor=ACTOR)
    return {
        **cores_of(planted),
        "group": GROUP,
        "actor": ACTOR,
        "description": "quillfeather-planted",
        "credential": product.graph.tenants[0].read_app.secret,
    }


async def opened(product: Product) -> list[dict[str, Any]]:
    """Return every stored document."""
    rows = await select(product, "SELECT version_hash FROM contents")
    reader = ContentReader(engine=product.services.engine, keys=product.services.keys)
    hashes = [row["version_hash"] for row in rows]
    found = await reader.documents(product.workspace_id, product.tenant.id, hashes)
    assert len(found) == len(hashes)
    return [content.document for content in found.values()]


async def actors(product: Product) -> bytes:
    """Return every stored actor, decrypted."""
    cipher = await product.services.keys.cipher(product.workspace_id, product.tenant.id)
    rows = await select(product, "SELECT * FROM change_events")
    return b"\n".join(
        cipher.open(
            row["actor"],
            actor_context(product.tenant.id, row["source"], row["event_id"], row["external_id"]),
            row["key_id"],
        )
        for row in rows
    )


async def object_ids(product: Product) -> str:
    """Return the ids of all objects, which are not encrypted: that of a domain is its name."""
    rows = await select(product, "SELECT external_id FROM policies")
    return "\n".join(row["external_id"] for row in rows).lower()


def names_in(documents: list[dict[str, Any]], ids: str) -> dict[str, str]:
    """Return the names and mail addresses that stand in documents and in no id, as cores."""
    found = {text for document in documents for text in texts(document)}
    in_ids = {text for text in found if text.lower() in ids}
    assert len(in_ids) < 5, in_ids
    return {f"name {text}": text for text in found - in_ids}


def texts(value: Any, key: str = "") -> Iterator[str]:
    """Yield the strings of a document that name something or somebody."""
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from texts(entry, name)
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry, key)
    elif isinstance(value, str):
        is_name = key in NAMES or "@" in value
        # As it stands in JSON, so that it can be found there.
        if is_name and len(value) >= SHORTEST and json.dumps(value)[1:-1] == value:
            yield value


async def dumped(url: str, file: Path) -> Path:
    """Dump a database as its thief would."""
    process = await asyncio.create_subprocess_exec(
        *(str(postgres_program("pg_dump")), "--dbname", url.replace("+asyncpg", "")),
        *("--file", str(file)),
    )
    assert await process.wait() == 0
    return file
