"""`tenantops backup export` and `import`: sets as folders of files, and back."""

from pathlib import Path
from typing import Annotated, Self

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from commands.errors import CommandError, InputError
from commands.finding.object_finding import find_object
from commands.finding.set_finding import find_set
from commands.options import (
    JsonOption,
    OnlyTypesOption,
    PrincipalOption,
    SetArgument,
    TenantOfSetOption,
    TenantOption,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.schedule_editing import checked_types
from commands.session import Options, Session, execute
from commands.views.file_views import export_document, export_parts, import_document, import_parts
from commands.views.screen import Screen, counted
from domain.capabilities import Capability
from domain.resource_types.registry import RESOURCE_TYPES

_LONGEST_NAME = 200

app = command_group("Write backup sets as files, and read files as backup sets.")


@app.command(
    "export",
    epilog=examples(
        "tenantops backup export latest ./contoso",
        "tenantops backup export latest ./contoso-git --update",
        "tenantops backup export 01934c2a ./one --object filter/0f5c8f62",
    ),
)
def export(
    set_: SetArgument,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Folder to make; must be absent or empty, unless --update."
        ),
    ],
    types: OnlyTypesOption = None,
    objects: Annotated[
        list[str] | None,
        typer.Option(
            "--object",
            metavar="TYPE/ID",
            help="Only this object, by its type and id, start of id or name; may be repeated.",
        ),
    ] = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="Bring an earlier export of the tenant up to date."),
    ] = False,
    tenant: TenantOfSetOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a set as JSON files, secrets included; scripts and profiles stand decoded beside.

    A new folder appears whole or not at all; --update touches only what changed.
    """

    async def work(session: Session) -> None:
        selected = checked_types(types, list(RESOURCE_TYPES), "--types")
        named = [_object_named(text) for text in objects or ()]
        found, _ = await find_set(session, set_, tenant)
        wanted = [(key, await find_object(session, found, key, text)) for key, text in named]
        with FileProgress(session.screen, "Exporting") as progress:
            report = await session.services.exports.export(
                found.workspace_id,
                found.id,
                folder,
                resource_types=selected,
                objects=wanted or None,
                update=update,
                on_progress=progress.show,
            )
        document = export_document(found, report)
        session.screen.show(document, lambda: export_parts(found, report))
        if report.missing:
            raise CommandError(f"{len(report.missing)} documents are not stored; see set.json")

    execute(work, Options(as_json=as_json, workspace=workspace))


@app.command(
    "import",
    epilog=examples(
        "tenantops backup import ./contoso --tenant Contoso",
        "tenantops backup import ./intunecd-backup -t Contoso --name 'Before the migration' --json",
    ),
)
def import_(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Folder of exports: of this product, IntuneCD, IntuneManagement, "
            "IntuneBackupAndRestore or EntraExporter.",
        ),
    ],
    tenant: TenantOption = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="Name of the set.")
    ] = None,
    workspace: WorkspaceOption = None,
    principal: PrincipalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a folder of exports as a backup set; each file that is no object is named.

    An imported set proves nothing about the tenant: no type of it is complete.
    """

    async def work(session: Session) -> None:
        if name is not None and not 0 < len(name.strip()) <= _LONGEST_NAME:
            raise InputError("--name", "is empty or too long", f"give up to {_LONGEST_NAME} signs")
        found = await session.tenant(tenant, "--tenant")
        actor = await session.actor(Capability.BACKUPS_MANAGE)
        with FileProgress(session.screen, "Importing") as progress:
            report = await session.services.imports.import_folder(
                actor,
                found.workspace_id,
                found.id,
                folder,
                name=name and name.strip(),
                on_progress=progress.show,
            )
        session.screen.show(import_document(report), lambda: import_parts(report))
        if report.backup_set_id is None:
            raise CommandError("nothing in the folder is an object, so no set was made")
        if report.broken:
            raise CommandError(f"{counted(len(report.broken), 'file')} not imported, see above")

    execute(work, Options(as_json=as_json, workspace=workspace, principal=principal))


class FileProgress:
    """A bar on a terminal's stderr while files are written or read; nothing elsewhere."""

    def __init__(self, screen: Screen, label: str) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            console=screen.err,
            transient=True,
            disable=not screen.err.is_terminal,
        )
        self._task = self._bar.add_task(label, total=None)

    def __enter__(self) -> Self:
        """Begin to show."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self._bar.stop()

    def show(self, done: int, total: int) -> None:
        """Show how far it is."""
        self._bar.update(self._task, completed=done, total=total)


def _object_named(text: str) -> tuple[str, str]:
    resource_type, slash, object_id = text.partition("/")
    if not slash or not object_id:
        raise InputError("--object", "is no TYPE/ID", "give a resource type, a slash and an id")
    if resource_type not in RESOURCE_TYPES:
        checked_types(resource_type, list(RESOURCE_TYPES), "--object")
        raise InputError("--object", "is no TYPE/ID", "give one resource type, a slash and an id")
    return resource_type, object_id
