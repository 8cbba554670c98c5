"""`tenantops backup changes`: what a backup found changed, and what differs between two sets."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.backup_diff import app as diff_app
from commands.backup_history import app as history_app
from commands.finding.set_finding import find_run_or_set, find_set
from commands.options import (
    JsonOption,
    TenantOfSetOption,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.session import Options, Session, execute
from commands.views.author_views import attribution_document, authorship_document, gap_parts
from commands.views.change_views import change_parts, comparison_parts, reverted_parts

if TYPE_CHECKING:
    from services.sets.set_comparison import ObjectChange

# Its commands stand in the group `backup`.
app = command_group("What changed.")
app.add_typer(diff_app)
app.add_typer(history_app)


@app.command(
    "changes",
    epilog=examples(
        "tenantops backup changes 01934c2a-7b3c-7def --details",
        "tenantops backup changes latest --tenant Contoso --against 01934c20-11aa-7000",
    ),
)
def changes(
    run_or_set: Annotated[
        str, typer.Argument(metavar="RUN|SET", help="Run or set, by id, start of id or `latest`.")
    ],
    against: Annotated[
        str | None, typer.Option("--against", metavar="SET", help="Compare with this set.")
    ] = None,
    with_details: Annotated[
        bool, typer.Option("--details", help="Show every changed value; secrets stay hidden.")
    ] = False,
    tenant: TenantOfSetOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show exactly what a backup found changed, or what differs between two sets."""

    async def work(session: Session) -> None:
        if against is None:
            await _changes_of_run(session, run_or_set, tenant, with_details=with_details)
        else:
            await _compare(session, run_or_set, against, tenant)

    execute(work, Options(as_json=as_json, workspace=workspace))


async def _changes_of_run(
    session: Session, wanted: str, tenant: str | None, *, with_details: bool
) -> None:
    run_id, tenant_id = await find_run_or_set(session, wanted, tenant)
    home = await session.workspace()
    found = await session.services.comparison.changes_of_run(home.id, tenant_id, run_id)
    keys = [(change.resource_type, change.object_id) for change in found]
    authorship = await session.services.attribution.of_run(home.id, run_id, keys)
    differences = (
        [await _differences(session, tenant_id, change) for change in found]
        if with_details
        else None
    )
    document = {
        "operation_run_id": run_id,
        "changes": [
            {
                "resource_type": change.resource_type,
                "object_id": change.object_id,
                "name": change.name,
                "change": change.change,
                "version_before": change.version_before,
                "version_hash": change.version_hash,
                "changed_by": attribution_document(authorship.by_object[key]),
                **({"differences": difference} if with_details else {}),
            }
            for change, key, difference in zip(
                found, keys, differences or [None] * len(found), strict=True
            )
        ],
        **authorship_document(authorship),
    }
    session.screen.show(document, lambda: change_parts(found, differences, authorship))


async def _differences(
    session: Session, tenant_id: Any, change: "ObjectChange"
) -> list[Any] | None:
    """Return what differs; None when a document cannot be read any more."""
    from services.contents.contents import ContentMissingError

    if change.version_before is None or change.version_hash is None:
        return []
    home = await session.workspace()
    versions = (change.version_before, change.version_hash)
    try:
        return await session.services.comparison.diff_versions(
            home.id, tenant_id, change.resource_type, versions
        )
    except ContentMissingError:
        return None


async def _compare(session: Session, wanted: str, against: str, tenant: str | None) -> None:
    one, _ = await find_set(session, wanted, tenant)
    other, _ = await find_set(session, against, tenant)
    types = await session.services.comparison.compare(one.workspace_id, one.id, other.id)
    older, newer = sorted((one, other), key=lambda entry: entry.sequence)
    keys = [
        (entry.resource_type, object_id)
        for entry in types
        for object_id in (
            *entry.added,
            *entry.removed,
            *(changed.object_id for changed in entry.changed),
        )
    ]
    authorship = await session.services.attribution.between_sets(
        older.workspace_id, older.tenant_id, (older.id, newer.id), keys
    )
    document = {
        "older_set_id": older.id,
        "newer_set_id": newer.id,
        "types": types,
        **authorship_document(authorship),
    }
    session.screen.show(
        document,
        lambda: [
            *comparison_parts(older, newer, types),
            *reverted_parts(authorship.reverted),
            *gap_parts(authorship),
        ],
    )
