"""What tests and the demo do to a running service: change tenants, inject faults, read counts.

Every method takes and returns plain values, so that the same names work over HTTP.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.graph_service import certificates
from devstack.graph_service.audit_log import Actor, AuditLog, Operation, administrator, name_of
from devstack.graph_service.authority import LoginService, register_certificate
from devstack.graph_service.catalog import CATALOG, Collection
from devstack.graph_service.clock import Latency, ServiceClock
from devstack.graph_service.config import RetryAfterStyle
from devstack.graph_service.counters import Counters
from devstack.graph_service.exports import load_folder, read_json
from devstack.graph_service.faults import Faults, FaultSpec
from devstack.graph_service.generation.device_configurations import SECRETS
from devstack.graph_service.generation.draw import Document
from devstack.graph_service.paging import PageTokens
from devstack.graph_service.tenant import TenantState
from devstack.graph_service.throttling import Throttle
from devstack.graph_service.token_failures import CONSENT_DECLINED


class UnknownObjectError(LookupError):
    """No such tenant or object."""


@dataclass(kw_only=True)
class GraphControl:
    """Control of one service. `tenant` is a tenant id, a domain, or a number from 0.

    `collection` is a key (`configurationPolicies`) or a documented path.
    """

    tenants_by_name: Mapping[str, TenantState]
    faults: Faults
    throttle: Throttle
    counting: Counters
    audits: AuditLog
    clock: ServiceClock
    login: LoginService
    page_tokens: PageTokens
    latency: Latency

    # --- objects -----------------------------------------------------------------------------

    def object_ids(self, tenant: str | int, collection: str) -> list[str]:
        """Ids in list order."""
        return list(self._tenant(tenant).store(CATALOG.get(collection)).ids())

    def count(self, tenant: str | int, collection: str) -> int:
        """How many objects a collection has; views count what they show."""
        spec = CATALOG.get(collection)
        store = self._tenant(tenant).store(spec)
        if not spec.cast:
            return len(store)
        wanted = f"#microsoft.graph.{spec.cast}"
        return sum(store.document(i).get("@odata.type") == wanted for i in store.ids())

    def object_counts(self, tenant: str | int) -> dict[str, int]:
        """The service's own truth: objects per collection that has any."""
        state = self._tenant(tenant)
        counts = {c.key: len(state.store(c)) for c in CATALOG.stored()}
        return {key: count for key, count in counts.items() if count}

    def get_object(self, tenant: str | int, collection: str, object_id: str) -> Document:
        """The full document, navigation properties and hidden secrets included."""
        state, spec, found = self._find(tenant, collection, object_id)
        return copy.deepcopy(state.store(spec).document(found))

    def insert_object(
        self,
        tenant: str | int,
        collection: str,
        document: Document | None = None,
        position: int | None = None,
        actor: str | None = None,
    ) -> str:
        """Add an object (a copy of the first one under another name if none is given).

        `actor` here and below is the user principal name that the audit event names.
        """
        state, spec = self._tenant(tenant), CATALOG.get(collection)
        body = copy.deepcopy(document) if document is not None else self._template(state, spec)
        identifier = str(body.get("id") or uuid.uuid4())
        body["id"] = identifier
        state.put(spec.view_of or spec.key, identifier, body, position=position)
        self._note(state, spec, identifier, Operation.CREATE, actor, body)
        return identifier

    def update_object(
        self,
        tenant: str | int,
        collection: str,
        object_id: str,
        changes: Mapping[str, Any],
        actor: str | None = None,
    ) -> None:
        """Set values by name or dotted path (`settings.0.settingInstance…`) and touch the dates."""
        state, spec, found = self._find(tenant, collection, object_id)
        document = copy.deepcopy(state.store(spec).document(found))
        for path, value in changes.items():
            _assign_path(document, path, value)
        self._touch(document)
        state.put(spec.view_of or spec.key, found, document)
        self._note(state, spec, found, Operation.UPDATE, actor, document)

    def replace_object(
        self,
        tenant: str | int,
        collection: str,
        object_id: str,
        document: Document,
        actor: str | None = None,
    ) -> None:
        """Put exactly this document in the place of an object."""
        state, spec, found = self._find(tenant, collection, object_id)
        state.put(spec.view_of or spec.key, found, {**document, "id": found})
        self._note(state, spec, found, Operation.UPDATE, actor, document)

    def delete_object(
        self,
        tenant: str | int,
        collection: str,
        object_id: str,
        reason: str = "deleted",
        actor: str | None = None,
    ) -> None:
        """Delete an object; `reason` is what a groups delta reports."""
        state, spec, found = self._find(tenant, collection, object_id)
        document = state.store(spec).document(found)
        state.remove(spec.view_of or spec.key, found, reason=reason)
        self._note(state, spec, found, Operation.DELETE, actor, document)

    def clear_collection(self, tenant: str | int, collection: str) -> None:
        """Delete all objects of a collection, as if they had never been: without audit events."""
        spec = CATALOG.get(collection)
        self._tenant(tenant).clear(spec.view_of or spec.key)

    def touch_object(self, tenant: str | int, collection: str, object_id: str) -> None:
        """Change volatile properties only: the modification date and the version."""
        self.update_object(tenant, collection, object_id, {})

    def change_secret(self, tenant: str | int, collection: str, object_id: str) -> str:
        """Change nothing but an encrypted OMA value; returns the new plain value."""
        state, spec, found = self._find(tenant, collection, object_id)
        document = copy.deepcopy(state.store(spec).document(found))
        hidden = document.get(SECRETS)
        if not hidden:
            raise UnknownObjectError(f"{found} has no encrypted value")
        reference = next(iter(hidden))
        hidden[reference] = f"P@ss-{uuid.uuid4()}"
        state.put(spec.key, found, document)
        self._note(state, spec, found, Operation.UPDATE, None, document)
        return str(hidden[reference])

    def change_policies(
        self, tenant: str | int, count: int = 3, collection: str = "configurationPolicies"
    ) -> list[dict[str, str]]:
        """Change one setting or the description of the first policies; says what and where."""
        spec = CATALOG.get(collection)
        changed = []
        for identifier in self.object_ids(tenant, collection)[:count]:
            document = self.get_object(tenant, collection, identifier)
            path, value = _visible_change(document)
            self.update_object(tenant, collection, identifier, {path: value})
            name = str(document.get(spec.name) or "")
            changed.append({"id": identifier, "name": name, "path": path})
        return changed

    def load_exports(
        self,
        tenant: str | int,
        folder: str,
        replace: bool = False,  # noqa: FBT001, FBT002 - JSON
    ) -> list[dict[str, str]]:
        """Load a folder of real exports; one row per object: file, status, collection, id, name."""
        return load_folder(self._tenant(tenant), Path(folder), replace=replace)

    def load_roles(self, tenant: str | int, file: str) -> int:
        """Replace the directory role definitions by those of a JSON file; returns their number."""
        content = read_json(Path(file))
        rows = content["value"] if isinstance(content, dict) else content
        state = self._tenant(tenant)
        state.clear("directoryRoleDefinitions")
        for row in rows:
            state.put("directoryRoleDefinitions", row["id"], row)
        state.note_loaded(
            [{"file": file, "status": "loaded", "collection": "directoryRoleDefinitions"}]
        )
        return len(rows)

    def add_group_members(self, tenant: str | int, group_id: str, ids: Sequence[str]) -> None:
        """Add members and show them in the next delta round."""
        rows = [{"@odata.type": "#microsoft.graph.user", "id": i} for i in ids]
        self._change_members(tenant, group_id, rows)

    def remove_group_members(self, tenant: str | int, group_id: str, ids: Sequence[str]) -> None:
        """Remove members and show them as @removed in the next delta round."""
        rows = [{"id": i, "@removed": {"reason": "deleted"}} for i in ids]
        self._change_members(tenant, group_id, rows)

    # --- rights and tokens -------------------------------------------------------------------

    def set_permissions(self, tenant: str | int, app: str, permissions: Sequence[str]) -> None:
        """Consent to exactly these; tokens issued earlier keep what they have."""
        state = self._tenant(tenant)
        state.grant(state.app(app).client_id, set(permissions))

    def revoke_permission(self, tenant: str | int, app: str, permission: str) -> None:
        """Take one permission away from an app."""
        state = self._tenant(tenant)
        registration = state.app(app)
        state.grant(registration.client_id, registration.permissions - {permission})

    def grant_permission(self, tenant: str | int, app: str, permission: str) -> None:
        """Give one permission to an app."""
        state = self._tenant(tenant)
        registration = state.app(app)
        state.grant(registration.client_id, registration.permissions | {permission})

    def add_app(self, tenant: str | int, name: str, permissions: Sequence[str]) -> dict[str, str]:
        """Register a further app; returns its client id and secret."""
        app = self._tenant(tenant).add_app(name, set(permissions))
        return {"client_id": app.client_id, "secret": app.secret}

    def set_token_failure(
        self,
        tenant: str | int,
        code: int | None,
        app: str | None = None,
        times: int | None = None,
    ) -> None:
        """Answer token requests of a tenant, or of one app, with an AADSTS code; None lifts it."""
        state = self._tenant(tenant)
        holder: Any = state.knobs if app is None else state.app(app)
        holder.failure = code
        holder.failures_left = times if code is not None else None

    def set_token_lifetime(self, seconds: int) -> None:
        """Lifetime of tokens issued from now on."""
        self.login.lifetime_s = seconds

    def revoke_tokens(self, tenant: str | int) -> None:
        """Refuse every access token issued up to now with 401."""
        self._tenant(tenant).knobs.tokens_valid_from = self.clock.timestamp() + 0.001

    def issue_token(self, tenant: str | int, app: str = "read") -> str:
        """A bearer token without the detour over the token endpoint."""
        state = self._tenant(tenant)
        return self.login.application_token(state, state.app(app))

    def make_client_certificate(self, tenant: str | int, app: str) -> dict[str, str]:
        """Register a new certificate for an app; returns its PEM (with key) and thumbprint."""
        pem, certificate = certificates.client_certificate(f"{app}.client")
        thumbprint = register_certificate(self._tenant(tenant).app(app), certificate)
        return {"pem": pem.decode(), "thumbprint": thumbprint}

    def approve_device_code(
        self,
        user_code: str,
        tenant: str | int = 0,
        user: str = "admin",
        scopes: Sequence[str] | None = None,
    ) -> bool:
        """Sign a person in who was shown this code, with consent to the scopes or to all asked for.

        tenant counts only if the client did not name one.
        """
        home = self._tenant(tenant).tenant_id
        return self.login.device_codes.approve(user_code, home, user, scopes)

    def deny_device_code(self, user_code: str, code: int = CONSENT_DECLINED) -> bool:
        """Let a sign-in end with an AADSTS code: declined, consent missing, conditional access."""
        return self.login.device_codes.deny(user_code, code)

    def pending_device_codes(self) -> list[str]:
        """User codes that wait for approval."""
        return self.login.device_codes.pending()

    def set_device_codes(
        self, interval_s: float | None = None, lifetime_s: float | None = None
    ) -> None:
        """How often codes made from now on may be polled, and how long they live."""
        codes = self.login.device_codes
        codes.interval_s = codes.interval_s if interval_s is None else interval_s
        codes.lifetime_s = codes.lifetime_s if lifetime_s is None else lifetime_s

    # --- behaviour ---------------------------------------------------------------------------

    def add_fault(self, **fault: Any) -> int:
        """Inject a fault; keywords are the fields of FaultSpec. Returns its id."""
        return self.faults.add(FaultSpec.from_json(fault))

    def remove_fault(self, fault_id: int) -> None:
        """Lift one fault."""
        self.faults.remove(fault_id)

    def clear_faults(self) -> None:
        """Lift all faults."""
        self.faults.clear()

    def list_faults(self) -> list[dict[str, Any]]:
        """Faults in force, with how often they matched and struck."""
        return self.faults.list()

    def set_throttling(
        self,
        budget_scale: float | None = None,
        retry_after: str | None = None,
        tenant: str | int | None = None,
    ) -> None:
        """Scale of all budgets (0: off) and style of Retry-After, for all or for one tenant."""
        if budget_scale is not None:
            self.throttle.scale = budget_scale
            self.throttle.reset()
        if retry_after is not None:
            style = RetryAfterStyle(retry_after)
            if tenant is None:
                self.throttle.style = style
            else:
                self._tenant(tenant).knobs.retry_after = style

    def set_latency_ms(self, milliseconds: float) -> None:
        """Hold every HTTP answer of Graph back so long."""
        self.latency.request_ms = milliseconds

    def set_admx_hot_spot(self, tenant: str | int, requests_per_20_s: float | None) -> None:
        """Give the ADMX area a small budget of its own, or lift it."""
        self._tenant(tenant).knobs.admx_budget = requests_per_20_s

    def set_error_style(self, tenant: str | int, style: str) -> None:
        """Body style of Intune's 403: intune, intune_double, intune_plain, …"""
        self._tenant(tenant).knobs.intune_error_style = style

    def set_replication_delay(self, tenant: str | int, seconds: float) -> None:
        """New objects answer 404 so long."""
        self._tenant(tenant).knobs.replication_delay_s = seconds

    def expire_page_tokens(self, tenant: str | int) -> None:
        """Every next link handed out so far answers Directory_ExpiredPageToken."""
        self._tenant(tenant).knobs.page_epoch += 1

    def set_page_tokens(self, ttl_s: float | None = None, uses: int | None = None) -> None:
        """Lifetime and number of uses of page tokens (0 uses: no limit)."""
        if ttl_s is not None:
            self.page_tokens.ttl_s = ttl_s
        if uses is not None:
            self.page_tokens.uses = uses

    def require_group_resync(self, tenant: str | int) -> None:
        """Every delta link handed out so far answers 410 with a Location."""
        self._tenant(tenant).group_changes.generation += 1

    def move_clock(self, seconds: float) -> None:
        """Shift the service's wall clock: token lifetimes, dates, page tokens."""
        self.clock.offset_s += seconds

    # --- counts ------------------------------------------------------------------------------

    def counters(self, tenant: str | int | None = None) -> dict[str, Any]:
        """Numbers of one tenant or of all (fields of TenantCounters, and in_flight_max)."""
        identifier = None if tenant is None else self._tenant(tenant).tenant_id
        return self.counting.snapshot(identifier)

    def reset_counters(self) -> None:
        """Begin counting anew."""
        self.counting.reset()

    def last_requests(self, limit: int = 100) -> list[dict[str, Any]]:
        """The last requests: method, path template, status, tenant; no queries, no bodies."""
        return self.counting.recent(limit)

    def loaded_files(self, tenant: str | int) -> list[dict[str, str]]:
        """What load_exports made of each file so far."""
        return list(self._tenant(tenant).loaded)

    def list_tenants(self) -> list[dict[str, Any]]:
        """Ids, domains, profiles and apps (with secrets) of all tenants."""
        unique = {t.tenant_id: t for t in self.tenants_by_name.values()}
        return [describe_tenant(t) for t in unique.values()]

    # --- inner parts -------------------------------------------------------------------------

    def _tenant(self, name: str | int) -> TenantState:
        found = self.tenants_by_name.get(str(name).lower())
        if found is None:
            raise UnknownObjectError(f"tenant {name}")
        return found

    def _find(
        self, tenant: str | int, collection: str, object_id: str
    ) -> tuple[TenantState, Collection, str]:
        state, spec = self._tenant(tenant), CATALOG.get(collection)
        found = state.store(spec).find(object_id)
        if found is None:
            raise UnknownObjectError(f"{spec.key} {object_id}")
        return state, spec, found

    def _template(self, state: TenantState, spec: Collection) -> Document:
        key = spec.view_of or spec.key
        body = state.world.body(key, 5_000_000 + len(state.store(spec)))
        body.pop("id", None)
        if spec.ids.value != "guid":
            from devstack.graph_service.generation.draw import stable_guid

            number = len(state.store(spec)) + 5_000_000
            body["id"] = state.world.id_of(key, number) or stable_guid(key, number)
        return body

    def _change_members(self, tenant: str | int, group_id: str, rows: list[dict[str, Any]]) -> None:
        state, _, found = self._find(tenant, "groups", group_id)
        document = copy.deepcopy(state.store("groups").document(found))
        touched = {row["id"] for row in rows}
        kept = [m for m in document.get("members", []) if m["id"] not in touched]
        document["members"] = kept + [row for row in rows if "@removed" not in row]
        state.put("groups", found, document, members=rows)
        self._note(state, CATALOG.get("groups"), found, Operation.UPDATE, None, document)

    def _note(
        self,
        state: TenantState,
        spec: Collection,
        identifier: str,
        operation: Operation,
        actor: str | None,
        document: Document,
    ) -> None:
        named = Actor(user=actor) if actor else administrator(state)
        self.audits.note(state, spec, identifier, operation, named, name_of(spec, document))

    def _touch(self, document: Document) -> None:
        for name in ("lastModifiedDateTime", "modifiedDateTime"):
            if name in document:
                document[name] = self.clock.isoformat()
        if isinstance(document.get("version"), int):
            document["version"] += 1


def describe_tenant(tenant: TenantState) -> dict[str, Any]:
    """Plain values that a client needs to connect."""
    return {
        "tenant_id": tenant.tenant_id,
        "number": tenant.number,
        "name": tenant.world.label,
        "domain": tenant.world.domain,
        "profile": str(tenant.world.profile),
        "apps": {
            app.name: {"client_id": app.client_id, "secret": app.secret}
            for app in tenant.apps.values()
        },
    }


def _assign_path(document: Any, path: str, value: Any) -> None:
    parts = path.split(".")
    current = document
    for part in parts[:-1]:
        current = current[int(part)] if isinstance(current, list) else current[part]
    if isinstance(current, list):
        current[int(parts[-1])] = value
    else:
        current[parts[-1]] = value


def _visible_change(document: Document) -> tuple[str, Any]:
    """A path below the first setting and its new value, or the description."""
    settings = document.get("settings")
    if isinstance(settings, list) and settings:
        instance = settings[0].get("settingInstance", {})
        for name in ("choiceSettingValue", "simpleSettingValue"):
            value = instance.get(name, {}).get("value")
            path = f"settings.0.settingInstance.{name}.value"
            if isinstance(value, bool) or value is None:
                continue
            return path, value + 1 if isinstance(value, int) else f"{value}_changed"
    return "description", f"Changed. {document.get('description') or ''}".strip()
