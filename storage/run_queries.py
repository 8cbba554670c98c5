"""Queries of lists and details of runs: narrow columns, keyset pages, no rules (rows 11, 104, 111).

A list never loads a run's JSON as a whole; it takes single numbers and the reason codes out of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import BIGINT, JSONPATH

from storage.tables import operation_run_results, operation_runs

_c = operation_runs.c


def _count(key: str) -> ColumnElement[int]:
    return cast(_c.summary_counts[key].astext, BIGINT).label(key)


_NARROW = (
    _c.id,
    _c.workspace_id,
    _c.tenant_id,
    _c.user_id,
    _c.initiator_name,
    _c.type,
    _c.status,
    _c.outcome,
    _c.created_at,
    _c.started_at,
    _c.completed_at,
    _c.progress_at,
    _c.reconciled_at,
    _count("total"),
    _count("processed"),
    _count("failed"),
    _c.context["reason_code"].astext.label("reason_code"),
    _c.context["waiting_for"].astext.label("waiting_for"),
    # A list of codes, one for each failure.
    func.jsonb_path_query_array(
        _c.failure_summary, cast(literal("$[*].reason_code"), JSONPATH)
    ).label("failure_codes"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConditions:
    """What rows a list has; None or empty means any. The newest row comes first.

    `before` is (created_at, id) of the last row of the page before. A list without workspace and
    tenant goes over every workspace.
    """

    workspace_id: UUID | None
    tenant_id: UUID | None
    user_id: UUID | None
    initiator_name: str | None
    types: Sequence[str]
    statuses: Sequence[str]
    outcomes: Sequence[str]
    created_from: datetime
    created_to: datetime | None
    before: tuple[datetime, UUID] | None


def list_query(conditions: ListConditions, limit: int) -> Select[Any]:
    """Select one page of narrow rows."""
    query = select(*_NARROW).where(_c.created_at >= conditions.created_from)
    if conditions.created_to is not None:
        query = query.where(_c.created_at < conditions.created_to)
    for column, value in (
        (_c.workspace_id, conditions.workspace_id),
        (_c.tenant_id, conditions.tenant_id),
        (_c.user_id, conditions.user_id),
        (_c.initiator_name, conditions.initiator_name),
    ):
        query = query if value is None else query.where(column == value)
    for column, values in (
        (_c.type, conditions.types),
        (_c.status, conditions.statuses),
        (_c.outcome, conditions.outcomes),
    ):
        query = query.where(_one_of(column, values)) if values else query
    if conditions.before is not None:
        query = query.where(tuple_(_c.created_at, _c.id) < tuple_(*_key(conditions.before)))
    return query.order_by(_c.created_at.desc(), _c.id.desc()).limit(limit)


def prefix_query(workspace_id: UUID | None, first: UUID, last: UUID, limit: int) -> Select[Any]:
    """Select the narrow rows with ids between two, the newest first."""
    query = select(*_NARROW).where(_c.id.between(first, last))
    if workspace_id is not None:
        query = query.where(_c.workspace_id == workspace_id)
    return query.order_by(_c.id.desc()).limit(limit)


def results_query(run_id: UUID) -> Select[Any]:
    """Select the results of a run per resource type, by name; without cursors."""
    c = operation_run_results.c
    return (
        select(
            c.resource_type,
            c.state,
            c.expected,
            c.captured,
            c.unchanged,
            c.skipped,
            c.failed,
            c.created,
            c.updated,
            c.deleted,
            c.not_captured,
            c.reason_code,
            c.reason_counts,
            c.http_status,
            c.request_id,
            c.missing_scopes,
            c.permission_state,
            c.listing_complete,
            c.updated_at,
        )
        .where(c.operation_run_id == run_id)
        .order_by(c.resource_type)
    )


def _one_of(column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    # One value as an equality lets the index on type deliver the rows in order.
    return column == values[0] if len(values) == 1 else column.in_(values)


def _key(before: tuple[datetime, UUID]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return (
        bindparam("before_created_at", before[0], type_=_c.created_at.type),
        bindparam("before_id", before[1], type_=Uuid()),
    )
