"""Records histories for the replay tests: `python -m tests.workflows.record_histories`.

Run it when a new situation is worth keeping. Histories that are there stay, unless the change to
their workflow needs no patch marker: workers must replay what is still running (D6).
"""

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from temporalio.client import WorkflowHandle

from contracts.operations import FRONT_DOOR_WORKFLOW
from devstack.graph_service import GraphConfig, Profile
from devstack.postgres import EmbeddedPostgres
from devstack.temporal_server import TemporalOptions, TemporalServer
from storage.migrate import upgrade
from tests.conftest import product_search_attributes
from tests.end_to_end.product import Product, running_product
from tests.end_to_end.stored import select
from tests.eventually import eventually

HISTORIES = Path(__file__).parent / "histories"
BACKUP = "backup_schedule.run_now"
TYPES = {"policy_types": ["settingsCatalog", "namedLocation"]}
SLOW = {"kind": "delay", "delay_s": 3.0, "path": "/deviceManagement/configurationPolicies"}
COUNTS = {"configurationPolicies": 4, "namedLocations": 2, "directoryRoleDefinitions": 5}
# Who ran it and where is of no use to a replay.
_IDENTITY = re.compile(r'"(identity|workerInstanceKey|buildId|binaryChecksum)": "[^"]*"')
_QUEUE = re.compile(r'"name": "[^"]*@[^"]*"')


async def record_all(product: Product) -> None:
    """Run what is worth replaying, one situation after the other, and save each history."""
    accepted = await knock(product, BACKUP, TYPES)
    await save(accepted, "front_door_accepted")
    # backup_of_two_lanes.json is from before contexts were read; it stays.
    await save(await newest(product), "backup_with_its_context")
    await save(await knock(product, BACKUP, TYPES, wait=True), "front_door_waits")
    await save(await knock(product, "directory_role_definitions.sync", {}), "front_door_role_sync")
    await save(await newest(product), "role_sync")
    await save(await knock(product, BACKUP, {"unknown": 1}), "front_door_refuses")
    product.graph.control.add_fault(**SLOW)
    first, second = [await product.start(BACKUP, TYPES) for _ in range(2)]
    await product.finished(first)
    product.graph.control.clear_faults()
    await product.finished(second)
    await save(await newest(product), "backup_that_waited_for_its_turn")
    product.graph.control.add_fault(**SLOW)
    await product.start(BACKUP, TYPES)
    await eventually(lambda: product.graph.control.list_faults()[0]["struck"])
    cancelled = await newest(product)
    await cancelled.cancel()
    await save(cancelled, "backup_that_was_cancelled")
    product.graph.control.clear_faults()
    product.graph.control.set_token_failure(0, 7000215)
    # Tokens that were issued stay good, so the credential has to be asked for anew.
    product.graph.control.revoke_tokens(0)
    await product.backup(*TYPES["policy_types"])
    await save(await newest(product), "backup_with_a_refused_credential")


async def knock(
    product: Product, type_: str, inputs: Mapping[str, object], *, wait: bool = False
) -> WorkflowHandle[object, object]:
    """Ask the front door and return its execution, ended, with its run completed."""
    client = await product.services.temporal()
    request = product.request(type_).model_dump(mode="json") | {
        "inputs": dict(inputs),
        "wait": wait,
    }
    handle = await client.start_workflow(
        FRONT_DOOR_WORKFLOW,
        request,
        id=f"request:{uuid4()}",
        task_queue=product.services.settings.task_queue,
    )
    decision = await handle.result()
    if decision["operation_run_id"] is not None:
        await (await newest(product)).result()
    return handle


async def newest(product: Product) -> WorkflowHandle[object, object]:
    """Return the execution of the product's newest run."""
    rows = await select(product, "SELECT workflow_id FROM operation_runs ORDER BY id DESC LIMIT 1")
    client = await product.services.temporal()
    return client.get_workflow_handle(rows[0]["workflow_id"])


async def save(handle: WorkflowHandle[object, object], name: str) -> None:
    """Write the history of an execution, once it is closed."""

    async def closed() -> bool:
        return (await handle.describe()).close_time is not None

    await eventually(closed, seconds=30)
    text = (await handle.fetch_history()).to_json()
    text = _IDENTITY.sub(r'"\1": "worker"', text)
    text = _QUEUE.sub('"name": "sticky"', text)
    (HISTORIES / f"{name}.json").write_text(text + "\n")


@asynccontextmanager
async def recording_product() -> AsyncIterator[Product]:
    """Run a product on servers of its own, in a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres", durable=False)
        options = TemporalOptions(
            has_ui=False, is_persistent=False, search_attributes=product_search_attributes()
        )
        temporal = TemporalServer(Path(folder) / "temporal", options)
        postgres.start()
        temporal.start()
        try:
            os.environ["TEMPORAL_ADDRESS"] = temporal.address
            postgres.create_database("recording")
            url = postgres.dsn("recording", scheme="postgresql+asyncpg")
            await upgrade(url)
            config = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts=COUNTS)
            async with running_product(url, config, Path(folder) / "root.key") as product:
                yield product
        finally:
            temporal.stop(immediately=True)
            postgres.stop(immediately=True)


async def _main() -> None:
    HISTORIES.mkdir(exist_ok=True)
    async with recording_product() as product:
        await record_all(product)


if __name__ == "__main__":
    asyncio.run(_main())
