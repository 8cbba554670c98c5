"""`tenantops backup history`: the versions of one object over the sets."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.errors import InputError
from commands.options import (
    JsonOption,
    TenantOption,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.session import Options, Session, execute
from commands.views.history_views import history_document, history_parts
from domain.resource_types.registry import RESOURCE_TYPES

if TYPE_CHECKING:
    from uuid import UUID

    from services.history.object_history import KnownObject

# Its command stands in the group `backup`.
app = command_group("The history of one object.")

_MOST_NAMED = 5


@app.command(
    "history",
    epilog=examples(
        'tenantops backup history caPolicy "Require MFA for admins"',
        "tenantops backup history filter 0f8f7a10-5c3e-4c7f --tenant Contoso --details",
    ),
)
def history(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="Key of the resource type.")],
    object_: Annotated[
        str, typer.Argument(metavar="OBJECT", help="Object, by id, name or start of id.")
    ],
    with_details: Annotated[
        bool, typer.Option("--details", help="Show every changed value; secrets stay hidden.")
    ] = False,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every version of an object: when it was seen, in which sets, who changed what."""

    async def work(session: Session) -> None:
        resource_type = known_type(type_, "TYPE")
        found = await session.tenant(tenant, "--tenant")
        known = await the_object(session, found.id, resource_type, object_, "OBJECT")
        entries = await session.services.object_history.history(
            found.workspace_id, found.id, resource_type, known.object_id
        )
        session.screen.show(
            history_document(resource_type, known, entries, in_full=with_details),
            lambda: history_parts(resource_type, known, entries, in_full=with_details),
        )

    execute(work, Options(as_json=as_json, workspace=workspace))


def known_type(wanted: str, field: str) -> str:
    """Return the key of a resource type in any case; raises InputError."""
    for key in RESOURCE_TYPES:
        if key.lower() == wanted.strip().lower():
            return key
    raise InputError(field, "names no resource type", "see `tenantops backup types`")


async def the_object(
    session: Session, tenant_id: "UUID", resource_type: str, wanted: str, field: str
) -> "KnownObject":
    """Return the one object that is meant; raises InputError naming the choices."""
    home = await session.workspace()
    found = await session.services.object_history.find(home.id, tenant_id, resource_type, wanted)
    if len(found) == 1:
        return found[0]
    if not found:
        mend = "give its id or its whole name as `tenantops backup changes` shows it"
        raise InputError(field, f"names no object of type {resource_type}", mend)
    shown = ", ".join(
        f"{entry.name or 'without a name'} ({entry.object_id}"
        + (", deleted)" if entry.is_deleted else ")")
        for entry in found[:_MOST_NAMED]
    )
    rest = len(found) - _MOST_NAMED
    more = f" and {rest} more" if rest > 0 else ""
    raise InputError(field, f"fits {len(found)} objects", f"give the id: {shown}{more}")
