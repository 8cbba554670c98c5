"""From list entries to whole documents: item reads, navigation properties, encrypted values.

Owns the reading plan of one slice of a listing. Whatever could not be read makes its object
failed; a document is never silently shorter than the object (D5, D9). The reads of one level go
out together in batches.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from domain.provider_errors import Disposition, ProviderReason, RequestTarget
from domain.resource_types.protected_values import not_captured_pointers, pointer
from domain.resource_types.shape import EncryptedValues, FollowUp, ResourceType
from graph.batching import BatchRequest, BatchResult
from graph.client import GraphClient
from graph.errors import GraphError, GraphProtocolError, protocol_error
from graph.json_bodies import (
    BodyError,
    JsonValue,
    dump_json,
    has_delicate_numbers,
    parse_plain,
)
from graph.links import below_version, path_segment, string_literal, with_query
from graph.paging import NEXT_LINK, JsonObject, next_link_of

# What OData answers for a property that is null, where it does not answer 204.
_NULL = "@odata.null"


@dataclass(slots=True)
class Draft:
    """An object on its way to a whole document, or to its failure."""

    object_id: str
    document: JsonObject
    link: str = ""  # its own path, quoted; empty if it cannot be read by itself
    failure: GraphError | None = None
    filled: set[str] = field(default_factory=set)  # pointers of encrypted values that were read
    not_captured: tuple[str, ...] = ()
    body: bytes = b""

    @property
    def odata_type(self) -> str | None:
        """The `@odata.type` of the document."""
        value = self.document.get("@odata.type")
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class _Holder:
    """An object that needs navigation properties: a document, or an element of one."""

    draft: Draft
    value: JsonObject
    link: str
    follow_ups: tuple[FollowUp, ...]
    is_element: bool = False


@dataclass(frozen=True, slots=True)
class _Read:
    """One read for one holder. continues: its answer is added to what came inline."""

    holder: _Holder
    follow_up: FollowUp
    request: BatchRequest
    continues: bool = False


class Completer:
    """Completes drafts of one resource type."""

    def __init__(
        self, client: GraphClient, resource_type: ResourceType, *, reads_encrypted: bool
    ) -> None:
        self._client = client
        self._type = resource_type
        self._reads_encrypted = reads_encrypted
        self._refused: set[str] = set()  # properties whose query Graph does not take

    async def complete(self, drafts: list[Draft]) -> None:
        """Fill in documents, failures, not captured pointers and bodies."""
        for draft in drafts:
            self._locate(draft)
        if self._type.item is not None:
            await self._read_items(_alive(drafts))
        holders = [
            _Holder(draft, draft.document, draft.link, self._type.follow_ups)
            for draft in _alive(drafts)
        ]
        while holders:
            holders = await self._read_level(holders)
        if self._type.encrypted_values is not None and self._reads_encrypted:
            await self._read_encrypted(_alive(drafts), self._type.encrypted_values)
        for draft in _alive(drafts):
            self._finish(draft)

    def _locate(self, draft: Draft) -> None:
        try:
            collection = self._type.item_collection(draft.odata_type)
            draft.link = collection
            if self._type.singleton is None:
                draft.link += f"/{path_segment(draft.object_id)}"
        except GraphProtocolError as error:
            draft.failure = error

    async def _read_items(self, drafts: list[Draft]) -> None:
        requests = [
            BatchRequest(with_query(draft.link, self._type.item_query(draft.odata_type)))
            for draft in drafts
        ]
        for draft, result in zip(drafts, await self._batch(requests), strict=True):
            listed_type = draft.odata_type
            draft.failure = result.error or _identity_failure(draft, result)
            if draft.failure is None and result.body is not None:
                draft.document = result.body
                if listed_type is not None:
                    # A typed collection leaves out the type that its list entry has.
                    draft.document.setdefault("@odata.type", listed_type)

    async def _read_level(self, holders: list[_Holder]) -> list[_Holder]:
        """Read the navigation properties of these holders; return the holders below them."""
        reads = [read for holder in holders for read in self._needed(holder)]
        results = await self._batch([read.request for read in reads])
        plainer: list[_Read] = []
        for read, result in zip(reads, results, strict=True):
            if _asks_too_much(read, result):
                self._refused.add(read.follow_up.property)
                plainer.append(self._own_read(read.holder, read.follow_up))
            else:
                _place(read, result)
        results = await self._batch([read.request for read in plainer])
        for read, result in zip(plainer, results, strict=True):
            _place(read, result)
        await self._read_elements([holder for holder in holders if not holder.draft.failure])
        return [
            below
            for holder in holders
            if not holder.draft.failure
            for follow_up in holder.follow_ups
            if follow_up.nested
            for below in _below(holder, follow_up)
        ]

    def _needed(self, holder: _Holder) -> Iterator[_Read]:
        for follow_up in holder.follow_ups:
            try:
                read = self._read_for(holder, follow_up)
            except GraphProtocolError as error:
                holder.draft.failure = error
                return
            if read is not None:
                yield read

    def _read_for(self, holder: _Holder, follow_up: FollowUp) -> _Read | None:
        if follow_up.only_if_positive and not _any_positive(holder.value, follow_up):
            return None
        if follow_up.expanded:
            if not holder.is_element and not self._is_asked_for(holder.draft, follow_up):
                return None
            inline = holder.value.get(follow_up.property)
            if isinstance(inline, list) and _counts(inline, follow_up):
                name = f"{follow_up.property}{NEXT_LINK}"
                link = next_link_of(holder.value, self._client.graph_root, self._type.version, name)
                if link is not None:
                    request = BatchRequest(below_version(link), RequestTarget.CONTINUATION)
                    return _Read(holder, follow_up, request, continues=True)
                if not _is_page(holder.value, follow_up, inline):
                    return None
        return self._own_read(holder, follow_up)

    def _own_read(self, holder: _Holder, follow_up: FollowUp) -> _Read:
        query = follow_up.query
        if follow_up.plain_query is not None and follow_up.property in self._refused:
            query = follow_up.plain_query
        path = with_query(f"{holder.link}/{follow_up.path}", query)
        return _Read(holder, follow_up, BatchRequest(path))

    def _is_asked_for(self, draft: Draft, follow_up: FollowUp) -> bool:
        """Tell whether the query of this `@odata.type` expands the property at all."""
        if self._type.item is None:
            return follow_up.property in self._type.list_query
        return follow_up.property in self._type.item_query(draft.odata_type)

    async def _read_elements(self, holders: list[_Holder]) -> None:
        """Replace elements whose list form is short by their own reads."""
        places: list[tuple[_Holder, list[JsonValue], int]] = []
        requests: list[BatchRequest] = []
        for holder in holders:
            for follow_up in holder.follow_ups:
                if follow_up.element_path is None:
                    continue
                elements = cast("list[JsonValue]", holder.value.get(follow_up.property) or [])
                for place, element in enumerate(elements):
                    segment = _element_segment(holder, element)
                    if segment is not None:
                        path = follow_up.element_path.replace("{element}", segment)
                        places.append((holder, elements, place))
                        requests.append(BatchRequest(path))
        results = await self._batch(requests)
        for (holder, elements, place), result in zip(places, results, strict=True):
            if result.error is not None or result.body is None:
                holder.draft.failure = result.error or protocol_error("empty_answer")
            else:
                elements[place] = result.body

    async def _read_encrypted(self, drafts: list[Draft], rule: EncryptedValues) -> None:
        """Fill in values that Graph hands out one by one; a refusal leaves them not captured."""
        places: list[tuple[Draft, JsonObject, str]] = []
        requests: list[BatchRequest] = []
        for draft in drafts:
            for index, element in enumerate(_list(draft.document.get(rule.list_property))):
                if not isinstance(element, dict) or element.get(rule.flag) is not True:
                    continue
                reference = element.get(rule.reference)
                if isinstance(reference, str) and reference:
                    call = rule.function.replace("{reference}", string_literal(reference))
                    at = pointer((rule.list_property, index, rule.value))
                    places.append((draft, element, at))
                    requests.append(BatchRequest(f"{draft.link}/{call}"))
        results = await self._batch(requests)
        for (draft, element, at), result in zip(places, results, strict=True):
            if result.body is not None and "value" in result.body:
                element[rule.value] = result.body["value"]
                draft.filled.add(at)
            elif result.error and result.error.disposition is Disposition.RETRYABLE:
                # Captured last time and not now would look like a change.
                draft.failure = result.error

    def _finish(self, draft: Draft) -> None:
        try:
            draft.body = dump_json(draft.document)
        except BodyError:
            draft.failure = protocol_error("unstorable_document")
            return
        if has_delicate_numbers(draft.body):
            draft.document = cast("JsonObject", parse_plain(draft.body))
        missing = not_captured_pointers(self._type, draft.document, draft.body)
        draft.not_captured = tuple(place for place in missing if place not in draft.filled)

    async def _batch(self, requests: list[BatchRequest]) -> list[BatchResult]:
        if not requests:
            return []
        return await self._client.batch(self._type.version, requests)


def _alive(drafts: list[Draft]) -> list[Draft]:
    return [draft for draft in drafts if draft.failure is None]


def _identity_failure(draft: Draft, result: BatchResult) -> GraphError | None:
    """Return the failure of an answer that is not the object that was asked for."""
    answered = result.body.get("id") if result.body else None
    if isinstance(answered, str) and answered.lower() == draft.object_id.lower():
        return None
    return protocol_error("another_object")


def _place(read: _Read, result: BatchResult) -> None:
    """Put an answer under the name of its navigation property, as `$expand` would have."""
    holder, name = read.holder, read.follow_up.property
    if result.error is not None and not _is_none(read.follow_up, result.error):
        holder.draft.failure = holder.draft.failure or result.error
        return
    if read.follow_up.single:
        is_null = not result.body or result.body.get(_NULL) is True
        holder.value[name] = None if is_null else cast("JsonValue", result.body)
        return
    value = (result.body or {}).get("value")
    if not isinstance(value, list):
        holder.draft.failure = protocol_error("not_a_collection")
        return
    inline = _list(holder.value.get(name)) if read.continues else []
    holder.value[name] = [*inline, *value]
    holder.value.pop(f"{name}{NEXT_LINK}", None)


def _asks_too_much(read: _Read, result: BatchResult) -> bool:
    """Tell whether Graph may answer the plain query of a read, having refused this one."""
    plain = read.follow_up.plain_query
    if plain is None or result.error is None or read.request.path.endswith(with_query("", plain)):
        return False
    return result.error.reason_code in {
        ProviderReason.REQUEST_REJECTED,
        ProviderReason.SERVER_ERROR,
    }


def _is_none(follow_up: FollowUp, error: GraphError) -> bool:
    """Tell whether a refusal says that there is no such single object."""
    is_missing = error.reason_code is ProviderReason.OBJECT_NOT_FOUND
    return follow_up.single and follow_up.optional and is_missing


def _below(holder: _Holder, follow_up: FollowUp) -> Iterator[_Holder]:
    for element in _list(holder.value.get(follow_up.property)):
        segment = _element_segment(holder, element, follow_up.id_property)
        if segment is not None and isinstance(element, dict):
            link = f"{holder.link}/{follow_up.path}/{segment}"
            yield _Holder(holder.draft, element, link, follow_up.nested, is_element=True)


def _element_segment(holder: _Holder, element: JsonValue, id_property: str = "id") -> str | None:
    """Return an element's id for a path; an element without one fails its object."""
    try:
        return path_segment(element.get(id_property) if isinstance(element, dict) else None)
    except GraphProtocolError as error:
        holder.draft.failure = error
        return None


def _counts(inline: list[JsonValue], follow_up: FollowUp) -> bool:
    """Tell whether an inline collection is believed: see `FollowUp.inline_needs`."""
    needed = follow_up.inline_needs
    return needed is None or (
        bool(inline)
        and all(isinstance(element, dict) and element.get(needed) for element in inline)
    )


def _is_page(value: JsonObject, follow_up: FollowUp, inline: list[JsonValue]) -> bool:
    """Tell whether an inline collection is only its first page, by the object's own count."""
    count = value.get(follow_up.counted_by) if follow_up.counted_by else None
    return isinstance(count, int) and count > len(inline)


def _any_positive(value: JsonObject, follow_up: FollowUp) -> bool:
    counts = (value.get(name) for name in follow_up.only_if_positive)
    return any(isinstance(count, int) and count > 0 for count in counts)


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
