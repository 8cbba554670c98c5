"""The registry is complete, old spellings resolve, unknown ones fail closed."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from domain.capabilities import Capability, Role, capabilities_of
from domain.operation_types import (
    BACKUP_TYPES,
    UNKNOWN_LABEL,
    IdentityRule,
    OperationType,
    definition,
    definitions,
    label_of,
    resolve_type,
)

# Architecture section 4: type, workflow, least role to view, least role to start.
WIRE = [
    ("backup_schedule.scheduled", "BackupWorkflow", "operator", "operator"),
    ("backup_schedule.run_now", "BackupWorkflow", "operator", "operator"),
    ("backup_schedule.retry", "BackupWorkflow", "operator", "operator"),
    (
        "directory_role_definitions.sync",
        "DirectoryRoleDefinitionsSyncWorkflow",
        "operator",
        "operator",
    ),
    ("directory_groups.sync", "DirectoryGroupsSyncWorkflow", "operator", "operator"),
    ("inventory.sync", "InventorySyncWorkflow", "operator", "operator"),
    ("policy.sync", "PolicySyncWorkflow", "operator", "operator"),
    ("provider.connection.check", "ProviderConnectionCheckWorkflow", "readonly", "operator"),
    ("restore.execute", "RestoreWorkflow", "manager", "manager"),
    ("restore.undo", "RestoreWorkflow", "manager", "manager"),
    ("backup_schedule.retention", "BackupRetentionWorkflow", "manager", "manager"),
    ("backup_schedule.purge", "BackupRetentionWorkflow", "manager", "manager"),
    ("drift.generate", "DriftWorkflow", "operator", "operator"),
    ("operation_runs.reconcile", "ReconcileWorkflow", "manager", None),
]
ROLES_FROM_LEAST = (Role.READONLY, Role.OPERATOR, Role.MANAGER, Role.OWNER)


def least_role(capability: Capability) -> str | None:
    holders = [role for role in ROLES_FROM_LEAST if capability in capabilities_of(role)]
    return holders[0].value if holders else None


@pytest.mark.parametrize(("name", "workflow", "view", "start"), WIRE)
def test_registry_entry_matches_the_wire_table(
    name: str, workflow: str, view: str, start: str | None
) -> None:
    entry = definition(OperationType(name))
    assert entry.workflow_type == workflow
    assert least_role(entry.view_capability) == view
    assert least_role(entry.start_capability) == start


def test_registry_has_every_type_of_the_wire_table_and_no_other() -> None:
    assert {entry.type.value for entry in definitions()} == {row[0] for row in WIRE}
    assert {entry.value for entry in OperationType} == {row[0] for row in WIRE}


@pytest.mark.parametrize("operation_type", list(OperationType))
def test_registry_entry_is_whole(operation_type: OperationType) -> None:
    entry = definition(operation_type)
    assert entry.type is operation_type
    assert entry.label != UNKNOWN_LABEL
    assert re.fullmatch(r"[A-Z][a-z ]+", entry.label)
    assert entry.expected_duration is None or entry.expected_duration > timedelta(0)
    assert timedelta(0) < entry.freshness.queued <= entry.freshness.running


def test_registry_labels_are_unique() -> None:
    labels = [entry.label for entry in definitions()]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("operation_type", list(OperationType))
def test_type_whoever_may_start_may_also_view(operation_type: OperationType) -> None:
    entry = definition(operation_type)
    starters = [role for role in Role if entry.start_capability in capabilities_of(role)]
    assert all(entry.view_capability in capabilities_of(role) for role in starters)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("backup_schedule.scheduled", IdentityRule.STRICT),
        ("backup_schedule.run_now", IdentityRule.UNIQUE),
        ("backup_schedule.retry", IdentityRule.UNIQUE),
        ("directory_role_definitions.sync", IdentityRule.REUSED_WHILE_ACTIVE),
        ("directory_groups.sync", IdentityRule.REUSED_WHILE_ACTIVE),
        ("inventory.sync", IdentityRule.REUSED_WHILE_ACTIVE),
        ("restore.execute", IdentityRule.STRICT),
        ("provider.connection.check", IdentityRule.REUSED_WHILE_ACTIVE),
    ],
)
def test_type_has_the_identity_rule_of_the_specification(name: str, rule: IdentityRule) -> None:
    assert definition(OperationType(name)).identity_rule is rule


def test_types_that_write_or_destroy_are_never_retry_safe() -> None:
    unsafe = {entry.type for entry in definitions() if not entry.is_retry_safe}
    assert unsafe == {
        OperationType.RESTORE_EXECUTE,
        OperationType.RESTORE_UNDO,
        OperationType.BACKUP_PURGE,
    }


def test_types_startable_now_are_backups_and_the_role_sync() -> None:
    startable = {entry.type for entry in definitions() if entry.startable}
    assert startable == BACKUP_TYPES | {OperationType.DIRECTORY_ROLE_DEFINITIONS_SYNC}


def test_only_the_sweep_has_no_tenant() -> None:
    without = [entry.type for entry in definitions() if not entry.is_tenant_scoped]
    assert without == [OperationType.OPERATION_RUNS_RECONCILE]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("directory.role_definitions.sync", OperationType.DIRECTORY_ROLE_DEFINITIONS_SYNC),
        ("directory.groups.sync", OperationType.DIRECTORY_GROUPS_SYNC),
        ("entra_group_sync", OperationType.DIRECTORY_GROUPS_SYNC),
        ("inventory_sync", OperationType.INVENTORY_SYNC),
        ("backup.schedule.retention", OperationType.BACKUP_RETENTION),
        ("backup_schedule_retention", OperationType.BACKUP_RETENTION),
        ("backup_schedule_purge", OperationType.BACKUP_PURGE),
        ("drift_generate_findings", OperationType.DRIFT_GENERATE),
        ("ops.reconcile_adapter_runs", OperationType.OPERATION_RUNS_RECONCILE),
    ],
)
def test_alias_resolves_to_its_canonical_type(stored: str, expected: OperationType) -> None:
    assert resolve_type(stored) is expected
    assert label_of(stored) == definition(expected).label


def test_aliases_name_one_type_each_and_no_canonical_name() -> None:
    aliases = [alias for entry in definitions() for alias in entry.aliases]
    assert len(set(aliases)) == len(aliases)
    assert not set(aliases) & {entry.value for entry in OperationType}


SCHEDULE = {"backup_schedule_id": "0192f1a0-0000-7000-8000-000000000001"}


@pytest.mark.parametrize("stored", ["backup.schedule.execute", "backup_schedule_run"])
@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({**SCHEDULE, "trigger": "run_now"}, OperationType.BACKUP_RUN_NOW),
        ({**SCHEDULE, "trigger": "retry"}, OperationType.BACKUP_RETRY),
        (
            {**SCHEDULE, "trigger": "scheduled", "scheduled_for": "2026-11-23T02:00Z"},
            OperationType.BACKUP_SCHEDULED,
        ),
        ({**SCHEDULE, "retried_from": "x"}, OperationType.BACKUP_RETRY),
        ({**SCHEDULE, "scheduled_for": "2026-11-23T02:00Z"}, OperationType.BACKUP_SCHEDULED),
        (SCHEDULE, None),
        ({}, None),
        ({"trigger": "run_now"}, None),
        ({**SCHEDULE, "trigger": "moon"}, None),
    ],
)
def test_ambiguous_alias_resolves_by_context_or_not_at_all(
    stored: str, context: dict[str, object], expected: OperationType | None
) -> None:
    assert resolve_type(stored, context) is expected


@pytest.mark.parametrize("stored", ["", "baseline.capture", "Backup", "backup_schedule.scheduled "])
def test_unknown_type_is_shown_as_unknown_and_resolves_to_none(stored: str) -> None:
    assert resolve_type(stored) is None
    assert label_of(stored) == "Unknown operation"


def test_product_writes_no_alias_as_a_type() -> None:
    project = Path(__file__).parent.parent.parent
    aliases = {alias for entry in definitions() for alias in entry.aliases}
    rooms = ("services", "activities", "workflows", "commands", "contracts")
    written = "\n".join(
        path.read_text() for room in rooms for path in (project / room).rglob("*.py")
    )
    assert not [alias for alias in aliases if f'"{alias}"' in written]
