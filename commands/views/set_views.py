"""How backup sets look."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table

from commands.views.screen import details, short_id, table
from domain.reasons import reason

if TYPE_CHECKING:
    from services.sets.backup_sets import BackupSet, SetType


def sets_table(sets: "Sequence[BackupSet]") -> Table:
    """Return a list of sets."""
    rows = [
        (
            entry.sequence,
            short_id(entry.id),
            entry.name,
            entry.status,
            entry.captured_at,
            entry.object_count,
            None if entry.operation_run_id is None else short_id(entry.operation_run_id),
            None if entry.origin == "backup" else entry.origin,
        )
        for entry in sets
    ]
    columns = ("#No.", "Set", "Name", "State", "Captured", "#Objects", "Run", "Origin")
    return table(columns, rows, empty="No backup sets; make one with `tenantops backup run`.")


def set_document(found: "BackupSet", types: "Sequence[SetType]") -> dict[str, Any]:
    """Return a set with its types."""
    return {"set": found, "types": types}


def set_parts(found: "BackupSet", types: "Sequence[SetType]") -> list[RenderableType]:
    """Return what a person reads of one set."""
    header = details(
        (
            ("Set", found.id),
            ("Name", found.name),
            ("State", found.status),
            ("Origin", found.origin),
            ("Number", found.sequence),
            ("Captured", found.captured_at),
            ("Slot", found.scheduled_for),
            ("Objects", found.object_count),
            ("Run", found.operation_run_id),
            ("Hash", found.set_hash),
        )
    )
    rows = [
        (
            entry.resource_type,
            "complete" if entry.listing_complete else "partial",
            entry.entry_count,
            entry.failed or None,
            entry.not_captured or None,
            None if entry.reason_code is None else reason(entry.reason_code).label,
        )
        for entry in types
    ]
    columns = ("Resource type", "State", "#Objects", "#Failed", "#Not captured", "Reason")
    return [header, table(columns, rows)]
