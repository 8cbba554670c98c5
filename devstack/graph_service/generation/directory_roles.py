"""Entra roles: 145 built-in definitions alike in every tenant, custom ones, assignments."""

from __future__ import annotations

from devstack.graph_service.generation.directory import user_reference
from devstack.graph_service.generation.draw import Document, Draw, names, stable_guid
from devstack.graph_service.generation.profiles import BUILT_IN_DIRECTORY_ROLES
from devstack.graph_service.generation.world import World

NAMESPACE = "microsoft.directory"
ENTITIES = names(
    """
    administrativeUnits applications auditLogs authorizationPolicy bitlockerKeys
    conditionalAccessPolicies connectors contacts crossTenantAccessPolicy
    deviceManagementPolicies devices domains groups hybridAuthenticationPolicy
    identityProtection namedLocations oAuth2PermissionGrants organization policies
    provisioningLogs roleAssignments roleDefinitions servicePrincipals signInReports
    subscribedSkus users
    """
)
TASKS = names(
    """
    allProperties/allTasks allProperties/read standard/read basic/update create delete
    members/read members/update owners/update credentials/update restore
    """
)
PARENT = 0  # the first role plays the reader that most others inherit from


def definition(world: World, index: int) -> Document:
    """A unifiedRoleDefinition; built-in ones come from the index alone."""
    if index >= BUILT_IN_DIRECTORY_ROLES:
        return _custom(world, index)
    draw = Draw("directory role", index)
    identifier = world.id_of("directoryRoleDefinitions", index)
    return {
        "id": identifier,
        "description": draw.sentence(5, 12),
        "displayName": "Directory Readers" if index == PARENT else _name(index),
        "isBuiltIn": True,
        "isEnabled": True,
        "isPrivileged": draw.chance(0.2),
        "allowedPrincipalTypes": "user,servicePrincipal,group",
        "resourceScopes": ["/"],
        "templateId": identifier,
        "version": "1",
        "rolePermissions": [
            {"allowedResourceActions": _actions(draw, draw.skewed(10, 30, 180)), "condition": None}
        ],
        "inheritsPermissionsFrom": (
            [] if index == PARENT else [{"id": stable_guid("directory role template", PARENT)}]
        ),
    }


def _name(index: int) -> str:
    draw = Draw("directory role name", index)
    return f"{draw.title(2)} {draw.pick(('Administrator', 'Operator', 'Reader'))} {index}"


def _actions(draw: Draw, count: int) -> list[str]:
    chosen = {f"{NAMESPACE}/{draw.pick(ENTITIES)}/{draw.pick(TASKS)}" for _ in range(count)}
    return sorted(chosen)


def _custom(world: World, index: int) -> Document:
    key = "directoryRoleDefinitions"
    draw = world.draw(key, index)
    identifier = world.id_of(key, index)
    return {
        "id": identifier,
        "description": draw.sentence(4, 9),
        "displayName": f"Custom {draw.title(2)} {index}",
        "isBuiltIn": False,
        "isEnabled": draw.chance(0.9),
        "isPrivileged": False,
        "allowedPrincipalTypes": "user,servicePrincipal,group",
        "resourceScopes": ["/"],
        "templateId": identifier,
        "version": draw.pick((None, "1", "2")),
        "rolePermissions": [
            {"allowedResourceActions": _actions(draw, draw.number(1, 12)), "condition": None}
        ],
        "inheritsPermissionsFrom": [],
    }


def assignment(world: World, index: int) -> Document:
    """A unifiedRoleAssignment at tenant scope."""
    key = "directoryRoleAssignments"
    draw = world.draw(key, index)
    principal = world.pick_id(draw, "users") or draw.guid()
    return {
        "id": world.id_of(key, index),
        "principalId": principal,
        "roleDefinitionId": world.pick_id(draw, "directoryRoleDefinitions") or draw.guid(),
        "directoryScopeId": "/",
        "principalOrganizationId": world.tenant_id,
        "resourceScope": "/",
        "principal": {"@odata.type": "#microsoft.graph.user", "id": principal},
    }


def activated_role(world: World, index: int) -> Document:
    """A directoryRole: tenant id of its own, tied to a template, with its members."""
    draw = world.draw("directoryRoles", index)
    people = world.count("users")
    members = [draw.number(0, people - 1) for _ in range(draw.number(0, 4))] if people else []
    return {
        "id": world.id_of("directoryRoles", index),
        "deletedDateTime": None,
        "description": "",
        "displayName": "Directory Readers" if index == PARENT else _name(index),
        "roleTemplateId": stable_guid("directory role template", index),
        "members": [user_reference(world, number) for number in sorted(set(members))],
    }


def template(world: World, index: int) -> Document:
    """A directoryRoleTemplate."""
    return {
        "id": world.id_of("directoryRoleTemplates", index),
        "deletedDateTime": None,
        "description": "",
        "displayName": "Directory Readers" if index == PARENT else _name(index),
    }
