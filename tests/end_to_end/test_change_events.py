"""Who changed what between two backups, from the audit events of the local Graph."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, Profile
from domain.audit_events import ActorKind, EventOperation, EventSource
from services.history.change_attribution import Authorship
from storage.runs import RunRecord
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import select

TYPES = ("filter", "caPolicy")
FILTERS, CONDITIONAL = "assignmentFilters", "conditionalAccessPolicies"
CONFIG = GraphConfig(
    profile=Profile.NONE, tenants=1, budget_scale=0, counts={FILTERS: 6, CONDITIONAL: 3}
)
EVE = "eve@contoso.com"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(run_product: Run) -> AsyncIterator[Product]:
    async with run_product(CONFIG) as product:
        yield product


async def authorship(product: Product, run: RunRecord) -> Authorship:
    """Return who made the changes of a run."""
    changes = await product.services.comparison.changes_of_run(
        product.workspace_id, product.tenant.id, run.id
    )
    keys = [(change.resource_type, change.object_id) for change in changes]
    return await product.services.attribution.of_run(product.workspace_id, run.id, keys)


def names(found: Authorship, *key: str) -> list[str | None]:
    resource_type, object_id = key
    events = found.by_object[resource_type, object_id].events
    return [event.actor.name if event.actor else None for event in events]


async def test_change_names_the_person_who_made_it(product: Product) -> None:
    control = product.graph.control
    object_id, policy_id = control.object_ids(0, FILTERS)[0], control.object_ids(0, CONDITIONAL)[0]
    await product.backup(*TYPES)
    control.update_object(0, FILTERS, object_id, {"description": "new"}, actor=EVE)
    control.update_object(0, CONDITIONAL, policy_id, {"state": "disabled"}, actor="bob@contoso.com")

    run = await product.backup(*TYPES)

    found = await authorship(product, run)
    [event] = found.by_object["filter", object_id].events
    assert run.outcome == "succeeded"
    assert (event.operation, event.source) == (EventOperation.UPDATE, EventSource.INTUNE)
    assert event.actor is not None
    assert (event.actor.kind, event.actor.name) == (ActorKind.USER, EVE)
    assert names(found, "caPolicy", policy_id) == ["bob@contoso.com"]
    assert (found.reverted, found.sources) == ([], {})


async def test_deletion_is_attributed_to_its_actor(product: Product) -> None:
    control = product.graph.control
    object_id = control.insert_object(0, FILTERS, actor="adam@contoso.com")
    await product.backup(*TYPES)
    control.delete_object(0, FILTERS, object_id, actor=EVE)

    found = await authorship(product, await product.backup(*TYPES))

    assert names(found, "filter", object_id) == [EVE]


async def test_change_reverted_between_two_backups_is_shown(product: Product) -> None:
    control = product.graph.control
    object_id = control.object_ids(0, FILTERS)[1]
    before = control.get_object(0, FILTERS, object_id)
    await product.backup(*TYPES)
    control.update_object(0, FILTERS, object_id, {"rule": '(device.model -eq "x")'}, actor=EVE)
    control.update_object(0, FILTERS, object_id, {"rule": before["rule"]}, actor=EVE)
    gone = control.insert_object(0, FILTERS, actor=EVE)
    control.delete_object(0, FILTERS, gone, actor=EVE)

    run = await product.backup(*TYPES)

    found = await authorship(product, run)
    shown = {entry.object_id: entry for entry in found.reverted}
    assert run.summary_counts["updated"] == 0
    assert shown.keys() == {object_id, gone}
    assert shown[object_id].name == before["displayName"]
    assert [event.operation for event in shown[object_id].events] == [EventOperation.UPDATE] * 2
    assert (shown[object_id].came_and_went, shown[gone].came_and_went) == (False, True)


@pytest.mark.long
async def test_next_backup_does_not_name_old_events_again(product: Product) -> None:
    object_id = product.graph.control.object_ids(0, FILTERS)[2]
    await product.backup(*TYPES)
    product.graph.control.update_object(0, FILTERS, object_id, {"description": "again"})
    await product.backup(*TYPES)

    found = await authorship(product, await product.backup(*TYPES))

    assert (found.by_object, found.reverted) == ({}, [])


@pytest.mark.long
async def test_app_without_the_right_says_so_and_succeeds(product: Product) -> None:
    control = product.graph.control
    object_id = control.object_ids(0, FILTERS)[3]
    control.revoke_permission(0, "read", "DeviceManagementApps.Read.All")
    await new_token(product)
    await product.backup(*TYPES)
    control.update_object(0, FILTERS, object_id, {"description": "by whom"}, actor=EVE)
    run = await product.backup(*TYPES)
    unknown = await authorship(product, run)
    control.grant_permission(0, "read", "DeviceManagementApps.Read.All")
    await new_token(product)
    await product.backup(*TYPES)

    known = await authorship(product, run)

    assert run.outcome == "succeeded"
    assert unknown.by_object["filter", object_id].unknown_because == "provider_permission_denied"
    assert unknown.sources == {EventSource.INTUNE: "provider_permission_denied"}
    # Read late, and joined by its own time.
    assert names(known, "filter", object_id) == [EVE]


@pytest.mark.long
@pytest.mark.parametrize("status", [429, 403, 500])
async def test_refused_events_change_no_outcome(product: Product, status: int) -> None:
    path = "/deviceManagement/auditEvents"
    await product.backup(*TYPES)
    before = await read_until(product)
    fault = product.graph.control.add_fault(
        kind="status", path=path, status=status, retry_after="120"
    )

    run = await product.backup(*TYPES)

    product.graph.control.remove_fault(fault)
    after = await read_until(product)
    assert run.outcome == "succeeded"
    assert after["intune"]["read_until"] == before["intune"]["read_until"]
    assert after["intune"]["reason_code"] is not None
    assert after["directory"]["read_until"] > before["directory"]["read_until"]


@pytest.mark.long
async def test_actor_is_nowhere_in_the_clear(product: Product) -> None:
    object_id = product.graph.control.object_ids(0, FILTERS)[4]
    await product.backup(*TYPES)
    product.graph.control.update_object(0, FILTERS, object_id, {"description": "x"}, actor=EVE)
    await product.backup(*TYPES)

    rows = await select(product, "SELECT *, encode(actor, 'escape') AS text FROM change_events")

    assert len(rows) > 0
    assert not any("contoso.com" in str(row) for row in rows)


async def new_token(product: Product) -> None:
    """Let the product ask for a token with the rights of now."""
    await product.services.access.close()


async def read_until(product: Product) -> dict[str, dict[str, Any]]:
    rows = await select(product, "SELECT source, read_until, reason_code FROM change_event_sources")
    return {str(row["source"]): dict(row) for row in rows}
