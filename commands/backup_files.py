"""`tenantops backup export` and `import`: sets as folders of files, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from commands.errors import CommandError, InputError
from commands.finding.set_finding import find_set
from commands.options import (
    JsonOption,
    OnlyTypesOption,
    SetArgument,
    TenantOfSetOption,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.schedule_editing import checked_types
from commands.session import Options, Session, execute
from commands.views.screen import Screen, counted, table
from domain.resource_types.registry import RESOURCE_TYPES

if TYPE_CHECKING:
    from services.sets.backup_sets import BackupSet
    from services.sets.exports import ExportReport

app = command_group("Write backup sets as files, and read files as backup sets.")


@app.command(
    "export",
    epilog=examples(
        "tenantops backup export latest ./contoso",
        "tenantops backup export latest ./contoso-git --update",
        "tenantops backup export 01934c2a ./one --object filter/0f5c8f62-6a3e-4a3b-8f5e-0d1c2b3a",
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
        typer.Option("--object", metavar="TYPE/ID", help="Only this object; may be repeated."),
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
        wanted = None if not objects else [_object_named(text) for text in objects]
        found, _ = await find_set(session, set_, tenant)
        with FileProgress(session.screen, "Exporting") as progress:
            report = await session.services.exports.export(
                found.workspace_id,
                found.id,
                folder,
                resource_types=selected,
                objects=wanted,
                update=update,
                on_progress=progress.show,
            )
        _show_export(session.screen, found, report)

    execute(work, Options(as_json=as_json, workspace=workspace))


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


def _show_export(screen: Screen, found: "BackupSet", report: "ExportReport") -> None:
    by_type: dict[str, list[int]] = {}
    for file in report.files:
        counts = by_type.setdefault(file.resource_type, [0, 0])
        counts[0] += 1
        counts[1] += len(file.decoded)
    document: dict[str, Any] = {
        "backup_set_id": found.id,
        "folder": str(report.folder.resolve()),
        "file_count": len(report.files),
        "decoded_count": sum(decoded for _, decoded in by_type.values()),
        "written": report.written,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "kept": report.kept,
        "missing": [
            {"resource_type": type_, "object_id": object_id} for type_, object_id in report.missing
        ],
    }
    said = (
        f"Wrote {counted(len(report.files), 'object')} of {found.name} to {report.folder}: "
        f"{counted(report.written, 'file')} written, {report.unchanged} unchanged, "
        f"{report.removed} removed, {len(report.kept)} kept of earlier sets."
    )
    rows = [(key, number, decoded or None) for key, (number, decoded) in sorted(by_type.items())]
    columns = ("Resource type", "#Objects", "#Decoded beside")
    screen.show(document, lambda: [table(columns, rows, empty="The set is empty."), said])
    if report.missing:
        raise CommandError(f"{len(report.missing)} documents are not stored; see set.json")
