"""What people and programs read of runs: lists, one run in full, and a run by the start of its id.

Reads only the database and never calls out (behaviour row 105). Whoever may see a run is the
caller's question; the workspace bounds every answer, and None means every workspace (the platform's
operator).
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.freshness import Freshness, freshness
from domain.links import RelatedLink, related_links, run_path
from domain.operation_types import (
    FreshnessPolicy,
    OperationType,
    definition,
    label_of,
    resolve_type,
)
from domain.outcome import PermissionState, commonest
from domain.runs import RunOutcome, RunStatus
from storage.run_queries import ListConditions, list_query, prefix_query, results_query
from storage.runs import SELECT_RUN, RunRecord, run_record
from storage.statements import fetch_within

DEFAULT_WINDOW: Final = timedelta(days=30)
_PREFIX_MATCHES: Final = 10
_NOT_SHOWN: Final = frozenset({"progress_at", "reconciled_at", "failure_codes"})
# For stored types that no registry entry explains.
_UNKNOWN_POLICY: Final = FreshnessPolicy(timedelta(minutes=5), timedelta(minutes=10))


class CursorError(ValueError):
    """The page cursor was not made by a list."""


class IdPrefixError(ValueError):
    """The start of an id has other characters than hex digits, or is too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilters:
    """What a list shows; None or empty means any.

    `created_from` None means the last thirty days (row 104). Types match their old spellings too.
    """

    tenant_id: UUID | None = None
    types: frozenset[OperationType] = frozenset()
    statuses: frozenset[RunStatus] = frozenset()
    outcomes: frozenset[RunOutcome] = frozenset()
    user_id: UUID | None = None
    initiator_name: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One line of a list; counts are None until the run has them.

    `reason_code` is why the run did not do its work, else what most of its failures share.
    """

    id: UUID
    workspace_id: UUID
    tenant_id: UUID | None
    user_id: UUID | None
    initiator_name: str
    type: str
    label: str
    status: RunStatus
    outcome: RunOutcome
    freshness: Freshness
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    total: int | None
    processed: int | None
    failed: int | None
    reason_code: str | None
    waiting_for: str | None

    @property
    def path(self) -> str:
        """Canonical page."""
        return run_path(self.id)


@dataclass(frozen=True, slots=True)
class RunPage:
    """One page of a list; `next_cursor` is None on the last one."""

    runs: tuple[RunSummary, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultView:
    """What became of one resource type; see `domain.outcome.TypeResult` for the counts."""

    resource_type: str
    state: str
    expected: int
    captured: int
    unchanged: int
    skipped: int
    failed: int
    created: int
    updated: int
    deleted: int
    not_captured: int
    reason_code: str | None
    reason_counts: Mapping[str, int] = field(default_factory=dict)
    http_status: int | None
    request_id: str | None
    missing_scopes: tuple[str, ...]
    permission_state: PermissionState
    listing_complete: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run with everything that its page shows."""

    run: RunRecord
    label: str
    freshness: Freshness
    results: tuple[ResultView, ...]
    related: tuple[RelatedLink, ...]

    @property
    def path(self) -> str:
        """Canonical page."""
        return run_path(self.run.id)


class RunReadService:
    """Answers questions about runs; every method is one read transaction."""

    def __init__(self, *, engine: AsyncEngine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    async def list_runs(
        self,
        workspace_id: UUID | None,
        filters: RunFilters | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> RunPage:
        """Return a page, newest first; raises CursorError for a cursor of something else."""
        conditions = self._conditions(workspace_id, filters or RunFilters(), cursor)
        async with self._engine.connect() as connection:
            found = await connection.execute(list_query(conditions, limit + 1))
            runs = [self._summary(row) for row in found.mappings()]
        has_more = len(runs) > limit
        shown = tuple(runs[:limit])
        return RunPage(shown, _cursor(shown[-1]) if has_more else None)

    async def find_run(self, workspace_id: UUID | None, run_id: UUID) -> RunDetail | None:
        """Return a run in full; None when it is missing or of another workspace (row 59)."""
        async with self._engine.connect() as connection:
            rows = await fetch_within(connection, SELECT_RUN, run_id)
            run = run_record(rows[0]) if rows else None
            if run is None or workspace_id not in (None, run.workspace_id):
                return None
            return RunDetail(
                run,
                label_of(run.type, run.context),
                self._freshness(rows[0]),
                await _results(connection, run_id),
                related_links(run.context),
            )

    async def find_by_prefix(
        self, workspace_id: UUID | None, prefix: str
    ) -> tuple[RunSummary, ...]:
        """Return the newest runs whose id begins so, at most ten; raises IdPrefixError."""
        first, last = _id_range(prefix)
        async with self._engine.connect() as connection:
            query = prefix_query(workspace_id, first, last, _PREFIX_MATCHES)
            return tuple(self._summary(row) for row in (await connection.execute(query)).mappings())

    def _conditions(
        self, workspace_id: UUID | None, filters: RunFilters, cursor: str | None
    ) -> ListConditions:
        return ListConditions(
            workspace_id=workspace_id,
            tenant_id=filters.tenant_id,
            user_id=filters.user_id,
            initiator_name=filters.initiator_name,
            types=_spellings(filters.types),
            statuses=sorted(filters.statuses),
            outcomes=sorted(filters.outcomes),
            created_from=filters.created_from or self._clock() - DEFAULT_WINDOW,
            created_to=filters.created_to,
            before=None if cursor is None else _parse_cursor(cursor),
        )

    def _summary(self, row: Mapping[Any, Any]) -> RunSummary:
        values = {key: row[key] for key in row if key not in _NOT_SHOWN}
        values["reason_code"] = row["reason_code"] or commonest(row["failure_codes"])
        values["status"] = RunStatus(row["status"])
        values["outcome"] = RunOutcome(row["outcome"])
        values["label"] = label_of(row["type"])
        values["freshness"] = self._freshness(row)
        return RunSummary(**values)

    def _freshness(self, row: Mapping[Any, Any]) -> Freshness:
        resolved = resolve_type(row["type"])
        times = (row["created_at"], row["started_at"], row["progress_at"])
        return freshness(
            RunStatus(row["status"]),
            last_sign_at=max(moment for moment in times if moment is not None),
            is_reconciled=row["reconciled_at"] is not None,
            policy=_UNKNOWN_POLICY if resolved is None else definition(resolved).freshness,
            now=self._clock(),
        )


async def _results(connection: AsyncConnection, run_id: UUID) -> tuple[ResultView, ...]:
    found = await connection.execute(results_query(run_id))
    return tuple(_result(row) for row in found.mappings())


def _result(row: Mapping[Any, Any]) -> ResultView:
    values = dict(row)
    values["missing_scopes"] = tuple(row["missing_scopes"] or ())
    values["permission_state"] = PermissionState(row["permission_state"])
    return ResultView(**values)


def _spellings(types: frozenset[OperationType]) -> list[str]:
    return sorted(
        spelling for entry in types for spelling in (entry.value, *definition(entry).aliases)
    )


def _cursor(last: RunSummary) -> str:
    written = f"{last.created_at.isoformat()} {last.id}"
    return base64.urlsafe_b64encode(written.encode()).decode()


def _parse_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        written, run_id = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
        parsed = datetime.fromisoformat(written), UUID(run_id)
    except (ValueError, binascii.Error):
        parsed = None
    if parsed is None or parsed[0].tzinfo is None:
        raise CursorError("this is not a page cursor of a list of runs")
    return parsed


def _id_range(prefix: str) -> tuple[UUID, UUID]:
    digits = prefix.replace("-", "").lower()
    if not 1 <= len(digits) <= 32 or any(digit not in "0123456789abcdef" for digit in digits):
        raise IdPrefixError("the start of an id has up to 32 hex digits")
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
