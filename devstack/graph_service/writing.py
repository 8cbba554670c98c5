"""POST, PATCH, PUT and DELETE on objects; actions live beside it.

The server fills ids, dates and versions; read-only fields in a body are ignored.
"""

from __future__ import annotations

import secrets
import uuid

import orjson

from devstack.graph_service import refusals
from devstack.graph_service.actions import ACTIONS
from devstack.graph_service.answers import Answer, GraphRefusalError
from devstack.graph_service.audit_log import AuditLog, Operation, caller, name_of, stored
from devstack.graph_service.call import Call
from devstack.graph_service.catalog import CATALOG, Collection, IdStyle, Navigation, Route
from devstack.graph_service.clock import ServiceClock
from devstack.graph_service.generation.device_configurations import SECRETS
from devstack.graph_service.generation.draw import Document
from devstack.graph_service.odata.projection import project
from devstack.graph_service.reading import Reader, with_context

READ_ONLY = frozenset({"id", "createdDateTime", "lastModifiedDateTime", "version", "isBuiltIn"})
NO_CONTENT_ON_PATCH = frozenset(
    {
        "deviceCompliancePolicies",
        "conditionalAccessPolicies",
        "namedLocations",
        "groups",
        "settings",
    }
)
STATUS_200_ON_CREATE = frozenset(
    {"roleScopeTags", "roleDefinitions", "notificationMessageTemplates"}
)
HEADER_FIELDS = frozenset({"name", "description", "roleScopeTagIds", "displayName"})
NAMELESS = frozenset({"roleAssignments", "directoryRoles", "directoryRoleAssignments"})
MEMBERS_PER_PATCH = 20


class Writer:
    """Applies writes to a tenant and answers as Graph does."""

    def __init__(self, *, reader: Reader, clock: ServiceClock) -> None:
        self._reader = reader
        self._clock = clock
        self._audits = AuditLog(clock)

    def write(self, call: Call, route: Route) -> Answer:
        """The answer to a routed request that is not a GET; a write that is accepted is audited."""
        collection = stored(route.collection)
        rest = tuple(s for s in route.rest if not s.lower().startswith("microsoft.graph."))
        before = _target(call, collection, rest)
        answer = self._write(call, route)
        identifier, name = _target(call, collection, rest) or before or ("", "")
        if answer.status < 400 and identifier:
            operation, actor = _operation(call, rest), caller(call.tenant, call.identity)
            self._audits.note(call.tenant, collection, identifier, operation, actor, name)
        return answer

    def _write(self, call: Call, route: Route) -> Answer:
        collection = route.collection
        rest = tuple(s for s in route.rest if not s.lower().startswith("microsoft.graph."))
        if collection.singleton:
            return self._patch(call, collection, self._reader.only_id(call, collection))
        if not rest:
            if call.method != "POST" or not collection.creatable:
                raise refusals.method_not_allowed()
            return self._create(call, collection)
        identifier = self._reader.find(call, collection, rest[0])
        if len(rest) == 1:
            return self._on_object(call, collection, identifier)
        return self._deeper(call, collection, identifier, rest[1:])

    def _on_object(self, call: Call, collection: Collection, identifier: str) -> Answer:
        if call.method == "PATCH":
            return self._patch(call, collection, identifier)
        if call.method == "PUT" and collection.replace_by_put:
            return self._put(call, collection, identifier)
        if call.method == "DELETE":
            return self._delete(call, collection, identifier)
        raise refusals.method_not_allowed()

    def _create(self, call: Call, collection: Collection) -> Answer:
        body = call.json()
        check_new(collection, body)
        identifier = new_id(call, collection)
        now = self._clock.isoformat()
        document: Document = {"id": identifier}
        if collection.polymorphic:
            if "@odata.type" not in body and collection.key != "roleDefinitions":
                raise refusals.bad_query("Cannot create an abstract class.")
            document = {"@odata.type": body.get("@odata.type"), **document}
        document.update({k: v for k, v in body.items() if k not in READ_ONLY and k[0] != "_"})
        if not collection.undated:
            document["createdDateTime"] = now
            document["lastModifiedDateTime"] = now
        if "version" in self._reader.known(call, collection):
            document["version"] = 1
        _number_children(document, collection.navigations)
        _hide_secrets(document)
        if isinstance(document.get("settings"), list) and collection.name == "name":
            document["settingCount"] = len(document["settings"])
        call.tenant.put(collection.view_of or collection.key, identifier, document)
        call.created_id = identifier
        delay = call.tenant.knobs.replication_delay_s
        if delay > 0:
            call.tenant.hidden_until[identifier] = self._clock.monotonic() + delay
        status = 200 if collection.key in STATUS_200_ON_CREATE else 201
        answer = self._shown(call, collection, document, status)
        answer.headers["Location"] = f"{call.base}/{collection.path}('{identifier}')"
        return answer

    def _patch(self, call: Call, collection: Collection, identifier: str) -> Answer:
        if call.method not in ("PATCH", "POST"):
            raise refusals.method_not_allowed()
        body = call.json()
        store = call.tenant.store(collection)
        document = dict(store.document(identifier))
        refuse_built_in(collection, document, deleting=False)
        if collection.key == "groups" and "members@odata.bind" in body:
            return self._bind_members(call, identifier, body["members@odata.bind"])
        changes = {
            name: value
            for name, value in body.items()
            if name not in READ_ONLY
            and (not collection.replace_by_put or name in HEADER_FIELDS)
            and collection.navigation(name) is None
        }
        document.update(changes)
        _hide_secrets(document)
        self.touch(collection, document)
        call.tenant.put(collection.view_of or collection.key, identifier, document)
        if collection.key in NO_CONTENT_ON_PATCH:
            return Answer(204)
        return self._shown(call, collection, document, 200)

    def _put(self, call: Call, collection: Collection, identifier: str) -> Answer:
        body = call.json()
        old = call.tenant.store(collection).document(identifier)
        kept: Document = {
            k: old[k] for k in ("id", "createdDateTime", "version", "assignments") if k in old
        }
        document: Document = {**kept, **{k: v for k, v in body.items() if k not in READ_ONLY}}
        document.setdefault("scheduledActionsForRule", old.get("scheduledActionsForRule", []))
        if "scheduledActionsForRule" not in old:
            document.pop("scheduledActionsForRule")
        if isinstance(document.get("settings"), list):
            document["settingCount"] = len(document["settings"])
        _number_children(document, collection.navigations)
        self.touch(collection, document)
        call.tenant.put(collection.key, identifier, document)
        return Answer(204)

    def _delete(self, call: Call, collection: Collection, identifier: str) -> Answer:
        refuse_built_in(
            collection, call.tenant.store(collection).document(identifier), deleting=True
        )
        reason = "changed" if collection.key == "groups" else "deleted"
        call.tenant.remove(collection.view_of or collection.key, identifier, reason=reason)
        return Answer(204)

    def _deeper(
        self, call: Call, collection: Collection, identifier: str, rest: tuple[str, ...]
    ) -> Answer:
        document = dict(call.tenant.store(collection).document(identifier))
        action = ACTIONS.get(rest[0].lower())
        if action is not None and call.method == "POST":
            outcome = action(call, collection, document)
            self.touch(collection, outcome.document)
            key = collection.view_of or collection.key
            if outcome.new_object is None:
                call.tenant.put(key, identifier, outcome.document, members=outcome.members)
                return outcome.answer
            new_key, new_document = outcome.new_object
            call.tenant.put(new_key, new_document["id"], new_document)
            return self._shown(call, CATALOG.get(new_key), new_document, 201)
        navigation = collection.navigation(rest[0])
        if navigation is None:
            raise refusals.unknown_segment(rest[0])
        if rest[-1] == "$ref":
            return self._reference(call, identifier, rest)
        return self._on_row(call, collection, document, navigation, rest[1:])

    def _on_row(
        self,
        call: Call,
        collection: Collection,
        document: Document,
        navigation: Navigation,
        rest: tuple[str, ...],
    ) -> Answer:
        rows = [dict(row) for row in document.get(navigation.name) or []]
        identifier = document["id"]
        if not rest and call.method == "POST":
            row = {"id": f"{identifier}_{uuid.uuid4()}", **call.json()}
            _number_children(row, navigation.children)
            rows.append(row)
            answer = Answer(201, orjson.dumps(project(row, navigation.children)))
        else:
            position = next((i for i, r in enumerate(rows) if r.get("id") == rest[0]), None)
            if position is None or len(rest) > 1:
                raise refusals.missing_object(collection, rest[0] if rest else "")
            if call.method == "PATCH":
                rows[position].update({k: v for k, v in call.json().items() if k != "id"})
                answer = Answer(200, orjson.dumps(project(rows[position], navigation.children)))
            elif call.method == "DELETE":
                del rows[position]
                answer = Answer(204)
            else:
                raise refusals.method_not_allowed()
        document[navigation.name] = rows
        self.touch(collection, document)
        call.tenant.put(collection.view_of or collection.key, identifier, document)
        return answer

    def _reference(self, call: Call, identifier: str, rest: tuple[str, ...]) -> Answer:
        if call.method == "POST" and len(rest) == 2:
            return self._bind_members(call, identifier, [call.json().get("@odata.id", "")])
        if call.method == "DELETE" and len(rest) == 3:
            document = dict(call.tenant.store("groups").document(identifier))
            member = rest[1]
            document["members"] = [m for m in document["members"] if m["id"] != member]
            change = [{"id": member, "@removed": {"reason": "deleted"}}]
            call.tenant.put("groups", identifier, document, members=change)
            return Answer(204)
        raise refusals.method_not_allowed()

    def _bind_members(self, call: Call, identifier: str, links: list[str]) -> Answer:
        if len(links) > MEMBERS_PER_PATCH:
            raise refusals.bad_query(f"At most {MEMBERS_PER_PATCH} members may be added at once.")
        document = dict(call.tenant.store("groups").document(identifier))
        members = list(document.get("members", []))
        added = []
        for link in links:
            member = link.rstrip("/").rsplit("/", 1)[-1]
            if any(m["id"] == member for m in members):
                raise GraphRefusalError(
                    400,
                    "Request_BadRequest",
                    "One or more added object references already exist for the following modified"
                    " properties: 'members'.",
                )
            added.append({"@odata.type": "#microsoft.graph.user", "id": member})
            members.append(added[-1])
        document["members"] = members
        call.tenant.put("groups", identifier, document, members=added)
        return Answer(204)

    def touch(self, collection: Collection, document: Document) -> None:
        """New modification date and version, as every accepted write leaves them."""
        if not collection.undated or "lastModifiedDateTime" in document:
            document["lastModifiedDateTime"] = self._clock.isoformat()
        if "modifiedDateTime" in document:
            document["modifiedDateTime"] = self._clock.isoformat()
        if isinstance(document.get("version"), int):
            document["version"] += 1

    def _shown(self, call: Call, collection: Collection, document: Document, status: int) -> Answer:
        body = orjson.dumps(project(document, collection.navigations))
        context = f"{call.base}/$metadata#{collection.path}/$entity"
        return Answer(status, with_context(body, context))


def _target(call: Call, collection: Collection, rest: tuple[str, ...]) -> tuple[str, str] | None:
    """Id and name of the object that a write is about, while it exists."""
    store = call.tenant.store(collection)
    wanted = call.created_id or (rest[0] if rest else "")
    found = store.ids()[0] if collection.singleton else store.find(wanted)
    return None if found is None else (found, name_of(collection, store.document(found)))


def _operation(call: Call, rest: tuple[str, ...]) -> Operation:
    if call.created_id:
        return Operation.CREATE
    if call.method == "DELETE" and len(rest) == 1:
        return Operation.DELETE
    return Operation.ASSIGN if rest[-1:] and rest[-1].lower() == "assign" else Operation.UPDATE


def check_new(collection: Collection, body: Document) -> None:
    """Refuse what Graph refuses on create."""
    named = collection.name in ("displayName", "name") and collection.key not in NAMELESS
    if named and not body.get(collection.name):
        raise refusals.bad_query(f"Required property '{collection.name}' is missing.")
    if collection.key == "deviceCompliancePolicies":
        rules = body.get("scheduledActionsForRule")
        actions = [
            action.get("actionType")
            for rule in rules or []
            for action in rule.get("scheduledActionConfigurations") or []
        ]
        if not isinstance(rules, list) or len(rules) != 1 or actions.count("block") != 1:
            raise refusals.bad_query(
                "A compliance policy needs exactly one scheduled action rule with a block action."
            )
    if collection.key == "deviceEnrollmentConfigurations" and body.get("priority") == 0:
        raise refusals.bad_query("Default enrollment configurations cannot be created.")


def refuse_built_in(collection: Collection, document: Document, *, deleting: bool) -> None:
    """Built-in roles and tags, Microsoft's scripts, and tenant defaults."""
    built_in = document.get("isBuiltIn") is True or document.get("isGlobalScript") is True
    default = collection.key == "deviceEnrollmentConfigurations" and document.get("priority") == 0
    if built_in or (default and deleting) or document.get("policyType") == "builtIn":
        raise refusals.read_only(collection)


def new_id(call: Call, collection: Collection) -> str:
    """An id in the style of the collection; authentication contexts keep the one they came with."""
    guid = str(uuid.uuid4())
    store = call.tenant.store(collection)
    match collection.ids:
        case IdStyle.SMALL_INTEGER:
            return str(max((int(i) for i in store.ids() if i.isdigit()), default=0) + 1)
        case IdStyle.SUFFIXED:
            kind = str(call.json().get("@odata.type", "")).rpartition(".")[2]
            return f"{guid}_{kind[:1].upper()}{kind[1:]}"
        case IdStyle.T_PREFIXED:
            return f"T_{guid}"
        case IdStyle.CONTEXT | IdStyle.NAMED:
            return str(call.json().get("id") or f"c{len(store) + 1}")
        case IdStyle.URL_SAFE:
            return secrets.token_urlsafe(32)
        case IdStyle.GUID:
            return guid


def _number_children(document: Document, navigations: tuple[Navigation, ...]) -> None:
    """Give rows of navigation properties the ids the server would give."""
    for navigation in navigations:
        rows = document.get(navigation.name)
        if not isinstance(rows, list):
            if not navigation.single:
                document.setdefault(navigation.name, [])
            continue
        numbered = []
        for position, row in enumerate(rows):
            copy = dict(row) if isinstance(row, dict) else {"value": row}
            positional = navigation.name == "settings" and "settingInstance" in copy
            if positional:
                copy = {**copy, "id": str(position)}
            elif not copy.get("id"):
                copy["id"] = str(uuid.uuid4())
            _number_children(copy, navigation.children)
            numbered.append(copy)
        document[navigation.name] = numbered


def _hide_secrets(document: Document) -> None:
    """Encrypt string OMA values and drop pre-shared keys, as Intune does."""
    if "preSharedKey" in document:
        document["preSharedKey"] = None
    rows = document.get("omaSettings")
    if not isinstance(rows, list):
        return
    hidden = dict(document.get(SECRETS, {}))
    shown = []
    for row in rows:
        copy = dict(row)
        if copy.get("isEncrypted") and copy.get("value") not in (None, "****"):
            reference = f"{uuid.uuid4()}_{uuid.uuid4()}"
            hidden[reference] = copy["value"]
            copy.update(secretReferenceValueId=reference, value="****")
        shown.append(copy)
    document["omaSettings"] = shown
    document[SECRETS] = hidden
