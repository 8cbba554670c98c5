"""Every table of the product, on one MetaData; `storage/migrations` must equal it."""

from storage.tables.accounts import (
    principals,
    provider_connections,
    tenant_memberships,
    tenants,
    users,
    workspace_memberships,
    workspaces,
)
from storage.tables.audit import audit_log
from storage.tables.changes import change_event_sources, change_events
from storage.tables.content import (
    backup_sets,
    content_references,
    contents,
    manifest_chunks,
    manifests,
    policies,
    policy_versions,
    set_manifests,
    tenant_keys,
)
from storage.tables.directory import (
    directory_role_definition_versions,
    directory_role_definitions,
)
from storage.tables.legacy import (
    backup_schedule_runs,
    entra_group_sync_runs,
    inventory_sync_runs,
    restore_runs,
)
from storage.tables.metadata import metadata
from storage.tables.proofs import set_certificates, signing_keys
from storage.tables.runs import (
    admissions,
    operation_run_results,
    operation_run_steps,
    operation_runs,
    run_identities,
    run_leases,
)
from storage.tables.schedules import backup_schedules
from storage.tables.shared_limits import graph_budgets

__all__ = [
    "admissions",
    "audit_log",
    "backup_schedule_runs",
    "backup_schedules",
    "backup_sets",
    "change_event_sources",
    "change_events",
    "content_references",
    "contents",
    "directory_role_definition_versions",
    "directory_role_definitions",
    "entra_group_sync_runs",
    "graph_budgets",
    "inventory_sync_runs",
    "manifest_chunks",
    "manifests",
    "metadata",
    "operation_run_results",
    "operation_run_steps",
    "operation_runs",
    "policies",
    "policy_versions",
    "principals",
    "provider_connections",
    "restore_runs",
    "run_identities",
    "run_leases",
    "set_certificates",
    "set_manifests",
    "signing_keys",
    "tenant_keys",
    "tenant_memberships",
    "tenants",
    "users",
    "workspace_memberships",
    "workspaces",
]
