"""Reading one resource type of a run from its durable cursor to its end (D4, D5, decision 0001).

Pages are gathered into steps; each step is one transaction of `services.backups.captures`, and the
next one is prepared meanwhile (`services.backups.steps_ahead`). A continuation that Graph refuses
opens a new epoch. Objects that a complete listing lacks are asked for one by one before anything is
called deleted; those that were listed and answered 404 are looked up in a fresh listing (decision
0003).
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from domain.canonical_rules import rules_of
from domain.provider_errors import ProviderReason
from domain.resource_types.shape import ResourceType
from graph.client import GraphClient
from graph.errors import GraphPageTokenExpiredError
from graph.reading import ListingPage, Presence, ReadObject, ResourceReader
from graph.referenced_reading import ReferencedReader
from services.backups.capture_endings import ListingOpenError
from services.backups.capture_pages import PreparedStep
from services.backups.capture_records import CaptureStep, ReferenceSources, TypeProgress
from services.backups.captures import CaptureService
from services.backups.listed_objects import CapturedObject, FailedObject, ListedObject
from services.backups.steps_ahead import prepared_ahead
from storage.runs import Owner

# A step ends at the first of these: what a kill may cost, and what memory it may take. Two steps of
# a type are in hand at once.
STEP_OBJECTS = 250
STEP_BYTES = 192 * 1024
STEP_SECONDS = 5.0
# Ids asked for at once when a listing lacks them.
PROBE_SIZE = 200
# A listing that is refused this often in one run stays incomplete (api.md d.1).
MOST_RESTARTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRun:
    """The run for which a type is read."""

    id: UUID
    owner: Owner
    workspace_id: UUID
    tenant_id: UUID


@dataclass(slots=True)
class _Step:
    """Pages gathered since the last transaction."""

    started_at: float
    objects: list[ListedObject] = field(default_factory=list)
    size: int = 0

    def add(self, page: ListingPage, name_property: str) -> None:
        self.objects.extend(_object(read, name_property) for read in page.documents)
        self.size += sum(len(read.body) for read in page.documents if read.body is not None)

    def is_full(self, now: float) -> bool:
        return (
            len(self.objects) >= STEP_OBJECTS
            or self.size >= STEP_BYTES
            or now - self.started_at >= STEP_SECONDS
        )


class StepLostError(Exception):
    """Another attempt went on with this type meanwhile; what it stored is where to go on."""


class TypeReading:
    """Reads one type; raises the GraphError that stopped it, everything before it is stored.

    at_cursor: awaited wherever the reading can be left without loss, with the number of objects
    stored since; what it raises ends the reading.
    """

    def __init__(
        self,
        *,
        captures: CaptureService,
        client: GraphClient,
        run: ReadingRun,
        resource_type: ResourceType,
        at_cursor: Callable[[int], Awaitable[None]],
    ) -> None:
        self._captures = captures
        self._run = run
        self._type = resource_type
        self._client = client
        self._reader = self._reader_of(client)
        self._rules = rules_of(resource_type)
        self._at_cursor = at_cursor

    async def read(self, progress: TypeProgress) -> None:
        """Go on from `progress` until the type is finished.

        What is stored is read again only when another attempt, or Graph, made it something else.
        """
        while not progress.is_done:
            await self._at_cursor(0)
            try:
                if not progress.is_listed:
                    await self._store(progress, self._reader.pages(progress.cursor))
                await self._finish()
            except (StepLostError, ListingOpenError):
                pass
            except GraphPageTokenExpiredError:
                if progress.epoch >= MOST_RESTARTS:
                    raise
                await self._captures.restart_listing(
                    self._run.id, self._run.owner, self._type.key, progress.epoch
                )
            else:
                return
            progress = await self._progress()

    async def read_early(self, progress: TypeProgress, of: ReferenceSources) -> int:
        """Record what these objects refer to; return how many references there were to read.

        The type's listing stays open: `read` goes on from there. Raises StepLostError as well.
        """
        ids = await self._referenced(of)
        reader = ReferencedReader(self._client, self._type, self._referenced)
        await self._store(progress, reader.early_pages(progress.cursor, ids))
        return len(ids)

    def _reader_of(self, client: GraphClient) -> ResourceReader:
        if self._type.by_reference:
            return ReferencedReader(client, self._type, self._referenced)
        return ResourceReader(client, self._type, self._known)

    async def _referenced(self, of: ReferenceSources | None = None) -> Sequence[str]:
        return await self._captures.unread_references(
            self._run.id, self._run.tenant_id, self._type.key, of
        )

    async def _known(self, object_ids: Sequence[str]) -> set[str]:
        return await self._captures.known_objects(self._run.tenant_id, self._type.key, object_ids)

    async def _progress(self) -> TypeProgress:
        return await self._captures.progress_of(self._run.id, self._type.key)

    async def _store(
        self, progress: TypeProgress, pages: AsyncGenerator[ListingPage, None]
    ) -> None:
        """Record pages that go on where `progress` ends."""
        async with aclosing(prepared_ahead(self._steps(progress, pages), self._prepare)) as ready:
            async for step, prepared in ready:
                await self._record(step, prepared)

    async def _steps(
        self, progress: TypeProgress, pages: AsyncGenerator[ListingPage, None]
    ) -> AsyncGenerator[CaptureStep, None]:
        """Gather pages into steps."""
        number, cursor = progress.page, progress.cursor
        step, last = _Step(time.monotonic()), None
        async with aclosing(pages):
            async for page in pages:
                step.add(page, self._type.name_property)
                last = page
                if page.cursor is None or step.is_full(time.monotonic()):
                    yield self._gathered(progress.epoch, number, cursor, step, page)
                    number, cursor = page.page_number + 1, page.cursor
                    step, last = _Step(time.monotonic()), None
        if last is not None:
            yield self._gathered(progress.epoch, number, cursor, step, last)

    def _gathered(
        self, epoch: int, number: int, cursor: str | None, step: _Step, last: ListingPage
    ) -> CaptureStep:
        return CaptureStep(
            resource_type=self._type.key,
            rules=self._rules,
            epoch=epoch,
            page=number,
            cursor=cursor,
            objects=step.objects,
            next_cursor=last.cursor,
            next_page=last.page_number + 1,
            took=timedelta(seconds=time.monotonic() - step.started_at),
        )

    async def _prepare(self, step: CaptureStep) -> PreparedStep:
        owner = (self._run.workspace_id, self._run.tenant_id)
        return await self._captures.prepare_step(owner, step)

    async def _record(self, step: CaptureStep, prepared: PreparedStep) -> None:
        run = self._run
        stored = await self._captures.record_step(run.id, run.owner, step, prepared)
        if not stored.recorded:
            raise StepLostError
        await self._at_cursor(len(step.objects))

    async def _finish(self) -> None:
        questions = await self._captures.settle_type(self._run.id, self._run.owner, self._type.key)
        if not any(questions):
            return
        missing, contested = questions
        still_listed = await self._reader.still_listed(contested) if contested else set[str]()
        unlisted = [object_id for object_id in contested if object_id not in still_listed]
        found = await self._probe([*missing, *unlisted])
        gone = _ids(found, Presence.GONE)
        await self._captures.finish_type(
            self._run.id,
            self._run.owner,
            self._type.key,
            gone=gone,
            still_there=_ids(found, Presence.EXISTS),
            unknown=_ids(found, Presence.UNKNOWN),
            vanished=sorted(set(unlisted).intersection(gone)),
        )

    async def _probe(self, object_ids: Sequence[str]) -> dict[str, Presence]:
        found: dict[str, Presence] = {}
        for start in range(0, len(object_ids), PROBE_SIZE):
            found |= await self._reader.probe(object_ids[start : start + PROBE_SIZE])
            await self._at_cursor(0)
        return found


def _ids(found: dict[str, Presence], wanted: Presence) -> Sequence[str]:
    return [object_id for object_id, presence in found.items() if presence is wanted]


def _object(read: ReadObject, name_property: str) -> ListedObject:
    if read.document is None or read.failure is not None:
        failure = read.failure
        reason_code = "unknown_error" if failure is None else failure.reason_code.value
        # Gone meanwhile, or never there: what it was is settled when the type ends.
        is_skip = failure is not None and failure.reason_code is ProviderReason.OBJECT_NOT_FOUND
        return FailedObject(read.object_id, reason_code, is_skip)
    name = read.document.get(name_property)
    return CapturedObject(
        object_id=read.object_id,
        name=name if isinstance(name, str) else None,
        document=read.document,
        not_captured=read.not_captured,
        body=read.body,
    )
