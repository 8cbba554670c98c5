"""`tenantops backup diff`: what differs between sets, a set and the tenant, or two objects."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.backup_history import known_type, the_object
from commands.errors import EXIT_FAILED, CommandError, InputError
from commands.finding.set_finding import backup_before, find_set
from commands.options import (
    JsonOption,
    TenantOfSetOption,
    WorkspaceOption,
    command_group,
    examples,
)
from commands.schedule_editing import checked_types
from commands.session import Options, Session, execute
from commands.views.author_views import authorship_document, gap_parts
from commands.views.change_views import reverted_parts
from commands.views.diff_views import (
    not_comparable_parts,
    object_document,
    object_part,
    patch_document,
    summary,
    type_document,
    type_parts,
)
from domain.resource_types.registry import RESOURCE_TYPES

if TYPE_CHECKING:
    from services.history.change_attribution import Attribution, Authorship, ObjectKey
    from services.history.object_differences import ObjectDifference, TypeDifference
    from services.history.set_differences import VersionPlace
    from services.sets.backup_sets import BackupSet

# Its command stands in the group `backup`.
app = command_group("What differs.")

_LATEST = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What was asked for."""

    sets: Sequence[str]
    tenant: str | None
    live: bool
    resource_type: str | None
    objects: Sequence[str]
    types: Sequence[str] | None
    as_patch: bool


@dataclass(frozen=True, slots=True)
class _Sides:
    """The two sides in words, and who made the differences, where that is known."""

    older: str
    newer: str
    authorship: "Authorship | None" = None

    @property
    def authors(self) -> "Mapping[ObjectKey, Attribution]":
        return {} if self.authorship is None else self.authorship.by_object


@app.command(
    "diff",
    epilog=examples(
        "tenantops backup diff latest --tenant Contoso",
        "tenantops backup diff 01934c20-11aa-7000 01934c2a-7b3c-7def --types caPolicy,filter",
        "tenantops backup diff latest --live --tenant Contoso --exit-code",
        'tenantops backup diff --type filter --object "Corporate" --object "Corporate (old)"',
        "tenantops backup diff 01934c20-11aa-7000 01934c2a-7b3c-7def --patch --json",
    ),
)
def diff(
    sets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SET] [SET]",
            help="Backup sets, by id, start of id or `latest`. One alone is compared with "
            "the backup before it; of two the older comes first, whatever their order.",
            show_default=False,
        ),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Compare the set with the tenant as it is now.")
    ] = False,
    type_: Annotated[
        str | None, typer.Option("--type", metavar="KEY", help="Resource type of the objects.")
    ] = None,
    objects: Annotated[
        list[str] | None,
        typer.Option(
            "--object",
            metavar="OBJECT",
            help="Object, by id, name or start of id. Given twice: compare two objects, as they "
            "are in the sets, or as they were last seen. Given once: in two sets.",
        ),
    ] = None,
    types: Annotated[
        str | None,
        typer.Option("--types", metavar="KEYS", help="Only these resource types, with commas."),
    ] = None,
    as_patch: Annotated[
        bool,
        typer.Option(
            "--patch",
            help="Print JSON Patches (RFC 6902) of the canonical documents, "
            "which `tenantops backup show --canonical` prints.",
        ),
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if anything differs, as git does.")
    ] = False,
    tenant: TenantOfSetOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what differs, property by property; secrets without their values."""

    async def work(session: Session) -> None:
        wanted = _checked(
            _Wanted(
                sets=sets or [],
                tenant=tenant,
                live=live,
                resource_type=None if type_ is None else known_type(type_, "--type"),
                objects=objects or [],
                types=checked_types(types, list(RESOURCE_TYPES), "--types"),
                as_patch=as_patch,
            )
        )
        if wanted.objects:
            is_equal = await _show_objects(session, wanted)
        else:
            is_equal = await _show_sets(session, wanted)
        if exit_code and not is_equal:
            raise typer.Exit(EXIT_FAILED)

    execute(work, Options(as_json=as_json or as_patch, workspace=workspace))


def _checked(wanted: _Wanted) -> _Wanted:
    """Return what was asked for; raises InputError for what does not go together."""
    if len(wanted.sets) > 2:
        raise InputError("SET", "is given more than twice", "give at most two")
    if len(wanted.objects) > 2:
        raise InputError("--object", "is given more than twice", "give at most two")
    if wanted.objects and wanted.resource_type is None:
        raise InputError("--type", "is missing", "name the resource type of the objects")
    if wanted.objects and wanted.live:
        raise InputError("--live", "does not go with --object", "leave one of them out")
    if len(wanted.objects) == 1 and len(wanted.sets) != 2:
        raise InputError("SET", "is missing", "give two sets, or --object twice")
    if wanted.live and len(wanted.sets) > 1:
        raise InputError("SET", "is given twice", "give one set with --live")
    if wanted.resource_type is not None and not wanted.objects:
        raise InputError("--object", "is missing", "give it, or use --types")
    return wanted


async def _show_sets(session: Session, wanted: _Wanted) -> bool:
    found, _ = await find_set(session, (*wanted.sets, _LATEST)[0], wanted.tenant)
    if wanted.live:
        sides = _Sides(_named(found), "the tenant as it is now")
        reading = _live(session, found, wanted)
    else:
        older, newer = await _pair(session, found, wanted)
        reading = session.services.differences.of_sets(
            found.workspace_id, found.tenant_id, (older.id, newer.id), wanted.types
        )
        sides = _Sides(_named(older), _named(newer))
    differing = [entry async for entry in reading]
    if not wanted.live:
        sides = _Sides(
            sides.older, sides.newer, await _authorship(session, (older, newer), differing)
        )
    session.screen.show(
        _document(sides, differing, as_patch=wanted.as_patch), lambda: _parts(sides, differing)
    )
    return all(entry.is_equal and entry.reason_code is None for entry in differing)


async def _live(
    session: Session, found: "BackupSet", wanted: _Wanted
) -> "AsyncIterator[TypeDifference]":
    """Read the tenant; says on stderr which type is done."""
    from services.connections.connection_use import Unresolved

    chosen = await session.services.connections.resolve_read_connection(found.tenant_id)
    if isinstance(chosen, Unresolved):
        from domain.reasons import reason

        cause = reason(chosen.reason_code)
        raise CommandError(f"the tenant cannot be read: {cause.label.lower()}; {cause.explanation}")
    comparison = session.services.live_comparison
    async for entry in comparison.compare(found.workspace_id, found.id, chosen.id, wanted.types):
        if not session.screen.as_json:
            session.screen.note(f"Read {entry.resource_type}")
        yield entry


async def _pair(
    session: Session, found: "BackupSet", wanted: _Wanted
) -> "tuple[BackupSet, BackupSet]":
    if len(wanted.sets) == 2:
        other, _ = await find_set(session, wanted.sets[1], wanted.tenant)
        if other.tenant_id != found.tenant_id:
            mend = "compare objects of two tenants with --type and --object"
            raise InputError("SET", "is of another tenant", mend)
        older, newer = sorted((found, other), key=lambda entry: entry.sequence)
        return older, newer
    before = await backup_before(session, found.tenant_id, found.sequence)
    if before is None:
        raise InputError("SET", "is the first one", "give two sets, or --live")
    return before, found


async def _authorship(
    session: Session, pair: "tuple[BackupSet, BackupSet]", differing: "Sequence[TypeDifference]"
) -> "Authorship":
    changed = [
        (entry.resource_type, entry.object_id)
        for found in differing
        for entry in found.objects
        if entry.change in {"added", "removed", "changed"}
    ]
    older, newer = pair
    found = await session.services.attribution.between_sets(
        older.workspace_id, older.tenant_id, (older.id, newer.id), changed
    )
    shown = {entry.resource_type for entry in differing}
    reverted = [entry for entry in found.reverted if entry.resource_type in shown]
    return replace(found, reverted=reverted)


async def _show_objects(session: Session, wanted: _Wanted) -> bool:
    resource_type = wanted.resource_type or ""
    names = [*wanted.objects, *wanted.objects][:2]
    sets: Sequence[str | None] = (None, None)
    if wanted.sets:
        sets = [*wanted.sets, *wanted.sets][:2]
    before, after = [
        await _version(session, resource_type, name, set_, wanted.tenant)
        for name, set_ in zip(names, sets, strict=True)
    ]
    home = await session.workspace()
    found = await session.services.differences.of_versions(home.id, resource_type, before, after)
    document: dict[str, Any] = (
        patch_document(found) if wanted.as_patch else object_document(found, {})
    )
    title = f"From {before.name or before.object_id} to {after.name or after.object_id}"
    session.screen.show(
        {"before_object_id": before.object_id, **document},
        lambda: (
            [title, object_part(found, {})] if found.changes else [f"{title}: nothing differs."]
        ),
    )
    return not found.changes


async def _version(
    session: Session, resource_type: str, wanted: str, set_: str | None, tenant: str | None
) -> "VersionPlace":
    """Return the version of an object in a set, or the newest one."""
    from services.history.set_differences import VersionPlace

    services, home = session.services, await session.workspace()
    if set_ is None:
        owner = await session.tenant(tenant, "--tenant")
        known = await the_object(session, owner.id, resource_type, wanted, "--object")
        versions = await services.comparison.versions(
            home.id, owner.id, resource_type, known.object_id
        )
        newest = next((v for v in reversed(versions) if v.version_hash is not None), None)
        if newest is None or newest.version_hash is None:
            raise InputError("--object", "has no version", "give another one")
        return VersionPlace(owner.id, known.object_id, known.name, newest.version_hash)
    found, _ = await find_set(session, set_, tenant)
    known = await the_object(session, found.tenant_id, resource_type, wanted, "--object")
    entries = await services.backup_sets.entries(home.id, found.id, resource_type)
    version = next((e.version_hash for e in entries if e.object_id == known.object_id), None)
    if version is None:
        raise InputError("--object", f"is not in {found.name}", "name another set")
    return VersionPlace(found.tenant_id, known.object_id, known.name, version)


def _document(
    sides: _Sides, differing: "Sequence[TypeDifference]", *, as_patch: bool
) -> dict[str, Any]:
    if as_patch:
        patched: list[ObjectDifference] = [entry for found in differing for entry in found.objects]
        return {"objects": [patch_document(entry) for entry in patched]}
    more = {} if sides.authorship is None else authorship_document(sides.authorship)
    return {
        "older": sides.older,
        "newer": sides.newer,
        "types": [type_document(entry, sides.authors) for entry in differing],
        **more,
    }


def _parts(sides: _Sides, differing: "Sequence[TypeDifference]") -> list[Any]:
    parts: list[Any] = [f"From {sides.older} to {sides.newer}"]
    for entry in differing:
        parts += type_parts(entry, sides.authors)
    parts += not_comparable_parts(differing)
    if sides.authorship is not None:
        parts += reverted_parts(sides.authorship.reverted)
        parts += gap_parts(sides.authorship)
    return [*parts, summary(differing)]


def _named(found: "BackupSet") -> str:
    return f"{found.name} (#{found.sequence})"
