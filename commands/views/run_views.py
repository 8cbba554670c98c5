"""How runs look: the JSON documents and the tables of lists, details, decisions and progress."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from commands.views.failure_views import failure_documents, failure_parts
from commands.views.links import LinkBase
from commands.views.screen import cell, details, duration, plain, short_id, styled, table
from domain.counts import counts_text
from domain.reasons import reason
from domain.runs import RunOutcome, RunStatus

if TYPE_CHECKING:
    from services.runs.run_reads import ResultView, RunDetail, RunSummary

# What a run's context tells people; the rest serves the machinery.
_TOLD = ("trigger", "scheduled_for", "waiting_for", "policy_types", "backup_set_id", "reason_code")
_RELATED = {
    "provider_connection_id": "Connection",
    "backup_schedule_id": "Schedule",
    "backup_set_id": "Backup set",
}
_RESULT_COLUMNS = (
    "Resource type",
    "State",
    "#Expected",
    "#New",
    "#Changed",
    "#Gone",
    "#Same",
    "#Skipped",
    "#Failed",
    "#Not captured",
    "Reason",
)


def summary_document(run: "RunSummary") -> dict[str, Any]:
    """Return one line of a list."""
    return {**plain(run), "path": run.path}


def runs_table(runs: "Sequence[RunSummary]", tenants: Mapping[object, str]) -> Table:
    """Return a list of runs; `tenants` are names by id."""
    columns = ("Run", "Operation", "Tenant", "State", "Created", "Took", "#Objects", "Reason")
    lines = (_line(run, tenants) for run in runs)
    return table(columns, lines, empty="No runs match; see --since, which is 30 days by default.")


def _line(run: "RunSummary", tenants: Mapping[object, str]) -> tuple[object, ...]:
    done = None if run.total is None else f"{run.processed or 0}/{run.total}"
    return (
        short_id(run.id),
        run.label,
        tenants.get(run.tenant_id),
        state_text(run.status, run.outcome, is_stale=run.freshness == "likely_stale"),
        run.created_at,
        took(run.started_at, run.completed_at),
        done,
        None if run.reason_code is None else reason(run.reason_code).label,
    )


def state_text(status: RunStatus, outcome: RunOutcome, *, is_stale: bool = False) -> Text:
    """Return the outcome of an ended run, else its status."""
    text = cell((outcome if status is RunStatus.COMPLETED else status).value)
    return text + Text(" (silent)", style="yellow") if is_stale else text


def took(started_at: datetime | None, completed_at: datetime | None) -> str | None:
    """Return how long the work took."""
    if started_at is None or completed_at is None:
        return None
    return duration(completed_at - started_at)


def detail_document(detail: "RunDetail", links: LinkBase) -> dict[str, Any]:
    """Return everything about one run."""
    run = detail.run
    return {
        "id": run.id,
        "type": run.type,
        "label": detail.label,
        "workspace_id": run.workspace_id,
        "tenant_id": run.tenant_id,
        "status": run.status,
        "outcome": run.outcome,
        "freshness": detail.freshness,
        "initiator": run.initiator_name,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "progress_at": run.progress_at,
        "retried_from": run.retried_from,
        "makes_up_for": run.makes_up_for,
        "counts": dict(run.summary_counts),
        "results": [plain(result) for result in detail.results],
        "failures": failure_documents(detail, links),
        "next_steps": _next_steps(detail, links),
        "context": {key: run.context[key] for key in _TOLD if key in run.context},
        "workflow_id": run.workflow_id,
        "links": _links(detail, links),
    }


def detail_parts(
    detail: "RunDetail", links: LinkBase, tenants: Mapping[object, str]
) -> Iterable[RenderableType]:
    """Return what a person reads of one run."""
    yield _header(detail, tenants)
    if detail.results:
        yield Text()
        yield results_table(detail.results)
    yield from failure_parts(detail, links)
    yield Text()
    yield details(_shown_links(detail, links))


def _header(detail: "RunDetail", tenants: Mapping[object, str]) -> Table:
    run = detail.run
    is_stale = detail.freshness == "likely_stale"
    return details(
        (
            ("Run", run.id),
            ("Operation", detail.label),
            ("Tenant", tenants.get(run.tenant_id)),
            ("State", state_text(run.status, run.outcome, is_stale=is_stale)),
            ("Reason", _reason_line(run.context.get("reason_code"))),
            ("Started by", run.initiator_name),
            ("Slot", run.context.get("scheduled_for")),
            (
                "Waits for",
                run.context.get("waiting_for") if run.status is RunStatus.QUEUED else None,
            ),
            ("Retries", run.retried_from),
            ("Created", run.created_at),
            ("Began", run.started_at),
            ("Ended", run.completed_at),
            ("Took", took(run.started_at, run.completed_at)),
            ("Counts", counts_text(run.summary_counts) or None),
        )
    )


def results_table(results: "Sequence[ResultView]") -> Table:
    """Return what became of each resource type."""
    return table(_RESULT_COLUMNS, (_result(result) for result in results))


def _result(result: "ResultView") -> tuple[object, ...]:
    code = result.reason_code
    if code is None and result.permission_state == "denied":
        code = "provider_permission_denied"
    why = [] if code is None or code in result.reason_counts else [reason(code).label]
    why += [f"{reason(each).label}: {count}" for each, count in result.reason_counts.items()]
    return (
        result.resource_type,
        _result_state(result, code),
        result.expected,
        result.created or None,
        result.updated or None,
        result.deleted or None,
        result.unchanged or None,
        result.skipped or None,
        result.failed or None,
        result.not_captured or None,
        "; ".join(why) or None,
    )


def _result_state(result: "ResultView", code: str | None) -> Text:
    if result.state != "done":
        return styled(result.state, "cyan")
    if code is not None:
        return cell(reason(code).reason_class.value)
    return cell("partial" if result.failed else "complete")


def _reason_line(code: object) -> str | None:
    if not isinstance(code, str):
        return None
    entry = reason(code)
    return f"{entry.label}: {entry.explanation}"


def _next_steps(detail: "RunDetail", links: LinkBase) -> list[dict[str, str]]:
    stored = detail.run.context.get("next_steps")
    if not isinstance(stored, list):
        return []
    return [
        {"label": str(step.get("label")), "url": links.page(str(step.get("url")))}
        for step in stored
        if isinstance(step, Mapping)
    ]


def _links(detail: "RunDetail", links: LinkBase) -> dict[str, Any]:
    run = detail.run
    return {
        "run": links.page(detail.path),
        # A run that ended before a workflow had it has none.
        "temporal_ui": None
        if run.status is RunStatus.COMPLETED and run.first_execution_run_id is None
        else links.temporal(run.workflow_id),
        "temporal_query": f'OperationRunId="{run.id}"',
        "related": {link.key: links.page(link.path) for link in detail.related},
    }


def _shown_links(detail: "RunDetail", links: LinkBase) -> list[tuple[str, str | None]]:
    made = _links(detail, links)
    related = (
        (_RELATED[link.key], links.place(link.path))
        for link in detail.related
        if link.key in _RELATED
    )
    return [
        ("Page", made["run"] if links.hub_url else None),
        ("Temporal", made["temporal_ui"]),
        ("Query", f"temporal workflow list --query '{made['temporal_query']}'"),
        *related,
    ]


@dataclass(frozen=True, slots=True)
class ProgressView:
    """How far an active run is (behaviour row 45); `of` is None while nobody can say."""

    sentence: str
    done: int | None = None
    of: int | None = None
    # What is counted.
    parts: str = "types"
    # Why it does not get on, if somebody has to do something about it.
    warning: str | None = None


def progress_of(detail: "RunDetail", now: datetime | None = None) -> ProgressView:
    """Return what can be said truly: numbers only of a running run whose totals are known.

    The resource types of a backup are known when it begins; the objects of a type are not before
    its listing is complete.
    """
    run = detail.run
    since = duration((now or datetime.now(UTC)) - (run.started_at or run.created_at))
    if run.status is RunStatus.QUEUED:
        waiting = run.context.get("waiting_for")
        ahead = f", behind run {short_id(waiting)}" if isinstance(waiting, str) else ""
        return ProgressView(f"{detail.label} queued for {since}{ahead}")
    objects = sum(result.captured + result.unchanged for result in detail.results)
    if detail.results:
        closed = sum(result.state == "done" for result in detail.results)
        open_types = [entry.resource_type for entry in detail.results if entry.state == "listing"]
        at = f", reading {', '.join(open_types[:3])}" if open_types else ""
        sentence = f"{detail.label} for {since}: {objects} objects{at}"
        return ProgressView(sentence, closed, len(detail.results))
    counts = run.summary_counts
    if counts.get("total"):
        sentence = f"{detail.label} for {since}"
        return ProgressView(sentence, counts.get("processed", 0), counts["total"], "items")
    return ProgressView(f"{detail.label} running for {since}")
