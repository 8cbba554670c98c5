"""Finding a backup set by its id, the start of it, or as the latest one of its tenant.

An imported set is never the latest one: what is compared, proven or exported by that word is what a
backup read.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from commands.errors import InputError
from commands.finding.run_finding import find_detail
from commands.session import Session
from commands.views.screen import moment

if TYPE_CHECKING:
    from services.sets.backup_sets import BackupSet, SetType

LATEST = "latest"
_PAGE = 200
_MEND = "see `tenantops backup sets`"


async def find_set(
    session: Session, wanted: str, tenant: str | None
) -> "tuple[BackupSet, list[SetType]]":
    """Return the set that is meant with its types; raises InputError when none or several are."""
    home = await session.workspace()
    set_id = await _set_id(session, wanted.strip(), tenant)
    return await session.services.backup_sets.show(home.id, set_id)


async def find_run_or_set(session: Session, wanted: str, tenant: str | None) -> tuple[UUID, UUID]:
    """Return the id of a backup run and its tenant, named by itself or by its set."""
    detail = None
    if wanted != LATEST:
        with suppress(InputError, LookupError, ValueError):
            detail = await find_detail(session, wanted)
    if detail is None:
        found, _ = await find_set(session, wanted, tenant)
        if found.operation_run_id is None:
            raise InputError(
                "RUN|SET", "was imported, so no run found its changes", "compare two sets instead"
            )
        return found.operation_run_id, found.tenant_id
    if detail.run.tenant_id is None:
        raise InputError("RUN|SET", "is no backup", _MEND)
    return detail.run.id, detail.run.tenant_id


async def backup_before(
    session: Session, tenant_id: UUID, sequence: int | None = None
) -> "BackupSet | None":
    """Return the newest set of a tenant that a backup made, below `sequence` if that is given."""
    from services.sets.backup_sets import IMPORTED

    found = (entry async for entry in _sets_of(session, tenant_id, sequence))
    return await anext((entry async for entry in found if entry.origin != IMPORTED), None)


async def _set_id(session: Session, wanted: str, tenant: str | None) -> UUID:
    if wanted == LATEST:
        found = await session.tenant(tenant, "--tenant")
        latest = await backup_before(session, found.id)
        if latest is None:
            raise InputError("SET", "there is no backup yet", "run `tenantops backup run` first")
        return latest.id
    try:
        return UUID(wanted)
    except ValueError:
        return await _by_prefix(session, wanted.lower(), tenant)


async def _by_prefix(session: Session, prefix: str, tenant: str | None) -> UUID:
    found = [entry async for entry in _sets(session, tenant) if str(entry.id).startswith(prefix)]
    if len(found) == 1:
        return found[0].id
    if not found:
        raise InputError("SET", "names no backup set", _MEND)
    shown = ", ".join(f"{entry.id} ({moment(entry.captured_at)})" for entry in found[:3])
    raise InputError("SET", "fits more than one backup set", f"give more of the id: {shown}")


async def _sets(session: Session, tenant: str | None) -> "AsyncIterator[BackupSet]":
    home = await session.workspace()
    if tenant is None:
        tenants = await session.services.accounts.list_tenants(home.id)
    else:
        tenants = [await session.tenant(tenant, "--tenant")]
    for entry in tenants:
        async for found in _sets_of(session, entry.id):
            yield found


async def _sets_of(
    session: Session, tenant_id: UUID, before: int | None = None
) -> "AsyncIterator[BackupSet]":
    home = await session.workspace()
    while page := await session.services.backup_sets.list_sets(
        home.id, tenant_id, before=before, limit=_PAGE
    ):
        for found in page:
            yield found
        before = page[-1].sequence
