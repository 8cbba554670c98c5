"""The capture of a tenant, resource type by resource type: steps, epochs, endings (D4, D5).

`record_step` is where effects happen once: contents, versions, the ledger entry and the cursor of
one page commit together, or not at all. Every write is fenced by the run's owner, so an attempt
that lives on after its run was taken over changes nothing. What a type's ending means is decided in
`services.backups.capture_endings`, what a set consists of in `services.backups.backup_set_writing`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.outcome import PermissionState, TypeResult
from domain.runs import RunOutcome, RunStatus
from services.backups.backup_set_writing import write_backup_set
from services.backups.capture_endings import (
    Confirmation,
    TypeEnding,
    close,
    entries_of,
    finish,
    listing_of,
    pack_entries,
)
from services.backups.capture_pages import PreparedStep, prepare_page
from services.backups.capture_records import (
    CaptureStep,
    Delay,
    ListingQuestions,
    ReferenceSources,
    StepResult,
    TypeProgress,
    type_result,
)
from services.backups.change_writing import write_changes
from services.backups.listed_objects import CapturedObject, FailedObject, PagePlace
from services.backups.listing_cursors import open_cursor, open_cursors, seal_cursor
from services.backups.recorded_references import recorded_references
from services.contents.contents import ContentReader
from services.contents.tenant_keys import TenantCipher, TenantKeys
from services.proofs.certificates import SetCertificates
from services.runs.run_errors import NotOwnerError, RunAlreadyClosedError, UnknownRunError
from storage import captures as rows
from storage.policies import (
    existing_policies,
)
from storage.references import referenced_ids
from storage.runs import Owner
from storage.statements import Row
from storage.tenant_keys import DestroyedKeyError, hold_key

__all__ = [
    "CaptureService",
    "CaptureStep",
    "CapturedObject",
    "Delay",
    "FailedObject",
    "StepResult",
    "TypeProgress",
]

_READING: Final = ("pending", "listing")


class UnknownTypeOfRunError(LookupError):
    """The run has no such resource type."""

    reason_code = "not_found"


class CaptureService:
    """Writes what a backup reads; every method is one transaction and safe to repeat."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        keys: TenantKeys,
        certificates: SetCertificates,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._certificates = certificates
        self._reader = ContentReader(engine=engine, keys=keys)
        self._clock = clock
        self._new_id = new_id

    async def open_types(
        self,
        run_id: UUID,
        owner: Owner,
        workspace_id: UUID,
        tenant_id: UUID,
        types: Sequence[str],
        *,
        within: AsyncConnection | None = None,
    ) -> None:
        """Insert a pending result for each type; those that exist stay as they are."""
        async with self._fenced(run_id, owner, within=within) as connection:
            place = (workspace_id, tenant_id)
            await rows.insert_results(connection, run_id, place, types, self._clock())

    async def progress(self, run_id: UUID) -> dict[str, TypeProgress]:
        """Return how far each type of the run is."""
        async with self._engine.begin() as connection:
            stored = await rows.select_results(connection, run_id)
            found = await open_cursors(connection, self._keys, stored)
        names = [entry.name for entry in fields(TypeProgress)]
        return {row["resource_type"]: TypeProgress(**{n: row[n] for n in names}) for row in found}

    async def progress_of(self, run_id: UUID, resource_type: str) -> TypeProgress:
        """Return how far one type of the run is; raises KeyError for one that it does not read."""
        async with self._engine.begin() as connection:
            row = await rows.select_result(connection, run_id, resource_type)
            if row is None:
                raise KeyError(resource_type)
            (found,) = await open_cursors(connection, self._keys, [row])
        return TypeProgress(**{entry.name: found[entry.name] for entry in fields(TypeProgress)})

    async def results(self, run_id: UUID) -> list[TypeResult]:
        """Return the result of each type of the run, finished or not."""
        async with self._engine.connect() as connection:
            return [type_result(row) for row in await rows.select_results(connection, run_id)]

    async def prepare_step(self, owner: tuple[UUID, UUID], step: CaptureStep) -> PreparedStep:
        """Hash, compare and seal a step, which may be ahead of what is stored; writes nothing.

        `owner` is (workspace, tenant). No object of it may be part of a step that is not stored
        yet: it would be compared with a version that is about to be replaced.
        """
        async with self._engine.begin() as connection:
            cipher = await self._keys.cipher_within(connection, *owner)
            return await self._prepared(connection, owner, cipher, step)

    async def record_step(
        self, run_id: UUID, owner: Owner, step: CaptureStep, prepared: PreparedStep | None = None
    ) -> StepResult:
        """Write a step exactly once (D4); an unchanged one writes two rows.

        `prepared` is what `prepare_step` made of it, if it was prepared ahead. Not recorded when
        the step is in already, its epoch was discarded, or the listing is elsewhere: then another
        attempt was faster, and the caller has to read the progress again before it goes on. Raises
        NotOwnerError or RunAlreadyClosedError.
        """
        try:
            return await self._recorded(run_id, owner, step, prepared)
        except DestroyedKeyError:
            # A rotation of the tenant's key came to its end since the page was sealed.
            return await self._recorded(run_id, owner, step, None)

    async def _recorded(
        self, run_id: UUID, owner: Owner, step: CaptureStep, prepared: PreparedStep | None
    ) -> StepResult:
        ready = prepared or await self._prepare(run_id, step)
        if ready is None:
            async with self._fenced(run_id, owner):
                return StepResult(recorded=False)
        async with self._engine.begin() as connection:
            return await self._write_step(connection, (run_id, owner), step, ready)

    async def restart_listing(
        self, run_id: UUID, owner: Owner, resource_type: str, expected_epoch: int
    ) -> int:
        """Discard what was listed and open the next epoch; returns the epoch that is open.

        An epoch other than `expected_epoch` was opened by somebody else and stays.
        """
        async with self._locked(run_id, owner, resource_type) as (connection, result):
            if result["epoch"] != expected_epoch or result["state"] == "done":
                return int(result["epoch"])
            await rows.delete_steps(connection, run_id, resource_type)
            return await rows.restart(connection, run_id, resource_type, self._clock())

    async def postpone_type(
        self, run_id: UUID, owner: Owner, resource_type: str, delay: Delay
    ) -> None:
        """Note that a type waits, so that a deadline can close it with the cause."""
        cause = (delay.reason_code, delay.http_status, delay.request_id)
        async with self._fenced(run_id, owner) as connection:
            place = (run_id, resource_type)
            await rows.postpone(connection, place, delay.until, cause, self._clock())

    async def known_objects(
        self, tenant_id: UUID, resource_type: str, object_ids: Sequence[str]
    ) -> set[str]:
        """Return those of `object_ids` that were captured before and are not deleted."""
        async with self._engine.begin() as connection:
            return await existing_policies(connection, tenant_id, resource_type, object_ids)

    async def unread_references(
        self,
        run_id: UUID,
        tenant_id: UUID,
        resource_type: str,
        of: ReferenceSources | None = None,
    ) -> list[str]:
        """Return the ids that the tenant's objects refer to and the run has not recorded yet.

        In code point order, by the latest version of each object, so one that could not be read
        this time counts too. `of`: only what these objects refer to, one of its two kinds.
        """
        async with self._engine.begin() as connection:
            if of is not None and of.steps:
                place = (run_id, tenant_id, resource_type)
                found = await recorded_references(connection, place, of.steps)
            else:
                types = None if of is None else of.types
                found = await referenced_ids(connection, tenant_id, resource_type, types)
            result = await rows.select_result(connection, run_id, resource_type) if found else None
            listed = {} if result is None else await entries_of(connection, result)
        return [object_id for object_id in found if object_id not in listed]

    async def settle_type(self, run_id: UUID, owner: Owner, resource_type: str) -> ListingQuestions:
        """End a type whose listing came to its end, unless that leaves something to be asked (D5).

        Returns what has to be asked one by one before `finish_type`; nothing when the type is done.
        Raises ListingOpenError when the listing is still open.
        """
        async with self._locked(run_id, owner, resource_type) as (connection, result):
            if result["state"] == "done":
                return ListingQuestions()
            listing = await listing_of(connection, result)
            if not any(listing.questions):
                await finish(connection, result, listing, Confirmation(), self._clock())
            return listing.questions

    async def finish_type(  # noqa: PLR0913 - the answers of the candidates, each by its name
        self,
        run_id: UUID,
        owner: Owner,
        resource_type: str,
        *,
        gone: Sequence[str] = (),
        still_there: Sequence[str] = (),
        unknown: Sequence[str] = (),
        unknown_reason: str = "object_failed",
        vanished: Sequence[str] = (),
    ) -> TypeResult:
        """End a type whose listing came to its end: tombstones, manifest, exact counts.

        The ids are the candidates by what their own GET answered: 404, 200, anything else (for
        `unknown_reason`). `vanished` are contested objects that a fresh listing lacks and that
        are among `gone`: they count as missing; the other contested ones have failed. Raises
        ListingOpenError when the listing is still open. A type that is done stays as it is.
        """
        confirmation = Confirmation(gone, still_there, unknown, unknown_reason, vanished)
        async with self._locked(run_id, owner, resource_type) as (connection, result):
            if result["state"] == "done":
                return type_result(result)
            listing = await listing_of(connection, result)
            ended = await finish(connection, result, listing, confirmation, self._clock())
            return type_result(ended)

    async def close_type(  # noqa: PLR0913 - the facts of a refusal, each by its name
        self,
        run_id: UUID,
        owner: Owner,
        resource_type: str,
        *,
        reason_code: str,
        http_status: int | None = None,
        request_id: str | None = None,
        missing_scopes: Sequence[str] | None = None,
        permission_state: PermissionState = PermissionState.UNKNOWN,
    ) -> TypeResult:
        """End a type that cannot be read to its end; what was captured stays, as incomplete.

        A type that is done stays as it is.
        """
        ending = TypeEnding(
            reason_code, http_status, request_id, tuple(missing_scopes or ()), permission_state
        )
        async with self._locked(run_id, owner, resource_type) as (connection, result):
            if result["state"] == "done":
                return type_result(result)
            return type_result(await close(connection, result, ending, self._clock()))

    async def complete_backup(
        self,
        run_id: UUID,
        owner: Owner,
        *,
        within: AsyncConnection,
        open_reason: str = "deadline_exceeded",
        outcome: RunOutcome | None = None,
    ) -> UUID | None:
        """Make the backup set of a run in the transaction that ends it; its id, if there is one.

        Types that are still open are closed with their last reason, or `open_reason`. None when
        nothing was captured. Called again, it returns the same set. `outcome` is what the run ends
        with if that does not follow from its results; the certificate says it.
        """
        async with self._fenced(run_id, owner, within=within, is_ending=True) as connection:
            for result in await rows.select_results(connection, run_id):
                if result["state"] != "done":
                    ending = TypeEnding(
                        result["reason_code"] or open_reason,
                        result["http_status"],
                        result["request_id"],
                    )
                    place = await _locked(connection, run_id, result["resource_type"])
                    await close(connection, place, ending, self._clock())
            stamp = (self._clock(), self._new_id())
            return await write_backup_set(connection, self._certificates, run_id, stamp, outcome)

    @asynccontextmanager
    async def _fenced(
        self,
        run_id: UUID,
        owner: Owner,
        *,
        within: AsyncConnection | None = None,
        is_ending: bool = False,
    ) -> AsyncIterator[AsyncConnection]:
        """Open a transaction in which the run is running and `owner`'s, or raise."""
        if within is not None:
            await _check_owner(within, run_id, owner, is_ending=is_ending)
            yield within
            return
        async with self._engine.begin() as connection:
            await _check_owner(connection, run_id, owner, is_ending=is_ending)
            yield connection

    @asynccontextmanager
    async def _locked(
        self, run_id: UUID, owner: Owner, resource_type: str
    ) -> AsyncIterator[tuple[AsyncConnection, Row]]:
        """Open a fenced transaction that holds the result of a type; it raises without one."""
        async with self._engine.begin() as connection:
            result = await rows.lock_type(connection, run_id, resource_type)
            _hold_to_owner(run_id, result, owner)
            if result is None or result["state"] is None:
                raise UnknownTypeOfRunError("the run does not read this resource type")
            yield connection, result

    async def _prepare(self, run_id: UUID, step: CaptureStep) -> PreparedStep | None:
        """Prepare a step unless it is plain already that it is not the next one."""
        async with self._engine.begin() as connection:
            result = await rows.select_result(connection, run_id, step.resource_type)
            if result is None:
                return None
            owner = (result["workspace_id"], result["tenant_id"])
            cipher = await self._keys.cipher_within(connection, *owner)
            if not _is_next(cipher, result, step):
                return None
            return await self._prepared(connection, owner, cipher, step)

    async def _prepared(
        self,
        connection: AsyncConnection,
        owner: tuple[UUID, UUID],
        cipher: TenantCipher,
        step: CaptureStep,
    ) -> PreparedStep:
        place = PagePlace(*owner, step.resource_type, step.rules, cipher)
        page = await prepare_page(connection, self._reader, place, step.objects)
        return PreparedStep(place, page)

    async def _write_step(
        self,
        connection: AsyncConnection,
        owned: tuple[UUID, Owner],
        step: CaptureStep,
        prepared: PreparedStep,
    ) -> StepResult:
        (run_id, owner), (place, page) = owned, prepared
        locked = await rows.lock_type(connection, run_id, step.resource_type)
        _hold_to_owner(run_id, locked, owner)
        if locked is None or locked["state"] is None or not _is_next(place.cipher, locked, step):
            return StepResult(recorded=False)
        if page.seals_anything or step.next_cursor is not None:
            await hold_key(connection, place.cipher.key_id)
        now = self._clock()
        recorded = await rows.record_step(
            connection,
            locked,
            (step.page, pack_entries(page.entries)),
            (step.next_page, seal_cursor(place.cipher, locked, step.next_cursor)),
            (now, now - step.took),
            page.counts,
        )
        if not recorded:
            return StepResult(recorded=False)
        await write_changes(connection, run_id, prepared, (now, self._new_id))
        return StepResult(recorded=True, changed=page.counts[1], unchanged=page.counts[2])


async def _check_owner(
    connection: AsyncConnection, run_id: UUID, owner: Owner, *, is_ending: bool
) -> None:
    _hold_to_owner(run_id, await rows.fence(connection, run_id, is_ending=is_ending), owner)


def _hold_to_owner(run_id: UUID, run: Row | None, owner: Owner) -> None:
    """Raise unless the run, as it is locked, is running and the owner's."""
    if run is None:
        raise UnknownRunError(run_id)
    if Owner(run["workflow_id"], run["first_execution_run_id"]) != owner:
        raise NotOwnerError(run_id)
    if run["status"] == RunStatus.COMPLETED:
        raise RunAlreadyClosedError(run_id)
    if run["status"] != RunStatus.RUNNING:
        raise NotOwnerError(run_id)


async def _locked(connection: AsyncConnection, run_id: UUID, resource_type: str) -> Row:
    result = await rows.select_result(connection, run_id, resource_type, lock=True)
    if result is None:
        raise UnknownTypeOfRunError("the run does not read this resource type")
    return result


def _is_next(cipher: TenantCipher, result: Row, step: CaptureStep) -> bool:
    """Whether the step goes on where the stored listing ends.

    Two attempts cut their steps where time and size make them, so equal page numbers alone could
    skip objects: a caller that names its cursor is held to it.
    """
    if result["state"] not in _READING or result["epoch"] != step.epoch:
        return False
    if step.cursor is not ... and step.cursor != open_cursor(cipher, result):
        return False
    # Pages may be counted from 0 or from 1.
    return step.page == result["page"] or (result["page"], step.page) == (0, 1)
