"""The limit: a client that fetches what the product's plan says in batches, parses it, forgets it.

No retries, no budgets, no checks, nothing stored: what remains is Graph's latency, the wire and
the parser. It reads the registry, so that it asks for exactly what the product asks for.

    python -m bench.bare_client ROOT CA_FILE TOKEN [IN_FLIGHT]
"""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from domain.references import references_of
from domain.resource_types.registry import backup_types
from domain.resource_types.shape import FollowUp, ResourceType
from graph.links import with_query

BATCH = 20
# How long a request waits for others to share its batch.
GATHERING_SECONDS = 0.005
Document = dict[str, Any]


class BareClient:
    """Batches of reads, so many on their way at once."""

    def __init__(self, session: aiohttp.ClientSession, root: str, in_flight: int) -> None:
        self._session = session
        self.root = root
        self._slots = asyncio.Semaphore(in_flight)
        self._waiting: dict[str, list[tuple[str, asyncio.Future[Document]]]] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.requests = 0
        self.sub_requests = 0

    async def get(self, address: str) -> Document:
        """Read one address of its own, as lists are."""
        async with self._slots:
            self.requests += 1
            self.sub_requests += 1
            async with self._session.get(address) as response:
                body = await response.read()
                response.raise_for_status()
        return orjson.loads(body)

    async def read(self, version: str, path: str) -> Document:
        """Read one path in a batch with others; a collection with all its pages."""
        answer = await self._queue(version, path)
        page = answer
        while (link := page.get("@odata.nextLink")) is not None and "value" in answer:
            page = await self.get(link)
            answer["value"].extend(page["value"])
        return answer

    async def pages(self, version: str, path: str) -> Any:
        """Yield the pages of a list."""
        link: str | None = f"{self.root}/{version}{path}"
        while link is not None:
            page = await self.get(link)
            yield page["value"]
            link = page.get("@odata.nextLink")

    def _queue(self, version: str, path: str) -> asyncio.Future[Document]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Document] = loop.create_future()
        waiting = self._waiting.setdefault(version, [])
        waiting.append((path, future))
        if len(waiting) >= BATCH:
            self._send_soon(version)
        elif self._timer is None:
            self._timer = loop.call_later(GATHERING_SECONDS, self._flush)
        return future

    def _flush(self) -> None:
        self._timer = None
        for version in list(self._waiting):
            self._send_soon(version)

    def _send_soon(self, version: str) -> None:
        task = asyncio.create_task(self._send(version, self._waiting.pop(version)))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, version: str, batch: list[tuple[str, asyncio.Future[Document]]]) -> None:
        requests = [
            {"id": str(place), "method": "GET", "url": path}
            for place, (path, _) in enumerate(batch)
        ]
        async with self._slots:
            self.requests += 1
            self.sub_requests += len(batch)
            async with self._session.post(
                f"{self.root}/{version}/$batch",
                data=orjson.dumps({"requests": requests}),
                headers={"Content-Type": "application/json"},
            ) as response:
                body = await response.read()
                response.raise_for_status()
        for answer in orjson.loads(body)["responses"]:
            path, future = batch[int(answer["id"])]
            if answer["status"] < 300:
                future.set_result(answer.get("body") or {})
            elif answer["status"] == 404:
                future.set_result({})
            else:
                future.set_exception(RuntimeError(f"{answer['status']} {path}"))


@dataclass
class Reading:
    """One read of a tenant: the client, and what objects refer to."""

    client: BareClient
    referenced: dict[str, set[str]] = field(default_factory=dict)

    async def read_all(self) -> int:
        """Read every type of a usual backup; return how many objects there are."""
        entries = backup_types()
        counts = await asyncio.gather(
            *(self.read_type(entry) for entry in entries if not entry.by_reference)
        )
        more = await asyncio.gather(
            *(self.read_referenced(entry) for entry in entries if entry.by_reference)
        )
        return sum(counts) + sum(more)

    async def read_type(self, entry: ResourceType) -> int:
        """Read all objects of a type; return how many there are."""
        path = with_query(entry.list_path, entry.list_query)
        if entry.singleton is not None:
            try:
                found = await self.client.get(f"{self.client.root}/{entry.version}{path}")
            except aiohttp.ClientResponseError:
                return 0
            await self.complete(entry, found)
            return 1
        tasks: list[asyncio.Task[None]] = []
        async for page in self.client.pages(entry.version, path):
            tasks.extend(
                asyncio.create_task(self.complete(entry, document))
                for document in page
                if entry.belongs(document)
            )
        await asyncio.gather(*tasks)
        return len(tasks)

    async def read_referenced(self, entry: ResourceType) -> int:
        """Read the objects of a type that others refer to."""
        ids = sorted(self.referenced.get(entry.key, ()))
        kind = {"@odata.type": entry.odata_type}
        await asyncio.gather(*(self.complete(entry, {"id": i, **kind}) for i in ids))
        return len(ids)

    async def complete(self, entry: ResourceType, document: Document) -> None:
        """Complete one object as the registry says."""
        kind = document.get("@odata.type")
        link = entry.item_collection(kind)
        if entry.singleton is None:
            link = f"{link}/{document['id']}"
        if entry.item is not None:
            path = with_query(link, entry.item_query(kind))
            document = await self.client.read(entry.version, path)
        asked = entry.list_query if entry.item is None else entry.item_query(kind)
        await self.follow(entry.version, link, document, entry.follow_ups, asked)
        for found in references_of(entry.key, document):
            self.referenced.setdefault(found.kind, set()).add(found.external_id)

    async def follow(
        self,
        version: str,
        link: str,
        holder: Document,
        follow_ups: tuple[FollowUp, ...],
        asked: str,
    ) -> None:
        """Read the navigation properties that are not there yet, and those below them."""
        needed = [follow_up for follow_up in follow_ups if is_needed(follow_up, holder, asked)]
        answers = await asyncio.gather(
            *(self.client.read(version, with_query(f"{link}/{up.path}", up.query)) for up in needed)
        )
        for follow_up, answer in zip(needed, answers, strict=True):
            holder[follow_up.property] = answer if follow_up.single else answer["value"]
        await asyncio.gather(*(self.follow_below(version, link, holder, up) for up in follow_ups))

    async def follow_below(
        self, version: str, link: str, holder: Document, follow_up: FollowUp
    ) -> None:
        """Read what the elements of a navigation property need."""
        elements = holder.get(follow_up.property) or []
        if follow_up.element_path is not None:
            paths = [follow_up.element_path.replace("{element}", row["id"]) for row in elements]
            holder[follow_up.property] = await asyncio.gather(
                *(self.client.read(version, path) for path in paths)
            )
        if follow_up.nested:
            below = f"{link}/{follow_up.path}"
            name = follow_up.id_property
            await asyncio.gather(
                *(
                    self.follow(version, f"{below}/{row[name]}", row, follow_up.nested, "")
                    for row in elements
                )
            )


def is_needed(follow_up: FollowUp, holder: Document, asked: str) -> bool:
    """Whether a read of its own is needed, by the registry's rules."""
    if follow_up.only_if_positive and not any(
        (holder.get(name) or 0) > 0 for name in follow_up.only_if_positive
    ):
        return False
    if not follow_up.expanded:
        return True
    if follow_up.property not in asked:
        return False
    inline = holder.get(follow_up.property)
    if not isinstance(inline, list):
        return True
    count = holder.get(follow_up.counted_by) if follow_up.counted_by else None
    return (isinstance(count, int) and count > len(inline)) or any(_links(holder, follow_up))


def _links(holder: Document, follow_up: FollowUp) -> Iterator[bool]:
    yield f"{follow_up.property}@odata.nextLink" in holder


async def measure(root: str, ca_file: str, token: str, in_flight: int) -> dict[str, Any]:
    """Read every type of a usual backup once; return what it took."""
    context = ssl.create_default_context(cafile=ca_file)
    connector = aiohttp.TCPConnector(limit=in_flight, ssl=context)
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        client = BareClient(session, root, in_flight)
        began, cpu = time.perf_counter(), time.process_time()
        objects = await Reading(client).read_all()
        return {
            "seconds": round(time.perf_counter() - began, 3),
            "objects": objects,
            "requests": client.requests,
            "sub_requests": client.sub_requests,
            "client_cpu": round(time.process_time() - cpu, 3),
        }


def main() -> None:
    """Entry point."""
    root, ca_file, token, *rest = sys.argv[1:]
    in_flight = int(rest[0]) if rest else 16
    print(json.dumps(asyncio.run(measure(root, ca_file, token, in_flight))))


if __name__ == "__main__":
    main()
