"""GET: lists with paging, items, navigation paths and the few functions that read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import orjson

from devstack.graph_service import refusals
from devstack.graph_service.answers import Answer, GraphRefusalError, json_answer
from devstack.graph_service.call import Call
from devstack.graph_service.catalog import Collection, ListExpand, Navigation, Route
from devstack.graph_service.clock import ServiceClock
from devstack.graph_service.generation.device_configurations import SECRETS
from devstack.graph_service.generation.draw import Document
from devstack.graph_service.odata import MalformedQueryError, QueryOptions
from devstack.graph_service.odata.filters import Filter, parse_filter
from devstack.graph_service.odata.projection import project
from devstack.graph_service.paging import PageTokens, malformed_token
from devstack.graph_service.rendering import Renderer, Shape

PLAIN_TEXT_CALL = re.compile(
    r"getomasettingplaintextvalue\(secretreferencevalueid='([^']*)'\)", re.IGNORECASE
)
CAST = "microsoft.graph."
Empty = Literal["no", "page", "list"]
TIP = (
    "Use $select to choose only the properties your app needs, as this can lead to performance"
    " improvements."
)
ADVANCED = frozenset({"ne", "not", "endswith"})
ADVANCED_PATHS = frozenset({"groups", "users", "applications", "servicePrincipals"})


class Reader:
    """Answers GET requests from a tenant's objects."""

    def __init__(self, *, renderer: Renderer, tokens: PageTokens, clock: ServiceClock) -> None:
        self._renderer = renderer
        self._tokens = tokens
        self._clock = clock
        self._filtered: dict[tuple[object, ...], list[str]] = {}

    def read(self, call: Call, route: Route, *, empty: Empty = "no") -> Answer:
        """The answer to a routed GET. `empty` serves a page, or the whole list, without objects."""
        try:
            return self._read(call, route, empty=empty)
        except MalformedQueryError as error:
            raise refusals.bad_query(str(error)) from None

    def _read(self, call: Call, route: Route, *, empty: Empty) -> Answer:
        collection, rest = route.collection, route.rest
        cast = ""
        if rest and rest[0].lower().startswith(CAST):
            cast, rest = rest[0][len(CAST) :], rest[1:]
        if collection.singleton:
            return self._item(call, collection, self.only_id(call, collection), rest)
        if not rest:
            return self._list(call, collection, cast, empty=empty)
        if rest[0].lower() == "$count":
            count = len(self._visible(call, collection, ""))
            return Answer(200, str(count).encode(), content_type="text/plain")
        identifier = self.find(call, collection, rest[0])
        deeper = tuple(s for s in rest[1:] if not s.lower().startswith(CAST))
        return self._item(call, collection, identifier, deeper)

    def only_id(self, call: Call, collection: Collection) -> str:
        """Id of the single object of a singleton."""
        ids = call.tenant.store(collection).ids()
        if not ids:
            raise refusals.missing_object(collection, collection.key)
        return ids[0]

    def find(self, call: Call, collection: Collection, identifier: str) -> str:
        """The stored id of an object that is visible through this collection, or a 404."""
        if identifier == "00000000-0000-0000-0000-000000000000":
            # Asking for the "no filter" placeholder is a bad request (api.md a.0, f.2).
            raise refusals.bad_query("Invalid identifier: the zero GUID names no object.")
        store = call.tenant.store(collection)
        found = store.find(identifier)
        if found is None or self.is_hidden(call, found):
            raise refusals.missing_object(collection, identifier)
        if collection.cast and not _has_type(store.document(found), collection.cast):
            raise refusals.missing_object(collection, identifier)
        return found

    def known(self, call: Call, collection: Collection) -> frozenset[str]:
        """Lower-case property names of a collection."""
        return self._renderer.known_properties(call.tenant, collection)

    def is_hidden(self, call: Call, identifier: str) -> bool:
        """Whether an object is still replicating and therefore not visible."""
        until = call.tenant.hidden_until.get(identifier)
        return until is not None and until > self._clock.monotonic()

    def _item(
        self, call: Call, collection: Collection, identifier: str, rest: Sequence[str]
    ) -> Answer:
        if not rest:
            self._check_shape(call, collection, listed=False)
            shape = shape_of(call)
            body = self._renderer.render(call.tenant, collection, identifier, shape)
            tail = "" if collection.singleton else "/$entity"
            return Answer(200, with_context(body, f"{call.base}/$metadata#{collection.path}{tail}"))
        secret = PLAIN_TEXT_CALL.fullmatch(rest[0])
        if secret is not None:
            return self._plain_text(call, collection, identifier, secret.group(1))
        document = call.tenant.store(collection).document(identifier)
        return self._navigate(call, document, collection.navigations, rest)

    def _plain_text(
        self, call: Call, collection: Collection, identifier: str, reference: str
    ) -> Answer:
        document = call.tenant.store(collection).document(identifier)
        value = document.get(SECRETS, {}).get(reference)
        if value is None:
            raise refusals.missing_object(collection, reference)
        return json_answer(
            200, {"@odata.context": f"{call.base}/$metadata#Edm.String", "value": value}
        )

    def _navigate(
        self,
        call: Call,
        document: Document,
        navigations: Sequence[Navigation],
        rest: Sequence[str],
    ) -> Answer:
        navigation = next((n for n in navigations if n.name.lower() == rest[0].lower()), None)
        if navigation is None:
            raise refusals.unknown_segment(rest[0])
        value = document.get(navigation.name)
        context = f"{call.base}/$metadata#{'/'.join(call.segments)}"
        if navigation.single:
            if value is None:
                return _no_object(navigation)
            shown = project(value, navigation.children, call.options)
            return Answer(200, with_context(orjson.dumps(shown), context))
        rows = [r for r in value or [] if isinstance(r, dict)]
        if len(rest) == 1 or rest[1].lower().startswith(CAST):
            return self._rows_page(call, navigation, rows, context)
        row = next((r for r in rows if str(r.get(navigation.key)).lower() == rest[1].lower()), None)
        if row is None:
            raise refusals.bad_query(f"Resource not found for the key '{rest[1]}'.")
        if len(rest) > 2:
            return self._navigate(call, row, navigation.children, rest[2:])
        shown = project(row, navigation.children, call.options)
        return Answer(200, with_context(orjson.dumps(shown), f"{context}/$entity"))

    def _rows_page(
        self, call: Call, navigation: Navigation, rows: list[Document], context: str
    ) -> Answer:
        size = navigation.page_size
        if call.options.top is not None:
            size = max(1, min(call.options.top, navigation.max_top))
        offset, page = self._position(call)
        shown = [
            orjson.dumps(project(row, navigation.children, call.options))
            for row in rows[offset : offset + size]
        ]
        more = offset + size < len(rows)
        link = self._next_link(call, offset + size, page + 1) if more else None
        return Answer(200, list_body(context, shown, link))

    def _list(self, call: Call, collection: Collection, cast: str, *, empty: Empty) -> Answer:
        self._check_shape(call, collection, listed=True)
        size = page_size(call.options, collection)
        ids = self._visible(call, collection, cast)
        offset, page = self._position(call)
        shape = shape_of(call, listed=True)
        chosen = ids[offset : offset + size]
        if empty != "no":
            chosen, size = [], 0
        rows = [self._renderer.render(call.tenant, collection, i, shape) for i in chosen]
        more = offset + size < len(ids) and empty != "list"
        link = None
        if more:
            link = self._next_link(call, offset + size, page + 1, cosmos=collection.cosmos_token)
        context = f"{call.base}/$metadata#{collection.path}"
        if collection.cosmos_token:
            return Answer(200, list_body(context, rows, link, count=len(rows), tip=TIP))
        counted = call.options.count and (page == 0)
        return Answer(200, list_body(context, rows, link, count=len(ids) if counted else None))

    def _visible(self, call: Call, collection: Collection, cast: str) -> list[str]:
        store = call.tenant.store(collection)
        wanted = cast or collection.cast
        text = None if collection.filter_ignored else call.options.get("filter")
        search = call.options.get("search")
        ids = store.ids()
        if wanted or text or search:
            ids = self._matching(call, collection, wanted, text, search)
        if call.tenant.hidden_until:
            ids = [i for i in ids if not self.is_hidden(call, i)]
        return ids

    def _matching(
        self, call: Call, collection: Collection, cast: str, text: str | None, search: str | None
    ) -> list[str]:
        store = call.tenant.store(collection)
        key = (call.tenant.tenant_id, collection.key, cast, text, search)
        versioned = (*key, store.version)
        known = self._filtered.get(versioned)
        if known is not None:
            return known
        predicate = self._predicate(call, collection, text) if text else None
        phrase = (search or "").strip('"').partition(":")[2].lower()
        result = []
        for identifier in store.ids():
            document = store.header(identifier)
            if cast and not _has_type(document, cast):
                continue
            if predicate is not None and not predicate.matches(document):
                continue
            if phrase and phrase not in str(document.get("displayName", "")).lower():
                continue
            result.append(identifier)
        if len(self._filtered) > 200:
            self._filtered.clear()
        self._filtered[versioned] = result
        return result

    def _predicate(self, call: Call, collection: Collection, text: str) -> Filter:
        parsed = parse_filter(text)
        known = self._renderer.known_properties(call.tenant, collection)
        for name in parsed.properties:
            if collection.filterable is not None and name not in collection.filterable:
                raise refusals.bad_query(
                    f"Unsupported or invalid query filter clause specified for property '{name}'"
                    f" of resource '{collection.entity}'.",
                    code="Request_UnsupportedQuery",
                )
            if name.lower() not in known:
                raise refusals.bad_query(
                    f"Could not find a property named '{name}' on type"
                    f" 'microsoft.graph.{collection.entity}'."
                )
        if collection.key in ADVANCED_PATHS and parsed.operators & ADVANCED:
            _require_eventual(call)
        return parsed

    def _check_shape(self, call: Call, collection: Collection, *, listed: bool) -> None:
        options = call.options
        if collection.key in ADVANCED_PATHS and ("search" in options.values or options.count):
            _require_eventual(call)
        if options.selected_names:
            known = self._renderer.known_properties(call.tenant, collection)
            for name in options.selected_names:
                if name.lower() not in known:
                    raise refusals.unknown_property(name, collection)
        for name, inner in options.expand.items():
            navigation = collection.navigation(name.partition("/")[0])
            if navigation is None:
                raise refusals.unknown_property(name, collection)
            _check_nested(inner, navigation, collection)
            if listed and navigation.on_list is ListExpand.REFUSED:
                raise refusals.bad_query(f"Expanding '{name}' is not supported on this collection.")
        expands_categories = "categories" in (options.get("expand") or "")
        if collection.key == "mobileApps" and expands_categories and wants_full_metadata(call):
            raise refusals.bad_query("Categories cannot be expanded with full metadata.")

    def _position(self, call: Call) -> tuple[int, int]:
        text = call.options.get("skiptoken")
        if text is None:
            skip = call.options.get("skip") or "0"
            if not skip.isdigit():
                raise malformed_token()
            if skip != "0" and call.segments[0].lower() in ("groups", "users"):
                raise refusals.bad_query(
                    "'$skip' is not supported by the service.", code="Request_UnsupportedQuery"
                )
            return int(skip), 0
        token = self._tokens.read(text, _scope(call), call.tenant.knobs.page_epoch)
        return token.offset, token.page

    def _next_link(self, call: Call, offset: int, page: int, *, cosmos: bool = False) -> str:
        epoch = call.tenant.knobs.page_epoch
        token = self._tokens.make(_scope(call), offset, page, epoch=epoch, cosmos=cosmos)
        kept = call.options.without_tokens()
        return f"{call.base}{call.path}?{kept + '&' if kept else ''}$skiptoken={token}"


def shape_of(call: Call, *, listed: bool = False) -> Shape:
    """The shape that a call asks for."""
    full = wants_full_metadata(call)
    return Shape(call.options, listed=listed, full=full, version=call.version, base=call.base)


def page_size(options: QueryOptions, collection: Collection) -> int:
    """Objects per page: $top up to what the collection allows, else its own size."""
    top = options.top
    if top is None:
        return collection.page_size
    if top == 0 or (collection.refuse_top_above and top > collection.max_top):
        raise refusals.bad_query(
            f"Invalid page size specified: '{top}'. Must be between 1 and"
            f" {collection.max_top} inclusive.",
            code="Request_UnsupportedQuery",
        )
    return min(top, collection.max_top)


def list_body(
    context: str,
    rows: Sequence[bytes],
    next_link: str | None,
    *,
    count: int | None = None,
    tip: str | None = None,
    delta_link: str | None = None,
) -> bytes:
    """A collection answer from rendered rows."""
    head: Document = {"@odata.context": context}
    if tip is not None:
        head["@microsoft.graph.tips"] = tip
    if count is not None:
        head["@odata.count"] = count
    if next_link is not None:
        head["@odata.nextLink"] = next_link
    if delta_link is not None:
        head["@odata.deltaLink"] = delta_link
    return orjson.dumps(head)[:-1] + b',"value":[' + b",".join(rows) + b"]}"


def with_context(body: bytes, context: str) -> bytes:
    """An object with its @odata.context in front."""
    head = b'{"@odata.context":' + orjson.dumps(context)
    return head + (b"}" if body == b"{}" else b"," + body[1:])


def wants_full_metadata(call: Call) -> bool:
    """Whether the Accept header asks for odata.metadata=full."""
    return "odata.metadata=full" in call.headers.get("accept", "").replace(" ", "").lower()


def _no_object(navigation: Navigation) -> Answer:
    """The answer of a single navigation property that is null."""
    if navigation.status_of_none == 404:
        raise GraphRefusalError(
            404, "Request_ResourceNotFound", f"There is no '{navigation.name}' here."
        )
    return Answer(navigation.status_of_none, b"")


def _check_nested(inner: QueryOptions, navigation: Navigation, collection: Collection) -> None:
    for name, deeper in inner.expand.items():
        child = next((c for c in navigation.children if c.name.lower() == name.lower()), None)
        if child is None:
            raise refusals.unknown_property(name, collection)
        _check_nested(deeper, child, collection)


def _require_eventual(call: Call) -> None:
    eventual = call.headers.get("consistencylevel", "").lower() == "eventual"
    # $count=true travels in the next link, the header does not (api.md c).
    if not eventual or not (call.options.count or call.options.get("search")):
        raise refusals.bad_query(
            "The specified query requires the 'ConsistencyLevel: eventual' header and $count=true.",
            code="Request_UnsupportedQuery",
        )


def _has_type(document: Document, entity: str) -> bool:
    return str(document.get("@odata.type", "")).lower() == f"#{CAST}{entity}".lower()


def _scope(call: Call) -> str:
    return f"{call.tenant.number}{call.path.lower()}"
