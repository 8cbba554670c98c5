"""Reading objects that are known by what refers to them: no list of Graph's says which they are.

Owns how a set of ids is read in pages with a durable cursor, as if it were a listing. Where the ids
come from is the caller's business (decision 0005).
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing

import orjson

from domain.provider_errors import Disposition, ProviderFault, ProviderReason
from domain.resource_types.shape import ResourceType
from graph.client import GraphClient
from graph.errors import (
    FaultFacts,
    GraphError,
    GraphPageTokenExpiredError,
    GraphPermissionDeniedError,
)
from graph.links import with_query
from graph.reading import ListingPage, ReadObject, ResourceReader

# Objects that are asked for together: some batches, and no more than a step holds.
_PAGE_IDS = 200


class ReferencedReader(ResourceReader):
    """Reads the objects of one type that others refer to.

    referenced: returns the ids that are still to be read, sorted; asked for once for each listing.
    An id that is not found fails with its 404: whether it was known before decides what that means.
    """

    def __init__(
        self,
        client: GraphClient,
        resource_type: ResourceType,
        referenced: Callable[[], Awaitable[Sequence[str]]],
    ) -> None:
        super().__init__(client, resource_type)
        self._referenced = referenced

    async def pages(self, cursor: str | None = None) -> AsyncGenerator[ListingPage, None]:
        """Yield the objects that are still to be read; the last page's cursor is null.

        A cursor counts pages only: what was read before it is not referred to once more.
        """
        number = _decode(cursor)
        ids = await self._referenced()
        if not ids and cursor is None:
            await self._ask_for_any()
        async with aclosing(self._chunks(ids, number, ends=True)) as pages:
            async for page in pages:
                yield page

    async def early_pages(
        self, cursor: str | None, object_ids: Sequence[str]
    ) -> AsyncGenerator[ListingPage, None]:
        """Yield objects that are known to be referred to; others may follow, so all have a cursor.

        No ids, no pages.
        """
        if object_ids:
            async with aclosing(self._chunks(object_ids, _decode(cursor), ends=False)) as pages:
                async for page in pages:
                    yield page

    async def _chunks(
        self, ids: Sequence[str], number: int, *, ends: bool
    ) -> AsyncGenerator[ListingPage, None]:
        chunks = [ids[at : at + _PAGE_IDS] for at in range(0, len(ids), _PAGE_IDS)] or [[]]
        # The next page is read while this one is stored.
        ahead = [asyncio.create_task(self._read(chunks[0]))]
        try:
            for position, chunk in enumerate(chunks[1:], start=1):
                read = await ahead.pop()
                ahead.append(asyncio.create_task(self._read(chunk)))
                yield ListingPage(read, _encode(number + position), number + position - 1)
            number += len(chunks)
            yield ListingPage(await ahead.pop(), None if ends else _encode(number), number - 1)
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)

    async def _ask_for_any(self) -> None:
        """Raise what stands against reading the type, though there is nothing to read now.

        That it may be read is said of the type, so it has to be asked.
        """
        path = with_query(self._type.list_path, "$select=id&$top=1")
        try:
            await self._client.get(self._type.version, path)
        except GraphError as error:
            error.resource_type = self._type.key
            raise

    async def _read(self, object_ids: Sequence[str]) -> list[ReadObject]:
        """Return a page; raises GraphPermissionDeniedError if nothing of it may be read at all."""
        read = await self.objects(object_ids)
        if read and all(_denial(one) for one in read):
            # A batch goes on with its token, a request by itself gets a fresh one first.
            denial = _denial((await self.objects(object_ids[:1]))[0])
            if denial is not None:
                denial.resource_type = self._type.key
                raise denial
            read = await self.objects(object_ids)
        return read

    async def still_listed(self, object_ids: Collection[str]) -> set[str]:  # noqa: ARG002 - no list
        """Return nothing: that an object is referred to does not prove that it exists."""
        return set()


def _denial(read: ReadObject) -> GraphPermissionDeniedError | None:
    return read.failure if isinstance(read.failure, GraphPermissionDeniedError) else None


def _encode(number: int) -> str:
    return orjson.dumps({"page": number}).decode()


def _decode(cursor: str | None) -> int:
    """Return the number of the next page."""
    if cursor is None:
        return 1
    try:
        number = orjson.loads(cursor)["page"]
    except (ValueError, KeyError, TypeError):
        number = None
    if isinstance(number, int):
        return number
    raise GraphPageTokenExpiredError(
        ProviderFault(ProviderReason.PAGE_TOKEN_EXPIRED, Disposition.RESTART_LISTING),
        FaultFacts(detail="unreadable_cursor"),
    )
