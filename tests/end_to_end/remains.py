"""Everything that one backup of a tenant left behind, so that two products can be compared.

Ids, times and hashes with the tenant's key differ between two products, so contents stand in their
place: what is equal here is equal to every reader.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from domain.resource_types.registry import is_by_reference
from storage.runs import RunRecord
from tests.end_to_end.product import Product
from tests.end_to_end.stored import objects_of, results_of, select

# Of a type's result: whose it is, when, and hashes with the tenant's key.
OWN = frozenset(
    {
        *("operation_run_id", "workspace_id", "tenant_id", "updated_at"),
        *("listing_started_at", "listing_ended_at", "manifest_hash"),
    }
)


@dataclass(frozen=True, slots=True)
class Remains:
    """What a backup says of itself, what it stored, and how many rows every table has.

    documents: resource type → object id → digest of the document that the manifest leads to.
    versions: each (resource type, object id, version number, change).
    """

    outcome: str
    counts: dict[str, int]
    failures: list[Any]
    results: dict[str, dict[str, Any]]
    documents: dict[str, dict[str, str]]
    versions: list[tuple[Any, ...]]
    rows: dict[str, int]


async def remains_of(product: Product, run: RunRecord) -> Remains:
    """Read what a backup left in a database that it has for itself."""
    results = await results_of(product, run)
    found = await select(product, VERSIONS)
    return Remains(
        outcome=run.outcome,
        counts=dict(run.summary_counts),
        failures=list(run.failure_summary),
        results={
            key: {name: value for name, value in row.items() if not _is_own(key, name)}
            for key, row in results.items()
        },
        documents=await digests_of(product, run),
        versions=[tuple(row.values()) for row in found],
        rows=await rows_of(product),
    )


def _is_own(resource_type: str, column: str) -> bool:
    # How much of what is read by reference comes early depends on who is how fast.
    is_page = column == "page" and is_by_reference(resource_type)
    return is_page or column in OWN


VERSIONS = """
    SELECT resource_type, external_id, version_number, change
    FROM policy_versions JOIN policies ON policies.id = policy_id
    ORDER BY resource_type, external_id, version_number
"""


async def digests_of(product: Product, run: RunRecord) -> dict[str, dict[str, str]]:
    """Return the digest of every decrypted document of the run's set."""
    digests: dict[str, dict[str, str]] = {}
    for key, versions in (await objects_of(product, run)).items():
        opened = await product.services.contents.documents(
            product.workspace_id, product.tenant.id, versions.values()
        )
        digests[key] = {
            object_id: digest(opened[version].document) for object_id, version in versions.items()
        }
    return digests


def digest(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


async def rows_of(product: Product) -> dict[str, int]:
    """Return how many rows each table of the database has."""
    tables = await select(
        product, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    )
    counts = {}
    for table in (row["tablename"] for row in tables):
        counted = await select(product, f'SELECT count(*) AS n FROM "{table}"')
        counts[table] = counted[0]["n"]
    return counts
