"""Starting operations from Python, as another service of the same machine does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from contracts.operations import OperationDecision, OperationRequest
from devstack.postgres import EmbeddedPostgres
from domain.runs import RunOutcome, RunStatus
from starter import run_backup_now, start_operation, sync_role_definitions
from storage.runs import RunRecord
from tests.commands.running import product_of_module
from tests.end_to_end.product import ACTOR, PRINCIPAL, Product

TYPES = ["scopeTag", "filter"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(
    postgres_server: EmbeddedPostgres,
    migrated_template: str,
    maintenance_connection: asyncpg.Connection,
    temporal_address: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Product]:
    """Worker, Graph and services with one tenant, for the tests of this module."""
    folder: Path = tmp_path_factory.mktemp("keys")
    async with product_of_module(
        postgres_server, maintenance_connection, migrated_template, temporal_address, folder
    ) as running:
        yield running


async def _ended(product: Product, decision: OperationDecision) -> RunRecord:
    assert decision.decision == "accepted", decision
    return await product.finished(decision)


def _request(product: Product, *, wait: bool = False) -> OperationRequest:
    return OperationRequest(
        type="directory_role_definitions.sync",
        workspace_id=product.workspace_id,
        tenant_id=product.tenant.id,
        principal=PRINCIPAL,
        wait=wait,
    )


async def test_start_operation_with_settings_opens_what_it_needs(product: Product) -> None:
    request = _request(product, wait=True)
    decision = await start_operation(product.services.settings, request, key=str(uuid4()))
    assert (decision.decision, decision.outcome) == ("accepted", RunOutcome.SUCCEEDED)


async def test_start_operation_with_services_returns_before_the_run_ends(product: Product) -> None:
    decision = await start_operation(product.services, _request(product), key=str(uuid4()))
    assert decision.outcome == "pending"
    assert (await _ended(product, decision)).outcome is RunOutcome.SUCCEEDED


async def test_start_operation_same_key_gets_the_same_decision(product: Product) -> None:
    key = str(uuid4())
    starts = [start_operation(product.services, _request(product), key=key) for _ in range(5)]
    decisions = await asyncio.gather(*starts)
    (run_id,) = {decision.operation_run_id for decision in decisions}
    run = await product.finished(decisions[0])
    again = await start_operation(product.services, _request(product), key=key)
    assert again.operation_run_id == run_id == run.id


async def test_run_backup_now_backs_up_the_given_types(product: Product) -> None:
    decision = await run_backup_now(
        product.services,
        product.workspace_id,
        product.tenant.id,
        principal=PRINCIPAL,
        key=str(uuid4()),
        resource_types=TYPES,
        wait=True,
    )
    run = await _ended(product, decision)
    assert decision.outcome == run.outcome == "succeeded"
    assert run.context["policy_types"] == sorted(TYPES)


async def test_run_backup_now_unknown_type_is_a_decision_with_the_field(product: Product) -> None:
    decision = await run_backup_now(
        product.services,
        product.workspace_id,
        product.tenant.id,
        principal=PRINCIPAL,
        key=str(uuid4()),
        resource_types=["nothing"],
        wait=True,
    )
    assert (decision.decision, decision.reason_code) == ("blocked", "input_invalid")
    assert decision.operation_run_id is None
    assert decision.fields == ("inputs.policy_types",)


async def test_sync_role_definitions_with_settings_waits_for_its_end(product: Product) -> None:
    decision = await sync_role_definitions(
        product.services.settings,
        product.workspace_id,
        product.tenant.id,
        principal=PRINCIPAL,
        key=str(uuid4()),
        wait=True,
    )
    assert decision.outcome == "succeeded"
    assert (await _ended(product, decision)).summary_counts["total"] > 100


async def test_unknown_principal_is_refused_without_a_run(product: Product) -> None:
    decision = await sync_role_definitions(
        product.services,
        product.workspace_id,
        product.tenant.id,
        principal="nobody",
        key=str(uuid4()),
        wait=True,
    )
    assert (decision.decision, decision.operation_run_id) == ("blocked", None)


async def test_disabled_connection_blocks_with_a_run_that_says_why(product: Product) -> None:
    connections = product.services.connections
    ids = (product.workspace_id, product.tenant.connection_id)
    await connections.disable(ACTOR, *ids)
    decision = await start_operation(
        product.services, _request(product, wait=True), key=str(uuid4())
    )
    assert (decision.decision, decision.outcome) == ("blocked", RunOutcome.BLOCKED)
    assert decision.operation_run_id is not None
    run = await product.services.runs.find(decision.operation_run_id)
    assert run is not None
    assert run.status is RunStatus.COMPLETED
    assert run.context["reason_code"] == decision.reason_code
    await connections.enable(ACTOR, *ids)
    await connections.set_default(ACTOR, *ids)


async def test_unreachable_database_raises(product: Product) -> None:
    lost = product.services.settings.model_copy(
        update={
            "database_url": type(product.services.settings.database_url)(
                "postgresql+asyncpg://a:b@127.0.0.1:1/c"
            )
        }
    )
    with pytest.raises(OSError, match="Connect call failed"):
        await start_operation(lost, _request(product), key=str(uuid4()))
