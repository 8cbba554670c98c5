"""Reading a resource type: pages of whole objects with a durable cursor, and presence probes.

Owns what a listing is to the product. A page that is handed on can be stored; its cursor begins
after it. The reader keeps nothing else, so memory is bounded by the few slices it reads ahead.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from enum import StrEnum

import orjson

from domain.provider_errors import (
    Disposition,
    ProviderFault,
    ProviderReason,
    RequestTarget,
)
from domain.resource_types.shape import ResourceType, Singleton
from graph.batching import BatchRequest, BatchResult
from graph.client import GraphClient
from graph.completing import Completer, Draft
from graph.errors import (
    FaultFacts,
    GraphError,
    GraphPageTokenExpiredError,
    GraphProtocolError,
    protocol_error,
)
from graph.inline_answers import NULL, is_object
from graph.links import path_segment, with_query
from graph.paging import JsonObject, Page

_MARK_HEX_DIGITS = 16
# Pages come one after the other, and completing one takes longer than listing the next: with one
# ahead, a long list waits for its details at every page (P4, P6).
_SLICES_AHEAD = 3


@dataclass(frozen=True, slots=True)
class ReadObject:
    """One object of a listing: whole, or failed with its reason.

    document: as Graph returned it, with follow-ups under their navigation properties; null after a
    failure. body: the document as lossless JSON. not_captured: JSON pointers of values that Graph
    keeps to itself. failure: why it could not be read whole; a 404 alone does not prove that it is
    gone, because it was listed.
    """

    object_id: str
    odata_type: str | None
    document: JsonObject | None = field(repr=False)
    body: bytes | None = field(repr=False)
    failure: GraphError | None = None
    not_captured: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListingPage:
    """Objects that were read together. An id may come again on a later page.

    cursor: where the listing goes on, null at its end. page_number: from 1, the same after a
    resume from the cursor before it.
    """

    documents: list[ReadObject]
    cursor: str | None
    page_number: int


class Presence(StrEnum):
    """What an object's own path says of it."""

    EXISTS = "exists"  # it answers, whatever has become of it
    GONE = "gone"  # 404 with Graph's own code: the proof that a tombstone needs (D5)
    UNKNOWN = "unknown"  # any other answer


@dataclass(slots=True)
class _Cursor:
    """Place in a listing: link of the list page, marks of its objects that are done, next number.

    Ids are marked one by one, because a page that is fetched again may have another order.
    """

    link: str | None = None
    done: set[str] = field(default_factory=set)
    page_number: int = 1

    def pass_slice(self, drafts: list[Draft], link: str | None, *, ends_page: bool) -> None:
        """Move behind a slice; behind the last slice of a page, to the next page."""
        self.page_number += 1
        self.link = link
        marks = {_mark(draft.object_id) for draft in drafts}
        self.done = set() if ends_page else self.done | marks

    def encode(self) -> str:
        return orjson.dumps(
            {"link": self.link, "done": sorted(self.done), "page": self.page_number}
        ).decode()


@dataclass(frozen=True, slots=True)
class _Step:
    """A slice that is being read, and where the listing goes on after it."""

    drafts: list[Draft]
    reading: "asyncio.Task[None]"
    cursor: str | None
    number: int


Known = Callable[[Sequence[str]], Awaitable[Collection[str]]]


async def _nothing_known(_object_ids: Sequence[str]) -> Collection[str]:
    return ()


class ResourceReader:
    """Reads one resource type with one client.

    known: tells which of some objects were read before. Those are read on although they do not
    belong to the type any more, because they still exist (decision 0003).
    """

    def __init__(
        self, client: GraphClient, resource_type: ResourceType, known: Known = _nothing_known
    ) -> None:
        self._client = client
        self._type = resource_type
        self._known = known

    async def pages(self, cursor: str | None = None) -> AsyncGenerator[ListingPage, None]:
        """Yield the listing from its start or from a cursor; the last page's cursor is null.

        Raises GraphPageTokenExpiredError when a continuation is refused (begin again without
        cursor, bounded), and other GraphErrors that concern the type; `resource_type` is set.
        """
        try:
            async with aclosing(self._pages(_decode(cursor))) as pages:
                async for page in pages:
                    yield page
        except GraphError as error:
            error.resource_type = self._type.key
            raise

    async def objects(self, object_ids: Sequence[str]) -> list[ReadObject]:
        """Return objects read whole by their own paths, in the order of their ids.

        An id of which nothing is known to exist may be among them: its failure says so (404).
        """
        drafts = [Draft(key, {"@odata.type": self._type.odata_type}) for key in object_ids]
        try:
            reads_encrypted = await self._may_read_encrypted()
            completer = Completer(self._client, self._type, reads_encrypted=reads_encrypted)
            await completer.complete(drafts)
        except GraphError as error:
            error.resource_type = self._type.key
            raise
        return [_object(draft) for draft in drafts]

    async def still_listed(self, object_ids: Collection[str]) -> set[str]:
        """Return those of the objects that a listing has now; it ends when all are found."""
        sought, found = set(object_ids), set[str]()
        try:
            async for page in self._listing(None):
                listed = (str(self._type.object_id_of(entry)) for entry in page.items)
                found |= sought.intersection(listed)
                if found == sought:
                    break
        except GraphError as error:
            error.resource_type = self._type.key
            raise
        return found

    async def probe(self, object_ids: Sequence[str]) -> dict[str, Presence]:
        """Ask each object's own path whether it still exists (D5)."""
        # An id that cannot stand in a path stays unknown: nothing proves it gone.
        found = dict.fromkeys(object_ids, Presence.UNKNOWN)
        requests: dict[str, BatchRequest] = {}
        for object_id in found:
            with suppress(GraphProtocolError):
                requests[object_id] = BatchRequest(self._own_path(object_id))
        try:
            results = await self._client.batch(self._type.version, list(requests.values()))
        except GraphError as error:
            error.resource_type = self._type.key
            raise
        for object_id, result in zip(requests, results, strict=True):
            found[object_id] = self._presence(object_id, result)
        return found

    def _own_path(self, object_id: str) -> str:
        if self._type.singleton is not None:
            return self._type.list_path
        return f"{self._type.list_path}/{path_segment(object_id)}"

    def _listing(self, link: str | None) -> AsyncIterator[Page]:
        """Return the pages of the list, from a link or from the start."""
        if self._type.singleton is not None:
            return self._only_page(self._type.singleton)
        path = with_query(self._type.list_path, self._type.list_query)
        return self._client.pages(self._type.version, path, link)

    async def _only_page(self, singleton: Singleton) -> AsyncIterator[Page]:
        """Yield a singleton as a listing of one object, or of none if it is not set up."""
        path = with_query(self._type.list_path, self._type.list_query)
        may_be_absent = singleton is Singleton.MAY_BE_ABSENT
        target = RequestTarget.OBJECT if may_be_absent else RequestTarget.COLLECTION
        (result,) = await self._client.batch(self._type.version, [BatchRequest(path, target)])
        if _is_absent(result):
            if not may_be_absent:
                # Every tenant has it: nothing may be deleted for it, nor left out unsaid.
                raise protocol_error("missing_singleton")
            yield Page([], None)
        elif result.error is not None:
            raise result.error
        elif result.body is None or not is_object(result.body):
            raise protocol_error("not_an_object")
        else:
            yield Page([result.body], None)

    async def _pages(self, place: _Cursor) -> AsyncGenerator[ListingPage, None]:
        """Yield slices in order while the next ones are being read."""
        steps: asyncio.Queue[_Step | None] = asyncio.Queue()
        ahead = asyncio.Semaphore(_SLICES_AHEAD)
        started: list[asyncio.Task[None]] = []
        producer = asyncio.create_task(self._produce(place, steps, ahead, started))
        try:
            while (step := await steps.get()) is not None:
                await step.reading
                ahead.release()
                objects = [_object(draft) for draft in step.drafts]
                yield ListingPage(objects, step.cursor, step.number)
            await producer
        finally:
            for task in (producer, *started):
                task.cancel()
            await asyncio.gather(producer, *started, return_exceptions=True)

    async def _produce(
        self,
        place: _Cursor,
        steps: "asyncio.Queue[_Step | None]",
        ahead: asyncio.Semaphore,
        started: list[asyncio.Task[None]],
    ) -> None:
        """Start reading slice after slice, a few ahead; an error follows the slices before it."""
        try:
            completer = Completer(
                self._client, self._type, reads_encrypted=await self._may_read_encrypted()
            )
            async for page in self._listing(place.link):
                slices = deque(self._slices(await self._wanted(page), place.done))
                # Pages are large: what was read of one is let go before the rest of it is read.
                page.items.clear()
                while slices:
                    await ahead.acquire()
                    drafts = slices.popleft()
                    is_last = not slices
                    number = place.page_number
                    link = page.next_link if is_last else place.link
                    place.pass_slice(drafts, link, ends_page=is_last)
                    ended = is_last and page.next_link is None
                    reading = asyncio.create_task(completer.complete(drafts))
                    started[:] = [task for task in started if not task.done() or task.exception()]
                    started.append(reading)
                    cursor = None if ended else place.encode()
                    steps.put_nowait(_Step(drafts, reading, cursor, number))
        finally:
            steps.put_nowait(None)

    async def _wanted(self, page: Page) -> list[Draft]:
        """Return the page's objects of this type, and those that once were; each once."""
        listed: dict[str, JsonObject] = {}
        untyped = protocol_error("untyped_object")
        for entry in page.items:
            object_id = self._type.object_id_of(entry)
            if not isinstance(object_id, str) or not object_id:
                raise protocol_error("object_without_id")
            listed.setdefault(object_id, entry)
        unclear = {key for key, entry in listed.items() if self._is_unclear(entry)}
        others = {
            key
            for key, entry in listed.items()
            if key not in unclear and not self._type.belongs(entry)
        }
        if others:
            others.difference_update(await self._known(sorted(others)))
        return [
            Draft(key, entry, failure=untyped if key in unclear else None)
            for key, entry in listed.items()
            if key not in others
        ]

    def _is_unclear(self, entry: JsonObject) -> bool:
        return self._type.needs_odata_type and not isinstance(entry.get("@odata.type"), str)

    def _slices(self, drafts: list[Draft], done: set[str]) -> list[list[Draft]]:
        """Return the drafts that are not done, in slices; at least one."""
        whole = [draft for draft in drafts if _mark(draft.object_id) not in done]
        size = self._type.slice_size if self._reads_details else max(len(whole), 1)
        return [whole[at : at + size] for at in range(0, len(whole), size)] or [[]]

    @property
    def _reads_details(self) -> bool:
        return self._type.item is not None or any(
            not follow_up.expanded for follow_up in self._type.follow_ups
        )

    async def _may_read_encrypted(self) -> bool:
        rule = self._type.encrypted_values
        return rule is not None and rule.permission in await self._client.token_roles()

    def _presence(self, object_id: str, result: BatchResult) -> Presence:
        is_singleton = self._type.singleton is not None
        if result.error is not None or (is_singleton and _is_absent(result)):
            may_go = self._type.singleton is not Singleton.ALWAYS
            return Presence.GONE if _is_absent(result) and may_go else Presence.UNKNOWN
        answered = None
        if result.body is not None and is_object(result.body):
            answered = self._type.object_id_of(result.body)
        if not isinstance(answered, str):
            return Presence.UNKNOWN
        if answered.lower() == object_id.lower():
            return Presence.EXISTS
        # The only object of its kind has another id now: that one took its place.
        return Presence.GONE if is_singleton else Presence.UNKNOWN


def _is_absent(result: BatchResult) -> bool:
    """Tell whether Graph says that there is no object: its own 404, or OData's null."""
    if result.error is not None:
        return result.error.reason_code is ProviderReason.OBJECT_NOT_FOUND
    return result.body is None or result.body.get(NULL) is True


def _object(draft: Draft) -> ReadObject:
    if draft.failure is not None:
        return ReadObject(draft.object_id, draft.odata_type, None, None, draft.failure)
    return ReadObject(
        draft.object_id,
        draft.odata_type,
        draft.document,
        draft.body,
        not_captured=draft.not_captured,
    )


def _mark(object_id: str) -> str:
    return hashlib.sha256(object_id.encode()).hexdigest()[:_MARK_HEX_DIGITS]


def _decode(cursor: str | None) -> _Cursor:
    """Return the place of a stored cursor; one that cannot be read restarts the listing."""
    if cursor is None:
        return _Cursor()
    try:
        parts = orjson.loads(cursor)
        link, done, number = parts["link"], parts["done"], parts["page"]
    except (ValueError, KeyError, TypeError):
        parts = None
    if parts is not None and isinstance(link, str | None) and isinstance(number, int):
        return _Cursor(link, set(done), number)
    raise GraphPageTokenExpiredError(
        ProviderFault(ProviderReason.PAGE_TOKEN_EXPIRED, Disposition.RESTART_LISTING),
        FaultFacts(detail="unreadable_cursor"),
    )
