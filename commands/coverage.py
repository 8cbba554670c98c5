"""`tenantops coverage`: what of Graph no backup holds, by Graph's own metadata."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from commands.errors import EXIT_FAILED, RefusedError
from commands.options import JsonOption, TenantOption, WorkspaceOption, examples
from commands.session import Options, Session, conduct, execute, quiet_libraries
from commands.views.screen import Screen, table
from domain.coverage import CoverageState

if TYPE_CHECKING:
    from services.coverage.coverage_watch import Comparison, PlaceContent, WatchedPlace
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
    asks for one object of each and says which are in use there; without one it needs no database.
    Changes nothing.
    """

    given = _Given(
        files={name: file for name, file in (("beta", beta), ("v1.0", v1)) if file is not None},
        show_all=show_all,
        strict=strict,
    )
    if tenant is None:
        screen = Screen(as_json=as_json)
        conduct(lambda: asyncio.run(_of_graph(screen, given)), screen)
        return

    async def work(session: Session) -> None:
        await _of_tenant(session, tenant, given)

    execute(work, Options(as_json=as_json, workspace=workspace))


@dataclass(frozen=True, slots=True)
class _Given:
    """The options; `files` are saved documents by version."""

    files: dict[str, Path]
    show_all: bool
    strict: bool

    async def documents(self) -> dict[str, bytes]:
        return {name: await asyncio.to_thread(file.read_bytes) for name, file in self.files.items()}


async def _of_graph(screen: Screen, given: _Given) -> None:
    """Compare without a tenant, which takes no database."""
    from services.coverage.coverage_watch import compare

    quiet_libraries()
    documents = await given.documents() or await _published(screen)
    comparison = await compare(documents)
    uncovered = _show(screen, given, comparison, [])
    if given.strict and uncovered:
        raise typer.Exit(EXIT_FAILED)


async def _published(screen: Screen) -> dict[str, bytes]:
    from commands.local.environment import load_surroundings
    from graph.clouds import Cloud
    from graph.transport import Transport, TransportSettings
    from services.connections.graph_access import endpoint_of
    from services.coverage.coverage_watch import read_metadata

    settings = load_surroundings(screen, needs_database=False).settings
    cloud = Cloud.CUSTOM if settings.is_custom_cloud else Cloud.GLOBAL
    proxy = settings.http_proxy
    limits = TransportSettings(proxy=None if proxy is None else proxy.get_secret_value())
    async with Transport(endpoint_of(settings, cloud), limits) as transport:
        return await read_metadata(transport)


async def _of_tenant(session: Session, tenant: str, given: _Given) -> None:
    from graph.clouds import Cloud
    from services.coverage.coverage_watch import compare

    stored = await _connection(session, tenant)
    watch = session.services.coverage
    documents = await given.documents() or await watch.read_metadata(Cloud(stored.cloud))
    comparison = await compare(documents)
    contents = await watch.contents(stored.id, comparison.places)
    _show(session.screen, given, comparison, contents)
    if given.strict and any(content.holds_objects for content in contents):
        raise typer.Exit(EXIT_FAILED)


def _show(
    screen: Screen, given: _Given, comparison: "Comparison", contents: "list[PlaceContent]"
) -> int:
    """Show the comparison; return how many places are uncovered."""
    states = Counter(entry.place.state for entry in comparison.places)
    shown = [
        entry
        for entry in comparison.places
        if given.show_all or entry.place.state is CoverageState.UNCOVERED
    ]
    document = {
        "covered": states[CoverageState.COVERED],
        "left_out": states[CoverageState.LEFT_OUT],
        "uncovered": states[CoverageState.UNCOVERED],
        "missing": comparison.missing,
        "places": shown,
        "contents": contents,
    }
    screen.show(document, lambda: _parts(shown, contents, document, show_all=given.show_all))
    for version, parts in comparison.missing.items():
        if parts:
            screen.note(f"The document of {version} has no {', '.join(parts)}: not compared there.")
    return states[CoverageState.UNCOVERED]


async def _connection(session: Session, tenant: str) -> "StoredConnection":
    from services.connections.connection_use import Unresolved

    found = await session.tenant(tenant, "--tenant")
    resolved = await session.services.connections.resolve_read_connection(found.id)
    if isinstance(resolved, Unresolved):
        message = f"--tenant: {found.name} has no connection that works"
        raise RefusedError(f"{message}; run `tenantops connection list`", resolved.reason_code)
    return resolved


def _parts(
    shown: "list[WatchedPlace]",
    contents: "list[PlaceContent]",
    totals: dict[str, object],
    *,
    show_all: bool,
) -> list[RenderableType]:
    held = {content.path: content for content in contents}
    rows = [
        (
            entry.place.path,
            entry.place.entity_type,
            # Without the others every place is uncovered.
            entry.place.state.value.replace("_", " ") if show_all else None,
            ", ".join(entry.versions),
            _remark(entry, held.get(entry.place.path)),
        )
        for entry in shown
    ]
    columns = ("Place", "Entity type", "State", "Versions", "Remark")
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
