"""Reads the directory has beyond plain collections: groups delta and getByIds."""

from __future__ import annotations

from typing import Any

import orjson

from devstack.graph_service import refusals
from devstack.graph_service.answers import Answer, GraphRefusalError, json_answer
from devstack.graph_service.call import Call
from devstack.graph_service.catalog import CATALOG
from devstack.graph_service.generation.draw import Document
from devstack.graph_service.group_changes import GroupChange
from devstack.graph_service.odata.projection import project
from devstack.graph_service.paging import PageTokens
from devstack.graph_service.reading import list_body

DELTA_PAGE = 100
DELTA_REFUSED = ("expand", "top", "orderby", "search")
GETTABLE_TYPES = {
    "group": "groups",
    "user": "users",
    "application": "applications",
    "serviceprincipal": "servicePrincipals",
}
MAXIMUM_IDS = 1000
DELTA_LIFETIME_S = 7 * 86400.0


class DirectoryReader:
    """Delta rounds of groups and look-ups by id."""

    def __init__(self, *, tokens: PageTokens, delta_tokens: PageTokens) -> None:
        self._tokens = tokens
        self._delta_tokens = delta_tokens

    def groups_delta(self, call: Call) -> Answer:
        """One page of a delta round: all groups first, then changes since a token."""
        for name in DELTA_REFUSED:
            if name in call.options.values:
                raise refusals.bad_query(
                    f"'${name}' is not supported by delta queries.",
                    code="Request_UnsupportedQuery",
                )
        skip, delta = call.options.get("skiptoken"), call.options.get("deltatoken")
        if delta == "latest":
            return self._last_page(call, [], call.tenant.group_changes.position, self._frozen(call))
        if delta is not None:
            return self._changes(call, delta)
        return self._initial(call, skip)

    def _initial(self, call: Call, skip: str | None) -> Answer:
        ids = call.tenant.store("groups").ids()
        offset, page = 0, 0
        position, select = call.tenant.group_changes.position, self._frozen(call)
        if skip is not None:
            token = self._tokens.read(skip, "groups/delta", call.tenant.knobs.page_epoch)
            offset, page = token.offset, token.page
            position, select = _unpack(token.extra)
        rows = [self._group(call, i, select, None) for i in ids[offset : offset + DELTA_PAGE]]
        if offset + DELTA_PAGE >= len(ids):
            return self._last_page(call, rows, position, select)
        text = self._tokens.make(
            "groups/delta",
            offset + DELTA_PAGE,
            page + 1,
            epoch=call.tenant.knobs.page_epoch,
            extra=f"{position}|{select}",
        )
        link = f"{call.base}/groups/delta?$skiptoken={text}"
        return Answer(200, list_body(f"{call.base}/$metadata#groups", rows, link))

    def _changes(self, call: Call, delta: str) -> Answer:
        generation = call.tenant.group_changes.generation
        try:
            token = self._delta_tokens.read(delta, "groups/delta", generation)
        except GraphRefusalError as error:
            raise resync_required(call) from error
        position, select = _unpack(token.extra)
        changes = call.tenant.group_changes.since(position)
        rows = [self._change(call, change, select) for change in changes]
        current = call.tenant.group_changes.position
        return self._last_page(call, [r for r in rows if r], current, select)

    def _change(self, call: Call, change: GroupChange, select: str) -> bytes:
        if change.removed is not None:
            row = {"id": change.group_id, "@removed": {"reason": change.removed}}
            return orjson.dumps(row)
        found = call.tenant.store("groups").find(change.group_id)
        if found is None:
            return b""
        return self._group(call, found, select, change)

    def _group(self, call: Call, identifier: str, select: str, change: GroupChange | None) -> bytes:
        names = frozenset(part.lower() for part in select.split(",") if part)
        store = call.tenant.store("groups")
        document = store.document(identifier) if "members" in names else store.header(identifier)
        shown = project(document, CATALOG.get("groups").navigations)
        if names:
            shown = {k: v for k, v in shown.items() if k == "id" or k.lower() in names}
        if "members" in names:
            rows = list(change.members) if change is not None else document.get("members", [])
            if rows or change is None:
                shown["members@delta"] = [_member(row) for row in rows]
        return orjson.dumps(shown)

    def _last_page(self, call: Call, rows: list[bytes], position: int, select: str) -> Answer:
        text = self._delta_tokens.make(
            "groups/delta",
            0,
            0,
            epoch=call.tenant.group_changes.generation,
            extra=f"{position}|{select}",
        )
        link = f"{call.base}/groups/delta?$deltatoken={text}"
        context = f"{call.base}/$metadata#groups"
        return Answer(200, list_body(context, rows, None, delta_link=link))

    def _frozen(self, call: Call) -> str:
        return ",".join(call.options.selected_names)

    def get_by_ids(self, call: Call) -> Answer:
        """POST directoryObjects/getByIds: objects that exist; the missing are simply absent."""
        content = call.json()
        ids = content.get("ids")
        if not isinstance(ids, list) or len(ids) > MAXIMUM_IDS:
            raise GraphRefusalError(
                400, "Request_BadRequest", f"Between 1 and {MAXIMUM_IDS} ids are expected."
            )
        wanted = [str(t).lower() for t in content.get("types") or GETTABLE_TYPES]
        rows: list[Document] = []
        for identifier in ids:
            for kind in wanted:
                row = _lookup(call, GETTABLE_TYPES.get(kind), str(identifier))
                if row is not None:
                    rows.append(row)
                    break
        context = f"{call.base}/$metadata#directoryObjects"
        return json_answer(200, {"@odata.context": context, "value": rows})


def resync_required(call: Call) -> GraphRefusalError:
    """410 with a Location that begins a new round of the same query."""
    return GraphRefusalError(
        410,
        "resyncRequired",
        "Resync required. Please use the Location header to start over.",
        headers={"Location": f"{call.base}{call.path}?$deltatoken="},
    )


def _lookup(call: Call, key: str | None, identifier: str) -> Document | None:
    if key is None:
        return None
    store = call.tenant.store(key)
    found = store.find(identifier)
    if found is None:
        return None
    collection = CATALOG.get(key)
    shown = project(store.header(found), collection.navigations, call.options)
    return {"@odata.type": f"#microsoft.graph.{collection.entity}", **shown}


def _unpack(extra: str) -> tuple[int, str]:
    position, _, select = extra.partition("|")
    return int(position), select


def _member(row: dict[str, Any]) -> dict[str, Any]:
    kept = {"@odata.type": row.get("@odata.type", "#microsoft.graph.user"), "id": row["id"]}
    return {**kept, "@removed": row["@removed"]} if "@removed" in row else kept
