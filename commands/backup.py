"""`tenantops backup`: run backups, look at their sets, compare and export them."""

from typing import Annotated, Any

import typer

from commands.backup_changes import app as changes_app
from commands.backup_files import app as files_app
from commands.backup_objects import app as objects_app
from commands.backup_proofs import app as proofs_app
from commands.finding.selection import choose
from commands.options import (
    JsonOption,
    KeyOption,
    OnlyTypesOption,
    PrincipalOption,
    TenantArgument,
    WaitOption,
    WatchOption,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.schedule_editing import checked_types
from commands.session import Options, Session, execute
from commands.starting import Start, start_and_report
from commands.views.schedule_views import NamedSchedule
from commands.views.screen import table
from commands.views.set_views import sets_table
from commands.views.watching import LEFT_ALONE
from domain.operation_types import OperationType
from domain.resource_types.registry import RESOURCE_TYPES

app = command_group("Run backups, look at backup sets, compare and export them.")
app.add_typer(changes_app)
app.add_typer(files_app)
app.add_typer(objects_app)
app.add_typer(proofs_app)


@app.command(
    "run",
    epilog=examples(
        "tenantops backup run Contoso --watch",
        "tenantops backup run Contoso --schedule nightly --key change-4711 --json",
    ),
)
def run(
    tenant: TenantArgument = None,
    schedule: Annotated[
        str | None, typer.Option("--schedule", metavar="NAME|ID", help="Back up what it selects.")
    ] = None,
    types: OnlyTypesOption = None,
    wait: WaitOption = False,
    watch: WatchOption = False,
    key: KeyOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back a tenant up now. Each call is a run of its own; backups of a tenant take turns."""

    async def work(session: Session) -> None:
        selected = checked_types(types, list(RESOURCE_TYPES), "--types")
        found = await session.tenant(tenant)
        inputs: dict[str, Any] = {}
        if selected is not None:
            inputs["policy_types"] = list(selected)
        if schedule is not None:
            service = await session.services.schedules()
            known = await service.list_schedules(found.workspace_id, found.id)
            named = [NamedSchedule(entry) for entry in known]
            chosen = choose(named, schedule, "--schedule", "schedule")
            inputs["backup_schedule_id"] = str(chosen.id)
        start = Start(
            type=OperationType.BACKUP_RUN_NOW,
            tenant_id=found.id,
            inputs=inputs,
            key=key,
            wait=wait,
            watch=watch,
        )
        await start_and_report(session, start)

    options = Options(
        as_json=as_json, workspace=workspace, principal=principal, interrupt_note=LEFT_ALONE
    )
    execute(work, options)


@app.command("sets", epilog=examples("tenantops backup sets Contoso"))
def sets(
    tenant: TenantArgument = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, help="Sets on one page.")
    ] = 25,
    before: Annotated[
        int | None,
        typer.Option("--before", metavar="N", help="Go on below this number in the chain."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the backup sets of a tenant, the newest first."""

    async def work(session: Session) -> None:
        found = await session.tenant(tenant)
        listed = await session.services.backup_sets.list_sets(
            found.workspace_id, found.id, before=before, limit=limit + 1
        )
        shown = listed[:limit]
        more = shown[-1].sequence if len(listed) > limit else None
        session.screen.show({"sets": shown, "next_before": more}, lambda: [sets_table(shown)])
        if more is not None:
            session.screen.note(f"More with --before {more}")

    execute(work, Options(as_json=as_json, workspace=workspace))


@app.command("types", epilog=examples("tenantops backup types"))
def types(as_json: JsonOption = False) -> None:
    """List the resource types: what a backup holds, and the permission each needs."""
    from commands.views.screen import Screen

    entries = list(RESOURCE_TYPES.values())
    document = {
        "types": [
            {
                "key": entry.key,
                "label": entry.label,
                "lane": entry.lane,
                "permission": entry.permission_read,
                "in_backups": entry.in_backups,
                "restore": entry.restore.level,
            }
            for entry in entries
        ]
    }
    rows = [
        (entry.key, entry.label, entry.permission_read, entry.lane.value, entry.in_backups)
        for entry in entries
    ]
    Screen(as_json=as_json).show(
        document, lambda: [table(("Key", "Name", "Permission", "Lane", "In backups"), rows)]
    )
