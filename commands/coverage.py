"""`tenantops coverage`: what of Graph no backup holds, by Graph's own metadata."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from commands.errors import EXIT_FAILED, RefusedError
from commands.options import JsonOption, TenantOption, WorkspaceOption, examples
from commands.session import Options, Session, execute
from commands.views.screen import table
from domain.coverage import CoverageState

if TYPE_CHECKING:
    from graph.clouds import Cloud
    from services.coverage.coverage_watch import PlaceContent, WatchedPlace
    from storage.connections import StoredConnection

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)

MetadataFile = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Saved metadata document instead of Graph's."),
]


@app.command(
    epilog=examples(
        "tenantops coverage",
        "tenantops coverage --tenant Contoso",
        "tenantops coverage --all --json",
    )
)
def coverage(
    tenant: TenantOption = None,
    beta: MetadataFile = None,
    v1: MetadataFile = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Show what is covered and what is left out too.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--exit-code", help="Exit with 1 when something is uncovered (of the tenant, if named)."
        ),
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the resource types with Graph's metadata (beta and v1.0).

    Names every place where something can be configured and which no backup reads. With a tenant it
    asks for one object of each and says which are in use there. Changes nothing.
    """

    async def work(session: Session) -> None:
        stored = None if tenant is None else await _connection(session, tenant)
        watch = session.services.coverage
        documents = {
            name: await asyncio.to_thread(file.read_bytes)
            for name, file in (("beta", beta), ("v1.0", v1))
            if file is not None
        }
        if not documents:
            documents = await watch.read_metadata(_cloud(session, stored))
        watched = await watch.compare(documents)
        contents = [] if stored is None else await watch.contents(stored.id, watched)
        uncovered = [entry for entry in watched if entry.place.state is CoverageState.UNCOVERED]
        in_use = [content for content in contents if content.holds_objects]
        document = {
            "covered": sum(e.place.state is CoverageState.COVERED for e in watched),
            "left_out": sum(e.place.state is CoverageState.LEFT_OUT for e in watched),
            "uncovered": len(uncovered),
            "places": watched if show_all else uncovered,
            "contents": contents,
        }
        shown = watched if show_all else uncovered
        session.screen.show(document, lambda: _parts(shown, contents, document))
        if strict and (in_use if stored is not None else uncovered):
            raise typer.Exit(EXIT_FAILED)

    execute(work, Options(as_json=as_json, workspace=workspace))


async def _connection(session: Session, tenant: str) -> "StoredConnection":
    from services.connections.connection_use import Unresolved

    found = await session.tenant(tenant, "--tenant")
    resolved = await session.services.connections.resolve_read_connection(found.id)
    if isinstance(resolved, Unresolved):
        message = f"--tenant: {found.name} has no connection that works"
        raise RefusedError(f"{message}; run `tenantops connection list`", resolved.reason_code)
    return resolved


def _cloud(session: Session, stored: "StoredConnection | None") -> "Cloud":
    from graph.clouds import Cloud

    if stored is not None:
        return Cloud(stored.cloud)
    return Cloud.CUSTOM if session.settings.is_custom_cloud else Cloud.GLOBAL


def _parts(
    shown: "list[WatchedPlace]", contents: "list[PlaceContent]", totals: dict[str, object]
) -> list[RenderableType]:
    held = {content.path: content for content in contents}
    rows = [
        (
            entry.place.path,
            entry.place.entity_type,
            "list" if entry.place.is_collection else "single object",
            ", ".join(entry.versions),
            entry.place.state.value.replace("_", " "),
            _remark(entry, held.get(entry.place.path)),
        )
        for entry in shown
    ]
    columns = ("Place", "Entity type", "Kind", "Versions", "State", "Remark")
    counted = "{covered} places are read by a type, {left_out} are left out, {uncovered} uncovered."
    return [table(columns, rows, empty="Nothing is uncovered."), counted.format(**totals)]


def _remark(entry: "WatchedPlace", content: "PlaceContent | None") -> str | None:
    if entry.place.resource_type is not None:
        return entry.place.resource_type
    if entry.place.reason is not None:
        return entry.place.reason.value.replace("_", " ")
    if content is None:
        return None
    if content.holds_objects is None:
        return f"not readable: {content.reason_code}"
    return "in use here" if content.holds_objects else "empty here"
