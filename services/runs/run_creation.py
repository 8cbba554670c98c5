"""How a run comes to exist once: insert, else find out who stood in the way (D3, rows 9, 10, 36).

A part of `OperationRunService`, which is its only user.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.identity import workflow_id
from domain.operation_types import IdentityRule, definition
from services.runs.new_runs import EnsureDecision, EnsuredRun, NewRun
from services.runs.run_errors import AdmissionKeyTakenError, RunContentionError, RunScopeError
from storage import runs as sql
from storage.runs import RunRecord, run_record
from storage.statements import Statements, as_json, fetch_within

# Each further try means that the run in the way ended between insert and read.
_TRIES: Final = 10


class RunCreation:
    """Inserts runs; PostgreSQL's unique indexes decide between concurrent callers."""

    def __init__(self, *, statements: Statements, clock: Callable[[], datetime]) -> None:
        self._statements = statements
        self._clock = clock

    async def ensure(self, new: NewRun, run_id: UUID, within: AsyncConnection | None) -> EnsuredRun:
        """Insert the run as `run_id`, or return the one that has its identity."""
        is_strict = definition(new.type).identity_rule is IdentityRule.STRICT
        ensure = self._ensure_strict if is_strict else self._ensure_while_active
        identity = new.identity_hash
        for _ in range(_TRIES):
            ensured = await ensure(new, run_id, identity, within)
            if ensured is not None:
                return ensured
        raise RunContentionError(run_id)

    async def _ensure_while_active(
        self, new: NewRun, run_id: UUID, identity: str, within: AsyncConnection | None
    ) -> EnsuredRun | None:
        inserted = await self._insert(new, run_id, identity, within)
        if inserted is not None:
            return EnsuredRun(run_id, inserted, EnsureDecision.CREATED)
        return await self._existing(new, identity, within)

    async def _ensure_strict(
        self, new: NewRun, run_id: UUID, identity: str, within: AsyncConnection | None
    ) -> EnsuredRun | None:
        async with self._statements.transaction(within) as connection:
            values = (identity, new.workspace_id, run_id, self._clock())
            if not await self._insert_identity(connection, run_id, values):
                found = await fetch_within(connection, sql.SELECT_IDENTITY, identity)
                return await self._ran(connection, found[0]["operation_run_id"]) if found else None
            inserted = await self._insert(new, run_id, identity, connection)
            if inserted is not None:
                return EnsuredRun(run_id, inserted, EnsureDecision.CREATED)
            # An identity without its run would forbid the slot for ever.
            await fetch_within(connection, sql.DELETE_IDENTITY, identity, run_id)
            return await self._existing(new, identity, connection)

    async def _insert_identity(
        self, connection: AsyncConnection, run_id: UUID, values: tuple[object, ...]
    ) -> bool:
        try:
            return bool(await fetch_within(connection, sql.INSERT_IDENTITY, *values))
        except IntegrityError:
            raise RunScopeError(run_id) from None

    async def _ran(self, connection: AsyncConnection, run_id: UUID) -> EnsuredRun:
        run = await self._find(connection, run_id)
        is_active = run is not None and run.status.is_active
        decision = EnsureDecision.ALREADY_ACTIVE if is_active else EnsureDecision.ALREADY_RAN
        return EnsuredRun(run_id, run, decision)

    async def _insert(
        self, new: NewRun, run_id: UUID, identity: str, within: AsyncConnection | None
    ) -> RunRecord | None:
        values = (
            run_id,
            new.workspace_id,
            new.tenant_id,
            new.user_id,
            new.initiator_name,
            new.type.value,
            identity,
            as_json(new.context),
            workflow_id(new.type, identity),
            new.admission_key,
            new.retried_from,
            new.makes_up_for,
            self._clock(),
        )
        try:
            rows = await self._statements.fetch(within, sql.INSERT_RUN, *values)
        except (IntegrityError, asyncpg.IntegrityConstraintViolationError):
            raise RunScopeError(run_id) from None
        return run_record(rows[0]) if rows else None

    async def _existing(
        self, new: NewRun, identity: str, within: AsyncConnection | None
    ) -> EnsuredRun | None:
        """Who stood in the way of an insert; None when it is gone again."""
        if new.tenant_id is None:
            rows = await self._statements.fetch(
                within, sql.SELECT_ACTIVE_OF_WORKSPACE, new.workspace_id, identity
            )
        else:
            rows = await self._statements.fetch(
                within, sql.SELECT_ACTIVE_OF_TENANT, new.tenant_id, identity
            )
        if rows:
            run = run_record(rows[0])
            return EnsuredRun(run.id, run, EnsureDecision.ALREADY_ACTIVE)
        rows = await self._statements.fetch(
            within, sql.SELECT_BY_ADMISSION_KEY, new.workspace_id, new.admission_key
        )
        if not rows:
            return None
        run = run_record(rows[0])
        if run.run_identity_hash != identity:
            raise AdmissionKeyTakenError(run.id)
        is_active = run.status.is_active
        decision = EnsureDecision.ALREADY_ACTIVE if is_active else EnsureDecision.ALREADY_RAN
        return EnsuredRun(run.id, run, decision)

    async def _find(self, connection: AsyncConnection, run_id: UUID) -> RunRecord | None:
        rows = await fetch_within(connection, sql.SELECT_RUN, run_id)
        return run_record(rows[0]) if rows else None
