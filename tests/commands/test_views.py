"""What changes, links and next steps look like, without a server."""

import io
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console, RenderableType

from commands.roles import change_text
from commands.views.author_views import who
from commands.views.change_views import change_parts, comparison_parts, difference_lines
from commands.views.diff_views import not_comparable_parts, type_parts
from commands.views.links import LinkBase
from domain.audit_events import ActorKind, EventActor, EventOperation, EventSource
from domain.diff import Change, ChangeKind
from services.directory_roles.directory_role_reads import RoleChange
from services.history.change_attribution import Attribution, Authorship, ChangeEvent
from services.history.object_differences import TypeDifference
from services.sets.backup_sets import BackupSet
from services.sets.set_comparison import ChangedObject, ObjectChange, TypeComparison

CHANGED = ObjectChange("filter", "0f8f", "Corporate\nphones", "updated", "a" * 64, "b" * 64)


def _shown(*parts: RenderableType) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=200, markup=False, highlight=False)
    for part in parts:
        console.print(part)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_details_of_a_change_take_a_line_each_and_stay_harmless() -> None:
    differences = [
        Change("/rule", ChangeKind.CHANGED, "old\nrule", "new"),
        Change("/tags/0", ChangeKind.ADDED, after="7"),
        Change("/key", ChangeKind.REMOVED, is_secret=True),
    ]
    assert _shown(*change_parts([CHANGED], [differences])) == [
        "updated: filter · Corporate\N{REPLACEMENT CHARACTER}phones",
        '  ~ /rule  "old\\nrule" → "new"',
        '  + /tags/0  "7"',
        "  - /key  (secret)",
    ]


def test_long_values_are_shown_from_where_they_part() -> None:
    long = "x" * 500
    [line] = difference_lines([Change("/s", ChangeKind.CHANGED, f"{long}a{long}", f"{long}b")])
    shared = "x" * 20
    assert line.plain == f'  ~ /s  …{shared}a{"x" * 99}… → …{shared}b"'


def test_change_without_its_document_says_so() -> None:
    shown = _shown(*change_parts([CHANGED], [None]))
    assert shown[1:] == ["  a document of it cannot be read, so nothing can be compared"]


def test_comparison_names_types_that_only_changed_by_schema() -> None:
    changed = [ChangedObject("a", "old", "new")]
    types = [TypeComparison(resource_type="filter", is_comparable=True, schema_changed=changed)]
    named = cast("BackupSet", SimpleNamespace(name="set"))
    assert "filter" in "".join(_shown(*comparison_parts(named, named, types)))


def test_events_that_were_not_read_are_said_though_nothing_changed() -> None:
    found = Authorship({}, [], {EventSource.INTUNE: "provider_throttled"})
    assert _shown(*change_parts([], None, found)) == [
        "Nothing changed.",
        "What was changed back in between (Intune): not known: throttled by Microsoft",
    ]


def test_event_without_an_actor_blames_nobody() -> None:
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    nobody = EventActor(ActorKind.SERVICE)
    event = ChangeEvent(moment, EventOperation.UPDATE, EventSource.INTUNE, nobody)
    assert who(Attribution([event])) == "somebody unnamed (update, 2026-05-01 00:00:00Z)"


def test_types_that_cannot_be_compared_share_a_line() -> None:
    unread = [TypeDifference(resource_type=key, is_comparable=False) for key in ("filter", "group")]
    assert [part for found in unread for part in type_parts(found, {})] == []
    [line] = _shown(*not_comparable_parts(unread))
    assert line.endswith("nothing is called added or removed: filter, group")


def test_change_of_a_role_takes_a_line_for_each_action() -> None:
    change = RoleChange("62e9", "Helpdesk", True, "updated", ("a/read", "b/read"), ("c/write",))
    assert _shown(change_text(change)) == [
        "updated: Helpdesk (built-in)",
        "  + a/read",
        "  + b/read",
        "  - c/write",
    ]


RUN = "01a2083f-f9b6-71fc-9f00-5b2d1c0e4a77"


@pytest.mark.parametrize(
    ("label", "path", "shown"),
    [
        ("Start it again", f"/operations/{RUN}", f"tenantops runs retry {RUN}"),
        ("Start it again", "/operations", "run the same command"),
        ("Try again later", f"/operations/{RUN}", f"tenantops runs retry {RUN}"),
        ("Open the run", f"/operations/{RUN}", f"tenantops runs show {RUN}"),
        ("Add a connection", "/connections", "tenantops connection add TENANT --app-id ID"),
        ("Replace the credential", "/connections/7", "tenantops connection credential 7"),
        ("Open the connection", "/connections/7", "tenantops connection test 7"),
        ("Read what this means", "/docs/reasons#provider_tls", "docs/reasons.md, provider_tls"),
    ],
)
def test_next_step_names_the_command_that_does_it(label: str, path: str, shown: str) -> None:
    links = LinkBase(hub_url=None, temporal_ui_url=None, namespace="default")
    assert links.step(label, path) == shown
    hub = LinkBase(hub_url="https://hub.example", temporal_ui_url=None, namespace="default")
    assert hub.step(label, path) == f"https://hub.example{path}"
