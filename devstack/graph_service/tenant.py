"""One simulated tenant: objects, app registrations, and the knobs that tests turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from devstack.graph_service.catalog import CATALOG, Collection
from devstack.graph_service.config import RetryAfterStyle
from devstack.graph_service.generation import World
from devstack.graph_service.generation.draw import Document, Draw, stable_guid
from devstack.graph_service.group_changes import GroupChanges
from devstack.graph_service.journal import Entry, Journal
from devstack.graph_service.objects import ObjectStore
from devstack.graph_service.permissions import READ_PERMISSIONS, WRITE_PERMISSIONS

# Microsoft Graph Command Line Tools: a public client that every tenant knows.
COMMAND_LINE_APP = "14d82eec-204b-4c2f-b7e8-296a70dab67e"


class UnknownAppError(LookupError):
    """No app registration of this name or client id in the tenant."""


@dataclass(slots=True)
class AppRegistration:
    """A client of the tenant: credentials and consented application permissions."""

    name: str  # how tests address it
    client_id: str
    secret: str
    permissions: set[str]
    certificates: dict[str, Any] = field(default_factory=dict)  # thumbprint → public key
    failure: int | None = None  # AADSTS code that every token request of this app gets
    failures_left: int | None = None  # None: until cleared


@dataclass(slots=True)
class TenantKnobs:
    """Behaviour of one tenant that differs from the service's own."""

    failure: int | None = None  # AADSTS code for every app of the tenant
    failures_left: int | None = None
    retry_after: RetryAfterStyle | None = None
    replication_delay_s: float = 0.0  # new objects answer 404 so long
    page_epoch: int = 0  # raising it expires all page tokens handed out
    tokens_valid_from: float = 0.0  # access tokens issued before are refused
    intune_error_style: str = "intune"  # a BodyStyle for Intune's 403
    admx_budget: float | None = None  # requests per 20 s of the ADMX hot spot, None: off
    users_hint: int = 0  # size class for identity budgets, 0: by the profile


class TenantState:
    """Everything one tenant consists of; changes go through `put`, `remove` and `grant`."""

    def __init__(self, *, number: int, world: World, journal: Journal) -> None:
        self.number = number
        self.world = world
        self.tenant_id = world.tenant_id
        self.knobs = TenantKnobs()
        self.group_changes = GroupChanges()
        self.hidden_until: dict[str, float] = {}
        self.loaded: list[dict[str, str]] = []
        self._journal = journal
        self._stores: dict[str, ObjectStore] = {}
        self.apps: dict[str, AppRegistration] = {}
        for name, permissions in (
            ("read", READ_PERMISSIONS),
            ("write", READ_PERMISSIONS | WRITE_PERMISSIONS),
            ("limited", frozenset({"Organization.Read.All"})),
        ):
            self._register(name, set(permissions))
        # Apart from the tenant's own apps: it has no secret, and rights of a person only.
        self._command_line = AppRegistration("commandLine", COMMAND_LINE_APP, "", set())

    def store(self, collection: Collection | str) -> ObjectStore:
        """Objects of a collection; a view shares those of the collection it shows."""
        if isinstance(collection, str):
            collection = CATALOG.get(collection)
        key = collection.view_of or collection.key
        if key not in self._stores:
            self._stores[key] = ObjectStore(CATALOG.by_key[key], self.world)
        return self._stores[key]

    def app(self, name_or_client_id: str) -> AppRegistration:
        """An app by its client id in any case, or by its short name."""
        if name_or_client_id.lower() == COMMAND_LINE_APP:
            return self._command_line
        found = self.apps.get(name_or_client_id.lower())
        if found is None:
            found = next((a for a in self.apps.values() if a.name == name_or_client_id), None)
        if found is None:
            raise UnknownAppError(name_or_client_id)
        return found

    def put(
        self,
        key: str,
        identifier: str,
        document: Document,
        *,
        position: int | None = None,
        members: list[dict[str, Any]] | None = None,
    ) -> None:
        """Insert or replace an object and remember it; `members` are changes of a group."""
        entry = {"op": "put", "key": key, "id": identifier, "document": document}
        self._record({**entry, "position": position, "members": members})

    def remove(self, key: str, identifier: str, *, reason: str = "deleted") -> None:
        """Delete an object and remember it; `reason` is what a groups delta says."""
        self._record({"op": "remove", "key": key, "id": identifier, "reason": reason})

    def clear(self, key: str) -> None:
        """Delete all objects of a collection and remember it."""
        self._record({"op": "clear", "key": key})

    def grant(self, client_id: str, permissions: set[str]) -> None:
        """Set the consented permissions of an app and remember them."""
        self._record({"op": "grant", "app": client_id, "permissions": sorted(permissions)})

    def note_loaded(self, rows: list[dict[str, str]]) -> None:
        """Remember which export files became which objects."""
        self._record({"op": "loaded", "rows": rows})

    def add_app(self, name: str, permissions: set[str]) -> AppRegistration:
        """Register a further app under a short name and remember it."""
        self._record({"op": "app", "name": name, "permissions": sorted(permissions)})
        return self.app(name)

    def apply(self, entry: Entry) -> None:
        """Carry out a journal entry; used for replays too, so it must not record."""
        match entry["op"]:
            case "put":
                self._apply_put(entry)
            case "remove":
                self._apply_remove(entry)
            case "clear":
                self.store(entry["key"]).clear()
            case "grant":
                self.app(entry["app"]).permissions = set(entry["permissions"])
            case "loaded":
                self.loaded.extend(entry["rows"])
            case "app":
                self._register(entry["name"], set(entry["permissions"]))
            case _:
                pass

    def _record(self, entry: Entry) -> None:
        self.apply(entry)
        self._journal.append({"tenant": self.tenant_id, **entry})

    def _apply_put(self, entry: Entry) -> None:
        self.store(entry["key"]).put(entry["id"], entry["document"], entry.get("position"))
        if entry["key"] == "groups":
            self.group_changes.changed(entry["id"], entry.get("members") or [])

    def _apply_remove(self, entry: Entry) -> None:
        store = self.store(entry["key"])
        found = store.find(entry["id"])
        if found is not None:
            store.remove(found)
            if entry["key"] == "groups":
                self.group_changes.removed(found, entry.get("reason", "deleted"))

    def _register(self, name: str, permissions: set[str]) -> None:
        seed = (self.world.seed, self.number, "app", name)
        letters = stable_guid(*seed, "secret").replace("-", "")
        secret = f"{letters[:3]}8Q~{letters[3:30]}{Draw(*seed).number(1000000, 9999999)}"
        client_id = stable_guid(*seed)
        self.apps[client_id] = AppRegistration(name, client_id, secret, permissions)
