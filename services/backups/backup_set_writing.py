"""The making of a backup set: one immutable link of the tenant's chain for each backup (D9).

Runs inside the transaction that ends the run, so a run, its set and its certificate appear
together.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.manifests import TypeManifest, set_hash
from domain.resource_types.registry import is_by_reference
from domain.runs import RunOutcome
from services.proofs.certificates import SetCertificates
from storage import sets
from storage.captures import select_results
from storage.sets import NewSet
from storage.statements import Row


async def write_backup_set(
    connection: AsyncConnection,
    certificates: SetCertificates,
    run_id: UUID,
    stamp: tuple[datetime, UUID],
    outcome: RunOutcome | None = None,
) -> UUID | None:
    """Write the set of a run from its results and return its id, the same one when repeated.

    None when no type was read to its end and nothing was captured. The set is `completed` when all
    types are complete without a failed object, otherwise `partial`. `stamp` is (now, id of a new
    set); `outcome` is what the run ends with if that does not follow from its results. Raises
    EncryptionKeyUnavailableError when nothing can be signed.
    """
    existing = await sets.set_of_run(connection, run_id)
    if existing is not None:
        return existing
    run = await sets.run_of_set(connection, run_id)
    of_run = await select_results(connection, run_id)
    results = [result for result in of_run if result["manifest_hash"] is not None]
    if run is None or not _are_worth_keeping(results):
        return None
    now, new_id = stamp
    last = await sets.lock_chain(connection, run["tenant_id"])
    manifests = [_type_manifest(result) for result in results]
    previous = last["set_hash"] if last else None
    new = NewSet(
        id=new_id,
        workspace_id=run["workspace_id"],
        tenant_id=run["tenant_id"],
        operation_run_id=run_id,
        backup_schedule_id=run["backup_schedule_id"],
        name=set_name(run["schedule_name"], now),
        status=_status(results),
        sequence=last["sequence"] + 1 if last else 1,
        previous_set_id=last["id"] if last else None,
        set_hash=set_hash(previous, run["tenant_id"], now, manifests),
        object_count=sum(result["captured"] + result["unchanged"] for result in results),
        captured_at=now,
        scheduled_for=_scheduled_for(run),
    )
    await sets.insert_set(connection, new)
    await certificates.write(
        connection, new, run, of_run, previous_set_hash=previous, outcome=outcome
    )
    return new.id


def set_name(schedule_name: str | None, captured_at: datetime) -> str:
    """Return the name of a set: its schedule's, or "Manual backup", and the minute in UTC."""
    return f"{schedule_name or 'Manual backup'} - {captured_at:%Y-%m-%d %H:%M}"


def _are_worth_keeping(results: Sequence[Row]) -> bool:
    """Tell whether the results say anything of the tenant.

    That nothing is known to refer to objects of a type says nothing, unless all there was to read
    has been read.
    """
    is_whole = bool(results) and _status(results) == "completed"
    return is_whole or any(_says_something(result) for result in results)


def _says_something(result: Row) -> bool:
    proves_empty = result["listing_complete"] and not is_by_reference(result["resource_type"])
    return bool(proves_empty or result["captured"] or result["unchanged"])


def _type_manifest(result: Row) -> TypeManifest:
    return TypeManifest(
        result["resource_type"], result["manifest_hash"], result["listing_complete"]
    )


def _status(results: Sequence[Row]) -> str:
    is_whole = all(result["listing_complete"] and not result["failed"] for result in results)
    return "completed" if is_whole else "partial"


def _scheduled_for(run: Row) -> datetime | None:
    slot = run["context"].get("scheduled_for")
    return datetime.fromisoformat(slot) if isinstance(slot, str) else None
