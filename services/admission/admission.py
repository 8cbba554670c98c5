"""The one way to start work: authorize, check prerequisites, write the row; the workflow follows.

Everything is decided in one transaction under the locks that D2 names, and remembered under the
request's key, so that the same request sent twice, at once or after a kill, gets the same answer.
Starting the workflow is left to the caller (`services.admission.operation_starts`, or the front
door).
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import rfc8785
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.admission import AdmissionCall, Admitted, StartPlan
from contracts.operations import Decision, OperationDecision, OperationRequest
from domain.identity import identity_inputs
from domain.operation_types import BACKUP_TYPES, OperationType, definition, resolve_type
from domain.runs import RunOutcome, RunStatus
from services.admission.admission_inputs import InputInvalidError, invalid_fields, parse_inputs
from services.admission.authority import Denial, Initiator
from services.admission.prerequisites import Prepared, Prerequisites
from services.admission.start_plans import StartPlans
from services.runs.operation_runs import EnsureDecision, EnsuredRun, NewRun, OperationRunService
from services.runs.run_errors import NotOwnerError, RunAlreadyClosedError, UnknownRunError
from storage.admissions import (
    StoredAdmission,
    StoredDecision,
    active_backup_of_schedule,
    add_lease,
    claim_key,
    store_decision,
    workspace_exists,
)
from storage.run_lookup import find_run
from storage.runs import RunRecord

NOT_FOUND = "not_found"
DISPATCH_FAILED = "queue.dispatch_failed"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from, as Temporal knows it and payloads cannot forge."""

    # The Temporal Schedule that fired it.
    schedule_id: str | None = None
    # Its nominal fire time.
    scheduled_at: datetime | None = None


class AdmissionService:
    """Admits requests (D2); idempotent by (workspace, admission key)."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        runs: OperationRunService,
        prerequisites: Prerequisites,
        plans: StartPlans,
    ) -> None:
        self._engine = engine
        self._runs = runs
        self._prerequisites = prerequisites
        self._plans = plans

    async def admit_call(self, call: AdmissionCall) -> Admitted:
        """Admit a request as the front door received it; a wrong one is answered, not raised."""
        try:
            request = OperationRequest.model_validate(call.request)
        except ValidationError as error:
            return _refusal("input_invalid", invalid_fields(error))
        origin = Origin(call.schedule_id, call.scheduled_at)
        return await self.admit(request, request.idempotency_key or call.default_key, origin)

    async def admit(self, request: OperationRequest, key: str, origin: Origin) -> Admitted:
        """Decide about `request`; the same key with the same request gets the same decision."""
        operation_type = resolve_type(request.type)
        if operation_type is None or not definition(operation_type).startable:
            return _refusal("input_invalid", ("type",))
        if (request.tenant_id is None) is definition(operation_type).is_tenant_scoped:
            return _refusal("input_invalid", ("tenant_id",))
        try:
            fingerprint = request_hash(request, origin)
        except rfc8785.CanonicalizationError:
            # A number or a text that the JSON of other programs cannot carry.
            return _refusal("input_invalid", ("inputs",))
        async with self._engine.begin() as connection:
            if not await workspace_exists(connection, request.workspace_id):
                return _refusal(NOT_FOUND, ("workspace_id", "principal"))
            earlier = await claim_key(connection, request.workspace_id, key, fingerprint)
            if earlier is not None:
                return await self._repeat(connection, request, earlier, fingerprint)
            admitted = await self._decide(connection, request, operation_type, key, origin)
            made = admitted.decision
            stored = StoredDecision(
                made.decision, made.operation_run_id, made.reason_code, list(made.fields)
            )
            await store_decision(connection, request.workspace_id, key, stored)
            return admitted

    async def fail_dispatch(self, run_id: UUID) -> OperationDecision:
        """End a run that no workflow took, as failed; a run that began stays (behaviour row 29)."""
        # It may have begun after all, or this may be the second time.
        with suppress(NotOwnerError, RunAlreadyClosedError):
            await self._runs.fail_run(run_id, DISPATCH_FAILED, code=DISPATCH_FAILED)
        run = await find_run(self._engine, run_id)
        if run is None:
            raise UnknownRunError(run_id)
        decision = OperationDecision(decision=Decision.ACCEPTED, operation_run_id=run.id)
        return _as_it_became(decision, run)

    async def plan_of_unstarted(self, run_id: UUID) -> StartPlan | None:
        """Return how to start a queued run that no execution took; None for any other."""
        run = await find_run(self._engine, run_id)
        return None if run is None else self._plan_if_unstarted(run)

    async def _repeat(
        self,
        connection: AsyncConnection,
        request: OperationRequest,
        earlier: StoredAdmission,
        fingerprint: str,
    ) -> Admitted:
        if earlier.request_hash != fingerprint:
            return _refusal("idempotency_key_reused", ("idempotency_key",))
        made = earlier.made
        decision = OperationDecision(
            decision=Decision(made.decision),
            operation_run_id=made.operation_run_id,
            reason_code=made.reason_code,
            fields=tuple(made.fields),
        )
        return await self._again(connection, decision, wait=request.wait)

    async def _again(
        self, connection: AsyncConnection, decision: OperationDecision, *, wait: bool
    ) -> Admitted:
        """Repeat a decision, with the start that may not have happened yet."""
        if decision.operation_run_id is None:
            return Admitted(decision=decision)
        run = await find_run(connection, decision.operation_run_id)
        if run is None:  # pruned since; its decision stands
            return Admitted(decision=decision)
        return Admitted(
            decision=_as_it_became(decision, run), start=self._plan_if_unstarted(run), wait=wait
        )

    def _plan_if_unstarted(self, run: RunRecord) -> StartPlan | None:
        is_waiting_to_start = run.status is RunStatus.QUEUED and run.owner is None
        return self._plans.plan(run) if is_waiting_to_start else None

    async def _decide(
        self,
        connection: AsyncConnection,
        request: OperationRequest,
        operation_type: OperationType,
        key: str,
        origin: Origin,
    ) -> Admitted:
        try:
            inputs = parse_inputs(operation_type, request.inputs)
            prepared = await self._prerequisites.prepare(
                connection, request, operation_type, inputs, origin.schedule_id, origin.scheduled_at
            )
        except InputInvalidError as error:
            return _refusal(error.reason_code, error.fields)
        if isinstance(prepared, Denial):
            return _refusal(prepared.reason_code, prepared.fields)
        ensured = await self._ensure(connection, request, operation_type, key, prepared)
        if ensured.decision is not EnsureDecision.CREATED:
            decision = (
                Decision.ALREADY_ACTIVE
                if ensured.decision is EnsureDecision.ALREADY_ACTIVE
                else Decision.ALREADY_RAN
            )
            return await self._again(
                connection,
                OperationDecision(decision=decision, operation_run_id=ensured.run_id),
                wait=request.wait,
            )
        return await self._admit_new(connection, request, ensured, prepared)

    async def _ensure(
        self,
        connection: AsyncConnection,
        request: OperationRequest,
        operation_type: OperationType,
        key: str,
        prepared: Prepared,
    ) -> EnsuredRun:
        # The nonce derives from the key, so a repeated request keeps its identity (D2).
        inputs = identity_inputs(operation_type, prepared.identity_source, nonce=key)
        initiator: Initiator = prepared.initiator
        return await self._runs.ensure_run(
            NewRun(
                workspace_id=request.workspace_id,
                tenant_id=request.tenant_id,
                type=operation_type,
                identity_inputs=inputs,
                user_id=initiator.user_id,
                initiator_name=initiator.name,
                context=prepared.context,
                admission_key=key,
                retried_from=prepared.retried_from,
            ),
            within=connection,
        )

    async def _admit_new(
        self,
        connection: AsyncConnection,
        request: OperationRequest,
        ensured: EnsuredRun,
        prepared: Prepared,
    ) -> Admitted:
        run = ensured.run
        assert run is not None  # noqa: S101 - a created run is returned
        reason_code = prepared.blocking_reason
        decision = Decision.BLOCKED
        if reason_code is None and prepared.overlap_schedule_id is not None:
            other = await active_backup_of_schedule(
                connection, prepared.overlap_schedule_id, besides=run.id
            )
            if other is not None:
                reason_code, decision = "overlap_skipped", Decision.OVERLAP_SKIPPED
        if reason_code is not None:
            blocked = await self._runs.block(run.id, reason_code, within=connection)
            return Admitted(
                decision=OperationDecision(
                    decision=decision,
                    operation_run_id=run.id,
                    workflow_id=run.workflow_id,
                    outcome=blocked.outcome,
                    reason_code=reason_code,
                )
            )
        if run.type in BACKUP_TYPES and request.tenant_id is not None:
            scope = f"backup:{request.tenant_id}"
            await add_lease(connection, request.workspace_id, request.tenant_id, scope, run.id)
        return Admitted(
            decision=OperationDecision(
                decision=Decision.ACCEPTED,
                operation_run_id=run.id,
                workflow_id=run.workflow_id,
                outcome=run.outcome,
            ),
            start=self._plans.plan(run),
            wait=request.wait,
        )


def request_hash(request: OperationRequest, origin: Origin) -> str:
    """Return the hash that tells a repeated request from another one under the same key."""
    body = request.model_dump(mode="json", exclude={"idempotency_key", "wait"})
    body["schedule_id"] = origin.schedule_id
    return hashlib.sha256(rfc8785.dumps(body)).hexdigest()


def _as_it_became(decision: OperationDecision, run: RunRecord) -> OperationDecision:
    """Return a decision with what is known of its run; one that no workflow took says so."""
    now = {"workflow_id": run.workflow_id, "outcome": run.outcome}
    was_to_start = decision.decision in (Decision.ACCEPTED, Decision.ALREADY_ACTIVE)
    if was_to_start and run.outcome is RunOutcome.FAILED and run.owner is None:
        now |= {"decision": Decision.DISPATCH_FAILED, "reason_code": DISPATCH_FAILED}
    return decision.model_copy(update=now)


def _refusal(reason_code: str, fields: tuple[str, ...]) -> Admitted:
    return Admitted(
        decision=OperationDecision(
            decision=Decision.BLOCKED, reason_code=reason_code, fields=fields
        )
    )
