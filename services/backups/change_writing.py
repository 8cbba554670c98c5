"""What a step changes: contents, references and versions of its objects.

Runs inside the transaction of the step (`services.backups.captures`), after its ledger entry.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.references import REFERENCES_VERSION
from services.backups.capture_pages import PageChange, PreparedStep
from storage.contents import insert_contents
from storage.policies import KnownPolicy, NewVersion, lock_policies, write_versions
from storage.references import write_references


async def write_changes(
    connection: AsyncConnection,
    run_id: UUID,
    prepared: PreparedStep,
    stamp: tuple[datetime, Callable[[], UUID]],
) -> None:
    """Write what is new of a step's objects; `stamp` is (now, ids of new objects)."""
    (place, page), (now, new_id) = prepared, stamp
    owner = (place.workspace_id, place.tenant_id)
    contents = page.contents
    await insert_contents(connection, owner, page.key_id, contents.rows, (place.rules.version, now))
    await write_references(
        connection, place.tenant_id, REFERENCES_VERSION, contents.outdated, contents.references
    )
    if not page.changes:
        return
    ids = [change.object_id for change in page.changes]
    locked = await lock_policies(connection, place.tenant_id, place.resource_type, ids)
    versions = [
        version
        for change in page.changes
        if (version := _version(change, locked.get(change.object_id), new_id)) is not None
    ]
    target = (run_id, place.resource_type, page.key_id)
    await write_versions(connection, owner, target, versions, now)


def _version(
    change: PageChange, known: KnownPolicy | None, new_id: Callable[[], UUID]
) -> NewVersion | None:
    """Decide under the lock what the change is; None when somebody wrote it meanwhile."""
    if known is None:
        return _new_version(change, new_id(), 1, "created")
    number = known.version_count + 1
    if known.is_deleted:
        return _new_version(change, known.id, number, "created")
    if known.current_version_hash == change.version_hash:
        return None
    is_schema_change = change.is_schema_change and known.current_version_hash == change.basis
    kind = "schema_change" if is_schema_change else "updated"
    return _new_version(change, known.id, number, kind)


def _new_version(change: PageChange, policy_id: UUID, number: int, kind: str) -> NewVersion:
    return NewVersion(
        policy_id=policy_id,
        external_id=change.object_id,
        version_number=number,
        version_hash=change.version_hash,
        change=kind,
        name=change.name,
        not_captured=change.not_captured,
    )
