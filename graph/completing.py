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
from graph.inline_answers import (
    NULL,
    PartialList,
    as_list,
    has_none,
    is_believed,
    is_object,
    may_be_page,
    partial_lists,
)
from graph.json_bodies import (
    BodyError,
    JsonValue,
    dump_exactly,
    parse_plain,
)
from graph.links import below_version, path_segment, string_literal, with_query
from graph.paging import NEXT_LINK, JsonObject, next_link_of

_NEXT_LINK_IN_BODY = f'{NEXT_LINK}":'.encode()
# Lists within lists whose rests were elsewhere: more of them is no document of Graph's.
_MOST_RESTS = 8


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
    is_exact: bool = False  # numbers of the document are kept as text

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
            self._write(draft)
        await self._read_rests(drafts)
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
            elif _is_refused_rest(read, result):
                plainer.append(self._own_read(read.holder, read.follow_up))
            else:
                _place(read, result)
        more = await self._batch([read.request for read in plainer])
        for read, result in zip(plainer, more, strict=True):
            _place(read, result)
        await self._confirm_holders([*zip(reads, results, strict=True)])
        await self._read_elements([holder for holder in holders if not holder.draft.failure])
        return [
            below
            for holder in holders
            if not holder.draft.failure
            for follow_up in holder.follow_ups
            if follow_up.nested
            for below in _below(holder, follow_up)
        ]

    async def _confirm_holders(self, answered: list[tuple[_Read, BatchResult]]) -> None:
        """Ask for the holders of what is not there: with its holder gone, a 404 says nothing."""
        links = {
            read.holder.link: read.holder
            for read, result in answered
            if result.error is not None and _is_none(read.follow_up, result.error)
        }
        results = await self._batch([BatchRequest(link) for link in links])
        for holder, result in zip(links.values(), results, strict=True):
            holder.draft.failure = holder.draft.failure or result.error

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
        if has_none(holder.value, follow_up.only_if_positive):
            return None
        if follow_up.expanded:
            if not holder.is_element and not self._is_asked_for(holder.draft, follow_up):
                return None
            if is_believed(holder.value, follow_up):
                request = None if follow_up.single else self._rest(holder.value, follow_up.property)
                if request is not None:
                    return _Read(holder, follow_up, request, continues=True)
                if follow_up.single or not may_be_page(holder.value, follow_up):
                    return None
        return self._own_read(holder, follow_up)

    def _rest(self, holder: JsonObject, name: str) -> BatchRequest | None:
        """Return the request for the rest of an inline list, if it says that it has one."""
        link = next_link_of(
            holder, self._client.graph_root, self._type.version, f"{name}{NEXT_LINK}"
        )
        if link is None:
            return None
        return BatchRequest(below_version(link), RequestTarget.CONTINUATION)

    def _own_read(self, holder: _Holder, follow_up: FollowUp) -> _Read:
        query = follow_up.query
        if follow_up.plain_query is not None and follow_up.property in self._refused:
            query = follow_up.plain_query
        path = with_query(f"{holder.link}/{follow_up.path}", query)
        return _Read(holder, follow_up, BatchRequest(path))

    def _is_asked_for(self, draft: Draft, follow_up: FollowUp) -> bool:
        """Tell whether the query of this `@odata.type` expands the property at all.

        What a singleton is said to expand comes along without being asked for.
        """
        if self._type.singleton is not None:
            return True
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
            failure = result.error or _foreign(elements[place], result.body)
            if failure is None:
                elements[place] = cast("JsonValue", result.body)
            holder.draft.failure = holder.draft.failure or failure

    async def _read_encrypted(self, drafts: list[Draft], rule: EncryptedValues) -> None:
        """Fill in values that Graph hands out one by one; a refusal leaves them not captured."""
        places: list[tuple[Draft, JsonObject, str]] = []
        requests: list[BatchRequest] = []
        for draft in drafts:
            for index, element in enumerate(as_list(draft.document.get(rule.list_property))):
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
            value = result.body.get("value") if result.body is not None else None
            if value is not None:
                element[rule.value] = value
                draft.filled.add(at)
            elif result.error and _may_pass(result.error):
                # Captured last time and not now would look like a change.
                draft.failure = result.error

    async def _read_rests(self, drafts: list[Draft]) -> None:
        """Read the rests of lists that no follow-up names; what has a next link is never whole."""
        for _ in range(_MOST_RESTS):
            partial = [one for one in _alive(drafts) if _NEXT_LINK_IN_BODY in one.body]
            if not partial:
                return
            await self._read_rests_once(partial)
            for draft in _alive(partial):
                self._write(draft)
        for draft in _alive(drafts):
            if _NEXT_LINK_IN_BODY in draft.body:
                draft.failure = protocol_error("endless_document")

    async def _read_rests_once(self, drafts: list[Draft]) -> None:
        places: list[tuple[Draft, PartialList]] = []
        requests: list[BatchRequest] = []
        for draft in drafts:
            for part in [*partial_lists(draft.document)]:
                try:
                    request = self._rest(part.holder, part.name)
                except GraphProtocolError as error:
                    draft.failure = error
                    break
                if request is None:
                    part.holder.pop(f"{part.name}{NEXT_LINK}")
                else:
                    places.append((draft, part))
                    requests.append(request)
        for (draft, part), result in zip(places, await self._batch(requests), strict=True):
            value, begun = (result.body or {}).get("value"), part.holder.get(part.name)
            if isinstance(value, list) and isinstance(begun, list):
                part.holder[part.name] = [*begun, *value]
                part.holder.pop(f"{part.name}{NEXT_LINK}")
            else:
                failure = result.error or protocol_error("not_a_collection")
                draft.failure = draft.failure or failure

    def _write(self, draft: Draft) -> None:
        try:
            draft.body, draft.is_exact = dump_exactly(draft.document)
        except BodyError:
            draft.failure = protocol_error("unstorable_document")

    def _finish(self, draft: Draft) -> None:
        if draft.is_exact:
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
    return _foreign({"id": draft.object_id}, result.body)


def _foreign(asked: JsonValue, body: JsonObject | None) -> GraphError | None:
    """Return the failure of an answer that has not the id of what was asked for."""
    wanted = asked.get("id") if isinstance(asked, dict) else None
    answered = body.get("id") if body else None
    if isinstance(answered, str) and answered.lower() == str(wanted).lower():
        return None
    return protocol_error("another_object")


def _place(read: _Read, result: BatchResult) -> None:
    """Put an answer under the name of its navigation property, as `$expand` would have."""
    holder, name = read.holder, read.follow_up.property
    if result.error is not None and not _is_none(read.follow_up, result.error):
        holder.draft.failure = holder.draft.failure or result.error
        return
    if read.follow_up.single:
        is_null = result.error is not None or result.body is None or result.body.get(NULL) is True
        if not (is_null and read.follow_up.optional) and not is_object(result.body):
            holder.draft.failure = holder.draft.failure or protocol_error("not_an_object")
            return
        holder.value[name] = None if is_null else cast("JsonValue", result.body)
        return
    value = (result.body or {}).get("value")
    if not isinstance(value, list):
        holder.draft.failure = protocol_error("not_a_collection")
        return
    inline = as_list(holder.value.get(name)) if read.continues else []
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


def _is_refused_rest(read: _Read, result: BatchResult) -> bool:
    """Tell whether a page's next link is refused: then the list is read from its start."""
    if not read.continues or result.error is None:
        return False
    return result.error.disposition is Disposition.RESTART_LISTING


def _may_pass(error: GraphError) -> bool:
    """Tell whether a failure says nothing of what was asked for: it may be answered next time."""
    is_damaged = error.reason_code is ProviderReason.RESPONSE_INVALID
    return is_damaged or error.disposition is Disposition.RETRYABLE


def _is_none(follow_up: FollowUp, error: GraphError) -> bool:
    """Tell whether a refusal says that there is no such single object."""
    is_missing = error.reason_code is ProviderReason.OBJECT_NOT_FOUND
    return follow_up.single and follow_up.optional and is_missing


def _below(holder: _Holder, follow_up: FollowUp) -> Iterator[_Holder]:
    for element in as_list(holder.value.get(follow_up.property)):
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
