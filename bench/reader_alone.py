"""The product's reader without workflow and database: registry, client, completing, nothing stored.

BENCH_SECRET=… python -m bench.reader_alone ROOT CA_FILE ENTRA_TENANT CLIENT_ID
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from domain.references import references_of
from domain.resource_types.registry import backup_types
from domain.resource_types.shape import ResourceType
from graph.budgets import BudgetKey, Lease, LeasingBudgets, Unused
from graph.client import GraphClient
from graph.clouds import custom_endpoint
from graph.credentials import AppIdentity, ClientSecret, open_credential
from graph.reading import ReadObject, ResourceReader
from graph.tokens import TokenSource
from graph.transport import Transport
from services.backups.lane_reading import TYPES_AT_ONCE

LEASE_SECONDS = 60.0


async def lease(_key: BudgetKey, wanted: int, _unused: Unused) -> Lease:
    """Grant whatever is asked for."""
    return Lease(wanted, LEASE_SECONDS, 0.0)


async def report(_key: BudgetKey, _retry_after: float) -> None:
    """Nobody is throttled here."""


async def read(client: GraphClient, entry: ResourceType, named: dict[str, set[str]]) -> int:
    """Read all objects of a type."""
    count = 0
    if entry.by_reference:
        return len(await ResourceReader(client, entry).objects(sorted(named.get(entry.key, ()))))
    async for page in ResourceReader(client, entry).pages():
        count += len(page.documents)
        note_references(entry, page.documents, named)
    return count


def note_references(
    entry: ResourceType, documents: list[ReadObject], named: dict[str, set[str]]
) -> None:
    """Collect what the documents refer to."""
    for found in documents:
        if found.document is not None:
            for reference in references_of(entry.key, found.document):
                named.setdefault(reference.kind, set()).add(reference.external_id)


async def measure(root: str, ca_file: str, tenant: str, client_id: str) -> dict[str, Any]:
    """Read every type of a usual backup once, as many at once as a lane does."""
    endpoint = custom_endpoint(authority=root, graph_root=root, ca_file=Path(ca_file))
    identity = AppIdentity(tenant, client_id)
    secret = ClientSecret(os.environ["BENCH_SECRET"])
    tokens = TokenSource(lambda: open_credential(endpoint, identity, secret), endpoint.scope)
    named: dict[str, set[str]] = {}
    async with Transport(endpoint) as transport:
        client = GraphClient(
            identity=identity,
            transport=transport,
            tokens=tokens,
            budgets=LeasingBudgets(lease, report),
        )
        await client.token_roles()
        began, cpu = time.perf_counter(), time.process_time()
        lanes: dict[str, asyncio.Semaphore] = {}

        async def in_turn(entry: ResourceType) -> int:
            async with lanes.setdefault(entry.lane, asyncio.Semaphore(TYPES_AT_ONCE)):
                return await read(client, entry, named)

        entries = backup_types()
        first = [in_turn(entry) for entry in entries if not entry.by_reference]
        counts = await asyncio.gather(*first)
        counts += await asyncio.gather(*(in_turn(e) for e in entries if e.by_reference))
        result = {
            "seconds": round(time.perf_counter() - began, 3),
            "objects": sum(counts),
            "client_cpu": round(time.process_time() - cpu, 3),
        }
        await tokens.close()
    return result


def main() -> None:
    """Entry point."""
    print(json.dumps(asyncio.run(measure(*sys.argv[1:]))))


if __name__ == "__main__":
    main()
