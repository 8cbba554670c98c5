"""`tenantops runs`: list, show, watch, cancel and retry operation runs."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from commands.errors import CommandError, InputError
from commands.finding.run_finding import find_detail, link_base, read_detail, tenant_names
from commands.options import (
    JsonOption,
    KeyOption,
    PrincipalOption,
    TenantOption,
    WaitOption,
    WatchOption,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.session import Options, Session, execute
from commands.starting import Start, report_ended, start_and_report
from commands.views.moments import parse_moment
from commands.views.run_views import detail_document, detail_parts, runs_table, summary_document
from commands.views.watching import LEFT_ALONE, follow
from domain.operation_types import BACKUP_TYPES, OperationType, definition, resolve_type
from domain.runs import RunOutcome, RunStatus

if TYPE_CHECKING:
    from services.runs.run_reads import RunDetail, RunPage

app = command_group("Operation runs: list, show, watch, cancel and retry them.")

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="Id of the run, or the start of it.")
]
# How long a cancel waits for the workflow to end its run.
_CANCEL_SECONDS = 10.0
_CANCEL_POLL_SECONDS = 0.2


def _startable(text: str) -> OperationType:
    """Return a type that a run can have; the others are known, and nothing starts them yet."""
    known = [type_.value for type_ in OperationType if definition(type_).startable]
    if text not in known:
        raise typer.BadParameter(f"give one of {', '.join(known)}")
    return OperationType(text)


TypesOption = Annotated[
    list[OperationType] | None,
    typer.Option(
        "--type",
        metavar="TYPE",
        parser=_startable,
        help="Only this type of operation; repeatable.",
    ),
]
StatusesOption = Annotated[
    list[RunStatus] | None,
    typer.Option(
        "--status", metavar="STATUS", help="Only queued, running or completed ones; repeatable."
    ),
]
OutcomesOption = Annotated[
    list[RunOutcome] | None,
    typer.Option(
        "--outcome",
        metavar="OUTCOME",
        help="Only pending, succeeded, partially_succeeded, blocked, failed or cancelled ones; "
        "repeatable.",
    ),
]
InitiatorOption = Annotated[
    str | None,
    typer.Option("--initiator", metavar="NAME", help="Only runs started by this name."),
]
SinceOption = Annotated[
    str, typer.Option("--since", metavar="WHEN", help="Created since: 12h, 7d, 2026-11-23.")
]
LimitOption = Annotated[
    int, typer.Option("--limit", "-n", metavar="N", min=1, help="Runs on one page.")
]
CursorOption = Annotated[
    str | None,
    typer.Option("--cursor", metavar="TEXT", help="Go on after the page that gave this cursor."),
]


@app.command(
    "list",
    epilog=examples(
        "tenantops runs list --outcome failed --outcome blocked --since 7d",
        "tenantops runs list --tenant Contoso --type backup_schedule.scheduled --json",
    ),
)
def list_runs(
    tenant: TenantOption = None,
    type_: TypesOption = None,
    status: StatusesOption = None,
    outcome: OutcomesOption = None,
    initiator: InitiatorOption = None,
    since: SinceOption = "30d",
    limit: LimitOption = 25,
    cursor: CursorOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List runs, the newest first."""

    async def work(session: Session) -> None:
        from services.runs.run_reads import RunFilters

        home = await session.workspace()
        filters = RunFilters(
            tenant_id=(await session.tenant(tenant, "--tenant")).id if tenant else None,
            types=frozenset(type_ or ()),
            statuses=frozenset(status or ()),
            outcomes=frozenset(outcome or ()),
            initiator_name=initiator,
            created_from=parse_moment(since, "--since", datetime.now(UTC)),
        )
        page = await session.services.run_reads.list_runs(
            home.id, filters, limit=limit, cursor=cursor
        )
        await _show_page(session, page)

    execute(work, Options(as_json=as_json, workspace=workspace))


async def _show_page(session: Session, page: "RunPage") -> None:
    names = await tenant_names(session)
    document = {
        "runs": [summary_document(run) for run in page.runs],
        "next_cursor": page.next_cursor,
    }
    session.screen.show(document, lambda: [runs_table(page.runs, names)])
    if page.next_cursor is not None:
        session.screen.note(f"More with --cursor {page.next_cursor}")


@app.command("show", epilog=examples("tenantops runs show 01934c2a-7b3c-7def"))
def show(run: RunArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Show one run: results per resource type, what went wrong, what to do, where to look."""

    async def work(session: Session) -> None:
        await _show(session, await find_detail(session, run))

    execute(work, Options(as_json=as_json, workspace=workspace))


@app.command("watch", epilog=examples("tenantops runs watch 01934c2a-7b3c-7def"))
def watch(run: RunArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Follow a run until it ends; exit code 1 unless it succeeded. Ctrl-C leaves it alone."""

    async def work(session: Session) -> None:
        found = await find_detail(session, run)
        await report_ended(session, await follow(session, found.run.id, is_live=True))

    options = Options(as_json=as_json, workspace=workspace, interrupt_note=LEFT_ALONE)
    execute(work, options)


@app.command("cancel", epilog=examples("tenantops runs cancel 01934c2a-7b3c-7def"))
def cancel(
    run: RunArgument,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask Temporal to cancel a run, and show how it ended."""

    async def work(session: Session) -> None:
        found = await find_detail(session, run)
        operation_type = resolve_type(found.run.type, found.run.context)
        if operation_type is None:
            raise InputError("RUN", "is of an unknown type", "cancel it in the Temporal UI")
        await session.principal(definition(operation_type).start_capability)
        if found.run.status is RunStatus.COMPLETED:
            raise InputError("RUN", "has ended already", "only an active run can be cancelled")
        await _cancel(session, found)
        ended = await _await_end(session, found)
        await _show(session, ended)
        if ended.run.status is not RunStatus.COMPLETED:
            raise CommandError("the run has not ended yet; watch it with `tenantops runs watch`")

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


@app.command("retry", epilog=examples("tenantops runs retry 01934c2a-7b3c-7def --watch"))
def retry(
    run: RunArgument,
    wait: WaitOption = False,
    watch: WatchOption = False,
    key: KeyOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Do the work of an ended run again, as a new run; only types for which that is safe."""

    async def work(session: Session) -> None:
        found = await find_detail(session, run)
        await start_and_report(session, _retry_of(found, key=key, wait=wait, watch=watch))

    options = Options(
        as_json=as_json, workspace=workspace, principal=principal, interrupt_note=LEFT_ALONE
    )
    execute(work, options)


def _retry_of(found: "RunDetail", *, key: str | None, wait: bool, watch: bool) -> Start:
    old = found.run
    operation_type = resolve_type(old.type, old.context)
    if operation_type is None or old.tenant_id is None:
        raise InputError("RUN", "is of a type that cannot be retried", "start the work anew")
    known = definition(operation_type)
    if not known.is_retry_safe or not known.startable:
        mend = "look at what it did and start the work anew if that is right"
        raise InputError("RUN", f"{known.label} is not safe to retry", mend)
    if old.status.is_active:
        raise InputError("RUN", "has not ended yet", "cancel it first or wait")
    is_backup = operation_type in BACKUP_TYPES
    return Start(
        type=OperationType.BACKUP_RETRY if is_backup else operation_type,
        tenant_id=old.tenant_id,
        inputs={"operation_run_id": str(old.id)} if is_backup else {},
        key=key,
        wait=wait,
        watch=watch,
    )


async def _show(session: Session, detail: "RunDetail") -> None:
    links = link_base(session)
    names = await tenant_names(session)
    document = {"run": detail_document(detail, links)}
    session.screen.show(document, lambda: detail_parts(detail, links, names))


async def _cancel(session: Session, found: "RunDetail") -> None:
    from temporalio.service import RPCError, RPCStatusCode

    from services.runs.run_errors import NotOwnerError, RunAlreadyClosedError

    client = await session.services.temporal()
    run = found.run
    handle = client.get_workflow_handle(
        run.workflow_id, first_execution_run_id=run.first_execution_run_id
    )
    try:
        await handle.cancel(rpc_timeout=timedelta(seconds=5))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        session.screen.note("Temporal has no active execution of this run.")
        # Nobody ever took it: its start was lost. Or it ended this very moment; the row tells.
        with suppress(NotOwnerError, RunAlreadyClosedError):
            await session.services.runs.cancel(run.id)


async def _await_end(session: Session, found: "RunDetail") -> "RunDetail":
    deadline = asyncio.get_running_loop().time() + _CANCEL_SECONDS
    while True:
        detail = await read_detail(session, found.run.id)
        is_late = asyncio.get_running_loop().time() > deadline
        if detail.run.status is RunStatus.COMPLETED or is_late:
            return detail
        await asyncio.sleep(_CANCEL_POLL_SECONDS)
