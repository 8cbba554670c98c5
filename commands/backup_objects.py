"""`tenantops backup show` and `referrers`: sets, their objects, and what refers to what."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.errors import InputError
from commands.finding.object_finding import checked_type, find_object
from commands.finding.set_finding import find_set
from commands.options import (
    JsonOption,
    SetArgument,
    TenantOfSetOption,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.session import Options, Session, execute
from commands.views.object_views import (
    object_document,
    object_parts,
    objects_document,
    objects_parts,
    referrers_document,
    referrers_table,
)
from commands.views.set_views import set_document, set_parts

if TYPE_CHECKING:
    from services.sets.backup_sets import BackupSet

# Its commands stand in the group `backup`.
app = command_group("What sets hold.")


@app.command(
    "show",
    epilog=examples(
        "tenantops backup show latest --tenant Contoso",
        "tenantops backup show latest --type settingsCatalog",
        "tenantops backup show latest --type settingsCatalog --object 3f0a77c2 --json",
        "tenantops backup show latest --type settingsCatalog --object 3f0a77c2 --canonical",
    ),
)
def show(
    set_: SetArgument,
    type_: Annotated[
        str | None, typer.Option("--type", metavar="KEY", help="List the objects of this type.")
    ] = None,
    object_: Annotated[
        str | None,
        typer.Option(
            "--object", metavar="ID|NAME", help="Show this object of --type: assignments by name."
        ),
    ] = None,
    canonical: Annotated[
        bool,
        typer.Option(
            "--canonical",
            help="Print the canonical document of --object, which patches of "
            "`tenantops backup diff` apply to; secrets stay hidden.",
        ),
    ] = False,
    tenant: TenantOfSetOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a backup set: what it holds and lacks, its objects, what one is assigned to."""

    async def work(session: Session) -> None:
        if object_ is not None and type_ is None:
            raise InputError("--object", "needs its resource type", "add --type KEY")
        if canonical and object_ is None:
            raise InputError("--canonical", "is about one object", "add --type KEY --object ID")
        found, types = await find_set(session, set_, tenant)
        if type_ is None:
            session.screen.show(set_document(found, types), lambda: set_parts(found, types))
            return
        key = checked_type(type_, types)
        if object_ is None:
            await _show_objects(session, found, key)
        elif canonical:
            await _show_canonical(session, found, key, object_)
        else:
            await _show_object(session, found, key, object_)

    execute(work, Options(as_json=as_json or canonical, workspace=workspace))


@app.command(
    "referrers",
    epilog=examples(
        "tenantops backup referrers group 6c96716b-b32b-40b8-9009-49748bb6fcd5 --tenant Contoso",
        "tenantops backup referrers scopeTag 3 --json",
    ),
)
def referrers(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="Resource type of what is referred to, or `user`.")
    ],
    object_id: Annotated[str, typer.Argument(metavar="ID", help="Its id at Microsoft.")],
    tenant: TenantOfSetOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the objects whose latest backed-up version refers to a group, filter or the like."""

    async def work(session: Session) -> None:
        found = await session.tenant(tenant, "--tenant")
        known = await session.services.object_references.referrers(
            found.workspace_id, found.id, kind, object_id
        )
        session.screen.show(
            referrers_document((kind, object_id), known), lambda: [referrers_table(known)]
        )

    execute(work, Options(as_json=as_json, workspace=workspace))


async def _show_objects(session: Session, found: "BackupSet", key: str) -> None:
    place = (found.workspace_id, found.id, key)
    entries = await session.services.backup_sets.entries(*place)
    withheld = await session.services.object_references.not_captured(*place)
    session.screen.show(
        objects_document(found, key, entries, withheld),
        lambda: objects_parts(found, key, entries, withheld),
    )


async def _show_object(session: Session, found: "BackupSet", key: str, wanted: str) -> None:
    object_id = await find_object(session, found, key, wanted)
    shown = await session.services.object_references.shown_object(
        found.workspace_id, found.id, key, object_id
    )
    session.screen.show(object_document(found, shown), lambda: object_parts(found, shown))


async def _show_canonical(session: Session, found: "BackupSet", key: str, wanted: str) -> None:
    from domain.patches import canonical_document
    from services.sets.set_comparison import rules_for

    object_id = await find_object(session, found, key, wanted)
    document = await session.services.backup_sets.document(
        found.workspace_id, found.id, key, object_id
    )
    session.screen.show(canonical_document(document, rules_for(key)), list)
