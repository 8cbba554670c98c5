"""Rows of `operation_runs` and what hangs on them: the statements and the record, no rules.

Only `services.runs.operation_runs` may run the statements that write (behaviour row 38; a test
holds it). Each write names the states and the owner from which it is legal, so that two writers
never both succeed (D4).
"""

# ruff: noqa: S608 - the texts are constants; every value travels as an argument

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.outcome import PermissionState, TypeResult
from domain.runs import RunOutcome, RunStatus


@dataclass(frozen=True, slots=True)
class Owner:
    """The one execution whose writes count (D3): workflow id and the first run id of its chain."""

    workflow_id: str
    first_execution_run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One row of `operation_runs`; times are aware UTC.

    `type` is as stored: an older row may hold a spelling that only `resolve_type` understands.
    """

    id: UUID
    workspace_id: UUID
    tenant_id: UUID | None
    user_id: UUID | None
    initiator_name: str
    type: str
    status: RunStatus
    outcome: RunOutcome
    run_identity_hash: str
    summary_counts: Mapping[str, int]
    failure_summary: Sequence[Mapping[str, object]]
    context: Mapping[str, Any]
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    workflow_id: str
    first_execution_run_id: str | None
    admission_key: str
    progress_at: datetime | None
    reconciled_at: datetime | None
    retried_from: UUID | None
    makes_up_for: UUID | None

    @property
    def owner(self) -> Owner | None:
        """The execution that owns the run; None until one has taken it."""
        if self.first_execution_run_id is None:
            return None
        return Owner(self.workflow_id, self.first_execution_run_id)


COLUMNS: Final = tuple(field.name for field in fields(RunRecord))
_ALL: Final = ", ".join(COLUMNS)


def run_record(row: Mapping[str, Any]) -> RunRecord:
    """Make the record of a row that has all COLUMNS."""
    values = {name: row[name] for name in COLUMNS}
    values["status"] = RunStatus(row["status"])
    values["outcome"] = RunOutcome(row["outcome"])
    return RunRecord(**values)


# Without a conflict target, so that whichever unique index is hit, nothing is raised (D3).
INSERT_RUN: Final = f"""
INSERT INTO operation_runs (
    id, workspace_id, tenant_id, user_id, initiator_name, type, status, outcome,
    run_identity_hash, context, workflow_id, admission_key, retried_from, makes_up_for,
    created_at, updated_at
) VALUES (
    $1, $2, $3, $4, $5, $6, 'queued', 'pending', $7, $8::jsonb, $9, $10, $11, $12, $13, $13
) ON CONFLICT DO NOTHING
RETURNING {_ALL}
"""

INSERT_IDENTITY: Final = """
INSERT INTO run_identities (run_identity_hash, workspace_id, operation_run_id, created_at)
VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
RETURNING operation_run_id
"""

DELETE_IDENTITY: Final = """
DELETE FROM run_identities WHERE run_identity_hash = $1 AND operation_run_id = $2
"""

SELECT_IDENTITY: Final = """
SELECT operation_run_id FROM run_identities WHERE run_identity_hash = $1
"""

SELECT_RUN: Final = f"SELECT {_ALL} FROM operation_runs WHERE id = $1"

LOCK_RUN: Final = f"{SELECT_RUN} FOR NO KEY UPDATE"

# The predicates of the seed's two partial unique indexes, word for word.
SELECT_ACTIVE_OF_TENANT: Final = f"""
SELECT {_ALL} FROM operation_runs
WHERE tenant_id = $1 AND run_identity_hash = $2
    AND tenant_id IS NOT NULL AND status IN ('queued', 'running')
"""

SELECT_ACTIVE_OF_WORKSPACE: Final = f"""
SELECT {_ALL} FROM operation_runs
WHERE workspace_id = $1 AND run_identity_hash = $2
    AND tenant_id IS NULL AND status IN ('queued', 'running')
"""

SELECT_BY_ADMISSION_KEY: Final = f"""
SELECT {_ALL} FROM operation_runs WHERE workspace_id = $1 AND admission_key = $2
"""

# A completed run is not matched, nor one that another execution owns.
_MINE: Final = "workflow_id = $2 AND first_execution_run_id = $3"
_FREE_OR_MINE: Final = """
    workflow_id = $2 AND (
        status = 'queued' AND coalesce(first_execution_run_id, $3) = $3
        OR status = 'running' AND first_execution_run_id = $3
    )
"""

CLAIM_RUN: Final = f"""
UPDATE operation_runs SET first_execution_run_id = $3, progress_at = $4, updated_at = $4
WHERE id = $1 AND {_FREE_OR_MINE} AND type = coalesce($5, type)
RETURNING {_ALL}
"""

BEGIN_RUN: Final = f"""
UPDATE operation_runs SET
    status = 'running', first_execution_run_id = $3, started_at = coalesce(started_at, $4),
    progress_at = $4, updated_at = $4
WHERE id = $1 AND {_FREE_OR_MINE} AND type = coalesce($5, type)
RETURNING {_ALL}
"""

# $4 counts, $5 failures, $6 addition to the context; NULL leaves the first two as they are.
UPDATE_RUN: Final = f"""
UPDATE operation_runs SET
    summary_counts = coalesce($4::jsonb, summary_counts),
    failure_summary = coalesce($5::jsonb, failure_summary),
    context = context || $6::jsonb,
    progress_at = $7, updated_at = $7
WHERE id = $1 AND status = 'running' AND {_MINE}
RETURNING {_ALL}
"""

ADD_CONTEXT: Final = f"""
UPDATE operation_runs SET context = context || $2::jsonb, updated_at = $3
WHERE id = $1 AND status IN ('queued', 'running')
RETURNING {_ALL}
"""

RECORD_PROGRESS: Final = f"""
UPDATE operation_runs SET progress_at = $4, updated_at = $4
WHERE id = $1 AND status IN ('queued', 'running') AND {_MINE}
RETURNING id
"""

INSERT_STEP: Final = f"""
INSERT INTO operation_run_steps (operation_run_id, step_key, recorded_at)
SELECT id, $4, $5 FROM operation_runs WHERE id = $1 AND status = 'running' AND {_MINE}
ON CONFLICT DO NOTHING
RETURNING step_key
"""

SELECT_STEP: Final = """
SELECT step.step_key FROM operation_run_steps AS step
JOIN operation_runs AS run ON run.id = step.operation_run_id
WHERE run.id = $1 AND run.status = 'running' AND run.workflow_id = $2
    AND run.first_execution_run_id = $3 AND step.step_key = $4
"""

# $4 deltas; the row's newest counts are read under its lock, so no increment is lost.
ADD_COUNTS: Final = f"""
UPDATE operation_runs SET
    summary_counts = summary_counts || (
        SELECT coalesce(jsonb_object_agg(
            key, coalesce((summary_counts ->> key)::bigint, 0) + delta::bigint
        ), '{{}}') FROM jsonb_each_text($4::jsonb) AS deltas (key, delta)
    ),
    progress_at = $5, updated_at = $5
WHERE id = $1 AND status = 'running' AND {_MINE}
RETURNING id
"""

# $4 outcome, $5 counts, $6 failures, $7 addition to the context, $8 now, $9 closed by the sweep,
# $10 the states from which it is legal.
# An owner of NULL means: as long as nobody has taken it. The turns of the run end with it (D2).
COMPLETE_RUN: Final = f"""
WITH closed AS (
    UPDATE operation_runs SET
        status = 'completed', outcome = $4,
        summary_counts = coalesce($5::jsonb, summary_counts),
        failure_summary = coalesce($6::jsonb, failure_summary),
        context = context || $7::jsonb,
        completed_at = $8::timestamptz, updated_at = $8::timestamptz,
        reconciled_at = CASE WHEN $9::boolean THEN $8::timestamptz END
    WHERE id = $1 AND status = ANY ($10::text[])
        AND workflow_id = coalesce($2, workflow_id)
        AND first_execution_run_id IS NOT DISTINCT FROM $3
    RETURNING {_ALL}
), released AS (
    DELETE FROM run_leases USING closed WHERE run_leases.operation_run_id = closed.id
)
SELECT {_ALL} FROM closed
"""

SELECT_RESULTS: Final = """
SELECT resource_type, expected, captured, unchanged, skipped, failed, created, updated, deleted,
    not_captured, reason_code, listing_complete, permission_state, reason_counts, request_id
FROM operation_run_results WHERE operation_run_id = $1 ORDER BY resource_type
"""


def type_result(row: Mapping[str, Any]) -> TypeResult:
    """Make the result of one resource type from a row of SELECT_RESULTS."""
    values = dict(row)
    values["permission_state"] = PermissionState(values["permission_state"])
    return TypeResult(**values)
