"""What one object of a set looks like: names where they are known, and said where they are not."""

import io
from datetime import UTC, datetime
from uuid import UUID

from rich.console import Console

from commands.views.object_views import object_document, object_parts
from commands.views.screen import json_text
from domain.assignments import TargetKind
from services.references.name_books import NamedReference, NameState
from services.references.object_references import NamedAssignment, ShownObject
from services.sets.backup_sets import BackupSet

ID = UUID("0190f0a0-0000-7000-8000-000000000003")
SET = BackupSet(
    id=ID,
    workspace_id=ID,
    tenant_id=ID,
    operation_run_id=ID,
    origin="backup",
    backup_schedule_id=None,
    name="nightly - 2026-11-23 02:00",
    status="completed",
    sequence=1,
    previous_set_id=None,
    set_hash="0" * 64,
    object_count=1,
    captured_at=datetime(2026, 11, 23, 2, tzinfo=UTC),
    scheduled_for=None,
)


def assigned(reference: NamedReference | None, **values: object) -> NamedAssignment:
    plain = dict.fromkeys(("word", "filter", "filter_mode", "intent", "source", "source_id"))
    target = TargetKind.ALL_DEVICES if reference is None else TargetKind.GROUP
    given = {"target": target, "is_exclusion": False, "reference": reference, **plain, **values}
    return NamedAssignment(**given)  # type: ignore[arg-type] # the values of a test


def named(kind: str, object_id: str, name: str | None, state: NameState) -> NamedReference:
    return NamedReference(kind, object_id, name, state)


SHOWN = ShownObject(
    resource_type="settingsCatalog",
    object_id="0f8f",
    name="Disk encryption",
    version_hash="a" * 64,
    assignments=(
        assigned(
            named("group", "6c96", "Pilot", NameState.NAMED),
            filter=named("filter", "f1", "Laptops", NameState.NAMED),
            filter_mode="include",
        ),
        assigned(named("group", "dead", None, NameState.DANGLING), is_exclusion=True),
        assigned(None, source="policySets", source_id="5e71"),
    ),
    scope_tags=(named("scopeTag", "3", None, NameState.UNKNOWN),),
    references=(named("reusableSetting", "7a7a", "Printers", NameState.NAMED),),
    not_captured=("/settings/0/value",),
)


def lines() -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=200, markup=False, highlight=False)
    for part in object_parts(SET, SHOWN):
        console.print(part)
    return [" ".join(line.split()) for line in file.getvalue().splitlines()]


def test_object_is_shown_with_names_and_what_is_missing_is_said() -> None:
    shown = lines()
    assert any(
        line.startswith("include group Pilot [6c96] include: Laptops [f1]") for line in shown
    )
    assert any(line.startswith("exclude group (does not exist) [dead]") for line in shown)
    assert any(
        line.startswith("include all devices") and "policySets 5e71" in line for line in shown
    )
    assert any("(name not known) [3]" in line for line in shown)
    assert "reusableSetting Printers 7a7a" in shown
    assert "/settings/0/value" in shown


def test_object_as_json_has_ids_and_names() -> None:
    text = json_text(object_document(SET, SHOWN))
    for part in ('"object_id": "6c96"', '"name": "Pilot"', '"state": "dangling"'):
        assert part in text
