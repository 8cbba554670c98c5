"""Roles and capabilities: table-driven, higher roles include lower ones."""

import itertools

import pytest

from domain.capabilities import (
    SCHEDULE_CAPABILITIES,
    SYSTEM_CAPABILITIES,
    Capability,
    Role,
    capabilities_of,
    parse_capabilities,
)

# Capability and the least role that holds it (behaviour section 3); None is no role.
LEAST_ROLE = [
    ("tenant.core.view", "readonly"),
    ("tenant.members.view", "readonly"),
    ("tenant.members.manage", "owner"),
    ("tenant.settings.view", "readonly"),
    ("tenant.settings.manage", "manager"),
    ("tenant.providers.view", "readonly"),
    ("tenant.providers.manage", "manager"),
    ("tenant.providers.credentials.rotate", "manager"),
    ("tenant.providers.run_ops", "operator"),
    ("tenant.operations.view", "readonly"),
    ("tenant.operations.start", "operator"),
    ("tenant.inventory.view", "readonly"),
    ("tenant.inventory.sync", "operator"),
    ("tenant.drift.view", "readonly"),
    ("tenant.drift.ack", "operator"),
    ("tenant.policies.view", "readonly"),
    ("tenant.policies.sync", "operator"),
    ("tenant.policies.delete", "manager"),
    ("tenant.backups.manage", "manager"),
    ("tenant.restore.execute", "manager"),
    ("tenant.danger_zone", "owner"),
    ("system.operations.maintain", None),
]
FROM_LEAST = (Role.READONLY, Role.OPERATOR, Role.MANAGER, Role.OWNER)


@pytest.mark.parametrize(("name", "least"), LEAST_ROLE)
@pytest.mark.parametrize("role", FROM_LEAST)
def test_role_holds_a_capability_from_its_least_role_up(
    name: str, least: str | None, role: Role
) -> None:
    is_held = least is not None and FROM_LEAST.index(role) >= FROM_LEAST.index(Role(least))
    assert (Capability(name) in capabilities_of(role)) is is_held


def test_table_covers_every_capability() -> None:
    assert {name for name, _ in LEAST_ROLE} == {capability.value for capability in Capability}


def test_roles_include_the_ones_below() -> None:
    held = [capabilities_of(role) for role in FROM_LEAST]
    assert all(lower < higher for lower, higher in itertools.pairwise(held))


def test_schedule_may_start_backups_and_nothing_for_people() -> None:
    assert Capability.OPERATIONS_START in SCHEDULE_CAPABILITIES
    assert not SCHEDULE_CAPABILITIES & {
        Capability.RESTORE_EXECUTE,
        Capability.DANGER_ZONE,
        Capability.MEMBERS_MANAGE,
        Capability.SYSTEM_MAINTAIN,
    }


def test_system_may_maintain_and_never_restore() -> None:
    assert Capability.SYSTEM_MAINTAIN in SYSTEM_CAPABILITIES
    assert Capability.RESTORE_EXECUTE not in SYSTEM_CAPABILITIES


def test_parse_grants_nothing_for_unknown_names() -> None:
    stored = ["tenant.operations.start", "tenant.everything", "owner", ""]
    assert parse_capabilities(stored) == {Capability.OPERATIONS_START}
