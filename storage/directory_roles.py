"""Rows of the cache of directory role definitions and of its history; bulk statements only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.statements import Row, fetch_within


class KnownRole(NamedTuple):
    """A role definition as the cache has it."""

    id: UUID
    role_definition_id: str
    current_version_hash: str
    version_count: int
    is_removed: bool


class RoleRow(NamedTuple):
    """A role definition to store, new or changed."""

    id: UUID
    role_definition_id: str
    template_id: str | None
    is_built_in: bool
    is_enabled: bool
    version_hash: str
    change: str


_KNOWN: Final = """
SELECT id, role_definition_id, current_version_hash, version_count, removed_at IS NOT NULL
FROM directory_role_definitions WHERE tenant_id = $1
FOR UPDATE
"""

_UPSERT: Final = """
WITH new AS (
    SELECT * FROM unnest(
        $4::uuid[], $5::text[], $6::text[], $7::bool[], $8::bool[], $9::text[], $10::text[]
    ) AS t (
        id, role_definition_id, template_id, is_built_in, is_enabled, version_hash, change
    )
), stored AS (
    INSERT INTO directory_role_definitions AS d (
        id, workspace_id, tenant_id, role_definition_id, template_id, is_built_in, is_enabled,
        current_version_hash, version_count, first_seen_at, last_changed_at
    )
    SELECT id, $1, $2, role_definition_id, template_id, is_built_in, is_enabled, version_hash,
        1, $11, $11
    FROM new
    ON CONFLICT (tenant_id, role_definition_id) DO UPDATE SET
        template_id = excluded.template_id, is_built_in = excluded.is_built_in,
        is_enabled = excluded.is_enabled,
        current_version_hash = excluded.current_version_hash,
        version_count = d.version_count + 1, last_changed_at = excluded.last_changed_at,
        removed_at = NULL
    RETURNING d.id, d.role_definition_id, d.version_count
)
INSERT INTO directory_role_definition_versions (
    directory_role_definition_id, version_number, workspace_id, tenant_id, version_hash, change,
    operation_run_id, captured_at
)
SELECT stored.id, stored.version_count, $1, $2, new.version_hash, new.change, $3, $11
FROM stored JOIN new USING (role_definition_id)
"""

_REMOVE: Final = """
WITH removed AS (
    UPDATE directory_role_definitions SET
        removed_at = $5, last_changed_at = $5, version_count = version_count + 1
    WHERE tenant_id = $2 AND id = ANY($4::uuid[]) AND removed_at IS NULL
    RETURNING id, version_count
)
INSERT INTO directory_role_definition_versions (
    directory_role_definition_id, version_number, workspace_id, tenant_id, version_hash, change,
    operation_run_id, captured_at
)
SELECT id, version_count, $1, $2, NULL, 'removed', $3, $5 FROM removed
"""

_STORE_RESULT: Final = """
INSERT INTO operation_run_results (
    operation_run_id, resource_type, workspace_id, tenant_id, state, expected, captured, unchanged,
    failed, created, updated, deleted, reason_code, http_status, request_id, missing_scopes,
    permission_state, listing_complete, updated_at, reason_counts, manifest_hash
) VALUES (
    $1, $2, $3, $4, 'done', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
    $19::jsonb, $20
)
ON CONFLICT (operation_run_id, resource_type) DO NOTHING
RETURNING resource_type
"""

_CHANGES: Final = """
SELECT d.role_definition_id, d.is_built_in, v.change, v.version_hash,
    before.version_hash AS previous_hash
FROM directory_role_definition_versions AS v
JOIN directory_role_definitions AS d ON d.id = v.directory_role_definition_id
LEFT JOIN LATERAL (
    SELECT version_hash FROM directory_role_definition_versions AS older
    WHERE older.directory_role_definition_id = v.directory_role_definition_id
        AND older.version_number < v.version_number AND older.version_hash IS NOT NULL
    ORDER BY older.version_number DESC LIMIT 1
) AS before ON true
WHERE v.operation_run_id = $1 AND v.workspace_id = $2 AND v.tenant_id = $3
ORDER BY d.role_definition_id
"""

_LIST: Final = """
SELECT role_definition_id, template_id, is_built_in, is_enabled, version_count,
    last_changed_at, removed_at, current_version_hash
FROM directory_role_definitions
WHERE workspace_id = $1 AND tenant_id = $2 AND ($3 OR removed_at IS NULL)
ORDER BY role_definition_id
"""


async def lock_known_roles(connection: AsyncConnection, tenant_id: UUID) -> dict[str, KnownRole]:
    """Return the tenant's cached roles by Graph id, locked until the transaction ends."""
    rows = await fetch_within(connection, _KNOWN, tenant_id)
    known = [KnownRole(*row.values()) for row in rows]
    return {role.role_definition_id: role for role in known}


async def store_roles(
    connection: AsyncConnection,
    owner: tuple[UUID, UUID],
    run_id: UUID,
    roles: Sequence[RoleRow],
    now: datetime,
) -> None:
    """Store new and changed roles with their versions; `owner` is (workspace, tenant)."""
    if roles:
        columns = [list(column) for column in zip(*roles, strict=True)]
        await fetch_within(connection, _UPSERT, *owner, run_id, *columns, now)


async def remove_roles(
    connection: AsyncConnection,
    owner: tuple[UUID, UUID],
    run_id: UUID,
    ids: Sequence[UUID],
    now: datetime,
) -> None:
    """Mark roles as removed, with a version that says so; nothing is deleted."""
    if ids:
        await fetch_within(connection, _REMOVE, *owner, run_id, list(ids), now)


async def store_result(connection: AsyncConnection, *values: Any) -> bool:
    """Store the sync's one result row; False when it is there already (D4)."""
    return bool(await fetch_within(connection, _STORE_RESULT, *values))


async def changes_of_run(
    connection: AsyncConnection, run_id: UUID, workspace_id: UUID, tenant_id: UUID
) -> list[Row]:
    """Return what a run changed, with the hashes of the versions before and after."""
    return await fetch_within(connection, _CHANGES, run_id, workspace_id, tenant_id)


async def list_roles(
    connection: AsyncConnection, workspace_id: UUID, tenant_id: UUID, *, with_removed: bool
) -> list[Row]:
    """Return cached roles with the hash of the document that names each."""
    return await fetch_within(connection, _LIST, workspace_id, tenant_id, with_removed)
