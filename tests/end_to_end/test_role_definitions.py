"""Syncs of directory role definitions: created, updated, unchanged and removed are exact (D5)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from devstack.graph_service import GraphConfig, Profile
from storage.runs import RunRecord
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product

REAL_ROLES = (
    Path(__file__).parents[3] / "shared/graph/data/entra/unifiedRoleDefinitions.derived.json"
)
ROLES = "directoryRoleDefinitions"
KEYS = ("created", "updated", "unchanged", "deleted", "failed")


@pytest_asyncio.fixture(
    params=[
        # The real ones show the same, and more.
        pytest.param("generated roles", marks=[pytest.mark.long] if REAL_ROLES.exists() else []),
        pytest.param(
            "real roles",
            marks=pytest.mark.skipif(not REAL_ROLES.exists(), reason="../shared is not here"),
        ),
    ],
    loop_scope="session",
)
async def product(request: pytest.FixtureRequest, run_product: Run) -> AsyncIterator[Product]:
    config = GraphConfig(
        profile=Profile.NONE,
        tenants=1,
        budget_scale=0,
        counts={ROLES: 30},
        load_roles=REAL_ROLES if request.param == "real roles" else None,
    )
    async with run_product(config) as product:
        yield product


def counts(run: RunRecord) -> tuple[int, ...]:
    return tuple(run.summary_counts[key] for key in KEYS)


def add_custom_roles(product: Product, count: int) -> list[str]:
    control = product.graph.control
    return [
        control.insert_object(0, ROLES, custom_role(f"Helpdesk {number}"))
        for number in range(count)
    ]


def custom_role(name: str) -> dict[str, Any]:
    role_id = str(uuid4())
    return {
        "id": role_id,
        "templateId": role_id,
        "displayName": name,
        "description": "Resets passwords.",
        "isBuiltIn": False,
        "isEnabled": True,
        "resourceScopes": ["/"],
        "version": "1",
        "rolePermissions": [
            {"allowedResourceActions": [RESET, READ], "condition": None},
        ],
    }


READ = "microsoft.directory/users/standard/read"
RESET = "microsoft.directory/users/password/update"
GRANTED = "microsoft.directory/groups/create"


async def test_sync_of_role_definitions_counts_exactly_what_changed(product: Product) -> None:
    control = product.graph.control
    custom = add_custom_roles(product, 3)
    total = len(control.object_ids(0, ROLES))

    first, again = await product.sync_roles(), await product.sync_roles()

    assert [run.outcome for run in (first, again)] == ["succeeded"] * 2
    assert counts(first) == (total, 0, 0, 0, 0)
    assert counts(again) == (0, 0, total, 0, 0)
    control.update_object(0, ROLES, custom[0], {"description": "Another."})
    control.delete_object(0, ROLES, custom[1])
    add_custom_roles(product, 2)
    changed, after = await product.sync_roles(), await product.sync_roles()
    assert counts(changed) == (2, 1, total - 2, 1, 0)
    assert counts(after) == (0, 0, total + 1, 0, 0)
    roles = await product.services.role_reads.list_roles(product.workspace_id, product.tenant.id)
    assert {role.role_definition_id for role in roles} == set(control.object_ids(0, ROLES))


async def test_actions_that_microsoft_changed_are_shown_one_by_one(product: Product) -> None:
    control = product.graph.control
    await product.sync_roles()
    built_in = next(
        role
        for role in (control.get_object(0, ROLES, i) for i in control.object_ids(0, ROLES))
        if role["isBuiltIn"] and len(role["rolePermissions"][0]["allowedResourceActions"]) > 1
    )
    actions = built_in["rolePermissions"][0]["allowedResourceActions"]
    control.replace_object(
        0, ROLES, built_in["id"], with_actions(built_in, [*actions[1:], GRANTED])
    )

    run = await product.sync_roles()

    shown = await product.services.role_reads.changes(
        run.id, product.workspace_id, product.tenant.id
    )
    assert counts(run)[:2] == (0, 1)
    assert [
        (role.role_definition_id, role.change, role.added_actions, role.removed_actions)
        for role in shown
    ] == [(built_in["id"], "updated", (GRANTED,), (actions[0],))]


def with_actions(role: dict[str, Any], actions: list[str]) -> dict[str, Any]:
    permission = {**role["rolePermissions"][0], "allowedResourceActions": actions}
    return {**role, "rolePermissions": [permission, *role["rolePermissions"][1:]]}


async def test_order_of_actions_is_no_change(product: Product) -> None:
    control = product.graph.control
    await product.sync_roles()
    for role_id in control.object_ids(0, ROLES):
        role = control.get_object(0, ROLES, role_id)
        actions = role["rolePermissions"][0]["allowedResourceActions"]
        control.replace_object(0, ROLES, role_id, with_actions(role, actions[::-1]))

    run = await product.sync_roles()

    assert counts(run) == (0, 0, len(control.object_ids(0, ROLES)), 0, 0)


async def test_large_loss_of_roles_is_held_until_the_next_sync_sees_it_too(
    product: Product,
) -> None:
    control = product.graph.control
    await product.sync_roles()
    ids = control.object_ids(0, ROLES)
    gone = ids[: len(ids) // 2 + 8]
    for role_id in gone:
        control.delete_object(0, ROLES, role_id)

    held, confirmed, quiet = [await product.sync_roles() for _ in range(3)]

    kept = len(ids) - len(gone)
    assert held.outcome == "partially_succeeded"
    assert held.failure_summary[0]["reason_code"] == "listing_held"
    assert counts(held) == (0, 0, kept, 0, len(gone))
    assert (confirmed.outcome, counts(confirmed)) == ("succeeded", (0, 0, kept, len(gone), 0))
    assert (quiet.outcome, counts(quiet)) == ("succeeded", (0, 0, kept, 0, 0))


async def test_held_loss_of_roles_is_not_confirmed_by_another(product: Product) -> None:
    control = product.graph.control
    await product.sync_roles()
    roles = {
        role_id: control.get_object(0, ROLES, role_id) for role_id in control.object_ids(0, ROLES)
    }
    for role_id in roles:
        control.delete_object(0, ROLES, role_id)
    kept, missing = list(roles)[:3], list(roles)[3:]
    for role_id in kept:
        control.insert_object(0, ROLES, roles[role_id])
    first = await product.sync_roles()
    control.insert_object(0, ROLES, roles[missing[0]])
    control.delete_object(0, ROLES, kept[0])

    second = await product.sync_roles()

    for run in (first, second):
        assert (run.failure_summary[0]["reason_code"], counts(run)[3]) == ("listing_held", 0)


async def test_roles_that_only_the_list_lacks_are_not_removed(product: Product) -> None:
    control = product.graph.control
    await product.sync_roles()
    control.add_fault(kind="empty_list", path="/roleManagement/directory/roleDefinitions")

    faulty = await product.sync_roles()

    control.clear_faults()
    good = await product.sync_roles()
    assert faulty.summary_counts["deleted"] == 0
    assert faulty.failure_summary[0]["reason_code"] == "listing_inconsistent"
    assert counts(good) == (0, 0, len(control.object_ids(0, ROLES)), 0, 0)
