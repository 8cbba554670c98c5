"""The coverage watch: the registry beside Graph's metadata, and what a tenant has beyond both.

Reads two metadata documents and, for a tenant, one element of each place that no type covers. It
stores nothing: the answer is as new as the call.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.coverage import WATCHED_ROOTS, CoverageState, CoveredPlace, coverage
from domain.resource_types.registry import RESOURCE_TYPES
from graph.client import GraphClient
from graph.clouds import Cloud
from graph.errors import FaultFacts, GraphCredentialRefusedError, GraphError, protocol_error
from graph.metadata_documents import MetadataDocument, MetadataPlace
from graph.tasks import gather
from graph.transport import Transport
from services.connections.graph_access import GraphAccess

VERSIONS: Final = ("beta", "v1.0")
_HEADERS: Final = {"Accept": "application/xml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedPlace:
    """A place and the versions of Graph that have it, `beta` first."""

    place: CoveredPlace
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The places of the documents, and the watched parts of Graph that a version lacks."""

    places: Sequence[WatchedPlace]
    missing: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceContent:
    """What a tenant has at an uncovered place.

    `holds_objects` is None when Graph did not say; `reason_code` says why.
    """

    path: str
    holds_objects: bool | None
    reason_code: str | None = None


async def read_metadata(transport: Transport) -> dict[str, bytes]:
    """Return the metadata documents of a cloud by version; nobody has to sign in for them.

    Raises GraphError.
    """
    documents = {}
    for version in VERSIONS:
        address = f"{transport.endpoint.graph_root}/{version}/$metadata"
        facts = FaultFacts(method="GET", path_template=f"/{version}/$metadata")
        answer = await transport.send("GET", address, headers=_HEADERS, facts=facts)
        if answer.status != 200:
            raise protocol_error("no_metadata", facts)
        documents[version] = answer.body
    return documents


async def compare(documents: Mapping[str, bytes]) -> Comparison:
    """Return every place of these documents, by version, with its state, by path.

    Raises MetadataUnreadableError.
    """
    return await asyncio.to_thread(_compare, documents)


class CoverageWatch:
    """What a tenant has beyond the registry."""

    def __init__(self, *, access: GraphAccess) -> None:
        self._access = access

    async def read_metadata(self, cloud: Cloud) -> dict[str, bytes]:
        """Return the metadata documents of a cloud; raises GraphError, CustomCloudMissingError."""
        return await read_metadata(self._access.transport(cloud))

    async def contents(
        self, connection_id: UUID, watched: Iterable[WatchedPlace]
    ) -> list[PlaceContent]:
        """Ask a tenant for one element of each uncovered place; nothing but counts is kept.

        Raises ConnectionUnusableError and what concerns all requests at once.
        """
        wanted = [entry for entry in watched if entry.place.state is CoverageState.UNCOVERED]
        async with self._access.client(connection_id) as client:
            return await gather([_content(client, entry) for entry in wanted])


def _compare(documents: Mapping[str, bytes]) -> Comparison:
    places: dict[str, MetadataPlace] = {}
    versions: dict[str, list[str]] = {}
    missing: dict[str, list[str]] = {}
    for version in (version for version in VERSIONS if version in documents):
        document = MetadataDocument(documents[version])
        missing[version] = document.missing(WATCHED_ROOTS)
        for place in document.places(WATCHED_ROOTS) + document.tops(WATCHED_ROOTS):
            places.setdefault(place.path.lower(), place)
            versions.setdefault(place.path.lower(), []).append(version)
    facts = [
        (place.path, place.entity_type, place.is_collection, place.is_read_only)
        for place in places.values()
    ]
    watched = [
        WatchedPlace(place=place, versions=tuple(versions[place.path.lower()]))
        for place in coverage(facts, list(RESOURCE_TYPES.values()))
    ]
    return Comparison(places=sorted(watched, key=lambda one: one.place.path), missing=missing)


async def _content(client: GraphClient, entry: WatchedPlace) -> PlaceContent:
    """Ask for one element, and for no further page."""
    path, is_collection = entry.place.path, entry.place.is_collection
    try:
        body = await client.get(entry.versions[0], f"{path}?$top=1" if is_collection else path)
    except GraphCredentialRefusedError:
        raise
    except GraphError as error:
        return PlaceContent(path=path, holds_objects=None, reason_code=error.reason_code.value)
    elements = body.get("value")
    if not is_collection:
        return PlaceContent(path=path, holds_objects=bool(body))
    return PlaceContent(path=path, holds_objects=isinstance(elements, list) and bool(elements))
