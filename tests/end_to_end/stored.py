"""What the product stored, read from its tables, so that tests do not trust its own reads."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import zstandard
from sqlalchemy import text

from storage.runs import RunRecord
from tests.end_to_end.product import Product

Row = Mapping[str, Any]


async def select(product: Product, sql: str, **values: Any) -> list[Row]:
    """Run one SELECT on the product's database."""
    async with product.services.engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(text(sql), values)).mappings()]


async def results_of(product: Product, run: RunRecord) -> dict[str, Row]:
    """Return the result of each resource type of a run."""
    sql = "SELECT * FROM operation_run_results WHERE operation_run_id = :run"
    return {row["resource_type"]: row for row in await select(product, sql, run=run.id)}


async def changes_of(product: Product, run: RunRecord) -> set[tuple[str, str, str]]:
    """Return (resource type, object id, change) of every version that a run wrote."""
    sql = """
        SELECT resource_type, external_id, change FROM policy_versions
        JOIN policies ON policies.id = policy_id WHERE operation_run_id = :run
    """
    found = await select(product, sql, run=run.id)
    return {(row["resource_type"], row["external_id"], row["change"]) for row in found}


async def tombstones_of(product: Product) -> set[tuple[str, str]]:
    """Return (resource type, object id) of everything that counts as deleted."""
    sql = "SELECT resource_type, external_id FROM policies WHERE deleted_at IS NOT NULL"
    return {(row["resource_type"], row["external_id"]) for row in await select(product, sql)}


def set_of(run: RunRecord) -> UUID:
    """Return the backup set of a run."""
    return UUID(str(run.context["backup_set_id"]))


async def objects_of(product: Product, run: RunRecord) -> dict[str, dict[str, str]]:
    """Return object id → version hash of each resource type of the set of a run."""
    manifests = await select(
        product,
        "SELECT * FROM set_manifests JOIN manifests USING (tenant_id, manifest_hash) "
        "WHERE backup_set_id = :set",
        set=set_of(run),
    )
    found = {}
    for manifest in manifests:
        chunks = await select(
            product,
            "SELECT entries FROM manifest_chunks WHERE chunk_hash = ANY(:hashes)",
            hashes=list(manifest["chunk_hashes"]),
        )
        found[manifest["resource_type"]] = {
            object_id: version
            for chunk in chunks
            for object_id, version in _entries(chunk["entries"])
        }
    return found


def _entries(packed: bytes) -> list[tuple[str, str]]:
    lines = zstandard.decompress(packed).decode().splitlines()
    return [(parts[0], parts[1]) for parts in (line.split("\t") for line in lines)]


async def documents_of(product: Product, run: RunRecord, key: str) -> dict[str, dict[str, Any]]:
    """Return the stored documents of one resource type by object id."""
    versions = (await objects_of(product, run))[key]
    opened = await product.services.contents.documents(
        product.workspace_id, product.tenant.id, versions.values()
    )
    return {object_id: opened[version].document for object_id, version in versions.items()}


def failures_of(run: RunRecord) -> dict[str, str]:
    """Return resource type → reason code of the failures of whole types that a run shows."""
    return {
        str(entry["resource_type"]): str(entry["reason_code"])
        for entry in run.failure_summary
        if entry["code"] != "type.objects_failed"
    }
