"""What changes of policies and roles look like, without a server."""

import io

from rich.console import Console, RenderableType

from commands.roles import change_text
from commands.set_views import change_parts
from domain.diff import Change, ChangeKind
from services.directory_role_reads import RoleChange
from services.set_comparison import ObjectChange

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


def test_change_of_a_role_takes_a_line_for_each_action() -> None:
    change = RoleChange("62e9", "Helpdesk", True, "updated", ("a/read", "b/read"), ("c/write",))
    assert _shown(change_text(change)) == [
        "updated: Helpdesk (built-in)",
        "  + a/read",
        "  + b/read",
        "  - c/write",
    ]
