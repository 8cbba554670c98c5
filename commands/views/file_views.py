"""How exports and imports of backup sets look."""

from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from commands.views.screen import counted, styled, table

if TYPE_CHECKING:
    from services.imports.imports import ImportReport
    from services.sets.backup_sets import BackupSet
    from services.sets.exports import ExportReport


def export_document(found: "BackupSet", report: "ExportReport") -> dict[str, Any]:
    """Return what an export did."""
    return {
        "backup_set_id": found.id,
        "folder": str(report.folder.resolve()),
        "file_count": len(report.files),
        "decoded_count": sum(len(file.decoded) for file in report.files),
        "written": report.written,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "kept": report.kept,
        "missing": [
            {"resource_type": type_, "object_id": object_id} for type_, object_id in report.missing
        ],
    }


def export_parts(found: "BackupSet", report: "ExportReport") -> list[RenderableType]:
    """Return what a person reads of an export."""
    by_type: dict[str, list[int]] = {}
    for file in report.files:
        counts = by_type.setdefault(file.resource_type, [0, 0])
        counts[0] += 1
        counts[1] += len(file.decoded)
    rows = [(key, number, decoded or None) for key, (number, decoded) in sorted(by_type.items())]
    columns = ("Resource type", "#Objects", "#Decoded beside")
    said = (
        f"Exported {counted(len(report.files), 'object')} of {found.name} to {report.folder}: "
        f"{counted(report.written, 'file')} written, {report.unchanged} unchanged, "
        f"{report.removed} removed, {len(report.kept)} kept of earlier sets."
    )
    return [table(columns, rows, empty="There is nothing to export."), styled(said, "")]


def import_document(report: "ImportReport") -> dict[str, Any]:
    """Return what an import did."""
    return {
        "backup_set_id": report.backup_set_id,
        "name": report.name,
        "file_count": report.file_count,
        "object_count": sum(report.objects.values()),
        "objects": report.objects,
        "made_up_ids": report.made_up_ids,
        "equal_to": report.equal_to,
        "is_foreign": report.is_foreign,
        "broken": report.broken,
        "altered": report.altered,
        "others": report.others,
    }


def import_parts(report: "ImportReport") -> list[RenderableType]:
    """Return what a person reads of an import."""
    parts: list[RenderableType] = [
        table(
            ("Resource type", "#Objects"),
            list(report.objects.items()),
            empty="Nothing in the folder is an object.",
        )
    ]
    if report.broken:
        rows = [(entry.path, entry.fault.value, entry.detail) for entry in report.broken]
        parts.append(table(("Not imported", "Reason", "About"), rows))
    parts += [styled(f"Differs from its export: {path}", "yellow") for path in report.altered]
    if report.others:
        said = f"Passed over {counted(len(report.others), 'file')} of other kinds."
        parts.append(styled(said, "dim"))
    if report.made_up_ids:
        said = f"{counted(report.made_up_ids, 'object')} had no id and got one of their own."
        parts.append(styled(said, ""))
    if report.is_foreign:
        parts.append(styled("The folder is an export of another tenant.", "yellow"))
    if report.equal_to is not None:
        parts.append(styled(f"Equal to the imported set {report.equal_to}.", ""))
    if report.backup_set_id is not None:
        count = counted(sum(report.objects.values()), "object")
        parts.append(styled(f"Imported {count} as set {report.backup_set_id}: {report.name}", ""))
    return parts
