"""Options and arguments that several commands share, and how a group of commands is made.

Imported for every help page: nothing heavy may be imported here.
"""

from enum import StrEnum
from typing import Annotated

import typer


class TenantSize(StrEnum):
    """How large a tenant is that the local Graph generates (scale.md section 4)."""

    # About 190 configuration objects.
    S = "S"
    # About 800.
    M = "M"
    # About 3,500.
    L = "L"
    # About 9,500.
    STRESS = "stress"


JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")
]
WorkspaceOption = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        "-w",
        envvar="TENANTOPS_WORKSPACE",
        metavar="NAME|ID",
        help="Workspace to work in; the only one if there is just one.",
    ),
]
PrincipalOption = Annotated[
    str | None,
    typer.Option(
        "--principal",
        envvar="TENANTOPS_PRINCIPAL",
        metavar="NAME",
        help="Service principal to act as; the only one that may, if there is just one.",
    ),
]
TenantOption = Annotated[
    str | None,
    typer.Option("--tenant", "-t", metavar="NAME|ID", help="Tenant, by name, id or start of id."),
]
TenantArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="TENANT",
        help="Tenant, by name, id or start of id; the only one if there is just one.",
        show_default=False,
    ),
]
# For what should not hit the only one by accident.
NamedTenant = Annotated[
    str, typer.Argument(metavar="TENANT", help="Tenant, by name, id or start of id.")
]
SetArgument = Annotated[
    str,
    typer.Argument(
        metavar="SET",
        help="Backup set, by id, start of id or `latest`: the newest that was not imported.",
    ),
]
OnlyTypesOption = Annotated[
    str | None,
    typer.Option("--types", metavar="KEYS", help="Only these resource types, with commas."),
]
TenantOfSetOption = Annotated[
    str | None, typer.Option("--tenant", "-t", metavar="NAME|ID", help="Tenant of the set.")
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="TEXT",
        help="Idempotency key: the same key always gets the same decision. A fresh one if left out",
    ),
]
WaitOption = Annotated[bool, typer.Option("--wait", help="Return when the run has ended.")]
WatchOption = Annotated[bool, typer.Option("--watch", help="Wait, and show live progress.")]


def command_group(purpose: str) -> typer.Typer:
    """Return an empty group; `purpose` is its line of help."""
    return typer.Typer(
        help=purpose,
        no_args_is_help=True,
        rich_markup_mode="rich",
        add_completion=False,
        pretty_exceptions_enable=False,
    )


def examples(*lines: str) -> str:
    """Return the end of a help page: the command as one would type it."""
    heading = "Example:" if len(lines) == 1 else "Examples:"
    return "\n\n".join((heading, *(f"  {line}" for line in lines)))
