"""The registry of operation types: what exists, what it is called, and how it may be started.

Owns the wire names of architecture section 4 and everything that is decided per type. A type that
is not here cannot be started (behaviour row 20); a stored type that is not here is shown as
`Unknown operation` and resolves to None (rows 23, 25).

Durations and freshness are our choice, since nobody wrote them down: the duration is what a
profile-M tenant needs, and an active run is suspect once it has been silent for longer than its
policy says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from domain.capabilities import Capability

UNKNOWN_LABEL = "Unknown operation"


class OperationType(StrEnum):
    """Every kind of work that has a run (architecture section 4)."""

    # One slot of a schedule; at most one run ever.
    BACKUP_SCHEDULED = "backup_schedule.scheduled"
    # Somebody pressed "run now"; each press is a run.
    BACKUP_RUN_NOW = "backup_schedule.run_now"
    # A new run for the schedule of an earlier run.
    BACKUP_RETRY = "backup_schedule.retry"
    # Refresh the cache of directory role definitions.
    DIRECTORY_ROLE_DEFINITIONS_SYNC = "directory_role_definitions.sync"
    # Refresh the cache of groups.
    DIRECTORY_GROUPS_SYNC = "directory_groups.sync"
    # Refresh the inventory of one selection.
    INVENTORY_SYNC = "inventory.sync"
    # Refresh policies of one selection.
    POLICY_SYNC = "policy.sync"
    # Verify credential, consent and permissions of one connection.
    PROVIDER_CONNECTION_CHECK = "provider.connection.check"
    # Write an approved plan to the tenant.
    RESTORE_EXECUTE = "restore.execute"
    # Take an executed restore back.
    RESTORE_UNDO = "restore.undo"
    # Soft-delete sets beyond the ones to keep.
    BACKUP_RETENTION = "backup_schedule.retention"
    # Delete soft-deleted sets for good.
    BACKUP_PURGE = "backup_schedule.purge"
    # Compare two snapshots of one selection.
    DRIFT_GENERATE = "drift.generate"
    # The sweep that makes rows and Temporal agree; has no tenant.
    OPERATION_RUNS_RECONCILE = "operation_runs.reconcile"


class IdentityRule(StrEnum):
    """What a second start with the same identity does (D3)."""

    # One run ever, also after completion.
    STRICT = "strict"
    # The active run is returned; after it ended, a new one is made.
    REUSED_WHILE_ACTIVE = "reused_while_active"
    # Never the same twice: the identity holds a nonce.
    UNIQUE = "unique"


@dataclass(frozen=True, slots=True)
class FreshnessPolicy:
    """How long an active run may show no sign of life before it is suspect (behaviour row 54)."""

    queued: timedelta
    running: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationDefinition:
    """What the system knows about one type.

    `expected_duration` is None where nobody can say (row 24). `takes_connection` is the purpose of
    the connection that the type needs, by presence: read for all but restores (D14). `startable`
    is False for a registered type whose workflow is not part of this version.
    """

    type: OperationType
    label: str
    workflow_type: str
    identity_rule: IdentityRule
    start_capability: Capability
    view_capability: Capability
    expected_duration: timedelta | None = None
    is_tenant_scoped: bool = True
    is_retry_safe: bool = True
    takes_connection: bool = True
    startable: bool = False
    aliases: tuple[str, ...] = ()
    freshness: FreshnessPolicy = FreshnessPolicy(timedelta(minutes=5), timedelta(minutes=10))


_START = Capability.OPERATIONS_START

_DEFINITIONS = (
    OperationDefinition(
        type=OperationType.BACKUP_SCHEDULED,
        label="Scheduled backup",
        workflow_type="BackupWorkflow",
        identity_rule=IdentityRule.STRICT,
        start_capability=_START,
        view_capability=_START,
        expected_duration=timedelta(minutes=10),
        startable=True,
    ),
    OperationDefinition(
        type=OperationType.BACKUP_RUN_NOW,
        label="Backup run now",
        workflow_type="BackupWorkflow",
        identity_rule=IdentityRule.UNIQUE,
        start_capability=_START,
        view_capability=_START,
        expected_duration=timedelta(minutes=10),
        startable=True,
    ),
    OperationDefinition(
        type=OperationType.BACKUP_RETRY,
        label="Backup retry",
        workflow_type="BackupWorkflow",
        identity_rule=IdentityRule.UNIQUE,
        start_capability=_START,
        view_capability=_START,
        expected_duration=timedelta(minutes=10),
        startable=True,
    ),
    OperationDefinition(
        type=OperationType.DIRECTORY_ROLE_DEFINITIONS_SYNC,
        label="Directory role definitions sync",
        workflow_type="DirectoryRoleDefinitionsSyncWorkflow",
        identity_rule=IdentityRule.REUSED_WHILE_ACTIVE,
        start_capability=_START,
        view_capability=_START,
        expected_duration=timedelta(seconds=30),
        startable=True,
        aliases=("directory.role_definitions.sync",),
    ),
    OperationDefinition(
        type=OperationType.DIRECTORY_GROUPS_SYNC,
        label="Directory groups sync",
        workflow_type="DirectoryGroupsSyncWorkflow",
        identity_rule=IdentityRule.REUSED_WHILE_ACTIVE,
        start_capability=_START,
        view_capability=_START,
        expected_duration=timedelta(minutes=5),
        aliases=("directory.groups.sync", "entra_group_sync"),
    ),
    OperationDefinition(
        type=OperationType.INVENTORY_SYNC,
        label="Inventory sync",
        workflow_type="InventorySyncWorkflow",
        identity_rule=IdentityRule.REUSED_WHILE_ACTIVE,
        start_capability=Capability.INVENTORY_SYNC,
        view_capability=Capability.INVENTORY_SYNC,
        expected_duration=timedelta(minutes=5),
        aliases=("inventory_sync",),
    ),
    OperationDefinition(
        type=OperationType.POLICY_SYNC,
        label="Policy sync",
        workflow_type="PolicySyncWorkflow",
        identity_rule=IdentityRule.REUSED_WHILE_ACTIVE,
        start_capability=Capability.POLICIES_SYNC,
        view_capability=Capability.POLICIES_SYNC,
        expected_duration=timedelta(minutes=5),
    ),
    OperationDefinition(
        type=OperationType.PROVIDER_CONNECTION_CHECK,
        label="Provider connection check",
        workflow_type="ProviderConnectionCheckWorkflow",
        identity_rule=IdentityRule.REUSED_WHILE_ACTIVE,
        start_capability=Capability.PROVIDERS_RUN_OPS,
        # The verification exception: who only looks may read the report (behaviour row 62).
        view_capability=Capability.OPERATIONS_VIEW,
        expected_duration=timedelta(seconds=30),
    ),
    OperationDefinition(
        type=OperationType.RESTORE_EXECUTE,
        label="Restore",
        workflow_type="RestoreWorkflow",
        identity_rule=IdentityRule.STRICT,
        start_capability=Capability.RESTORE_EXECUTE,
        view_capability=Capability.RESTORE_EXECUTE,
        is_retry_safe=False,
    ),
    OperationDefinition(
        type=OperationType.RESTORE_UNDO,
        label="Restore undo",
        workflow_type="RestoreWorkflow",
        identity_rule=IdentityRule.STRICT,
        start_capability=Capability.RESTORE_EXECUTE,
        view_capability=Capability.RESTORE_EXECUTE,
        is_retry_safe=False,
    ),
    OperationDefinition(
        type=OperationType.BACKUP_RETENTION,
        label="Backup retention",
        workflow_type="BackupRetentionWorkflow",
        identity_rule=IdentityRule.REUSED_WHILE_ACTIVE,
        start_capability=Capability.BACKUPS_MANAGE,
        view_capability=Capability.BACKUPS_MANAGE,
        expected_duration=timedelta(minutes=1),
        takes_connection=False,
        aliases=("backup.schedule.retention", "backup_schedule_retention"),
    ),
    OperationDefinition(
        type=OperationType.BACKUP_PURGE,
        label="Backup purge",
        workflow_type="BackupRetentionWorkflow",
        identity_rule=IdentityRule.REUSED_WHILE_ACTIVE,
        start_capability=Capability.BACKUPS_MANAGE,
        view_capability=Capability.BACKUPS_MANAGE,
        is_retry_safe=False,
        takes_connection=False,
        aliases=("backup.schedule.purge", "backup_schedule_purge"),
    ),
    OperationDefinition(
        type=OperationType.DRIFT_GENERATE,
        label="Drift report",
        workflow_type="DriftWorkflow",
        identity_rule=IdentityRule.REUSED_WHILE_ACTIVE,
        start_capability=_START,
        view_capability=_START,
        expected_duration=timedelta(minutes=2),
        takes_connection=False,
        aliases=("drift_generate_findings",),
    ),
    OperationDefinition(
        type=OperationType.OPERATION_RUNS_RECONCILE,
        label="Run reconciliation",
        workflow_type="ReconcileWorkflow",
        identity_rule=IdentityRule.REUSED_WHILE_ACTIVE,
        start_capability=Capability.SYSTEM_MAINTAIN,
        view_capability=Capability.SETTINGS_MANAGE,
        expected_duration=timedelta(minutes=1),
        is_tenant_scoped=False,
        takes_connection=False,
        aliases=("ops.reconcile_adapter_runs",),
    ),
)

_BY_TYPE = {entry.type: entry for entry in _DEFINITIONS}
_ALIASES = {alias: entry.type for entry in _DEFINITIONS for alias in entry.aliases}

# Old spellings that stood for all three kinds of backup; only the run's context tells them apart.
_BACKUP_SPELLINGS = frozenset({"backup.schedule.execute", "backup_schedule_run"})
_BACKUP_TRIGGERS = {
    "scheduled": OperationType.BACKUP_SCHEDULED,
    "schedule": OperationType.BACKUP_SCHEDULED,
    "run_now": OperationType.BACKUP_RUN_NOW,
    "manual": OperationType.BACKUP_RUN_NOW,
    "retry": OperationType.BACKUP_RETRY,
}

BACKUP_TYPES: frozenset[OperationType] = frozenset(_BACKUP_TRIGGERS.values())


def definition(operation_type: OperationType) -> OperationDefinition:
    """Return what is known about a type; every type has an entry."""
    return _BY_TYPE[operation_type]


def definitions() -> tuple[OperationDefinition, ...]:
    """Return every entry, in the order in which a catalog shows them."""
    return _DEFINITIONS


def resolve_type(stored: str, context: Mapping[str, object] | None = None) -> OperationType | None:
    """Read a stored spelling, old ones included; None when it stands for no single type.

    New writes use the canonical name only (behaviour row 25).
    """
    try:
        return OperationType(stored)
    except ValueError:
        pass
    if stored in _BACKUP_SPELLINGS:
        return _backup_type_of(context or {})
    return _ALIASES.get(stored)


def label_of(stored: str, context: Mapping[str, object] | None = None) -> str:
    """Return what people read for a stored type; never fails (behaviour row 23)."""
    resolved = resolve_type(stored, context)
    return UNKNOWN_LABEL if resolved is None else _BY_TYPE[resolved].label


def _backup_type_of(context: Mapping[str, object]) -> OperationType | None:
    if "backup_schedule_id" not in context:
        return None
    trigger = context.get("trigger")
    if isinstance(trigger, str):
        return _BACKUP_TRIGGERS.get(trigger)
    if "retried_from" in context:
        return OperationType.BACKUP_RETRY
    # The canonical rows of a slot carry its minute; a bare schedule id proves nothing.
    return OperationType.BACKUP_SCHEDULED if "scheduled_for" in context else None
