"""Entra collections: conditional access, policies, roles, groups (api.md a.1, b, c)."""

from __future__ import annotations

from typing import Any

from devstack.graph_service.catalog.shape import (
    Area,
    Collection,
    IdStyle,
    Navigation,
    permission_pair,
)

CA_READ = ("Policy.Read.All", "Policy.Read.ConditionalAccess", "Policy.ReadWrite.ConditionalAccess")
CA_WRITE = ("Policy.ReadWrite.ConditionalAccess",)
ROLES_READ = (
    "RoleManagement.Read.Directory",
    "RoleManagement.Read.All",
    "Directory.Read.All",
    "RoleManagement.ReadWrite.Directory",
    "Directory.ReadWrite.All",
)
ROLES_WRITE = ("RoleManagement.ReadWrite.Directory",)
GROUPS_READ = (
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Group.ReadBasic.All",
    "GroupMember.Read.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)
GROUPS_WRITE = ("Group.ReadWrite.All", "Group.Create", "Directory.ReadWrite.All")
DIRECTORY_READ = ("Directory.Read.All", "Directory.ReadWrite.All")


def entra(
    path: str,
    entity: str,
    read: tuple[str, ...],
    write: tuple[str, ...],
    **more: Any,
) -> Collection:
    """A directory row: in v1.0 and beta, directory-style paging."""
    more.setdefault("area", Area.IDENTITY)
    more.setdefault("key", path.rsplit("/", 1)[-1])
    more.setdefault("in_v1", True)
    more.setdefault("page_size", 100)
    more.setdefault("max_top", 999)
    return Collection(path=path, entity=entity, read=read, write=write, **more)


def policy_singleton(
    name: str, entity: str, family: str, navigations: tuple[Navigation, ...] = ()
) -> Collection:
    """A tenant-wide policy object under /policies that always exists."""
    return entra(
        f"policies/{name}",
        entity,
        ("Policy.Read.All", f"Policy.ReadWrite.{family}"),
        (f"Policy.ReadWrite.{family}",),
        singleton=True,
        navigations=navigations,
        ids=IdStyle.NAMED,
        undated=True,
    )


PARTNERS = Navigation(
    name="partners",
    key="tenantId",
    children=(Navigation(name="identitySynchronization", single=True, status_of_none=404),),
)

CONDITIONAL_ACCESS = (
    entra(
        "identity/conditionalAccess/policies",
        "conditionalAccessPolicy",
        CA_READ,
        CA_WRITE,
        key="conditionalAccessPolicies",
        area=Area.CONDITIONAL_ACCESS,
    ),
    entra(
        "identity/conditionalAccess/namedLocations",
        "namedLocation",
        CA_READ,
        CA_WRITE,
        area=Area.CONDITIONAL_ACCESS,
        polymorphic=True,
    ),
    entra(
        "identity/conditionalAccess/authenticationContextClassReferences",
        "authenticationContextClassReference",
        permission_pair("AuthenticationContext")[0],
        permission_pair("AuthenticationContext")[1],
        area=Area.CONDITIONAL_ACCESS,
        ids=IdStyle.CONTEXT,
        undated=True,
    ),
)

POLICY_OBJECTS = (
    entra(
        "policies/authenticationStrengthPolicies",
        "authenticationStrengthPolicy",
        ("Policy.Read.All", *CA_WRITE),
        CA_WRITE,
    ),
    policy_singleton("authorizationPolicy", "authorizationPolicy", "Authorization"),
    policy_singleton(
        "identitySecurityDefaultsEnforcementPolicy",
        "identitySecurityDefaultsEnforcementPolicy",
        "SecurityDefaults",
    ),
    policy_singleton(
        "authenticationMethodsPolicy",
        "authenticationMethodsPolicy",
        "AuthenticationMethod",
        (Navigation(name="authenticationMethodConfigurations", inline=True),),
    ),
    policy_singleton(
        "crossTenantAccessPolicy",
        "crossTenantAccessPolicy",
        "CrossTenantAccess",
        (Navigation(name="default", single=True), PARTNERS),
    ),
    policy_singleton("adminConsentRequestPolicy", "adminConsentRequestPolicy", "ConsentRequest"),
    entra(
        "identityGovernance/termsOfUse/agreements",
        "agreement",
        permission_pair("Agreement")[0],
        permission_pair("Agreement")[1],
        navigations=(Navigation(name="files"),),
    ),
)

ROLE_MANAGEMENT = (
    entra(
        "roleManagement/directory/roleDefinitions",
        "unifiedRoleDefinition",
        ROLES_READ,
        ROLES_WRITE,
        key="directoryRoleDefinitions",
        page_size=300,
        navigations=(Navigation(name="inheritsPermissionsFrom", inline=True),),
        beta_only=("isPrivileged", "allowedPrincipalTypes"),
        filterable=frozenset({"id", "displayName", "isBuiltIn"}),
        undated=True,
    ),
    entra(
        "roleManagement/directory/roleAssignments",
        "unifiedRoleAssignment",
        ROLES_READ,
        ROLES_WRITE,
        key="directoryRoleAssignments",
        navigations=(Navigation(name="principal", single=True),),
        filterable=frozenset({"principalId", "roleDefinitionId", "directoryScopeId"}),
        ids=IdStyle.URL_SAFE,
        undated=True,
    ),
    entra(
        "directoryRoles",
        "directoryRole",
        ROLES_READ,
        ROLES_WRITE,
        navigations=(Navigation(name="members", page_size=1000),),
        page_size=1000,
        undated=True,
    ),
    entra(
        "directoryRoleTemplates",
        "directoryRoleTemplate",
        ROLES_READ,
        ROLES_WRITE,
        page_size=1000,
        creatable=False,
        undated=True,
    ),
)

DIRECTORY = (
    entra(
        "groups",
        "group",
        GROUPS_READ,
        GROUPS_WRITE,
        refuse_top_above=True,
        navigations=(
            Navigation(name="members", page_size=100, max_top=999),
            Navigation(name="owners", page_size=100, max_top=999),
            Navigation(name="transitiveMembers", page_size=100, max_top=999),
        ),
    ),
    entra(
        "users",
        "user",
        ("User.Read.All", "User.ReadBasic.All", "User.ReadWrite.All", *DIRECTORY_READ),
        ("User.ReadWrite.All", "Directory.ReadWrite.All"),
        refuse_top_above=True,
        undated=True,
    ),
    entra(
        "applications",
        "application",
        ("Application.Read.All", "Application.ReadWrite.All", *DIRECTORY_READ),
        ("Application.ReadWrite.All",),
        undated=True,
    ),
    entra(
        "servicePrincipals",
        "servicePrincipal",
        ("Application.Read.All", "Application.ReadWrite.All", *DIRECTORY_READ),
        ("Application.ReadWrite.All",),
        undated=True,
    ),
    entra(
        "organization",
        "organization",
        ("Organization.Read.All", "Organization.ReadWrite.All", *DIRECTORY_READ),
        ("Organization.ReadWrite.All",),
        ids=IdStyle.NAMED,
        creatable=False,
        undated=True,
    ),
    entra(
        "domains",
        "domain",
        ("Domain.Read.All", "Domain.ReadWrite.All", *DIRECTORY_READ),
        ("Domain.ReadWrite.All",),
        ids=IdStyle.NAMED,
        name="id",
        undated=True,
    ),
)

REPORTS = (
    entra(
        "auditLogs/directoryAudits",
        "directoryAudit",
        ("AuditLog.Read.All",),
        (),
        area=Area.REPORTS,
        creatable=False,
        undated=True,
        page_size=1000,
    ),
)

COLLECTIONS = (*CONDITIONAL_ACCESS, *POLICY_OBJECTS, *ROLE_MANAGEMENT, *DIRECTORY, *REPORTS)
