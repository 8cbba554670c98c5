"""Audit events of what was changed: Intune's, and the audit log of the directory.

Each accepted write and each change of the control leaves one, with actor, time and object, as in
the examples of the API reference. A failed write leaves none.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum

from devstack.graph_service.catalog import CATALOG, Collection
from devstack.graph_service.clock import ServiceClock
from devstack.graph_service.generation.draw import Document
from devstack.graph_service.tenant import TenantState
from devstack.graph_service.tokens import Identity

INTUNE_EVENTS = "auditEvents"
DIRECTORY_EVENTS = "directoryAudits"
_INTUNE_ROOTS = ("deviceManagement/", "deviceAppManagement/")
# First part of a directory path → category of its events, and how a target of it is called.
_DIRECTORY_KINDS = {
    "groups": ("GroupManagement", "Group"),
    "users": ("UserManagement", "User"),
    "applications": ("ApplicationManagement", "Application"),
    "servicePrincipals": ("ApplicationManagement", "ServicePrincipal"),
    "roleManagement": ("RoleManagement", "Role"),
    "directoryRoles": ("RoleManagement", "Role"),
    "identity": ("Policy", "Policy"),
    "policies": ("Policy", "Policy"),
}
_OTHER_KIND = ("DirectoryManagement", "Directory")
_NAMES = {
    "conditionalAccessPolicies": "conditional access policy",
    "namedLocations": "named location",
    "directoryRoleDefinitions": "role definition",
}


class Operation(StrEnum):
    """What was done to an object; the value is Intune's word for it."""

    CREATE = "Create"
    UPDATE = "Patch"
    DELETE = "Delete"
    ASSIGN = "Assign"


_DIRECTORY_OPERATIONS = {
    Operation.CREATE: ("Add", "Add"),
    Operation.UPDATE: ("Update", "Update"),
    Operation.DELETE: ("Delete", "Delete"),
    Operation.ASSIGN: ("Assign", "Update"),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: a person by user principal name, or an app by client id and name."""

    user: str = ""
    client_id: str = ""
    app_name: str = ""


class AuditLog:
    """Writes the events of all tenants."""

    def __init__(self, clock: ServiceClock) -> None:
        self._clock = clock

    def note(
        self,
        tenant: TenantState,
        collection: Collection,
        identifier: str,
        operation: Operation,
        actor: Actor,
        name: str = "",
    ) -> None:
        """Write the event of one accepted change; audit events themselves leave none."""
        if collection.key in (INTUNE_EVENTS, DIRECTORY_EVENTS):
            return
        if collection.path.startswith(_INTUNE_ROOTS):
            key, event = INTUNE_EVENTS, self._intune(tenant, collection, operation, actor)
            event["resources"][0].update(displayName=name, resourceId=identifier)
        else:
            key, event = DIRECTORY_EVENTS, self._directory(tenant, collection, operation, actor)
            event["targetResources"][0].update(id=identifier, displayName=name)
        tenant.put(key, event["id"], event)

    def _intune(
        self, tenant: TenantState, collection: Collection, operation: Operation, actor: Actor
    ) -> Document:
        entity = collection.entity[0].upper() + collection.entity[1:]
        app = collection.path.startswith("deviceAppManagement/")
        component = "MobileApp" if app else "DeviceConfiguration"
        activity = f"{operation.value} {entity}"
        return {
            "id": str(uuid.uuid4()),
            "displayName": activity,
            "componentName": component,
            "activity": None,
            "activityDateTime": self._clock.isoformat(),
            "activityType": activity,
            "activityOperationType": "Action" if operation is Operation.ASSIGN else operation.value,
            "activityResult": "Success",
            "correlationId": str(uuid.uuid4()),
            "category": component,
            "actor": {
                "auditActorType": "ItPro" if actor.user else "Application",
                "userPermissions": ["*"] if actor.user else [],
                "applicationId": actor.client_id or None,
                "applicationDisplayName": actor.app_name or None,
                "userPrincipalName": actor.user or None,
                "servicePrincipalName": None,
                "ipAddress": None,
                "userId": user_id(tenant, actor.user) if actor.user else None,
                "remoteTenantId": None,
                "remoteUserId": None,
                "userRoleScopeTags": [],
            },
            "resources": [{"auditResourceType": entity, "modifiedProperties": []}],
        }

    def _directory(
        self, tenant: TenantState, collection: Collection, operation: Operation, actor: Actor
    ) -> Document:
        category, target = _DIRECTORY_KINDS.get(collection.path.partition("/")[0], _OTHER_KIND)
        verb, kind = _DIRECTORY_OPERATIONS[operation]
        is_conditional = collection.path.startswith("identity/conditionalAccess")
        user = {
            "id": user_id(tenant, actor.user),
            "displayName": None,
            "userPrincipalName": actor.user,
            "ipAddress": None,
        }
        app = {
            "appId": actor.client_id,
            "displayName": actor.app_name,
            "servicePrincipalId": None,
            "servicePrincipalName": None,
        }
        return {
            "id": f"Directory_{uuid.uuid4()}",
            "category": category,
            "correlationId": str(uuid.uuid4()),
            "result": "success",
            "resultReason": "",
            "activityDisplayName": f"{verb} {_NAMES.get(collection.key, target.lower())}",
            "activityDateTime": self._clock.isoformat(),
            "loggedByService": "Conditional Access" if is_conditional else "Core Directory",
            "operationType": kind,
            "initiatedBy": {
                "user": user if actor.user else None,
                "app": None if actor.user else app,
            },
            "targetResources": [
                {
                    "type": target,
                    "userPrincipalName": None,
                    "groupType": None,
                    "modifiedProperties": [],
                }
            ],
            "additionalDetails": [],
        }


def administrator(tenant: TenantState) -> Actor:
    """Who changes things by hand when nobody is named."""
    return Actor(user=f"admin@{tenant.world.domain}")


def caller(tenant: TenantState, identity: Identity) -> Actor:
    """Whoever a token speaks for."""
    if identity.delegated:
        return administrator(tenant)
    app = tenant.apps.get(identity.client_id.lower())
    return Actor(client_id=identity.client_id, app_name=app.name if app else "")


def user_id(tenant: TenantState, user: str) -> str:
    """The same id for the same person of a tenant, always."""
    return str(uuid.uuid5(uuid.UUID(tenant.tenant_id), user.lower()))


def name_of(collection: Collection, document: Document) -> str:
    """The display name of a document."""
    return str(document.get(collection.name) or "")


def stored(collection: Collection) -> Collection:
    """The collection that owns what a view shows."""
    return CATALOG.by_key[collection.view_of] if collection.view_of else collection
