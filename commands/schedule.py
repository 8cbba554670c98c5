"""`tenantops schedule`: backup schedules. The row is the source; Temporal follows."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from commands.errors import CommandError
from commands.finding.run_finding import tenant_names
from commands.finding.selection import choose
from commands.options import (
    JsonOption,
    PrincipalOption,
    TenantArgument,
    TenantOption,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.schedule_editing import Edits, edited, new_definition
from commands.session import Options, Session, execute
from commands.views.moments import parse_moment
from commands.views.schedule_views import (
    NamedSchedule,
    next_slots,
    report_saved,
    saved_document,
    schedule_document,
    schedule_parts,
    schedules_table,
    slots_table,
)
from domain.capabilities import Capability

if TYPE_CHECKING:
    from services.schedules.schedule_sync import SavedSchedule
    from services.schedules.schedules import ScheduleService
    from storage.schedules import StoredSchedule

app = command_group("Backup schedules, which Temporal fires.")

ScheduleArgument = Annotated[
    str, typer.Argument(metavar="SCHEDULE", help="Schedule, by name, id or start of id.")
]
AtOption = Annotated[
    str | None, typer.Option("--at", metavar="HH:MM", help="Wall clock time in the time zone.")
]
TimezoneOption = Annotated[
    str | None, typer.Option("--timezone", metavar="NAME", help="IANA name: Europe/Vienna.")
]
DaysOption = Annotated[
    str | None,
    typer.Option("--days", metavar="DAYS", help="Days of a weekly schedule: mon,thu."),
]
DailyOption = Annotated[bool, typer.Option("--daily", help="Every day.")]
TypesOption = Annotated[
    str | None,
    typer.Option("--types", metavar="KEYS", help="Resource types, with commas; or `all`."),
]
KeepOption = Annotated[
    int | None,
    typer.Option("--keep-last", metavar="N", min=0, help="Sets to keep; 0 keeps every set."),
]
JitterOption = Annotated[
    str | None, typer.Option("--jitter", metavar="DURATION", help="Spread of the start: 10m.")
]
CatchUpOption = Annotated[
    str | None,
    typer.Option("--catch-up", metavar="DURATION", help="How late a slot may still fire: 15m."),
]
FoundationsOption = Annotated[
    bool | None,
    typer.Option("--foundations/--no-foundations", help="Filters, scope tags and such as well."),
]


@app.command(
    "create",
    epilog=examples(
        "tenantops schedule create nightly Contoso --at 02:30 --timezone Europe/Vienna",
        "tenantops schedule create weekly Contoso --at 04:00 --days sat,sun --keep-last 30",
    ),
)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the schedule.")],
    tenant: TenantArgument = None,
    at: AtOption = None,
    timezone: TimezoneOption = None,
    days: DaysOption = None,
    types: TypesOption = None,
    keep_last: KeepOption = None,
    jitter: JitterOption = None,
    catch_up: CatchUpOption = None,
    foundations: FoundationsOption = None,
    paused: Annotated[bool, typer.Option("--paused", help="Create it without firing.")] = False,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a backup schedule; says what the clocks will do to it and when it fires next."""

    async def work(session: Session) -> None:
        actor = await session.actor(Capability.BACKUPS_MANAGE)
        found = await session.tenant(tenant)
        edits = Edits(
            at=at,
            timezone=timezone,
            days=days,
            types=types,
            keep_last=keep_last,
            jitter=jitter,
            catch_up=catch_up,
            foundations=foundations,
        )
        definition = new_definition(name, edits, session.settings.catchup_window)
        service = await session.services.schedules()
        saved = await service.create(
            actor, found.workspace_id, found.id, definition, is_enabled=not paused
        )
        await report_saved(session, saved, service.warnings(definition), "Created")

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


@app.command("list", epilog=examples("tenantops schedule list --tenant Contoso"))
def list_schedules(
    tenant: TenantOption = None,
    archived: Annotated[bool, typer.Option("--archived", help="Show archived ones too.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the schedules."""

    async def work(session: Session) -> None:
        home = await session.workspace()
        tenant_id = (await session.tenant(tenant, "--tenant")).id if tenant else None
        service = await session.services.schedules()
        found = await service.list_schedules(home.id, tenant_id, include_archived=archived)
        names = await tenant_names(session)
        session.screen.show(
            {"schedules": [schedule_document(entry) for entry in found]},
            lambda: [schedules_table(found, names)],
        )

    execute(work, Options(as_json=as_json, workspace=workspace))


@app.command("show", epilog=examples("tenantops schedule show nightly"))
def show(
    schedule: ScheduleArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one schedule, its next fire times and what the clocks will do to it."""

    async def work(session: Session) -> None:
        found = await _find(session, schedule, tenant)
        service = await session.services.schedules()
        warnings = service.warnings(found.definition)
        names = await tenant_names(session)
        session.screen.show(
            saved_document(found, warnings), lambda: schedule_parts(found, warnings, names)
        )

    execute(work, Options(as_json=as_json, workspace=workspace))


@app.command(
    "update",
    epilog=examples(
        "tenantops schedule update nightly --at 03:15",
        "tenantops schedule update nightly --daily --types all --keep-last 0",
    ),
)
def update(
    schedule: ScheduleArgument,
    tenant: TenantOption = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Another name.")
    ] = None,
    at: AtOption = None,
    timezone: TimezoneOption = None,
    days: DaysOption = None,
    daily: DailyOption = False,
    types: TypesOption = None,
    keep_last: KeepOption = None,
    jitter: JitterOption = None,
    catch_up: CatchUpOption = None,
    foundations: FoundationsOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change what is given and keep the rest."""

    async def work(session: Session) -> None:
        actor = await session.actor(Capability.BACKUPS_MANAGE)
        found = await _find(session, schedule, tenant)
        edits = Edits(
            name=name,
            at=at,
            timezone=timezone,
            days=days,
            is_daily=daily,
            types=types,
            keep_last=keep_last,
            jitter=jitter,
            catch_up=catch_up,
            foundations=foundations,
        )
        definition = edited(found.definition, edits)
        service = await session.services.schedules()
        saved = await service.update(
            actor, found.workspace_id, found.id, definition, expected_revision=found.revision
        )
        await report_saved(session, saved, service.warnings(definition), "Updated")

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


def _change(verb: str, said: str, schedule: str, tenant: str | None, options: Options) -> None:
    async def work(session: Session) -> None:
        actor = await session.actor(Capability.BACKUPS_MANAGE)
        found = await _find(session, schedule, tenant, is_archived=verb == "restore")
        service = await session.services.schedules()
        change = {
            "pause": service.pause,
            "resume": service.resume,
            "archive": service.archive,
            "restore": service.restore,
        }[verb]
        if verb in ("archive", "restore") and found.is_archived is (verb == "archive"):
            saved = await _unchanged(service, found)
        else:
            saved = await change(actor, found.workspace_id, found.id)
        await report_saved(session, saved, [], said)

    execute(work, options)


async def _unchanged(service: "ScheduleService", stored: "StoredSchedule") -> "SavedSchedule":
    """Return a schedule that is as wanted, told to Temporal if that was still to be done."""
    from services.schedules.schedule_sync import SavedSchedule, SyncState

    states = {} if stored.is_synced else await service.sync_pending()
    return SavedSchedule(stored, states.get(stored.id, SyncState.SYNCED))


@app.command("pause", epilog=examples("tenantops schedule pause nightly"))
def pause(
    schedule: ScheduleArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop firing until resumed."""
    options = Options(as_json=as_json, workspace=workspace, principal=principal)
    _change("pause", "Paused", schedule, tenant, options)


@app.command("resume", epilog=examples("tenantops schedule resume nightly"))
def resume(
    schedule: ScheduleArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fire again from the next slot on."""
    options = Options(as_json=as_json, workspace=workspace, principal=principal)
    _change("resume", "Resumed", schedule, tenant, options)


@app.command("archive", epilog=examples("tenantops schedule archive nightly"))
def archive(
    schedule: ScheduleArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a schedule away: nothing fires, its history stays."""
    options = Options(as_json=as_json, workspace=workspace, principal=principal)
    _change("archive", "Archived", schedule, tenant, options)


@app.command("restore", epilog=examples("tenantops schedule restore nightly"))
def restore(
    schedule: ScheduleArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring an archived schedule back, enabled or paused as it was."""
    options = Options(as_json=as_json, workspace=workspace, principal=principal)
    _change("restore", "Restored", schedule, tenant, options)


@app.command("delete", epilog=examples("tenantops schedule delete nightly"))
def delete(
    schedule: ScheduleArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete an archived schedule for good; refused while it has runs or backup sets."""

    async def work(session: Session) -> None:
        actor = await session.actor(Capability.BACKUPS_MANAGE)
        found = await _find(session, schedule, tenant, is_archived=True)
        service = await session.services.schedules()
        await service.delete(actor, found.workspace_id, found.id)
        session.screen.show(
            {"deleted": found.id}, lambda: [f"Deleted schedule {found.definition.name}."]
        )

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


@app.command("next", epilog=examples("tenantops schedule next nightly --count 5"))
def next_times(
    schedule: ScheduleArgument,
    tenant: TenantOption = None,
    count: Annotated[
        int, typer.Option("--count", "-n", metavar="N", min=1, help="How many slots.")
    ] = 3,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the next slots in UTC and in the schedule's time zone."""

    async def work(session: Session) -> None:
        found = await _find(session, schedule, tenant)
        slots = next_slots(found.definition.spec, datetime.now(UTC), count)
        document = {"schedule_id": found.id, "is_enabled": found.is_enabled, "next": slots}
        session.screen.show(document, lambda: [slots_table(found.definition.spec, slots)])
        if found.is_archived or not found.is_enabled:
            state = "archived" if found.is_archived else "paused"
            session.screen.note(f"It is {state}: none of these will fire.")

    execute(work, Options(as_json=as_json, workspace=workspace))


@app.command("trigger", epilog=examples("tenantops schedule trigger nightly 2026-11-23T01:30Z"))
def trigger(
    schedule: ScheduleArgument,
    slot: Annotated[str, typer.Argument(metavar="SLOT", help="A slot of the schedule, in UTC.")],
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fire one slot through Temporal now; a slot leaves one run at most, however often fired."""

    async def work(session: Session) -> None:
        actor = await session.actor(Capability.BACKUPS_MANAGE)
        found = await _find(session, schedule, tenant)
        moment = parse_moment(slot, "SLOT", datetime.now(UTC))
        service = await session.services.schedules()
        await service.trigger_slot(actor, found.workspace_id, found.id, moment)
        document = {"schedule_id": found.id, "scheduled_for": moment}
        session.screen.show(
            document, lambda: [f"Asked Temporal to fire {moment:%Y-%m-%d %H:%M}Z; see `runs list`."]
        )

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


@app.command("sync", epilog=examples("tenantops schedule sync"))
def sync(as_json: JsonOption = False) -> None:
    """Tell Temporal every change that it could not be told when it was made."""

    async def work(session: Session) -> None:
        service = await session.services.schedules()
        states = await service.sync_pending()
        synced = [entry for entry, state in states.items() if state == "synced"]
        session.screen.show(
            {"schedules": states},
            lambda: [f"Told Temporal {len(synced)} of {len(states)} changes."],
        )
        if len(synced) < len(states):
            raise CommandError("Temporal could not be told everything; run `tenantops doctor`")

    execute(work, Options(as_json=as_json))


async def _find(
    session: Session, wanted: str, tenant: str | None, *, is_archived: bool = False
) -> "StoredSchedule":
    """Return the schedule that is meant; among several of one name an archived one, or a live."""
    home = await session.workspace()
    tenant_id = (await session.tenant(tenant, "--tenant")).id if tenant else None
    service = await session.services.schedules()
    known = await service.list_schedules(home.id, tenant_id, include_archived=True)
    chosen = choose(
        [NamedSchedule(entry) for entry in known],
        wanted,
        "SCHEDULE",
        "schedule",
        prefer=lambda entry: entry.stored.is_archived is is_archived,
    )
    return chosen.stored
