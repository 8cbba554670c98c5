"""Starting an operation from the command line: request, decision, and waiting if wanted."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import typer
from rich.console import RenderableType
from rich.text import Text

from commands.errors import EXIT_FAILED, EXIT_WRONG_INPUT, InputError
from commands.finding.run_finding import link_base, tenant_names
from commands.session import Session
from commands.views.links import LinkBase
from commands.views.run_views import detail_document, detail_parts
from commands.views.screen import details
from commands.views.watching import follow, is_good
from domain.links import run_path
from domain.operation_types import OperationType, definition
from domain.reasons import next_step_links, reason

if TYPE_CHECKING:
    from contracts.operations import OperationDecision
    from services.runs.run_reads import RunDetail

# One wording for each decision (behaviour row 30).
_SAID = {
    "accepted": "{label} queued.",
    "already_active": "{label} is already queued or running; this is that run.",
    "already_ran": "{label} of this slot already ran; this is that run.",
    "scope_busy": "{label} was not started: another operation holds the tenant.",
    "overlap_skipped": "{label} was skipped: a backup of the schedule is still running.",
    "blocked": "{label} was not started.",
    "dispatch_failed": "{label} was not started: Temporal refused it or could not be reached.",
}
_GOOD = frozenset({"accepted", "already_active", "already_ran"})
_INPUT_CODES = frozenset({"input_invalid", "idempotency_key_reused"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What to start, and how the caller waits for it; `key` None means a fresh one."""

    type: OperationType
    tenant_id: UUID
    inputs: dict[str, Any]
    key: str | None = None
    wait: bool = False
    watch: bool = False


async def start_and_report(session: Session, start: Start) -> None:
    """Start, show the decision, and wait if wanted.

    Raises typer.Exit with 1 for what was not started and for a run that did not succeed, 2 for a
    request that is wrong in itself.
    """
    from contracts.operations import OperationRequest
    from services.assembly import new_id

    if start.key is not None and not start.key.strip():
        # As from a variable that nobody set: a fresh key would silently start again each time.
        raise InputError("--key", "is empty", "give a key, or leave the option out")
    principal = await session.principal(definition(start.type).start_capability)
    home = await session.workspace()
    key = start.key or str(new_id())
    request = OperationRequest(
        type=start.type.value,
        workspace_id=home.id,
        tenant_id=start.tenant_id,
        inputs=start.inputs,
        principal=principal.name,
    )
    # Only the caller who chose the key can send the request again.
    decision = await session.services.starts.start(
        request, key, is_repeatable=start.key is not None
    )
    links = link_base(session)
    document = _document(decision, key, principal.name, links)
    is_started = decision.decision in _GOOD and decision.operation_run_id is not None
    if not is_started or not (start.wait or start.watch):
        session.screen.show(document, lambda: _report(start, decision, links))
        _exit_for(decision)
        return
    assert decision.operation_run_id is not None  # noqa: S101 - just checked
    session.screen.note(_sentence(start, decision))
    session.screen.note(f"Run {decision.operation_run_id}")
    ended = await follow(session, decision.operation_run_id, is_live=start.watch)
    await report_ended(session, ended, document)


async def report_ended(
    session: Session, ended: "RunDetail", document: dict[str, Any] | None = None
) -> None:
    """Show a completed run; raises typer.Exit(1) unless it succeeded."""
    links = link_base(session)
    names = await tenant_names(session)
    shown = {**(document or {}), "run": detail_document(ended, links)}
    session.screen.show(shown, lambda: detail_parts(ended, links, names))
    if not is_good(ended.run.outcome):
        raise typer.Exit(EXIT_FAILED)


def _document(
    decision: "OperationDecision", key: str, principal: str, links: LinkBase
) -> dict[str, Any]:
    run_id = decision.operation_run_id
    code = decision.reason_code
    return {
        **decision.model_dump(),
        "link": None if run_id is None else links.page(run_path(run_id)),
        "idempotency_key": key,
        "principal": principal,
        "explanation": None if code is None else reason(code).explanation,
        "next_steps": [
            {"label": label, "url": links.page(path)} for label, path in _steps(decision)
        ],
    }


def _steps(decision: "OperationDecision") -> list[tuple[str, str]]:
    if decision.reason_code is None:
        return []
    run_id = decision.operation_run_id
    context = {} if run_id is None else {"operation_run_id": str(run_id)}
    steps = next_step_links(decision.reason_code, context)
    return [(step["label"], step["url"]) for step in steps]


def _report(
    start: Start, decision: "OperationDecision", links: LinkBase
) -> Iterable[RenderableType]:
    code = decision.reason_code
    run_id = decision.operation_run_id
    sentence = _sentence(start, decision)
    is_accepted = decision.decision.value == "accepted"
    yield Text(f"{sentence} Running in the background." if is_accepted else sentence)
    page = None if run_id is None else links.page(run_path(run_id))
    yield details(
        (
            ("Why", None if code is None else f"{reason(code).label}: {reason(code).explanation}"),
            ("Field", ", ".join(decision.fields) or None),
            *((f"→ {label}", links.step(label, path)) for label, path in _steps(decision)),
            ("Run", run_id),
            ("Page", page if links.hub_url else None),
            ("Follow", None if run_id is None else f"tenantops runs watch {run_id}"),
        )
    )


def _sentence(start: Start, decision: "OperationDecision") -> str:
    return _SAID[decision.decision.value].format(label=definition(start.type).label)


def _exit_for(decision: "OperationDecision") -> None:
    if decision.decision in _GOOD:
        return
    wrong = decision.reason_code in _INPUT_CODES
    raise typer.Exit(EXIT_WRONG_INPUT if wrong else EXIT_FAILED)
